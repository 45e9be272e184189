//! Any bytes as a dump: they load, or it is said why not, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vpcemu_import::{Options, read_dump};

fuzz_target!(|bytes: &[u8]| {
    match read_dump("fuzz.pl-0a1b.tgw-rtb-0a1b.json", bytes, &Options::default()) {
        // What is wrong with the network is a finding.
        Ok(imported) => drop(vpcemu_model::validate::validate(&imported.network)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
