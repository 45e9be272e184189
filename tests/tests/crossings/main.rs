//! Paths of section 8 that cross translators and appliances, step by step, there and back, and what each denies when
//! one of its rules is taken away: P3 by a regional gateway, P6, P10, P15, P16, P18. Then errors about the packets of
//! every path (P21), and the packets that the emulator makes itself (P22).

mod appliance;
mod endpoint_errors;
mod errors;
mod hairpin;
mod made_by_gateways;
mod made_by_hosts;
mod nat64;
mod nat_instance;
mod private_nat;
mod regional;
