//! Validation.

use crate::Network;
use crate::finding::Finding;

/// Everything that is wrong or odd with a network, errors first.
pub fn validate(network: &Network) -> Vec<Finding> {
    let _ = network;
    Vec::new()
}
