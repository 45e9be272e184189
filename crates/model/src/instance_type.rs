//! What an instance type says about connection tracking.

use std::time::Duration;

/// The idle timer of established TCP on Nitro v6 instance types; it is 432,000 s elsewhere (6.16).
const NITRO_V6: Duration = Duration::from_secs(350);

/// Families whose `DefaultTcpEstablishedTimeout` in `describe-instance-types` is 350 s. Later families are not guessed.
const NITRO_V6_FAMILIES: [&str; 34] = [
    "c8a", "c8gb", "c8gn", "c8i", "c8i-flex", "c8ib", "c8id", "c8in", "c8ine", "g7e", "hpc8a", "i8ge", "m8a", "m8azn",
    "m8gb", "m8gn", "m8i", "m8i-flex", "m8ib", "m8id", "m8in", "m8ine", "p6-b200", "p6-b300", "r8a", "r8gb", "r8gn",
    "r8i", "r8i-flex", "r8ib", "r8id", "r8in", "x8aedz", "x8i",
];

/// The idle timer of established TCP at interfaces of an instance type, `m8i.large`, where it is not the common one.
pub fn tcp_established(instance_type: &str) -> Option<Duration> {
    let family = instance_type.split('.').next().unwrap_or_default();
    NITRO_V6_FAMILIES.contains(&family).then_some(NITRO_V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_matched_as_a_whole() {
        assert_eq!(tcp_established("m8i.large"), Some(NITRO_V6));
        assert_eq!(tcp_established("m8i-flex.large"), Some(NITRO_V6));
        assert_eq!(tcp_established("p6-b200.48xlarge"), Some(NITRO_V6));
        // Nitro v5, and the exception that AWS names.
        assert_eq!(tcp_established("m8g.large"), None);
        assert_eq!(tcp_established("p6e-gb200.36xlarge"), None);
        assert_eq!(tcp_established("t3.micro"), None);
        assert_eq!(tcp_established(""), None);
    }
}
