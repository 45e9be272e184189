//! What is expected of one packet, and in what it differs from what happened.

use std::net::{IpAddr, SocketAddr};

use vpcemu_lab::{DropReason, Explanation};

use crate::file::Fate;

/// What is expected of a packet.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) fate: Fate,
    pub(crate) reason: Option<DropReason>,
    /// The id of the component that denies it.
    pub(crate) at: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) src: Option<End>,
    pub(crate) dst: Option<End>,
}

/// An address, with a port where that is expected too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct End {
    address: IpAddr,
    port: Option<u16>,
}

impl End {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self { address, port: None });
        }
        text.parse().ok().map(|socket: SocketAddr| Self { address: socket.ip(), port: Some(socket.port()) })
    }

    /// Whether what was seen is this, ports only where one is expected.
    fn is(self, seen: Self) -> bool {
        self.address == seen.address && (self.port.is_none() || self.port == seen.port)
    }

    /// As text, with a port only if `like` has one.
    fn text(self, like: Self) -> String {
        match (self.port, like.port) {
            (Some(port), Some(_)) => SocketAddr::new(self.address, port).to_string(),
            _ => self.address.to_string(),
        }
    }
}

/// That it is delivered, and nothing else.
impl Default for Expected {
    fn default() -> Self {
        Self { fate: Fate::Allow, reason: None, at: None, rule: None, src: None, dst: None }
    }
}

impl Expected {
    /// In what a packet differs from it, each in a sentence about `what`; nothing if in nothing.
    pub(crate) fn differences(&self, what: &str, told: &Explanation) -> Vec<String> {
        let is_delivered = told.verdict == "allow";
        match self.fate {
            Fate::Allow if !is_delivered => return vec![format!("{what} should be delivered, but {}", fate(told))],
            Fate::Deny if told.denied.is_none() => {
                let why = self.reason.map_or_else(String::new, |reason| format!(" ({})", reason.code()));
                return vec![format!("{what} should be denied{why}, but {}", fate(told))];
            }
            Fate::Allow | Fate::Deny => {}
        }
        let mut found = Vec::new();
        let mut compare = |field: &str, expected: &str, actual: Option<&str>| {
            if actual != Some(expected) {
                found.push(format!("{what}: {field} should be {expected}, but is {}", actual.unwrap_or("none")));
            }
        };
        let denied = told.denied.as_ref();
        if let Some(reason) = self.reason {
            compare("the reason", reason.code(), denied.map(|denied| denied.reason));
        }
        if let Some(at) = &self.at {
            compare("what denies it", at, denied.and_then(|denied| denied.at.as_deref()));
        }
        if let Some(rule) = &self.rule {
            compare("the rule that denies it", rule, denied.and_then(|denied| denied.rule.as_deref()));
        }
        let xlate = told.xlate.as_ref();
        let (src, dst) = xlate.map_or((&told.src, &told.dst), |xlate| (&xlate.src, &xlate.dst));
        for (field, end, seen) in [("source", self.src, src), ("destination", self.dst, dst)] {
            let (Some(end), Some(seen)) = (end, End::parse(seen)) else { continue };
            if !end.is(seen) {
                compare(&format!("the {field} as delivered"), &end.text(end), Some(&seen.text(end)));
            }
        }
        found
    }
}

/// What became of a packet, as the end of a sentence.
fn fate(told: &Explanation) -> String {
    match (&told.out, &told.denied) {
        (Some(out), _) => format!("it was delivered to {out}"),
        (None, Some(denied)) => {
            let at = denied.at.as_ref().map_or_else(String::new, |at| format!(" by {at}"));
            let rule = denied.rule.as_ref().map_or_else(String::new, |rule| format!(" rule {rule}"));
            format!("it was denied{at}{rule} ({})", denied.reason)
        }
        (None, None) => "it is held, as a fragment that waits".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_have_a_port_or_do_not_care() {
        let seen = End::parse("203.0.113.20:40112").expect("an end");
        let is = |text| End::parse(text).is_some_and(|end| end.is(seen));
        assert!(is("203.0.113.20"));
        assert!(is("203.0.113.20:40112"));
        assert!(!is("203.0.113.20:1"));
        assert!(!is("203.0.113.21"));
        assert!(End::parse("[2001:db8::1]:1").is_some());
        assert_eq!(End::parse("nat"), None);
    }
}
