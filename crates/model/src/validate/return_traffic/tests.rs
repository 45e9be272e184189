use super::*;
use crate::validate::sample::{net, network, route};
use crate::validate::validate;
use crate::{Network, Origin};

const TCP: Protocol = Protocol::TCP;

fn ports(from: u16, to: u16) -> Ports {
    Ports::Range(PortRange { from, to })
}

fn entry(number: u16, protocol: Protocol, ports: Ports, block: &str) -> AclEntry {
    let (action, cidr, origin) = (AclAction::Allow, net(block), Origin::implicit());
    AclEntry { number, action, protocol, ports, cidr, origin }
}

fn denying(number: u16, protocol: Protocol, ports: Ports, block: &str) -> AclEntry {
    AclEntry { action: AclAction::Deny, ..entry(number, protocol, ports, block) }
}

/// A network ACL of its own for one subnet of the sample: `a` is public and has a NAT gateway, `b` is private.
fn with(subnet: usize, ingress: Vec<AclEntry>, egress: Vec<AclEntry>) -> Network {
    let mut network = network();
    let acl = NetworkAcl { id: "acl-2".into(), ingress, egress, ..network.network_acls[0].clone() };
    network.network_acls.push(acl);
    network.subnets[subnet].network_acl = "acl-2".into();
    network
}

#[track_caller]
fn texts(network: &Network) -> Vec<String> {
    validate(network)
        .into_iter()
        .map(|finding| {
            assert_eq!((finding.code, finding.severity), ("no-return-traffic", Severity::Lint), "{}", finding.text);
            finding.text
        })
        .collect()
}

const NONE: [&str; 0] = [];
const PUBLIC: usize = 0;
const PRIVATE: usize = 1;

#[test]
fn a_service_that_may_be_asked_answers_to_the_ports_of_clients() {
    let https = || vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0")];
    let found = texts(&with(PUBLIC, https(), Vec::new()));
    let expected = "entry 100 of acl-2 lets tcp 443 in from 0.0.0.0/0 at subnet-a, but no outbound entry allows the \
                    answers: they go to ports 32768-60999";
    assert_eq!(found, [expected]);
    let help = validate(&with(PUBLIC, https(), Vec::new()))[0].help.clone();
    assert_eq!(help.as_deref(), Some("allow outbound tcp 1024-65535 to 0.0.0.0/0"));
    // What clients of most systems take is enough, and more is as well.
    assert_eq!(texts(&with(PUBLIC, https(), vec![entry(100, TCP, ports(32768, 60999), "0.0.0.0/0")])), NONE);
    assert_eq!(texts(&with(PUBLIC, https(), vec![entry(100, TCP, ports(1024, 65535), "0.0.0.0/0")])), NONE);
    // A part of them is not, and neither is another protocol.
    let part = texts(&with(PUBLIC, https(), vec![entry(100, TCP, ports(49152, 65535), "0.0.0.0/0")]));
    assert!(part[0].ends_with("they go to ports 32768-49151"), "{part:?}");
    assert_eq!(texts(&with(PUBLIC, https(), vec![entry(100, Protocol::UDP, Ports::Any, "0.0.0.0/0")])).len(), 1);
}

#[test]
fn entries_for_answers_are_not_services() {
    // A web server's, and a client's, as AWS recommends them.
    let server = |ingress| vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0"), ingress];
    let answers = || entry(110, TCP, ports(1024, 65535), "0.0.0.0/0");
    assert_eq!(texts(&with(PRIVATE, server(answers()), vec![answers()])), NONE);
    assert_eq!(texts(&with(PUBLIC, vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0")], vec![answers()])), NONE);
    assert_eq!(texts(&with(PUBLIC, vec![answers()], vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0")])), NONE);
    // Everything may be meant for answers, where connections come in.
    let https = || vec![entry(100, TCP, ports(443, 443), "10.0.0.0/8")];
    assert_eq!(texts(&with(PRIVATE, https(), vec![entry(100, Protocol::All, Ports::Any, "10.0.0.0/8")])), NONE);
    // Most services over UDP have nothing to answer, or answer from where they are asked.
    assert_eq!(texts(&with(PRIVATE, vec![entry(100, Protocol::UDP, ports(514, 514), "10.0.0.0/8")], Vec::new())), NONE);
    let dns = texts(&with(PRIVATE, vec![entry(100, Protocol::UDP, ports(53, 53), "10.0.0.0/8")], Vec::new()));
    assert!(dns[0].contains("lets udp 53 in from 10.0.0.0/8"), "{dns:?}");
}

#[test]
fn what_a_nat_gateway_is_asked_for_has_to_come_back() {
    let all = || vec![entry(100, Protocol::All, Ports::Any, "0.0.0.0/0")];
    let from_outside =
        |block| vec![entry(100, TCP, ports(22, 22), "10.0.0.0/16"), entry(110, TCP, ports(1024, 65535), block)];
    // Private: all that goes out there is for asking.
    let found = texts(&with(PRIVATE, vec![entry(100, TCP, ports(22, 22), "10.0.0.0/16")], all()));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("lets everything out to 0.0.0.0/0 at subnet-b, but no inbound entry"), "{found:?}");
    assert_eq!(texts(&with(PRIVATE, from_outside("0.0.0.0/0"), all())), NONE);
    // In the gateway's own subnet answers come to the ports that it takes.
    let linux = || vec![entry(100, TCP, ports(32768, 60999), "0.0.0.0/0")];
    let found = texts(&with(PUBLIC, linux(), all()));
    assert!(found[0].ends_with("they go to ports 1024-32767"), "{found:?}");
    assert_eq!(texts(&with(PUBLIC, from_outside("0.0.0.0/0"), all())), NONE);
    // Without the gateway its subnet may be for servers.
    let mut network = with(PUBLIC, vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0")], all());
    network.nat_gateways[0].available = false;
    assert_eq!(texts(&network), NONE);
}

#[test]
fn a_nat_gateway_asks_for_what_its_subnet_serves_too() {
    let both = |cidr| vec![entry(100, TCP, ports(443, 443), cidr), entry(110, TCP, ports(32768, 65535), cidr)];
    // A public subnet with servers and the gateway, which takes lower ports than Linux does.
    let found = texts(&with(PUBLIC, both("0.0.0.0/0"), both("0.0.0.0/0")));
    let expected = "entry 100 of acl-2 lets tcp 443 out to 0.0.0.0/0 at subnet-a, but no inbound entry allows the answers: \
                    they go to ports 1024-32767";
    assert_eq!(found, [expected]);
    // Nothing translates towards the VPC, or in the other subnet.
    assert_eq!(texts(&with(PUBLIC, both("10.0.0.0/16"), both("10.0.0.0/16"))), NONE);
    assert_eq!(texts(&with(PRIVATE, both("0.0.0.0/0"), both("0.0.0.0/0"))), NONE);
    // The ports that it takes are enough.
    let wide = || vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0"), entry(110, TCP, ports(1024, 65535), "0.0.0.0/0")];
    assert_eq!(texts(&with(PUBLIC, wide(), wide())), NONE);
    // Both directions lack their answers, which is two mistakes here.
    let query = || vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0")];
    assert_eq!(texts(&with(PUBLIC, query(), query())).len(), 2);
}

#[test]
fn ipv6_that_only_goes_out_has_to_come_back() {
    let all = || vec![entry(100, Protocol::All, Ports::Any, "::/0")];
    let found = texts(&with(PRIVATE, vec![entry(100, TCP, ports(443, 443), "2001:db8::/56")], all()));
    assert!(found[0].contains("lets everything out to ::/0 at subnet-b"), "{found:?}");
    assert_eq!(texts(&with(PRIVATE, vec![entry(100, TCP, ports(1024, 65535), "::/0")], all())), NONE);
}

#[test]
fn the_port_of_the_service_is_not_where_answers_go() {
    let query = || entry(100, TCP, ports(5432, 5432), "10.0.0.0/24");
    // One mistake, said once.
    let found = texts(&with(PRIVATE, vec![query()], vec![query()]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("entry 100 of acl-2 lets tcp 5432 in from 10.0.0.0/24 at subnet-b"), "{found:?}");
    let answers = entry(110, TCP, ports(1024, 65535), "10.0.0.0/24");
    assert_eq!(texts(&with(PRIVATE, vec![query()], vec![answers.clone()])), NONE);
    // It may stay where it was when the mistake is put right.
    assert_eq!(texts(&with(PRIVATE, vec![query()], vec![query(), answers])), NONE);
}

#[test]
fn what_is_denied_on_purpose_stays_so() {
    let https = || vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0")];
    let answers = || entry(110, TCP, ports(1024, 65535), "0.0.0.0/0");
    // A part of the other side, or a single port.
    let blocked = denying(90, Protocol::All, Ports::Any, "198.51.100.0/24");
    assert_eq!(texts(&with(PUBLIC, https(), vec![blocked.clone(), answers()])), NONE);
    assert_eq!(
        texts(&with(PUBLIC, https(), vec![denying(90, TCP, ports(33890, 33890), "0.0.0.0/0"), answers()])),
        NONE
    );
    // What does not get in has nothing to be answered.
    let both = vec![blocked, https().remove(0)];
    assert_eq!(texts(&with(PUBLIC, both, vec![answers()])), NONE);
    // All of the other side, and the entry that does it.
    let network = with(PUBLIC, https(), vec![denying(90, TCP, ports(32768, 65535), "0.0.0.0/0"), answers()]);
    let findings = validate(&network);
    assert!(findings[0].text.contains("outbound entry 90 denies the answers"), "{}", findings[0].text);
    assert_eq!(findings[0].related.as_ref().unwrap().1, "the entry that denies them");
}

#[test]
fn only_what_is_routed_is_asked_about() {
    let https = |block| vec![entry(100, TCP, ports(443, 443), block)];
    // Nobody comes from there: nothing leads back, or only what was asked for.
    assert_eq!(texts(&with(PRIVATE, https("203.0.113.0/24"), Vec::new())), NONE);
    let mut network = with(PRIVATE, https("172.16.0.0/12"), Vec::new());
    network.route_tables[1].routes.remove(2);
    assert_eq!(texts(&network), NONE);
    network.route_tables[1].routes.push(route("172.16.0.0/12", Target::Edge("tgw-1".into())));
    assert_eq!(texts(&network).len(), 1);
    network.route_tables[1].routes.last_mut().unwrap().active = false;
    assert_eq!(validate(&network).iter().map(|it| it.code).collect::<Vec<_>>(), ["blackhole"]);
    // What stays in the subnet is not filtered, and no subnet has the last one.
    assert_eq!(texts(&with(PRIVATE, https("10.0.1.0/24"), Vec::new())), NONE);
    let mut network = with(PRIVATE, https("0.0.0.0/0"), Vec::new());
    network.subnets[1].network_acl = "acl-1".into();
    assert_eq!(texts(&network), NONE);
}

#[test]
fn who_gets_no_answer_is_named_where_others_do() {
    let https = vec![entry(100, TCP, ports(443, 443), "0.0.0.0/0")];
    let inside = vec![entry(100, TCP, ports(1024, 65535), "10.0.0.0/8")];
    let found = texts(&with(PUBLIC, https, inside));
    assert!(found[0].contains("the answers to outside of vpc-1:"), "{found:?}");
    let part = vec![entry(100, TCP, ports(1024, 65535), "198.51.100.0/24")];
    let https = vec![entry(100, TCP, ports(443, 443), "198.51.0.0/16")];
    let found = texts(&with(PUBLIC, https, part));
    assert!(found[0].contains("the answers to 198.51.0.0, for one:"), "{found:?}");
}

#[test]
fn an_address_between_others_stands_for_the_rest() {
    let first = |block, holes: &[&str]| {
        let holes: Vec<IpNet> = holes.iter().map(|it| net(it)).collect();
        between(net(block), &holes).map(|it| it.to_string())
    };
    assert_eq!(first("10.0.0.0/8", &[]).as_deref(), Some("10.0.0.0"));
    assert_eq!(first("10.0.0.0/8", &["10.1.0.0/16", "10.0.0.0/16"]).as_deref(), Some("10.2.0.0"));
    assert_eq!(first("10.0.0.0/8", &["10.0.0.0/9", "10.128.0.0/9"]), None);
    assert_eq!(first("255.0.0.0/8", &["255.0.0.0/8"]), None);
    assert_eq!(first("::/0", &["::/1"]).as_deref(), Some("8000::"));
}
