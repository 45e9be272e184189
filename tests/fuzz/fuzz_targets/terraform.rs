//! Any bytes as a plan or state of Terraform's: they load, or it is said why not, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vpcemu_import::{Options, Side, read_terraform};

fuzz_target!(|bytes: &[u8]| {
    for side in [None, Some(Side::Prior)] {
        let options = Options { side, ..Options::default() };
        match read_terraform("fuzz.json", bytes.to_vec(), &options) {
            // What is wrong with the network is a finding.
            Ok(imported) => drop(vpcemu_model::validate::validate(&imported.network)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
