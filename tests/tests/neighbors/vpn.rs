//! Virtual private gateways (10.28-10.30, P20).

use vpcemu_dataplane::{DropReason, Options};
use vpcemu_model::{Id, Target, native};
use vpcemu_packet::build;
use vpcemu_tests::path::{Path, acl, but};
use vpcemu_tests::{Lab, ping, socket, syn, udp};

fn text() -> String {
    format!(
        r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[vpn_gateway.onprem]
prefixes = ["192.168.0.0/16"]
propagate_to = ["private"]
[subnet.private]
cidrs = ["10.0.0.0/24", "2001:db8:1234:1a00::/64"]
route_table = "private"
nacl = "private"
[subnet.appliance]
cidrs = ["10.0.1.0/24"]
[route_table.private]
routes = []
{}
[security_group.open]
ingress = [{{ proto = "all", from = "192.168.0.0/16" }}]
[security_group.forwarder]
ingress = [{{ proto = "all", from = "0.0.0.0/0" }}]
[instance.app]
subnet = "private"
addresses = ["10.0.0.10", "2001:db8:1234:1a00::10"]
security_groups = ["open"]
[instance.firewall]
subnet = "appliance"
addresses = ["10.0.1.5"]
security_groups = ["forwarder"]
source_dest_check = false
forward = "appliance"
"#,
        acl("private", "main")
    )
}

const THERE: [&str; 4] = ["sg eni-app egress", "nacl acl-private egress", "route rtb-private", "vgw vgw-onprem"];
const BACK: [&str; 3] = ["vgw vgw-onprem", "nacl acl-private ingress", "sg eni-app ingress"];

fn p20(text: &str) -> Path<'_> {
    let (from, to) = ("10.0.0.10", "192.168.1.1");
    Path { text, who: "app", from, to, place: "vgw-onprem", there: &THERE, back: &BACK }
}

#[test]
fn p20_to_on_premises_and_back() {
    p20(&text()).walk();
}

#[test]
fn p20_from_on_premises_and_back() {
    let text = text();
    let (from, to) = ("192.168.1.1", "10.0.0.10");
    Path { who: "vgw-onprem", from, to, place: "eni-app", there: &BACK, back: &THERE, ..p20(&text) }.walk();
}

#[test]
fn p20_each_rule_that_is_taken_away_denies() {
    let text = text();
    let path = p20(&text);
    let crossings = [("private", "egress", "192.168.0.0/16", false), ("private", "ingress", "192.168.0.0/16", true)];
    path.denied(&crossings);
    path.errors();
    path.errors_denied(false, &crossings);
    path.dies("propagate_to = [\"private\"]", "", DropReason::NoRoute, "rtb-private");
    let inward = Path { who: "vgw-onprem", from: "192.168.1.1", to: "10.0.0.10", place: "eni-app", ..p20(&text) };
    inward.dies("from = \"192.168.0.0/16\"", "from = \"192.0.2.0/24\"", DropReason::SecurityGroup, "eni-app");
}

#[test]
fn it_takes_what_the_vpcs_interfaces_send_to_blocks_that_it_knows() {
    let anywhere = but(
        &text(),
        "[route_table.private]\nroutes = []",
        "[route_table.private]\nroutes = [{ to = \"0.0.0.0/0\", via = \"onprem\" }, { to = \"::/0\", via = \"onprem\" }]",
    );
    let anywhere =
        but(&anywhere, "security_groups = [\"open\"]", "security_groups = [\"open\"]\nsource_dest_check = false");
    let mut lab = Lab::new(&anywhere);
    lab.leave("app", syn("10.0.0.10:4000", "172.16.0.1:443")).dropped(DropReason::NoRoute, "vgw-onprem");
    lab.leave("app", syn("192.0.2.1:4000", "192.168.1.1:443")).dropped(DropReason::VpnSource, "vgw-onprem");
    lab.leave("app", syn("10.0.0.99:4000", "192.168.1.1:443")).dropped(DropReason::VpnSource, "vgw-onprem");
    let v6 = lab.leave("app", syn("[2001:db8:1234:1a00::10]:4000", "[2001:db8:ffff::1]:443"));
    v6.dropped(DropReason::Ipv6Unsupported, "vgw-onprem");
    // One that says no blocks takes any.
    let mut lab = Lab::new(&but(&anywhere, "prefixes = [\"192.168.0.0/16\"]\n", ""));
    lab.leave("app", syn("10.0.0.10:4000", "172.16.0.1:443")).delivered("vgw-onprem");
}

#[test]
fn it_brings_packets_for_the_vpcs_interfaces_only() {
    let mut lab = Lab::new(&text());
    let mut come = |packet, reason| lab.come("vgw-onprem", packet).dropped(reason, "vgw-onprem");
    come(syn("192.168.1.1:4000", "198.51.100.7:443"), DropReason::VpnDestination);
    come(syn("192.168.1.1:4000", "10.0.0.99:443"), DropReason::VpnDestination);
    come(syn("10.0.1.5:4000", "10.0.0.10:443"), DropReason::Spoofed);
    come(syn("[2001:db8:ffff::1]:4000", "[2001:db8:1234:1a00::10]:443"), DropReason::Ipv6Unsupported);
    come(udp("224.0.0.1:4000", "10.0.0.10:443"), DropReason::Martian);
    come(udp("169.254.1.1:4000", "10.0.0.10:443"), DropReason::ReservedAddress);
    come(udp("[fe80::1]:4000", "[2001:db8:1234:1a00::10]:443"), DropReason::LinkScope);
}

#[test]
fn its_own_table_may_lead_to_an_appliance() {
    let table =
        "[gateway_route_table.edge]\ngateway = \"onprem\"\nroutes = [{ to = \"10.0.0.0/24\", via = \"firewall\" }]\n";
    let mut lab = Lab::new(&format!("{}{table}", text()));
    let sent = lab.come("vgw-onprem", syn("192.168.1.1:4000", "10.0.0.10:443")).delivered("eni-app");
    sent.steps(&[
        "vgw vgw-onprem",
        "route rtb-edge",
        "nacl acl-main-default ingress",
        "sg eni-firewall ingress",
        "forward eni-firewall",
        "sg eni-firewall egress",
        "nacl acl-main-default egress",
        "route rtb-main-main",
        "nacl acl-private ingress",
        "sg eni-app ingress",
    ]);
    // For what the table does not redirect it is as without one.
    let sent = lab.come("vgw-onprem", syn("192.168.1.1:4000", "10.0.1.5:443")).delivered("eni-firewall");
    sent.steps(&["vgw vgw-onprem", "nacl acl-main-default ingress", "sg eni-firewall ingress"]);
    let gone = but(&table.replace("firewall", "blackhole"), "", "");
    let mut lab = Lab::new(&format!("{}{gone}", text()));
    lab.come("vgw-onprem", ping("192.168.1.1", "10.0.0.10", 7)).dropped(DropReason::Blackhole, "rtb-edge");
}

#[test]
fn a_gateway_need_not_be_called_as_aws_calls_it() {
    let table =
        "[gateway_route_table.edge]\ngateway = \"onprem\"\nroutes = [{ to = \"10.0.0.0/24\", via = \"firewall\" }]\n";
    let mut network = native::parse("lab.toml", &format!("{}{table}", text())).unwrap().network;
    let id = Id::new("module.vpn.aws_vpn_gateway.this[0]");
    network.vpn_gateways[0].id = id.clone();
    network.gateway_route_tables[0].gateway = id.clone();
    for route in network.route_tables.iter_mut().flat_map(|table| &mut table.routes) {
        if matches!(route.target, Target::VpnGateway(_)) {
            route.target = Target::VpnGateway(id.clone());
        }
    }
    let mut lab = Lab::of(&[network], Options::default());
    let sent = lab.come(id.as_str(), syn("192.168.1.1:4000", "10.0.0.10:443")).delivered("eni-app");
    assert_eq!(sent.steps[..2], ["vgw module.vpn.aws_vpn_gateway.this[0]", "route rtb-edge"]);
    lab.leave("app", sent.reply()).delivered(id.as_str());
}

#[test]
fn a_tunnel_is_small_and_says_nothing() {
    let sized = |size: usize, df| {
        let payload = vec![7; size - 28];
        build::udp(socket("10.0.0.10:4000"), socket("192.168.1.1:53")).payload(&payload).dont_fragment(df).build()
    };
    let mut lab = Lab::new(&text());
    lab.leave("app", sized(1446, true)).delivered("vgw-onprem");
    let lost = lab.leave("app", sized(1447, true)).dropped(DropReason::Mtu, "vgw-onprem");
    assert!(lost.generated.is_none());
    // The first piece ends on a multiple of eight bytes of data.
    let sent = lab.leave("app", sized(1447, false)).delivered("vgw-onprem");
    assert_eq!(sent.pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1444, 23]);
    let mut lab = Lab::new(&format!("{}[behavior.vpn_gateway]\nfragment = false\nmtu = 1400\n", text()));
    assert!(lab.leave("app", sized(1401, false)).dropped(DropReason::Mtu, "vgw-onprem").generated.is_none());
    lab.leave("app", sized(1400, false)).delivered("vgw-onprem");
}

#[test]
fn propagated_routes_lose_to_local_and_to_static_ones() {
    // More specific than local, and still local (2.4).
    let inside = but(&text(), "prefixes = [\"192.168.0.0/16\"]", "prefixes = [\"192.168.0.0/16\", \"10.0.1.0/24\"]");
    let mut lab = Lab::new(&inside);
    lab.leave("app", syn("10.0.0.10:4000", "10.0.1.5:443")).delivered("eni-firewall");
    let equal = but(
        &text(),
        "[route_table.private]\nroutes = []",
        "[route_table.private]\nroutes = [{ to = \"192.168.0.0/16\", via = \"blackhole\" }]",
    );
    let mut lab = Lab::new(&equal);
    lab.leave("app", syn("10.0.0.10:4000", "192.168.1.1:443")).dropped(DropReason::Blackhole, "rtb-private");
    // A longer propagated one wins elsewhere.
    let longer = but(&equal, "prefixes = [\"192.168.0.0/16\"]", "prefixes = [\"192.168.1.0/24\"]");
    Lab::new(&longer).leave("app", syn("10.0.0.10:4000", "192.168.1.1:443")).delivered("vgw-onprem");
}
