//! The filters with rules that are not written yet: whoever makes them gets the rest of the box here.

use super::{Host, NETWORK_ACL, NETWORK_ACL_WITHOUT_REASSEMBLY, Role, SECURITY_GROUP, inside, outside, peer};
use crate::router::Setup;

/// Everybody but h1 is open, and so is whatever of h1 has no rules to try.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1:1a00::/56"]
[internet_gateway.igw]
[subnet.b]
cidrs = ["10.0.2.0/24"]
[route_table.a]
routes = [{ to = "::/0", via = "igw" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[instance.p63]
subnet = "b"
addresses = ["10.0.2.63"]
security_groups = ["open"]
[instance.p64]
subnet = "b"
addresses = ["10.0.2.64"]
security_groups = ["open"]
[instance.p127]
subnet = "b"
addresses = ["10.0.2.127"]
security_groups = ["open"]
[instance.p128]
subnet = "b"
addresses = ["10.0.2.128"]
security_groups = ["open"]
[instance.p129]
subnet = "b"
addresses = ["10.0.2.129"]
security_groups = ["open"]
[instance.h1]
subnet = "a"
addresses = ["10.0.1.10", "2001:db8:1:1a01::10"]
security_groups = ["GROUP"]
[subnet.a]
cidrs = ["10.0.1.0/24", "2001:db8:1:1a01::/64"]
route_table = "a"
"#;

/// Peers are at the ends of blocks: .63 and .64 part two of 26 bits, .127 and .128 two of 25, .128 and .129 are one of 31.
pub(crate) const HOSTS: &[Host] = &[
    inside("h1", "10.0.1.10", "h1"),
    inside("h1v6", "2001:db8:1:1a01::10", "h1"),
    peer("p63", "10.0.2.63", "p63"),
    peer("p64", "10.0.2.64", "p64"),
    peer("p127", "10.0.2.127", "p127"),
    peer("p128", "10.0.2.128", "p128"),
    peer("p129", "10.0.2.129", "p129"),
    outside("below", "2001:db8:8:ffff:ffff:ffff:ffff:ffff"),
    outside("first", "2001:db8:9::"),
    outside("one", "2001:db8:9::80"),
    outside("two", "2001:db8:9::81"),
    outside("last", "2001:db8:9:ffff:ffff:ffff:ffff:ffff"),
    outside("above", "2001:db8:a::"),
];

/// Which of the filters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    SecurityGroup,
    NetworkAcl,
    /// Later fragments have no ports there and here.
    NetworkAclWithoutReassembly,
}

impl Kind {
    /// The native file, with the rules as it has them.
    pub(crate) fn network(self, ingress: &str, egress: &str) -> String {
        let rules = format!("ingress = [\n{ingress}]\negress = [\n{egress}]\n");
        if self == Self::SecurityGroup {
            return format!("{}[security_group.guarded]\n{rules}", NETWORK.replace("GROUP", "guarded"));
        }
        let network = NETWORK.replace("GROUP", "open");
        let knob = match self {
            Self::NetworkAclWithoutReassembly => "[behavior.network_acl]\nnacl_fragments = \"portless_only\"\n",
            _ => "",
        };
        format!("{knob}{network}nacl = \"listed\"\n[network_acl.listed]\n{rules}")
    }

    /// The same on the kernel: what is asked of what comes in and what goes out, and what of it is asked of later fragments
    /// that have no ports.
    pub(crate) fn nft(self, [ingress, egress]: &[String; 2], portless: &[String; 2]) -> String {
        let chains = format!("chain ingress {{\n{ingress}}}\nchain egress {{\n{egress}}}\n");
        let forward = |first: &str| {
            format!(
                "chain forward {{\ntype filter hook forward priority 0; policy drop;\nmeta mark 0xfe accept\n{first}\
                 iifname out jump ingress\niifname in jump egress\n}}\n"
            )
        };
        let raw = |priority| format!("chain raw {{ type filter hook prerouting priority {priority}; notrack; }}\n");
        let body = match self {
            Self::SecurityGroup => forward("ct state established,related accept\nct state != new drop\n"),
            // A rule that mentions connection tracking turns reassembly on.
            Self::NetworkAcl => raw(-300) + &forward("") + "chain tracks { ct state established counter; }\n",
            Self::NetworkAclWithoutReassembly => {
                // Left to themselves, rules of Linux 6.18 read ports out of whatever is in a later fragment.
                let [ingress, egress] = portless;
                raw(-500)
                    + &format!("chain later_in {{\n{ingress}}}\nchain later_out {{\n{egress}}}\n")
                    + &forward(
                        "iifname out ip frag-off & 0x1fff != 0 jump later_in\n\
                         iifname in ip frag-off & 0x1fff != 0 jump later_out\n\
                         iifname out frag frag-off != 0 jump later_in\n\
                         iifname in frag frag-off != 0 jump later_out\n",
                    )
            }
        };
        format!("table inet rules {{\n{chains}{body}}}\n")
    }

    /// The box, which has no cases of its own.
    pub(crate) fn role<'a>(self, network: &'a str, nft: &'a str) -> Role<'a> {
        let like = match self {
            Self::SecurityGroup => SECURITY_GROUP,
            Self::NetworkAcl => NETWORK_ACL,
            Self::NetworkAclWithoutReassembly => NETWORK_ACL_WITHOUT_REASSEMBLY,
        };
        Role { network, setup: Setup { nft, ..like.setup }, hosts: HOSTS, cases: "", ..like }
    }
}
