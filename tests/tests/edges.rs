//! Gateway route tables, middleboxes and Block Public Access (2.13-2.19, 3.15): packets that come in by a gateway and go
//! where its own table says, through interfaces that forward.

use vpcemu_dataplane::DropReason;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{Lab, headers, ping, socket, syn, udp};

/// A web server whose traffic has to pass a firewall, both ways; the edge table leads its subnet to the firewall.
const INSPECTED: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[subnet.web]
cidrs = ["10.0.1.0/24", "2001:db8:0:101::/64"]
route_table = "web"
[subnet.fw]
cidrs = ["10.0.2.0/24", "2001:db8:0:102::/64"]
route_table = "fw"
[route_table.web]
routes = [{ to = "0.0.0.0/0", via = "fw" }, { to = "::/0", via = "fw" }]
[route_table.fw]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[gateway_route_table.edge]
gateway = "igw"
routes = [{ to = "10.0.1.0/24", via = "fw" }, { to = "2001:db8:0:101::/64", via = "fw" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[security_group.web]
ingress = [{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }, { proto = "tcp", ports = "443", from = "::/0" }]
[instance.web]
subnet = "web"
addresses = ["10.0.1.10", "2001:db8:0:101::10"]
public = "203.0.113.10"
security_groups = ["web"]
[instance.fw]
subnet = "fw"
addresses = ["10.0.2.10", "2001:db8:0:102::10"]
public = "203.0.113.20"
security_groups = ["open"]
source_dest_check = false
forward = "appliance"
"#;

const CLIENT: &str = "198.51.100.7:40000";

#[test]
fn what_comes_in_passes_the_appliance_and_so_does_the_answer() {
    let mut lab = Lab::new(INSPECTED);
    let called = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web").steps(&[
        "igw igw-igw",
        "route rtb-edge",
        "nacl acl-main-default ingress",
        "sg eni-fw ingress",
        "forward eni-fw",
        "sg eni-fw egress",
        "nacl acl-main-default egress",
        "route rtb-fw",
        "nacl acl-main-default ingress",
        "sg eni-web ingress",
    ]);
    assert_eq!(called.key().to_string(), "tcp 198.51.100.7:40000 > 10.0.1.10:443");
    assert_eq!(called.headers().ttl, 63, "one hop older (1.25)");
    let answer = lab.leave("web", called.reply()).delivered("internet").source("203.0.113.10").steps(&[
        "sg eni-web egress",
        "nacl acl-main-default egress",
        "route rtb-web",
        "nacl acl-main-default ingress",
        "sg eni-fw ingress",
        "forward eni-fw",
        "sg eni-fw egress",
        "nacl acl-main-default egress",
        "route rtb-fw",
        "igw igw-igw",
    ]);
    assert_eq!(answer.headers().ttl, 63);
}

#[test]
fn the_edge_table_holds_for_ipv6_too() {
    let mut lab = Lab::new(INSPECTED);
    let called = lab.arrive(syn("[2001:db8:ffff::7]:40000", "[2001:db8:0:101::10]:443")).delivered("eni-web");
    assert!(called.steps.contains(&"forward eni-fw".to_owned()));
    lab.leave("web", called.reply()).delivered("internet");
}

#[test]
fn both_legs_of_the_appliance_are_judged() {
    let mut lab = Lab::new(&INSPECTED.replace(
        "egress = [{ proto = \"all\", to = \"0.0.0.0/0\" }, { proto = \"all\", to = \"::/0\" }]\n[security_group.web]",
        "egress = [{ proto = \"tcp\", ports = \"80\", to = \"0.0.0.0/0\" }]\n[security_group.web]",
    ));
    lab.arrive(syn(CLIENT, "203.0.113.10:443")).dropped(DropReason::SecurityGroup, "eni-fw");
    let mut lab = Lab::new(&INSPECTED.replace(
        "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }, { proto = \"all\", from = \"::/0\" }]",
        "ingress = [{ proto = \"tcp\", ports = \"80\", from = \"0.0.0.0/0\" }]",
    ));
    lab.arrive(syn(CLIENT, "203.0.113.10:443")).dropped(DropReason::SecurityGroup, "eni-fw");
}

#[test]
fn a_group_reference_is_lost_behind_the_appliance() {
    let inside = INSPECTED.replace(
        "[security_group.web]\ningress = [",
        "[security_group.web]\ningress = [{ proto = \"tcp\", ports = \"8080\", from = \"sg:clients\" }, ",
    ) + r#"
        [security_group.clients]
        [subnet.clients]
        cidrs = ["10.0.3.0/24"]
        route_table = "clients"
        [route_table.clients]
        routes = [{ to = "10.0.1.0/24", via = "fw" }]
        [instance.client]
        subnet = "clients"
        addresses = ["10.0.3.10"]
        security_groups = ["clients"]
    "#;
    let mut lab = Lab::new(&inside);
    // A route more specific than local leads through the appliance (2.6).
    lab.leave("client", syn("10.0.3.10:4000", "10.0.1.10:8080"))
        .dropped(DropReason::SecurityGroupReferenceLost, "eni-web");
    lab.leave("client", syn("10.0.3.10:4000", "10.0.1.10:443")).delivered("eni-web");
}

#[test]
fn an_appliance_shows_up_in_a_traceroute_and_answers_in_its_own_name() {
    let mut lab = Lab::new(INSPECTED);
    let packet = build::udp(socket("10.0.1.10:5000"), socket("198.51.100.7:33434")).ttl(1).build();
    let dead = lab.leave("web", packet);
    let (kind, bytes, place) = dead.generated.as_ref().expect("time exceeded");
    assert_eq!((kind.name(), place.as_deref()), ("icmp-time-exceeded", Some("eni-web")));
    assert_eq!(headers(bytes).src.to_string(), "10.0.2.10");
    dead.dropped(DropReason::Ttl, "eni-fw");
}

#[test]
fn a_target_of_the_edge_table_needs_a_public_address() {
    let mut lab = Lab::new(&INSPECTED.replace("public = \"203.0.113.20\"\n", ""));
    lab.arrive(syn(CLIENT, "203.0.113.10:443")).dropped(DropReason::EdgeNoPublic, "rtb-edge");
}

#[test]
fn a_redirected_subnet_cannot_leave_directly() {
    let direct = INSPECTED.replace(
        "[route_table.web]\nroutes = [{ to = \"0.0.0.0/0\", via = \"fw\" }",
        "[route_table.web]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }",
    );
    let mut lab = Lab::new(&direct);
    lab.leave("web", syn("10.0.1.10:4000", "198.51.100.7:443")).dropped(DropReason::EdgeRedirected, "rtb-edge");
}

#[test]
fn a_public_block_is_delivered_untranslated() {
    let pool = INSPECTED.replace(
        "routes = [{ to = \"10.0.1.0/24\", via = \"fw\" }",
        "routes = [{ to = \"192.0.2.0/24\", via = \"sink\" }",
    ) + r#"
        [instance.sink]
        subnet = "fw"
        addresses = ["10.0.2.30"]
        security_groups = ["open"]
        source_dest_check = false
    "#;
    let mut lab = Lab::new(&pool);
    let arrived = lab.arrive(udp(CLIENT, "192.0.2.99:53")).delivered("eni-sink").destination("192.0.2.99:53");
    lab.leave("sink", arrived.reply()).delivered("internet").source("192.0.2.99");
}

#[test]
fn a_route_to_an_interface_that_does_not_forward_ends_there() {
    let mut lab = Lab::new(&INSPECTED.replace("forward = \"appliance\"\n", ""));
    lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-fw");
}

/// A public and a private host, a NAT gateway, and an IPv6 host behind an egress-only gateway.
const OPEN: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[egress_only_internet_gateway.eigw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24", "2001:db8:0:101::/64"]
route_table = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "::/0", via = "eigw" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["open"]
[instance.app]
subnet = "priv"
addresses = ["10.0.1.10", "2001:db8:0:101::10"]
"#;

/// What passes with a mode and exclusions: from outside to the host, from the host, by the NAT gateway and back, by the
/// egress-only gateway and back.
fn passes(block_public_access: &str) -> [bool; 6] {
    let mut lab = Lab::new(&format!("{OPEN}\n{block_public_access}"));
    let passed = |lab: &mut Lab, eni: Option<&str>, packet: Vec<u8>| {
        let sent = match eni {
            Some(eni) => lab.leave(eni, packet),
            None => lab.arrive(packet),
        };
        if sent.place.is_none() {
            assert_eq!(sent.reason(), Some(DropReason::BlockPublicAccess));
            return None;
        }
        Some(sent)
    };
    let knock = passed(&mut lab, None, udp(CLIENT, "203.0.113.10:53")).is_some();
    let call = passed(&mut lab, Some("web"), syn("10.0.0.10:4000", "198.51.100.9:443")).is_some();
    let nat = passed(&mut lab, Some("app"), syn("10.0.1.10:4000", "198.51.100.9:443"));
    let nat_back = nat.as_ref().is_some_and(|sent| passed(&mut lab, None, sent.reply()).is_some());
    let six = passed(&mut lab, Some("app"), udp("[2001:db8:0:101::10]:4000", "[2001:db8:ffff::7]:53"));
    let six_back = six.as_ref().is_some_and(|sent| passed(&mut lab, None, sent.reply()).is_some());
    [knock, call, nat.is_some(), nat_back, six.is_some(), six_back]
}

#[test]
fn block_public_access_and_its_exclusions() {
    let off = "";
    assert_eq!(passes(off), [true; 6]);
    assert_eq!(passes("[block_public_access]\nmode = \"block-bidirectional\""), [false; 6]);
    // Only what NAT gateways and egress-only gateways carry: a host with a public address cannot even call out.
    let ingress = "[block_public_access]\nmode = \"block-ingress\"";
    assert_eq!(passes(ingress), [false, false, true, true, true, true]);
    let excluded = |of: &str, mode: &str, allows: &str| {
        passes(&format!("[block_public_access]\nmode = \"{mode}\"\nexclusions = [{{ {of}, mode = \"{allows}\" }}]"))
    };
    // The NAT gateway stands in the public subnet, the IPv6 host in the private one.
    let public = excluded("subnet = \"pub\"", "block-bidirectional", "allow-bidirectional");
    assert_eq!(public, [true, true, true, true, false, false]);
    let egress = excluded("subnet = \"pub\"", "block-bidirectional", "allow-egress");
    assert_eq!(egress, [false, false, true, true, false, false]);
    assert_eq!(excluded("vpc = \"main\"", "block-bidirectional", "allow-bidirectional"), [true; 6]);
    assert_eq!(excluded("vpc = \"main\"", "block-ingress", "allow-bidirectional"), [true; 6]);
}

#[test]
fn behind_an_appliance_the_exclusion_is_that_of_the_workload() {
    let blocked = |subnet: &str| {
        format!(
            "{INSPECTED}\n[block_public_access]\nmode = \"block-bidirectional\"\n\
             exclusions = [{{ subnet = \"{subnet}\", mode = \"allow-bidirectional\" }}]"
        )
    };
    Lab::new(&blocked("web")).arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    let of_appliance = Lab::new(&blocked("fw")).arrive(syn(CLIENT, "203.0.113.10:443"));
    of_appliance.dropped(DropReason::BlockPublicAccess, "igw-igw");
}

#[test]
fn routers_on_the_way_to_the_internet_take_their_hops() {
    let mut lab = Lab::new(&format!("{OPEN}\n[behavior.underlay]\nhops = 5\n"));
    let sent = lab.leave("web", ping("10.0.0.10", "198.51.100.9", 7)).delivered("internet");
    assert_eq!(sent.headers().ttl, 59);
    let packet = build::tcp(socket("10.0.0.10:4000"), socket("198.51.100.9:443")).flags(TcpFlags::SYN).ttl(5).build();
    lab.leave("web", packet).dropped(DropReason::Ttl, "igw-igw");
}
