//! What the tests share: a lab text with something changed, and paths there and back.

use vpcemu_dataplane::DropReason;
use vpcemu_tests::{Lab, ping, syn, udp};

/// Entries that let everything pass, for a network ACL.
pub const OPEN: &str = r#"
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", from = "::/0" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", to = "::/0" }]
"#;

/// A network ACL of this name in a VPC that lets everything pass.
pub fn acl(name: &str, vpc: &str) -> String {
    format!("[network_acl.{name}]\nvpc = \"{vpc}\"{OPEN}")
}

/// The text with `old` in place of `new`; the text has it.
pub fn but(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old}");
    text.replacen(old, new, 1)
}

/// The text with an entry 10 that denies a block in one list of one network ACL.
fn denying(text: &str, acl: &str, list: &str, block: &str) -> String {
    let word = if list == "ingress" { "from" } else { "to" };
    let deny = format!("{{ rule = 10, action = \"deny\", proto = \"all\", {word} = \"{block}\" }}");
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

/// A path: who sends to whom, and the steps there and back. What begins with a prefix of a neighbour's id is one.
pub struct Path<'a> {
    pub text: &'a str,
    /// The interface that sends, or the neighbour that the packet comes from.
    pub who: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    /// Where it arrives.
    pub place: &'a str,
    pub there: &'a [&'a str],
    pub back: &'a [&'a str],
}

impl Path<'_> {
    fn send(lab: &mut Lab, who: &str, packet: Vec<u8>) -> vpcemu_tests::Sent {
        match who {
            "internet" => lab.arrive(packet),
            edge if ["pcx-", "tgw-", "vgw-"].iter().any(|prefix| edge.starts_with(prefix)) => lab.come(edge, packet),
            eni => lab.leave(eni, packet),
        }
    }

    /// Walks it with every protocol, and compares the steps.
    #[track_caller]
    pub fn walk(&self) {
        for packet in each(self.from, self.to) {
            let mut lab = Lab::new(self.text);
            let sent = Self::send(&mut lab, self.who, packet).delivered(self.place).steps(self.there);
            let back = match self.who {
                "internet" => "internet".to_owned(),
                edge if edge.contains('-') => edge.to_owned(),
                eni => format!("eni-{eni}"),
            };
            Self::send(&mut lab, self.place, sent.reply()).delivered(&back).steps(self.back);
        }
    }

    /// Denies a block in one list of a network ACL: the request dies there, or the reply does.
    #[track_caller]
    pub fn denied(&self, cases: &[(&str, &str, &str, bool)]) {
        for (acl, list, block, reply_dies) in cases {
            let text = denying(self.text, acl, list, block);
            for packet in each(self.from, self.to) {
                let mut lab = Lab::new(&text);
                let sent = Self::send(&mut lab, self.who, packet);
                let died = if *reply_dies {
                    let reply = sent.delivered(self.place).reply();
                    Self::send(&mut lab, self.place, reply)
                } else {
                    sent
                };
                assert_eq!(died.steps.last(), Some(&format!("nacl acl-{acl} {list} DENY")), "{acl} {list} {block}");
                assert_eq!(died.rule.as_deref(), Some("10"));
                died.dropped(DropReason::NetworkAcl, &format!("acl-{acl}"));
            }
        }
    }

    /// With something else in the text the request dies.
    #[track_caller]
    pub fn dies(&self, old: &str, new: &str, reason: DropReason, at: &str) {
        let text = but(self.text, old, new);
        for packet in each(self.from, self.to) {
            Self::send(&mut Lab::new(&text), self.who, packet).dropped(reason, at);
        }
    }

    /// With something else in the text the reply dies.
    #[track_caller]
    pub fn reply_dies(&self, old: &str, new: &str, reason: DropReason, at: &str) {
        let text = but(self.text, old, new);
        for packet in each(self.from, self.to) {
            let mut lab = Lab::new(&text);
            let reply = Self::send(&mut lab, self.who, packet).delivered(self.place).reply();
            Self::send(&mut lab, self.place, reply).dropped(reason, at);
        }
    }
}
