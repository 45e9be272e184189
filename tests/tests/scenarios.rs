//! What other NATs, connection trackers and packet filters are tested for, played through this emulator: source NAT (A),
//! 1:1 NAT and hairpins (B), ICMP and its errors (C), fragments (D), TCP (E), stateful filters (F), malformed and special
//! packets (G).
//!
//! The numbers are those of a survey of such tests; each is a test here, or is [ruled out](ruled_out) by a rule of the
//! semantics page.

#[path = "scenarios/a_source_nat.rs"]
mod a_source_nat;
#[path = "scenarios/b_one_to_one.rs"]
mod b_one_to_one;
#[path = "scenarios/c_icmp.rs"]
mod c_icmp;
#[path = "scenarios/d_fragments.rs"]
mod d_fragments;
#[path = "scenarios/e_tcp.rs"]
mod e_tcp;
#[path = "scenarios/f_filtering.rs"]
mod f_filtering;
#[path = "scenarios/f_limits.rs"]
mod f_limits;
#[path = "scenarios/f_spoofing.rs"]
mod f_spoofing;
#[path = "scenarios/f_state.rs"]
mod f_state;
#[path = "scenarios/g_at_a_nat_instance.rs"]
mod g_at_a_nat_instance;
#[path = "scenarios/g_malformed.rs"]
mod g_malformed;
#[path = "scenarios/ruled_out.rs"]
mod ruled_out;

use vpcemu_tests::scenario::{EIP_PAIR, Net};

/// `web` with an elastic IP and groups that let nothing in of themselves: what passes is remembered.
fn tracked() -> Net {
    let open = "public = \"203.0.113.10\"\nsecurity_groups = [\"open\"]";
    EIP_PAIR.but(open, "public = \"203.0.113.10\"\nsecurity_groups = [\"client\"]")
}
