//! What VPCs are connected to besides the internet, and endpoints: the paths P7, P8, P11, P12, P16, P17, P19 and P20 of section
//! 8 step by step, there and back, what each denies when its rule is taken away, and the rules of section 10 one by one.

mod endpoints;
mod load_balancer;
mod on_premises;
mod peering;
mod transit;
mod transit_egress;
mod transit_groups;
mod transit_sizes;
mod vpn;
