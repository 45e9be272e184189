//! Hashes of tables. Nothing that anybody sees depends on them: what does has a hash of its own, which never changes.

use std::net::IpAddr;

use vpcemu_packet::FlowKey;

/// Odd numbers without a pattern: square roots of 2, 3 and 5, as fractions.
const SEEDS: [u64; 3] = [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];

/// A wide product, folded: every bit of the factors reaches the middle of it.
#[inline]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ SEEDS[0]) * u128::from(b ^ SEEDS[1]);
    (product as u64 ^ (product >> 64) as u64).wrapping_add(SEEDS[2])
}

/// One number for both directions of a flow. It leaves out the type of an ICMP query, which differs between them.
#[inline]
pub(crate) fn canonical(flow: &FlowKey) -> u64 {
    let FlowKey { src, dst, src_port, dst_port, protocol, .. } = *flow;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            canonical_v4([src.to_bits(), dst.to_bits()], [src_port, dst_port], protocol)
        }
        _ => {
            let end = |address: IpAddr, port: u16| {
                let bits = match address {
                    IpAddr::V4(v4) => u128::from(v4.to_bits()),
                    IpAddr::V6(v6) => v6.to_bits(),
                };
                mix(bits as u64, mix((bits >> 64) as u64, u64::from(port)))
            };
            both_ways(end(src, src_port), end(dst, dst_port), protocol)
        }
    }
}

/// The same of IPv4, from its words.
#[inline]
pub(crate) fn canonical_v4([src, dst]: [u32; 2], [src_port, dst_port]: [u16; 2], protocol: u8) -> u64 {
    let end = |address: u32, port: u16| u64::from(address) << 16 | u64::from(port);
    both_ways(end(src, src_port), end(dst, dst_port), protocol)
}

#[inline]
fn both_ways(one: u64, other: u64, protocol: u8) -> u64 {
    mix(one.min(other) ^ u64::from(protocol) << 56, one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_of_a_flow_have_one_number() {
        let flow = |src: &str, dst: &str, protocol, icmp_type| FlowKey {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            src_port: 40_000,
            dst_port: 443,
            protocol,
            icmp_type,
        };
        for flow in [
            flow("10.0.0.1", "10.0.0.2", 6, 0),
            flow("10.0.0.2", "10.0.0.1", 17, 0),
            flow("10.0.0.2", "10.0.0.1", 1, 8),
            flow("2001:db8::1", "2001:db8::2", 6, 0),
            flow("2001:db8::2", "2001:db8::1", 58, 128),
        ] {
            assert_eq!(canonical(&flow), canonical(&flow.reversed()), "{flow:?}");
            let other = FlowKey { src_port: 40_001, ..flow };
            assert_ne!(canonical(&flow), canonical(&other), "{flow:?}");
        }
    }
}
