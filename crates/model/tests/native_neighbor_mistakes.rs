//! What is said of files whose peering connections, transit gateways, virtual private gateways and endpoints of Gateway Load
//! Balancers are wrong, each with its line.

use vpcemu_model::native;

const NEIGHBORS: &str = include_str!("data/neighbors.toml");

const BASE: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8::/56"]
[subnet.a]
cidrs = ["10.0.0.0/24", "2001:db8::/64"]
[subnet.b]
az = "b"
cidr = "10.0.1.0/24"
"#;

/// The line of a text that begins so.
fn line(text: &str, start: &str) -> Option<u32> {
    let at = text.lines().position(|line| line.starts_with(start)).expect("the line");
    u32::try_from(at + 1).ok()
}

/// Codes with the lines after those of `BASE`, of everything that is said of a small file with `more` in it.
fn said(more: &str) -> Vec<(&'static str, Option<u32>)> {
    let findings = match native::parse("test.toml", &format!("{BASE}{more}")) {
        Ok(loaded) => loaded.findings,
        Err(native::Error::Invalid { findings, .. }) => findings,
        Err(other) => panic!("{other}"),
    };
    let before = u32::try_from(BASE.lines().count()).expect("a few lines");
    findings.iter().map(|finding| (finding.code, finding.origin.line.map(|line| line.saturating_sub(before)))).collect()
}

#[test]
fn mistakes_about_peering_connections_have_their_lines() {
    let peering = |more: &str| said(&format!("[vpc_peering_connection.p]\n{more}"));
    assert_eq!(peering(""), [("no-accepter", Some(1))]);
    assert_eq!(peering("accepter = \"other\"\n"), [("unknown-reference", Some(2))]);
    assert_eq!(peering("accepter = \"main\"\n"), [("peering-with-itself", Some(2))]);
    assert_eq!(peering("requester = \"vpc-1\"\naccepter = \"vpc-2\"\n"), [("peering-of-nobody", Some(2))]);
    assert_eq!(peering("peer_cidrs = [\n\"10.9.0.0\"]\n"), [("no-accepter", Some(1)), ("unreadable", Some(3))]);
    assert_eq!(peering("peer_cidrs = [\"10.0.0.0/8\"]\n"), [("peering-overlap", Some(2))]);
    assert_eq!(peering("peer_cidrs = [\"10.9.0.0/16\"]\nactive = \"yes\"\n"), [("wrong-type", Some(3))]);
    assert_eq!(peering("peer_cidrs = [\"10.9.0.0/16\"]\ninter_regional = true\n"), [("unknown-key", Some(3))]);
    let second = "[vpc.second]\ncidr = \"10.1.0.0/16\"\n[vpc_peering_connection.p]\naccepter = \"second\"\n";
    assert_eq!(said(second), [("which-vpc", Some(0)), ("which-vpc", Some(0)), ("which-vpc", Some(3))]);
}

#[test]
fn mistakes_about_transit_gateways_have_their_lines() {
    let attachment = |more: &str| said(&format!("[transit_gateway.hub.attachment.x]\n{more}"));
    assert_eq!(attachment(""), [("attachment", Some(1))]);
    assert_eq!(attachment("vpc = \"main\"\n"), [("attachment", Some(1))]);
    assert_eq!(attachment("type = \"vpn\"\nsubnets = [\"a\"]\n"), [("attachment", Some(1))]);
    assert_eq!(attachment("type = \"vpn\"\nvpc = \"main\"\n"), [("attachment", Some(1))]);
    assert_eq!(attachment("subnets = [\"a\"]\nprefixes = [\"10.9.0.0/16\"]\n"), [("attachment", Some(1))]);
    assert_eq!(attachment("type = \"pigeon\"\n"), [("wrong-type", Some(2))]);
    assert_eq!(attachment("subnets = [\"c\"]\n"), [("unknown-reference", Some(2))]);
    assert_eq!(attachment("subnets = [\"a\"]\nvpc = \"other\"\n"), [("unknown-reference", Some(3))]);
    assert_eq!(
        attachment("subnets = [\"a\", \"b\"]\naddresses = [\"10.0.0.9\"]\n"),
        [("attachment-addresses", Some(1))]
    );
    assert_eq!(attachment("subnets = [\"a\"]\nroute_table = \"y\"\n"), [("unknown-reference", Some(3))]);
    assert_eq!(attachment("subnets = [\"a\"]\npropagate_to = [\n\"y\"]\n"), [("unknown-reference", Some(4))]);
    assert_eq!(attachment("subnets = [\"a\"]\nappliance = true\n"), [("unknown-key", Some(3))]);
    assert_eq!(attachment("type = \"vpn\"\nprefixes = [\"x\"]\n"), [("unreadable", Some(3))]);
}

#[test]
fn an_attachment_is_in_subnets_of_its_vpc() {
    let text =
        NEIGHBORS.replacen("vpc = \"shared\"\nsubnets = [\"shared\"]", "vpc = \"main\"\nsubnets = [\"shared\"]", 1);
    let Err(native::Error::Invalid { findings, .. }) = native::parse("neighbors.toml", &text) else { panic!("taken") };
    let found: Vec<_> = findings.iter().map(|finding| (finding.code, finding.origin.line)).collect();
    let (name, subnets) = ("[transit_gateway.hub.attachment.shared]", "subnets = [\"shared\"]");
    assert_eq!(found, [("two-attachments", line(&text, name)), ("other-vpc", line(&text, subnets))]);
}

#[test]
fn mistakes_about_tables_of_transit_gateways_have_their_lines() {
    let base =
        "[transit_gateway.hub.attachment.x]\nsubnets = [\"a\"]\n[transit_gateway.hub.route_table.t]\ndefault = true\n";
    let table = |more: &str| said(&format!("{base}{more}"));
    assert_eq!(table("[transit_gateway.hub.route_table.u]\ndefault = true\n"), [("two-defaults", Some(5))]);
    assert_eq!(table("routes = [{ to = \"0.0.0.0/0\" }]\n"), [("no-route", Some(5))]);
    assert_eq!(table("routes = [{ via = \"x\" }]\n"), [("no-route", Some(5))]);
    assert_eq!(table("routes = [{ to = \"0.0.0.0\", via = \"x\" }]\n"), [("unreadable", Some(5))]);
    assert_eq!(table("routes = [{ to = \"0.0.0.0/0\", via = \"y\" }]\n"), [("unknown-target", Some(5))]);
    assert_eq!(table("routes = [{ to = \"0.0.0.0/0\", via = \"local\" }]\n"), [("unknown-target", Some(5))]);
    // An attachment that is broken was said to be.
    let broken = "[transit_gateway.hub.attachment.y]\n[transit_gateway.hub.route_table.u]\nroutes = [{ to = \"0.0.0.0/0\", via = \"y\" }]\n";
    assert_eq!(table(broken), [("attachment", Some(5))]);
}

#[test]
fn mistakes_about_gateways_and_endpoints_have_their_lines() {
    let vgw = |more: &str| said(&format!("[vpn_gateway.v]\n{more}"));
    assert_eq!(vgw("vpc = \"other\"\n"), [("unknown-reference", Some(2))]);
    assert_eq!(vgw("prefixes = [\"10.9.0.0/33\"]\n"), [("unreadable", Some(2))]);
    assert_eq!(vgw("propagate_to = [\"t\"]\n"), [("unknown-reference", Some(2))]);
    assert_eq!(vgw("[vpn_gateway.w]\n"), [("two-vgws", Some(2))]);
    let routed = "[route_table.t]\nroutes = [{ to = \"2001:db8:9::/48\", via = \"v\" }]\n";
    assert_eq!(vgw(routed), [("vgw-ipv6", Some(3))]);
    let endpoint = |more: &str| said(&format!("[vpc_endpoint.e]\ntype = \"gateway-load-balancer\"\n{more}"));
    let code = "gateway-load-balancer-endpoint";
    assert_eq!(endpoint("service = \"s\"\n"), [(code, Some(1))]);
    assert_eq!(endpoint("service = \"s\"\nsubnets = [\"a\", \"b\"]\n"), [(code, Some(1))]);
    assert_eq!(
        endpoint("service = \"s\"\nsubnets = [\"a\"]\naddresses = [\"10.0.0.8\", \"10.0.0.9\"]\n"),
        [(code, Some(1))]
    );
    assert_eq!(endpoint("service = \"s\"\nsubnets = [\"a\"]\nsecurity_groups = []\n"), [(code, Some(1))]);
    assert_eq!(endpoint("service = \"s\"\nsubnets = [\"a\"]\nudp = true\n"), [(code, Some(1))]);
    assert_eq!(endpoint("subnets = [\"a\"]\n"), [("no-service", Some(1))]);
    assert_eq!(endpoint("service = \"s\"\nsubnets = [\"c\"]\n"), [("unknown-reference", Some(4))]);
}

#[test]
fn lints_about_routes_and_groups_have_their_lines() {
    let partner = "[vpc_peering_connection.p]\npeer_cidrs = [\"10.9.0.0/16\"]\n";
    let to = |more: &str| said(&format!("{partner}{more}"));
    let table = "[route_table.t]\nroutes = [{ to = \"192.168.0.0/16\", via = \"p\" }]\n";
    assert_eq!(to(table), [("peering-destination", Some(4))]);
    let inactive = "active = false\n[route_table.t]\nroutes = [{ to = \"10.9.0.0/16\", via = \"p\" }]\n";
    assert_eq!(to(inactive), [("peering-inactive", Some(5))]);
    let apart = "[transit_gateway.hub]\n[route_table.t]\nroutes = [{ to = \"10.9.0.0/16\", via = \"hub\" }]\n";
    assert_eq!(said(apart), [("not-attached", Some(3))]);
    let off = NEIGHBORS.replacen("inter_region = true", "", 1).replacen(
        "accepter = \"shared\"",
        "accepter = \"shared\"\ninter_region = true",
        1,
    );
    let loaded = native::parse("neighbors.toml", &off).unwrap_or_else(|error| panic!("{error}"));
    let found: Vec<_> = loaded.findings.iter().map(|finding| (finding.code, finding.origin.line)).collect();
    let rules = [line(&off, "ingress = "), line(&off, "egress = ")];
    assert_eq!(found, rules.map(|line| ("unreachable-group", line)));
}
