//! The networks that scenarios play in, and the names of the hosts there.

use std::net::IpAddr;

use vpcemu_dataplane::Midstream;
use vpcemu_packet::Offloads;

use super::Scenario;

/// A network of a scenario: a native configuration, with knobs and more text to come.
#[derive(Clone, Debug)]
pub struct Net {
    text: &'static str,
    knobs: String,
    more: String,
    replaced: Vec<(String, String)>,
    pub(super) offloads: Offloads,
    pub(super) midstream: Midstream,
}

macro_rules! vpc {
    () => {
        r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24", "2001:db8:1::/64"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24", "2001:db8:1:1::/64"]
route_table = "priv"
[subnet.data]
cidrs = ["10.0.2.0/24"]
route_table = "data"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.data]
routes = []
[security_group.client]
ingress = []
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
[instance.one]
subnet = "priv"
addresses = ["10.0.1.10", "2001:db8:1:1::10"]
security_groups = ["client"]
[instance.two]
subnet = "priv"
addresses = ["10.0.1.11", "2001:db8:1:1::11"]
security_groups = ["client"]
[instance.three]
subnet = "priv"
addresses = ["10.0.1.12"]
security_groups = ["client"]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10", "2001:db8:1::10"]
public = "203.0.113.10"
security_groups = ["open"]
[instance.api]
subnet = "pub"
addresses = ["10.0.0.11", "2001:db8:1::11"]
public = "203.0.113.11"
security_groups = ["open"]
[instance.db]
subnet = "data"
addresses = ["10.0.2.10"]
security_groups = ["open"]
"#
    };
}

macro_rules! nat_gateway {
    ($addresses:literal) => {
        concat!(
            "[route_table.priv]\nroutes = [{ to = \"0.0.0.0/0\", via = \"nat\" }]\n",
            "[nat_gateway.nat]\nsubnet = \"pub\"\naddresses = ",
            $addresses,
            "\n"
        )
    };
}

/// Private clients `one`, `two`, `three` behind a NAT gateway; public instances `web` and `api`; another private subnet
/// with `db`. Clients take no connections, everyone else takes all.
pub const NAT: Net =
    Net::new(concat!(vpc!(), nat_gateway!(r#"[{ private = "10.0.0.200", public = "203.0.113.20" }]"#)));

/// The same with two addresses at the gateway.
pub const TWO_NAT_IPS: Net = Net::new(concat!(
    vpc!(),
    nat_gateway!(
        r#"[{ private = "10.0.0.200", public = "203.0.113.20" }, { private = "10.0.0.201", public = "203.0.113.21" }]"#
    )
));

/// The same without NAT gateway: `web` and `api` have elastic IPs, the private subnets lead nowhere.
pub const EIP_PAIR: Net = Net::new(concat!(vpc!(), "[route_table.priv]\nroutes = []\n"));

/// Where IPv6 is what matters: `one6` goes out through an egress-only gateway, `web6` through the internet gateway.
pub const EIGW: Net = Net::new(concat!(
    vpc!(),
    "[egress_only_internet_gateway.eigw]\n[route_table.priv]\nroutes = [{ to = \"::/0\", via = \"eigw\" }]\n"
));

/// Clients behind a Linux NAT instance instead of a NAT gateway (11.1, 11.3).
pub const NAT_INSTANCE: Net = Net::new(concat!(
    vpc!(),
    r#"
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "eni-nat" }]
[instance.nat]
subnet = "pub"
addresses = ["10.0.0.200"]
public = "203.0.113.20"
security_groups = ["open"]
source_dest_check = false
forward = "nat-instance"
"#
));

/// Hosts by name. `nat` and `web.pub` are the addresses that the internet sees.
const HOSTS: [(&str, &str); 24] = [
    ("one", "10.0.1.10"),
    ("two", "10.0.1.11"),
    ("three", "10.0.1.12"),
    ("db", "10.0.2.10"),
    ("web", "10.0.0.10"),
    ("api", "10.0.0.11"),
    ("web.pub", "203.0.113.10"),
    ("api.pub", "203.0.113.11"),
    ("nat.priv", "10.0.0.200"),
    ("nat2.priv", "10.0.0.201"),
    ("nat", "203.0.113.20"),
    ("nat2", "203.0.113.21"),
    ("router", "10.0.0.1"),
    // In the documentation blocks of RFC 5737 and RFC 3849.
    ("server", "198.51.100.7"),
    ("server2", "198.51.100.8"),
    ("dns", "198.51.100.53"),
    ("hop", "192.0.2.254"),
    ("one6", "2001:db8:1:1::10"),
    ("two6", "2001:db8:1:1::11"),
    ("web6", "2001:db8:1::10"),
    ("api6", "2001:db8:1::11"),
    ("server6", "2001:db8:ffff::7"),
    ("hop6", "2001:db8:fffe::254"),
    ("router6", "2001:db8:1:1::1"),
];

/// The address of a host, by name or as it is.
pub(super) fn host(name: &str) -> Option<IpAddr> {
    let known = HOSTS.iter().find(|(of, _)| *of == name);
    known.map_or(name, |(_, address)| address).parse().ok()
}

impl Net {
    /// A network of a scenario's own.
    pub const fn new(text: &'static str) -> Self {
        Self {
            text,
            knobs: String::new(),
            more: String::new(),
            replaced: Vec::new(),
            offloads: Offloads::Tolerate,
            midstream: Midstream::Adopt,
        }
    }

    /// Sets a knob, `nat_gateway.max_per_destination = 3`.
    #[must_use]
    pub fn knob(mut self, knob: &str) -> Self {
        self.knobs += &format!("behavior.{knob}\n");
        self
    }

    /// Adds text to the configuration.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        self.more += text;
        self.more.push('\n');
        self
    }

    /// Replaces text of the configuration, which has to be there.
    #[must_use]
    #[track_caller]
    pub fn but(mut self, this: &str, that: &str) -> Self {
        assert!(self.text.contains(this), "there is no {this:?} to replace");
        self.replaced.push((this.to_owned(), that.to_owned()));
        self
    }

    /// Judges checksums, and the MTU of TCP too, as `--offloads strict` does.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.offloads = Offloads::Strict;
        self
    }

    /// Takes no connection for one that began before the capture, as `--midstream strict` does.
    #[must_use]
    pub fn from_the_beginning(mut self) -> Self {
        self.midstream = Midstream::Strict;
        self
    }

    /// The configuration.
    pub fn text(&self) -> String {
        let mut text = self.text.to_owned();
        for (this, that) in &self.replaced {
            text = text.replacen(this.as_str(), that, 1);
        }
        format!("{}{text}{}", self.knobs, self.more)
    }

    /// A scenario in it.
    #[track_caller]
    pub fn start(self) -> Scenario {
        Scenario::through(&[self])
    }
}
