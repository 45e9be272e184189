//! Any text as a native configuration file: it loads, or says why not, and never panics. What loads can be written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vpcemu_model::native;

fuzz_target!(|text: &str| {
    match native::parse("fuzz.toml", text) {
        // What loads passes validation again, and its findings can be shown.
        Ok(loaded) => {
            let errors = vpcemu_model::validate::validate(&loaded.network);
            assert!(errors.iter().all(|finding| finding.severity != native::Severity::Error));
            native::render(&loaded.findings, Some(&loaded.source), false);
            if let Err(error) = native::write(&loaded.network, "fuzz.toml") {
                panic!("{error}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
