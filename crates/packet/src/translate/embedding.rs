//! IPv4 addresses inside IPv6 addresses (RFC 6052).

use std::net::{Ipv4Addr, Ipv6Addr};

/// A prefix under which IPv6 hosts name IPv4 hosts.
///
/// ```
/// use std::net::Ipv4Addr;
/// use vpcemu_packet::translate::Embedding;
///
/// let v6 = Embedding::WELL_KNOWN.embed(Ipv4Addr::new(192, 0, 2, 33));
/// assert_eq!(v6, "64:ff9b::c000:221".parse::<std::net::Ipv6Addr>()?);
/// assert_eq!(Embedding::WELL_KNOWN.extract(v6), Some(Ipv4Addr::new(192, 0, 2, 33)));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Embedding {
    prefix: u128,
    /// In bits.
    len: u8,
}

impl Embedding {
    /// 64:ff9b::/96 (RFC 6052 2.1), the one that NAT gateways translate (4.32).
    pub const WELL_KNOWN: Self = Self { prefix: 0x0064_FF9B << 96, len: 96 };

    /// A prefix of `len` bits; None unless that is 32, 40, 48, 56, 64 or 96 and bits 64 to 71 are zero (RFC 6052 2.2).
    /// Bits behind the prefix are ignored.
    pub fn new(prefix: Ipv6Addr, len: u8) -> Option<Self> {
        let valid = matches!(len, 32 | 40 | 48 | 56 | 64 | 96);
        // At most 96, so that the shift is never by all bits.
        let prefix = prefix.to_bits() & valid.then(|| u128::MAX << (128 - u32::from(len)))?;
        (prefix >> 56 & 0xFF == 0).then_some(Self { prefix, len })
    }

    /// The IPv6 address of an IPv4 host.
    pub fn embed(self, address: Ipv4Addr) -> Ipv6Addr {
        let address = u128::from(address.to_bits());
        let bits = match self.before_u() {
            None => address,
            Some(before) => {
                // The eight bits in the middle ("u") are skipped.
                let after = 32 - before;
                (address >> after) << 64 | (address & mask(after)) << (56 - after)
            }
        };
        Ipv6Addr::from_bits(self.prefix | bits)
    }

    /// The IPv4 address in an IPv6 address; None if it is not under the prefix. The bits behind it are not looked at
    /// ("SHOULD ignore", RFC 6052 2.2).
    pub fn extract(self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        let bits = address.to_bits();
        if (bits ^ self.prefix) >> (128 - u32::from(self.len)) != 0 {
            return None;
        }
        let address = match self.before_u() {
            None => bits,
            Some(before) => {
                let after = 32 - before;
                (bits >> 64 & mask(before)) << after | (bits >> (56 - after) & mask(after))
            }
        };
        // The low 32 bits are the address.
        Some(Ipv4Addr::from_bits(address as u32))
    }

    /// How many bits of the IPv4 address are before bits 64 to 71; None if it is behind them as a whole.
    fn before_u(self) -> Option<u32> {
        (self.len <= 64).then(|| 64 - u32::from(self.len))
    }
}

fn mask(bits: u32) -> u128 {
    (1 << bits) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_rfc_6052() {
        // The table of section 2.4.
        let table = [
            ("2001:db8::", 32, "2001:db8:c000:221::"),
            ("2001:db8:100::", 40, "2001:db8:1c0:2:21::"),
            ("2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::", 96, "64:ff9b::192.0.2.33"),
        ];
        let v4 = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, len, v6) in table {
            let embedding = Embedding::new(prefix.parse().unwrap(), len).unwrap();
            let v6: Ipv6Addr = v6.parse().unwrap();
            assert_eq!((embedding.embed(v4), embedding.extract(v6)), (v6, Some(v4)), "{prefix}/{len}");
            for v4 in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, Ipv4Addr::new(1, 2, 3, 4)] {
                assert_eq!(embedding.extract(embedding.embed(v4)), Some(v4), "{prefix}/{len}");
            }
            assert_eq!(embedding.extract("2001:db9::1".parse().unwrap()), None);
        }
        assert_eq!(Embedding::new("64:ff9b::".parse().unwrap(), 96), Some(Embedding::WELL_KNOWN));
    }

    #[test]
    fn other_prefixes_are_none() {
        for len in [0, 31, 33, 65, 97, 128, 255] {
            assert_eq!(Embedding::new("64:ff9b::".parse().unwrap(), len), None);
        }
        assert_eq!(Embedding::new("2001:db8:0:0:100::".parse().unwrap(), 96), None);
        assert_eq!(Embedding::WELL_KNOWN.extract("64:ff9b:1::192.0.2.33".parse().unwrap()), None);
        assert_eq!(Embedding::WELL_KNOWN.extract("::192.0.2.33".parse().unwrap()), None);
    }
}
