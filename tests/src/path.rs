//! Paths through a network, there and back, what denies on them, and how errors about their packets come back.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::CtState;
use vpcemu_packet::{Transport, build};

use crate::{Lab, Sent, headers, ping, syn, udp};

/// Entries that let everything pass, for a network ACL.
pub const OPEN: &str = r#"
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", from = "::/0" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", to = "::/0" }]
"#;

/// Routers of the internet, which are no end of any path.
pub const ROUTERS: [&str; 2] = ["192.0.2.254", "2001:db8:eeee::254"];

/// A network ACL of this name in a VPC that lets everything pass.
pub fn acl(name: &str, vpc: &str) -> String {
    format!("[network_acl.{name}]\nvpc = \"{vpc}\"{OPEN}")
}

/// The text with `new` in place of `old`; the text has it.
#[track_caller]
pub fn but(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old}");
    text.replacen(old, new, 1)
}

/// The text with an entry 10 that denies a block to a protocol in one list of one network ACL.
pub fn denying(text: &str, acl: &str, list: &str, proto: &str, block: &str) -> String {
    let word = if list == "ingress" { "from" } else { "to" };
    let deny = format!("{{ rule = 10, action = \"deny\", proto = \"{proto}\", {word} = \"{block}\" }}");
    let (before, after) = text.split_once(&format!("[network_acl.{acl}]\n")).unwrap_or_else(|| panic!("{acl}"));
    let after = after.replacen(&format!("{list} = ["), &format!("{list} = [{deny}, "), 1);
    format!("{before}[network_acl.{acl}]\n{after}")
}

/// A first packet of each protocol that every component carries.
pub fn each(from: &str, to: &str) -> [Vec<u8>; 3] {
    let with =
        |port: u16, host: &str| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    [syn(&with(4000, from), &with(443, to)), udp(&with(4000, from), &with(443, to)), ping(from, to, 4000)]
}

/// An error about a packet as somebody got it: port unreachable, in the receiver's name; or time exceeded, in a router's.
pub fn error_about(packet: &[u8], router: Option<&str>) -> Vec<u8> {
    let about = headers(packet);
    let (kind, code) = match (router, about.src.is_ipv4()) {
        (None, true) => (3, 3),
        (None, false) => (1, 4),
        (Some(_), true) => (11, 0),
        (Some(_), false) => (3, 0),
    };
    let from = router.map_or(about.dst, |router| router.parse().unwrap_or_else(|_| panic!("{router} is no address")));
    build::icmp_error(from, about.src, kind, code, 0, packet)
}

/// An entry that denies on a path: the network ACL, its list, a block, and whether it is the way back that it denies.
pub type Denying<'a> = (&'a str, &'a str, &'a str, bool);

/// A path: who sends to whom, and the steps there and back. What begins with a prefix of a neighbour's id is one.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The configuration.
    pub text: &'a str,
    /// The interface that sends, or the neighbour that the packet comes from.
    pub who: &'a str,
    /// The address that it sends from.
    pub from: &'a str,
    /// The address that it sends to.
    pub to: &'a str,
    /// Where it arrives.
    pub place: &'a str,
    /// The steps of what it sends.
    pub there: &'a [&'a str],
    /// The steps of the answer.
    pub back: &'a [&'a str],
}

impl Path<'_> {
    /// Walks it with every protocol, and compares the steps.
    #[track_caller]
    pub fn walk(&self) {
        for packet in each(self.from, self.to) {
            let mut lab = Lab::new(self.text);
            let sent = send(&mut lab, self.who, packet).delivered(self.place).steps(self.there);
            send(&mut lab, self.place, sent.reply()).delivered(&self.origin()).steps(self.back);
        }
    }

    /// Denies a block in one list of a network ACL: the request dies there, or the reply does. The cases are all there are,
    /// one for each network ACL that the path crosses, there and back.
    #[track_caller]
    pub fn denied(&self, cases: &[Denying<'_>]) {
        let mut hit = BTreeSet::new();
        for case @ (acl, list, block, way_back) in cases {
            let text = denying(self.text, acl, list, "all", block);
            for packet in each(self.from, self.to) {
                let mut lab = Lab::new(&text);
                let sent = send(&mut lab, self.who, packet);
                let died = if *way_back {
                    let reply = sent.delivered(self.place).reply();
                    send(&mut lab, self.place, reply)
                } else {
                    sent
                };
                hit.insert(self.died(died, case));
            }
        }
        assert_eq!(hit, self.crossings(), "which crossings were denied");
    }

    /// Errors about what went there, and about the answer: each goes the other way (P21), its receiver finds in it the
    /// packet that it sent, and groups let it pass as related. On the internet, routers tell too.
    #[track_caller]
    pub fn errors(&self) {
        for packet in each(self.from, self.to) {
            let mut lab = Lab::new(self.text);
            let sent = send(&mut lab, self.who, packet.clone()).delivered(self.place);
            for router in teller(self.place, &sent) {
                let error = send(&mut lab, self.place, error_about(&sent.bytes, router));
                told(error.delivered(&self.origin()).steps(self.back), &packet);
            }
            let answer = sent.reply();
            let reply = send(&mut lab, self.place, answer.clone()).delivered(&self.origin());
            for router in teller(self.who, &reply) {
                let error = send(&mut lab, self.who, error_about(&reply.bytes, router));
                told(error.delivered(self.place).steps(self.there), &answer);
            }
        }
    }

    /// Denies ICMP to a block in one list of a network ACL: the error about the answer dies there, or that about the
    /// request does, while the flow goes on. Errors are the receiver's, or a router's; the cases are all there are on the
    /// ways that the router's can take.
    #[track_caller]
    pub fn errors_denied(&self, by_router: bool, cases: &[Denying<'_>]) {
        let mut hit = BTreeSet::new();
        for case @ (acl, list, block, way_back) in cases {
            let proto = if block.contains(':') { "icmpv6" } else { "icmp" };
            let text = denying(self.text, acl, list, proto, block);
            // A ping would die of the entry itself.
            let [tcp, udp, _] = each(self.from, self.to);
            for packet in [tcp, udp] {
                let mut lab = Lab::new(&text);
                let sent = send(&mut lab, self.who, packet).delivered(self.place);
                let reply = send(&mut lab, self.place, sent.reply()).delivered(&self.origin());
                let (about, at) = if *way_back { (&sent, self.place) } else { (&reply, self.who) };
                let router = if by_router { teller(at, about).last().copied().flatten() } else { None };
                assert_eq!(router.is_some(), by_router, "there is a router where {case:?} comes from");
                let died = send(&mut lab, at, error_about(&about.bytes, router));
                hit.insert(self.died(died, case));
            }
        }
        let ways = |way_back: bool| !by_router || if way_back { self.place == INTERNET } else { self.who == INTERNET };
        let all: BTreeSet<_> = self.crossings().into_iter().filter(|(way_back, _)| ways(*way_back)).collect();
        assert_eq!(hit, all, "which crossings were denied");
    }

    /// With something else in the text the request dies.
    #[track_caller]
    pub fn dies(&self, old: &str, new: &str, reason: DropReason, at: &str) {
        let text = but(self.text, old, new);
        for packet in each(self.from, self.to) {
            send(&mut Lab::new(&text), self.who, packet).dropped(reason, at);
        }
    }

    /// With something else in the text the reply dies.
    #[track_caller]
    pub fn reply_dies(&self, old: &str, new: &str, reason: DropReason, at: &str) {
        let text = but(self.text, old, new);
        for packet in each(self.from, self.to) {
            let mut lab = Lab::new(&text);
            let reply = send(&mut lab, self.who, packet).delivered(self.place).reply();
            send(&mut lab, self.place, reply).dropped(reason, at);
        }
    }

    /// Something else in the text does not matter.
    #[track_caller]
    pub fn passes(&self, old: &str, new: &str) {
        Path { text: &but(self.text, old, new), ..*self }.walk();
    }

    /// Where answers arrive.
    fn origin(&self) -> String {
        match self.who {
            INTERNET => INTERNET.to_owned(),
            id if id.contains('-') => id.to_owned(),
            eni => format!("eni-{eni}"),
        }
    }

    /// The network ACLs on the way: whether it is the way back, and which step of it.
    fn crossings(&self) -> BTreeSet<(bool, usize)> {
        let of = |way_back: bool, steps: &[&str]| {
            let acls = steps.iter().enumerate().filter(|(_, step)| step.starts_with("nacl "));
            acls.map(|(index, _)| (way_back, index)).collect::<Vec<_>>()
        };
        of(false, self.there).into_iter().chain(of(true, self.back)).collect()
    }

    /// It went its way up to a network ACL and died there, of entry 10; at which step.
    #[track_caller]
    fn died(&self, died: Sent, case: &Denying<'_>) -> (bool, usize) {
        let (acl, list, _, way_back) = case;
        let at = format!("nacl acl-{acl} {list}");
        assert_eq!(died.steps.last(), Some(&format!("{at} DENY")), "{case:?}: {:?}", died.steps);
        assert_eq!(died.rule.as_deref(), Some("10"), "{case:?}");
        let (last, way) = (died.steps.len() - 1, if *way_back { self.back } else { self.there });
        assert_eq!(died.steps[..last], way[..last], "{case:?}");
        assert_eq!(way[last], at, "{case:?}");
        died.dropped(DropReason::NetworkAcl, &format!("acl-{acl}"));
        (*way_back, last)
    }
}

const INTERNET: &str = "internet";

/// Sends a packet from an interface, by name or id, a neighbour, or the internet.
pub fn send(lab: &mut Lab, who: &str, packet: Vec<u8>) -> Sent {
    match who {
        INTERNET => lab.arrive(packet),
        edge if ["pcx-", "tgw-", "vgw-"].iter().any(|prefix| edge.starts_with(prefix)) => lab.come(edge, packet),
        eni => lab.leave(eni, packet),
    }
}

/// Who tells about a packet that reached a place: its receiver, and on the internet a router of its family.
fn teller(place: &str, packet: &Sent) -> Vec<Option<&'static str>> {
    let [v4, v6] = ROUTERS;
    match (place, packet.headers().src) {
        (INTERNET, IpAddr::V4(_)) => vec![None, Some(v4)],
        (INTERNET, IpAddr::V6(_)) => vec![None, Some(v6)],
        _ => vec![None],
    }
}

/// The error reached who had sent `packet`, and is about it as it was sent.
#[track_caller]
fn told(error: Sent, packet: &[u8]) {
    let (about, error_headers) = (headers(packet), error.headers());
    assert_eq!(error_headers.dst, about.src);
    let Transport::IcmpError { quote: Some(quote), .. } = error_headers.transport else {
        panic!("no error, or no quote: {error_headers:?}")
    };
    assert_eq!(quote.key(), Some(about.key()), "what it quotes");
    assert_eq!(error.verdict.state, Some(CtState::Related));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[subnet.one]
cidrs = ["10.0.0.0/24"]
nacl = "one"
[subnet.two]
cidrs = ["10.0.1.0/24"]
nacl = "two"
[security_group.open]
ingress = [{ proto = "all", from = "10.0.0.0/16" }]
[instance.one]
subnet = "one"
addresses = ["10.0.0.10"]
security_groups = ["open"]
[instance.two]
subnet = "two"
addresses = ["10.0.1.10"]
security_groups = ["open"]
"#;
        network.to_owned() + &acl("one", "main") + &acl("two", "main")
    }

    const THERE: [&str; 5] = [
        "sg eni-one egress",
        "nacl acl-one egress",
        "route rtb-main-main",
        "nacl acl-two ingress",
        "sg eni-two ingress",
    ];
    const BACK: [&str; 5] = [
        "sg eni-two egress",
        "nacl acl-two egress",
        "route rtb-main-main",
        "nacl acl-one ingress",
        "sg eni-one ingress",
    ];
    const CROSSINGS: [Denying<'_>; 4] = [
        ("one", "egress", "10.0.1.0/24", false),
        ("two", "ingress", "10.0.0.0/24", false),
        ("two", "egress", "10.0.0.0/24", true),
        ("one", "ingress", "10.0.1.0/24", true),
    ];

    fn path(text: &str) -> Path<'_> {
        Path { text, who: "one", from: "10.0.0.10", to: "10.0.1.10", place: "eni-two", there: &THERE, back: &BACK }
    }

    #[test]
    fn all_crossings_are_there() {
        path(&text()).denied(&CROSSINGS);
        path(&text()).errors_denied(false, &CROSSINGS);
    }

    #[test]
    #[should_panic(expected = "which crossings were denied")]
    fn a_crossing_that_no_case_denies_is_found() {
        path(&text()).denied(&CROSSINGS[..3]);
    }

    #[test]
    #[should_panic(expected = "which crossings were denied")]
    fn a_crossing_that_no_case_denies_to_errors_is_found() {
        path(&text()).errors_denied(false, &CROSSINGS[1..]);
    }

    #[test]
    #[should_panic(expected = "nacl acl-one egress DENY")]
    fn a_case_that_denies_nothing_is_found() {
        path(&text()).denied(&[("one", "egress", "10.0.2.0/24", false)]);
    }
}
