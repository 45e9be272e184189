//! The vpcemu command line.
fn main() {}
