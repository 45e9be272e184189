//! Small texts of the file: blocks, ports, protocols, ICMP types.

use crate::{IcmpTypeCode, PortRange, Ports, Protocol};

use super::file::TextOrNumber;

/// Reads `443`, `1024-65535`, `all` or a number.
pub(super) fn ports(text: &TextOrNumber) -> Result<PortRange, String> {
    let wrong = || format!("`{text}` is no port or range of ports: write 443, \"1024-65535\" or \"all\"");
    let text = text.to_string();
    if text == "all" {
        return Ok(PortRange::ALL);
    }
    let (from, to) = text.split_once('-').unwrap_or((&text, &text));
    let parse = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong());
    Ok(PortRange { from: parse(from)?, to: parse(to)? })
}

/// ICMP types by the names that IANA and the usual tools give them.
const ICMP_TYPES: [(&str, u8); 13] = [
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
];

/// Likewise ICMPv6.
const ICMPV6_TYPES: [(&str, u8); 11] = [
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("router-solicitation", 133),
    ("router-advertisement", 134),
    ("neighbour-solicitation", 135),
    ("neighbour-advertisement", 136),
    ("redirect", 137),
];

/// Reads an ICMP type: a number, or a name.
fn icmp_type(protocol: Protocol, text: &TextOrNumber) -> Result<Option<u8>, String> {
    let text = text.to_string();
    if text == "all" || text == "-1" {
        return Ok(None);
    }
    if let Ok(number) = text.parse() {
        return Ok(Some(number));
    }
    let names: &[(&str, u8)] = if protocol == Protocol::ICMPV6 { &ICMPV6_TYPES } else { &ICMP_TYPES };
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, number)| Some(*number)).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        format!("`{text}` is no {protocol} type: write a number, or one of {}", known.join(", "))
    })
}

/// What a rule says about the transport header.
pub(super) fn transport(
    protocol: Protocol,
    ports_text: Option<&TextOrNumber>,
    kind: Option<&TextOrNumber>,
    code: Option<u8>,
) -> Result<Ports, String> {
    match protocol {
        Protocol::TCP | Protocol::UDP => Ok(ports_text.map(ports).transpose()?.map_or(Ports::Any, Ports::Range)),
        Protocol::ICMP | Protocol::ICMPV6 => {
            let kind = kind.map(|kind| icmp_type(protocol, kind)).transpose()?.flatten();
            Ok(if kind.is_none() && code.is_none() { Ports::Any } else { Ports::Icmp(IcmpTypeCode { kind, code }) })
        }
        _ => Ok(Ports::Any),
    }
}

/// The known name that is nearest to a misspelt one, if it is near at all.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.into_iter().map(|other| (distance(name, other), other));
    // More than a third of the letters wrong is another word.
    distances.filter(|(distance, other)| *distance * 3 <= other.len().max(3)).min().map(|(_, other)| other)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> TextOrNumber {
        TextOrNumber::Text(text.to_owned())
    }

    #[test]
    fn ports_are_one_a_range_or_all() {
        assert_eq!(ports(&TextOrNumber::Number(443)), Ok(PortRange { from: 443, to: 443 }));
        assert_eq!(ports(&text("1024-65535")), Ok(PortRange { from: 1024, to: 65535 }));
        assert_eq!(ports(&text("all")), Ok(PortRange::ALL));
        assert!(ports(&text("https")).is_err());
        assert!(ports(&TextOrNumber::Number(70_000)).is_err());
    }

    #[test]
    fn types_have_names() {
        let kind = |kind| Ports::Icmp(IcmpTypeCode { kind: Some(kind), code: None });
        assert_eq!(transport(Protocol::ICMP, None, Some(&text("echo-request")), None), Ok(kind(8)));
        assert_eq!(transport(Protocol::ICMPV6, None, Some(&text("echo-request")), None), Ok(kind(128)));
        assert!(transport(Protocol::ICMP, None, Some(&text("packet-too-big")), None).is_err());
    }

    #[test]
    fn a_misspelt_name_has_a_nearest_one() {
        assert_eq!(nearest("priavte", ["public", "private"]), Some("private"));
        assert_eq!(nearest("database", ["public", "private"]), None);
    }
}
