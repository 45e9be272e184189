//! A network, and what is said of records of it.

use vpcemu_flowlog::{Agreement, Decision, Entry, Judgement, Options, Reader};
use vpcemu_model::{Network, native};
use vpcemu_recorded::Judge;

/// A web server, a firewall and a host with two addresses in a public subnet, a client behind a NAT gateway, and one behind a
/// regional one.
#[allow(dead_code, reason = "not every test is about this one")]
pub(crate) const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]

[internet_gateway.igw]
vpc = "main"

[subnet.pub]
vpc = "main"
az = "us-east-1a"
cidrs = ["10.0.0.0/24"]
route_table = "public"

[subnet.app]
vpc = "main"
az = "us-east-1a"
cidrs = ["10.0.1.0/24"]
route_table = "private"

[subnet.far]
vpc = "main"
az = "us-east-1a"
cidrs = ["10.0.2.0/24"]
route_table = "far"

[route_table.public]
vpc = "main"
routes = [{ to = "0.0.0.0/0", via = "igw" }]

[route_table.private]
vpc = "main"
routes = [{ to = "0.0.0.0/0", via = "nat" }]

[route_table.far]
vpc = "main"
routes = [{ to = "0.0.0.0/0", via = "nat-far" }]

[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.220", public = "198.51.100.20" }]

[nat_gateway.far]
vpc = "main"
mode = "regional"
addresses = [{ public = "198.51.100.30", az = "us-east-1a" }]

[security_group.web]
vpc = "main"
ingress = [{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }]

[security_group.firewall]
vpc = "main"
ingress = []
egress = [{ proto = "all", to = "0.0.0.0/0" }]

[security_group.app]
vpc = "main"
ingress = []
egress = [{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }, { proto = "udp", ports = "53", to = "0.0.0.0/0" }]

[instance.web]
subnet = "pub"
addresses = ["10.0.0.10"]
public = "198.51.100.7"
security_groups = ["web"]

[instance.fw]
subnet = "pub"
addresses = ["10.0.0.30"]
public = "198.51.100.8"
security_groups = ["firewall"]
source_dest_check = false
forward = "appliance"

[eni.two]
subnet = "pub"
addresses = ["10.0.0.40"]
secondary = [{ private = "10.0.0.41", public = "198.51.100.9" }]
security_groups = ["web"]

[instance.app]
subnet = "app"
addresses = ["10.0.1.5"]
security_groups = ["app"]

[instance.far]
subnet = "far"
addresses = ["10.0.2.5"]
security_groups = ["app"]
"#;

pub(crate) fn network(text: &str) -> Network {
    native::parse("network.toml", text).unwrap_or_else(|error| panic!("{error}")).network
}

/// Records, one a line, of the fields of a header line.
pub(crate) fn entries(header: &str, records: &str) -> Vec<Entry> {
    let log = format!("{header}\n{records}").into_bytes();
    Reader::from_bytes("vpc.log", log, Options::default()).map(|entry| entry.unwrap()).collect()
}

#[allow(dead_code, reason = "not every test judges")]
/// What a network says of each record: `ACCEPT`, `REJECT reason by component rule number`, `not judged: why`.
pub(crate) fn told(text: &str, header: &str, records: &str) -> Vec<String> {
    let mut judge = Judge::new(network(text));
    let who = |by: &Decision| {
        let parts = [by.reason.clone(), by.at.as_ref().map(|at| format!("by {at}"))];
        parts.into_iter().flatten().map(|part| format!(" {part}")).collect::<String>()
    };
    let of_acl = |by: &Decision| match (&by.at, &by.rule) {
        (Some(at), Some(rule)) if at.starts_with("acl-") => format!(" rule {rule}"),
        _ => String::new(),
    };
    let told = entries(header, records).into_iter().map(|entry| match judge.judge(&entry) {
        Judgement::Decided { action, .. } if action.as_str() == "ACCEPT" => "ACCEPT".to_owned(),
        Judgement::Decided { action, by } => format!("{action}{}{}", who(&by), of_acl(&by)),
        Judgement::OfPings { action, by, otherwise } => {
            format!("{action}{}{}, or else {otherwise}", who(&by), of_acl(&by))
        }
        Judgement::Undecided(why) => format!("not judged: {why}"),
    });
    told.collect()
}

/// How many records agree with a network, differ, and cannot be judged.
#[allow(dead_code, reason = "not every test counts")]
pub(crate) fn judged(text: &str, header: &str, records: &str) -> (u64, u64, u64) {
    let (mut judge, mut agreement) = (Judge::new(network(text)), Agreement::default());
    for entry in entries(header, records) {
        let judgement = judge.judge(&entry);
        agreement.add(&entry, judgement);
    }
    (agreement.agreed().records, agreement.differing().records, agreement.undecided().records)
}
