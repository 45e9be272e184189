//! Endpoints of Gateway Load Balancers (10.14-10.16, P19).

use vpcemu_dataplane::{DropReason, Midstream, Options};
use vpcemu_model::native;
use vpcemu_packet::build;
use vpcemu_tests::path::{Path, acl, but};
use vpcemu_tests::{Lab, data, socket, syn, udp};

const REMOTE: &str = "198.51.100.7";

/// A public subnet whose traffic goes through an endpoint both ways.
fn text() -> String {
    let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.web]
cidrs = ["10.0.0.0/24"]
route_table = "web"
nacl = "web"
[subnet.fw]
cidrs = ["10.0.1.0/24"]
route_table = "fw"
nacl = "fw"
[route_table.web]
routes = [{ to = "0.0.0.0/0", via = "fw" }]
[route_table.fw]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[gateway_route_table.edge]
gateway = "igw"
routes = [{ to = "10.0.0.0/24", via = "fw" }]
[vpc_endpoint.fw]
type = "gateway-load-balancer"
service = "inspection"
subnets = ["fw"]
addresses = ["10.0.1.50"]
[security_group.web]
ingress = [{ proto = "all", from = "198.51.100.0/24" }]
[instance.web]
subnet = "web"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["web"]
[instance.beside]
subnet = "fw"
addresses = ["10.0.1.10"]
"#;
    [("web", "main"), ("fw", "main")].iter().fold(network.to_owned(), |text, (name, vpc)| text + &acl(name, vpc))
}

const OUT: [&str; 8] = [
    "sg eni-web egress",
    "nacl acl-web egress",
    "route rtb-web",
    "nacl acl-fw ingress",
    "endpoint vpce-fw",
    "nacl acl-fw egress",
    "route rtb-fw",
    "igw igw-igw",
];
const IN: [&str; 8] = [
    "igw igw-igw",
    "route rtb-edge",
    "nacl acl-fw ingress",
    "endpoint vpce-fw",
    "nacl acl-fw egress",
    "route rtb-fw",
    "nacl acl-web ingress",
    "sg eni-web ingress",
];

fn p19(text: &str) -> Path<'_> {
    Path { text, who: "web", from: "10.0.0.10", to: REMOTE, place: "internet", there: &OUT, back: &IN }
}

#[test]
fn p19_out_through_an_endpoint_and_back() {
    p19(&text()).walk();
}

#[test]
fn p19_in_through_an_endpoint_and_back() {
    let text = text();
    Path { who: "internet", from: REMOTE, to: "203.0.113.10", place: "eni-web", there: &IN, back: &OUT, ..p19(&text) }
        .walk();
}

#[test]
fn p19_each_rule_that_is_taken_away_denies() {
    let text = text();
    let path = p19(&text);
    let crossings = [
        ("web", "egress", "198.51.100.0/24", false),
        ("fw", "ingress", "10.0.0.0/24", false),
        ("fw", "egress", "198.51.100.0/24", false),
        ("fw", "ingress", "198.51.100.0/24", true),
        ("fw", "egress", "10.0.0.0/24", true),
        ("web", "ingress", "198.51.100.0/24", true),
    ];
    path.denied(&crossings);
    path.errors();
    path.errors_denied(false, &crossings);
    path.dies("routes = [{ to = \"0.0.0.0/0\", via = \"fw\" }]", "routes = []", DropReason::NoRoute, "rtb-web");
    path.dies("routes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]", "routes = []", DropReason::NoRoute, "rtb-fw");
    // What comes in by the endpoint goes out by it (2.17).
    path.dies(
        "routes = [{ to = \"0.0.0.0/0\", via = \"fw\" }]",
        "routes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]",
        DropReason::EdgeRedirected,
        "rtb-edge",
    );
}

#[test]
fn a_host_beside_the_endpoint_is_judged_on_its_way_to_it() {
    let beside = but(
        &text(),
        "[route_table.fw]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]",
        "[route_table.fw]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }, { to = \"198.51.100.0/24\", via = \"fw\" }]",
    );
    // The route after the endpoint leads to the endpoint again: a circle, which ends.
    let mut lab = Lab::new(&beside);
    let lost = lab.leave("beside", udp("10.0.1.10:4000", "198.51.100.7:53"));
    assert_eq!(lost.reason(), Some(DropReason::Ttl));
    assert_eq!(&lost.steps[..4], ["sg eni-beside egress", "nacl acl-fw egress", "route rtb-fw", "nacl acl-fw ingress"]);
}

#[test]
fn packets_are_not_changed_and_not_older() {
    let mut lab = Lab::new(&text());
    let sent = lab.leave("web", syn("10.0.0.10:4000", "198.51.100.7:443")).delivered("internet");
    assert_eq!(sent.headers().ttl, 64);
}

#[test]
fn references_to_groups_are_lost_on_the_way() {
    // Between two subnets whose local route leads through the endpoint (2.6).
    let inside = but(
        &text(),
        "[route_table.web]\nroutes = [",
        "[route_table.web]\nroutes = [{ to = \"10.0.2.0/24\", via = \"fw\" }, ",
    ) + "[subnet.db]\ncidrs = [\"10.0.2.0/24\"]\nroute_table = \"db\"\n[route_table.db]\nroutes = [{ to = \"10.0.0.0/24\", via = \"fw\" }]\n\
           [security_group.db]\ningress = [{ proto = \"tcp\", ports = \"5432\", from = \"sg:web\" }, { proto = \"tcp\", ports = \"5433\", from = \"10.0.0.0/24\" }]\n\
           [instance.db]\nsubnet = \"db\"\naddresses = [\"10.0.2.10\"]\nsecurity_groups = [\"db\"]\n";
    let mut lab = Lab::new(&inside);
    let lost = lab.leave("web", syn("10.0.0.10:4000", "10.0.2.10:5432"));
    lost.dropped(DropReason::SecurityGroupReferenceLost, "eni-db");
    let sent = lab.leave("web", syn("10.0.0.10:4000", "10.0.2.10:5433")).delivered("eni-db");
    lab.leave("db", sent.reply()).delivered("eni-web");
}

#[test]
fn a_flow_that_was_idle_is_forgotten_in_silence() {
    let mut lab = Lab::new(&text());
    let (from, to) = ("10.0.0.10:4000", "198.51.100.7:443");
    let sent = lab.leave("web", syn(from, to)).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-web");
    lab.leave("web", data(from, to)).delivered("internet");
    lab.wait(350.0);
    let lost = lab.leave("web", data(from, to)).dropped(DropReason::EndpointIdleExpired, "vpce-fw");
    assert!(lost.generated.is_none());
    let late = lab.arrive(data(to, "203.0.113.10:4000"));
    assert!(late.dropped(DropReason::EndpointIdleExpired, "vpce-fw").generated.is_none());
    lab.leave("web", syn(from, to)).delivered("internet");
    // UDP simply begins again.
    lab.leave("web", udp(from, "198.51.100.7:53")).delivered("internet");
    lab.wait(120.0);
    lab.leave("web", udp(from, "198.51.100.7:53")).delivered("internet");
    let knob = format!("{}[behavior.vpc_endpoint]\ntcp_idle = \"60s\"\n", text());
    let mut lab = Lab::new(&knob);
    let sent = lab.leave("web", syn(from, to)).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-web");
    lab.leave("web", data(from, to)).delivered("internet");
    lab.wait(60.0);
    lab.leave("web", data(from, to)).dropped(DropReason::EndpointIdleExpired, "vpce-fw");
}

#[test]
fn a_connection_that_nobody_saw_begin_is_adopted_or_lost() {
    let segment = || data("10.0.0.10:4000", "198.51.100.7:443");
    assert!(Lab::new(&text()).leave("web", segment()).delivered("internet").verdict.adopted);
    let network = native::parse("lab.toml", &text()).unwrap().network;
    let mut lab = Lab::of(&[network], Options { midstream: Midstream::Strict, ..Options::default() });
    lab.leave("web", segment()).dropped(DropReason::EndpointNoSession, "vpce-fw");
}

#[test]
fn what_is_too_large_dies_in_silence() {
    let sized = |size: usize, df| {
        let payload = vec![7; size - 28];
        build::udp(socket("10.0.0.10:4000"), socket("10.0.2.10:53")).payload(&payload).dont_fragment(df).build()
    };
    let inside = but(
        &text(),
        "[route_table.web]\nroutes = [",
        "[route_table.web]\nroutes = [{ to = \"10.0.2.0/24\", via = \"fw\" }, ",
    ) + "[subnet.db]\ncidrs = [\"10.0.2.0/24\"]\n[security_group.db]\ningress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]\n\
           [instance.db]\nsubnet = \"db\"\naddresses = [\"10.0.2.10\"]\nsecurity_groups = [\"db\"]\n";
    let mut lab = Lab::new(&inside);
    lab.leave("web", sized(8500, true)).delivered("eni-db");
    for df in [true, false] {
        assert!(lab.leave("web", sized(8501, df)).dropped(DropReason::Mtu, "vpce-fw").generated.is_none());
    }
}

#[test]
fn nobody_listens_at_its_address() {
    let mut lab = Lab::new(&text());
    lab.leave("web", syn("10.0.0.10:4000", "10.0.1.50:443")).dropped(DropReason::NeighborUnknown, "eni-fw-1");
}

#[test]
fn an_endpoint_that_moves_has_forgotten_everything() {
    let moved = but(&text(), "subnets = [\"fw\"]\naddresses = [\"10.0.1.50\"]", "subnets = [\"fw2\"]");
    let moved = moved + "[subnet.fw2]\ncidrs = [\"10.0.2.0/24\"]\nroute_table = \"fw\"\n";
    for (second, keeps) in [(text(), true), (moved, false)] {
        let mut lab = Lab::then(&[&text(), &second]);
        let sent = lab.leave("web", syn("10.0.0.10:4000", "198.51.100.7:443")).delivered("internet");
        lab.switch();
        let reply = lab.arrive(sent.reply());
        if keeps {
            reply.delivered("eni-web");
        } else {
            reply.dropped(DropReason::EndpointNoSession, "vpce-fw");
        }
    }
}

#[test]
fn block_public_access_looks_at_the_subnet_of_the_endpoint() {
    let excluding = |subnet: &str| {
        format!(
            "{}[block_public_access]\nmode = \"block-bidirectional\"\n\
             exclusions = [{{ subnet = \"{subnet}\", mode = \"allow-bidirectional\" }}]\n",
            text()
        )
    };
    let (call, knock) = (syn("10.0.0.10:4000", "198.51.100.7:443"), syn("198.51.100.7:443", "203.0.113.10:80"));
    let mut lab = Lab::new(&excluding("fw"));
    lab.leave("web", call.clone()).delivered("internet");
    lab.arrive(knock.clone()).delivered("eni-web");
    let mut lab = Lab::new(&excluding("web"));
    lab.leave("web", call).dropped(DropReason::BlockPublicAccess, "igw-igw");
    lab.arrive(knock).dropped(DropReason::BlockPublicAccess, "igw-igw");
}
