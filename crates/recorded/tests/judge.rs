//! What configurations say of records.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{NETWORK, judged, told};

/// The six records of a connection through a NAT gateway (W4).
const THROUGH_GATEWAY: &str = "\
eni-app 10.0.1.5 203.0.113.5 40112 443 6 ACCEPT 3 10.0.1.5 203.0.113.5 egress
eni-nat 10.0.1.5 10.0.0.220 40112 443 6 ACCEPT 3 10.0.1.5 203.0.113.5 ingress
eni-nat 10.0.0.220 203.0.113.5 23451 443 6 ACCEPT 3 10.0.0.220 203.0.113.5 egress
eni-nat 203.0.113.5 10.0.0.220 443 23451 6 ACCEPT 19 203.0.113.5 10.0.0.220 ingress
eni-nat 10.0.0.220 10.0.1.5 443 40112 6 ACCEPT 19 203.0.113.5 10.0.1.5 egress
eni-app 203.0.113.5 10.0.1.5 443 40112 6 ACCEPT 19 203.0.113.5 10.0.1.5 ingress";
const FULL: &str =
    "interface-id srcaddr dstaddr srcport dstport protocol action tcp-flags pkt-srcaddr pkt-dstaddr flow-direction";
const SHORT: &str = "interface-id srcaddr dstaddr srcport dstport protocol action";

/// The first columns of records.
fn shortened(records: &str) -> String {
    records.lines().map(|line| line.split(' ').take(7).collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn of_a_gateway_what_its_client_may_send_decides() {
    let by_app = "REJECT ENI_SG_RULES_MISMATCH by eni-app";
    assert_eq!(told(NETWORK, FULL, THROUGH_GATEWAY), ["ACCEPT"; 6]);
    let closed = NETWORK.replace(r#"{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }, "#, "");
    assert_eq!(told(&closed, FULL, THROUGH_GATEWAY), [by_app, by_app, "ACCEPT", "ACCEPT", by_app, by_app]);
    // Without the headers' addresses nobody knows to whom a client talked through it.
    let short = shortened(THROUGH_GATEWAY);
    assert_eq!(told(NETWORK, SHORT, &short), ["ACCEPT"; 6]);
    assert_eq!(told(&closed, SHORT, &short), [by_app, "ACCEPT", "ACCEPT", "ACCEPT", "ACCEPT", by_app]);
}

#[test]
fn a_client_may_answer_through_a_gateway_what_came_another_way() {
    let record = "eni-nat 10.0.1.5 10.0.0.220 8443 50000 6 ACCEPT 19 10.0.1.5 203.0.113.5 ingress";
    assert_eq!(told(NETWORK, FULL, record), ["ACCEPT"]);
    // What opens a connection there would be refused by the client's group.
    let opening = record.replace(" 19 ", " 3 ");
    assert_eq!(told(NETWORK, FULL, &opening), ["REJECT ENI_SG_RULES_MISMATCH by eni-app"]);
}

#[test]
fn of_a_gateway_the_network_acl_is_asked_about_both_sides() {
    let acl = r#"
        [network_acl.pub]
        vpc = "main"
        ingress = [{ rule = 100, action = "allow", proto = "tcp", from = "10.0.0.0/8" }]
        egress = [{ rule = 100, action = "allow", proto = "tcp", ports = "443", to = "0.0.0.0/0" }]
    "#;
    let network = NETWORK.replace("route_table = \"public\"\n", "route_table = \"public\"\nnacl = \"pub\"\n") + acl;
    let by_acl = "REJECT SUBNET_ACL_RESTRICTION by acl-pub rule *";
    // What answers is refused as it comes back, which is what its clients miss.
    assert_eq!(told(&network, FULL, THROUGH_GATEWAY), ["ACCEPT", "ACCEPT", "ACCEPT", by_acl, by_acl, by_acl]);
    let short = shortened(THROUGH_GATEWAY);
    assert_eq!(told(&network, SHORT, &short), ["ACCEPT", "ACCEPT", "ACCEPT", by_acl, by_acl, by_acl]);
}

#[test]
fn block_public_access_is_met_where_a_gateway_meets_the_internet() {
    let with = |mode: &str| format!("{NETWORK}\n[block_public_access]\nmode = \"{mode}\"\n");
    let blocked = "REJECT VPC_BLOCK_PUBLIC_ACCESS_ENABLED by igw-igw";
    // What is on its way to the gateway passes, and nothing ever comes back.
    let expected = ["ACCEPT", "ACCEPT", blocked, blocked, blocked, blocked];
    assert_eq!(told(&with("block-bidirectional"), FULL, THROUGH_GATEWAY), expected);
    let short = ["ACCEPT", "ACCEPT", blocked, blocked, "ACCEPT", blocked];
    assert_eq!(told(&with("block-bidirectional"), SHORT, &shortened(THROUGH_GATEWAY)), short);
    assert_eq!(told(&with("block-ingress"), FULL, THROUGH_GATEWAY), ["ACCEPT"; 6]);
}

/// The four records of a connection at a regional NAT gateway (W5), and those of its client.
const THROUGH_REGIONAL: &str = "\
- 10.0.2.5 203.0.113.5 40112 443 6 ACCEPT
- 198.51.100.30 203.0.113.5 23451 443 6 ACCEPT
- 203.0.113.5 198.51.100.30 443 23451 6 ACCEPT
- 203.0.113.5 10.0.2.5 443 40112 6 ACCEPT
eni-far 10.0.2.5 203.0.113.5 40112 443 6 ACCEPT
eni-far 203.0.113.5 10.0.2.5 443 40112 6 ACCEPT";

#[test]
fn a_regional_gateway_is_found_by_the_addresses_where_no_interface_is_told() {
    assert_eq!(told(NETWORK, SHORT, THROUGH_REGIONAL), ["ACCEPT"; 6]);
    let closed = NETWORK.replace(r#"{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }, "#, "");
    let by_far = "REJECT ENI_SG_RULES_MISMATCH by eni-far";
    assert_eq!(told(&closed, SHORT, THROUGH_REGIONAL), [by_far, "ACCEPT", "ACCEPT", by_far, by_far, by_far]);
    let blocked = "REJECT VPC_BLOCK_PUBLIC_ACCESS_ENABLED by igw-igw";
    let network = format!("{NETWORK}\n[block_public_access]\nmode = \"block-bidirectional\"\n");
    assert_eq!(told(&network, SHORT, THROUGH_REGIONAL), ["ACCEPT", blocked, blocked, blocked, "ACCEPT", blocked]);
    // With another one, that of a client's record is not told any more.
    let another = r#"
        [nat_gateway.second]
        vpc = "main"
        mode = "regional"
        addresses = [{ public = "198.51.100.40", az = "us-east-1a" }]
    "#;
    let unknown = "not judged: it is of a regional NAT gateway, and does not tell of which";
    let several = format!("{NETWORK}{another}");
    assert_eq!(told(&several, SHORT, THROUGH_REGIONAL), [unknown, "ACCEPT", "ACCEPT", unknown, "ACCEPT", "ACCEPT"]);
    // Unless records name it.
    let named: String = THROUGH_REGIONAL.lines().take(4).map(|line| format!("nat-far {line}\n")).collect();
    assert_eq!(told(&several, &format!("resource-id {SHORT}"), &named), ["ACCEPT"; 4]);
}

#[test]
fn a_column_that_is_not_there_says_nothing() {
    let records: String = THROUGH_REGIONAL.lines().skip(4).map(|line| line[8..].to_owned() + "\n").collect();
    let by_far = "REJECT ENI_SG_RULES_MISMATCH by eni-far";
    let closed = NETWORK.replace(r#"{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }, "#, "");
    assert_eq!(told(&closed, &SHORT["interface-id ".len()..], &records), [by_far, by_far]);
}

#[test]
fn of_what_forwards_the_headers_addresses_decide_or_nothing_does() {
    let records = "\
eni-fw 203.0.113.5 10.0.0.30 51800 443 6 ACCEPT 2 203.0.113.5 10.0.0.10 ingress
eni-fw 203.0.113.5 10.0.0.30 51800 443 6 ACCEPT 2 203.0.113.5 10.0.0.30 ingress";
    let by_fw = "REJECT SG_HAS_NO_RULES by eni-fw";
    let not =
        "not judged: its interface forwards, and without pkt-srcaddr and pkt-dstaddr it does not tell whose packets";
    assert_eq!(told(NETWORK, FULL, records)[1], by_fw);
    assert_eq!(told(NETWORK, SHORT, &shortened(records)), [not, not]);
}

#[test]
fn whichever_of_its_addresses_explains_a_record_will_do() {
    // Only the second address has a public one, and records show the first (W7).
    let record = "eni-two 203.0.113.5 10.0.0.40 51600 443 6 ACCEPT";
    assert_eq!(told(NETWORK, SHORT, record), ["ACCEPT"]);
    let closed = NETWORK.replace(r#"{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }"#, "");
    assert_eq!(told(&closed, SHORT, record), ["REJECT SG_HAS_NO_RULES by eni-two"]);
    let full = "eni-two 203.0.113.5 10.0.0.40 51600 443 6 ACCEPT 2 203.0.113.5 10.0.0.41 ingress";
    assert_eq!(told(&closed, FULL, full), ["REJECT SG_HAS_NO_RULES by eni-two"]);
}

#[test]
fn an_address_that_nothing_reaches_decides_on_nothing_where_others_are_reached() {
    // Of the first address, which has no public one, the internet gateway brings nothing, and nobody records that (9.5).
    let asked = "eni-two 203.0.113.5 10.0.0.40 51600 443 6 ACCEPT";
    let answered = "eni-two 10.0.0.40 203.0.113.5 443 51600 6 ACCEPT";
    let refused = "eni-two 203.0.113.5 10.0.0.40 51600 22 6 REJECT";
    let records = [asked, answered, refused].join("\n");
    let by_two = "REJECT ENI_SG_RULES_MISMATCH by eni-two";
    assert_eq!(told(NETWORK, SHORT, &records), ["ACCEPT", "ACCEPT", by_two]);
    let changed = NETWORK.replace(r#"{ proto = "tcp", ports = "443", from"#, r#"{ proto = "tcp", ports = "22", from"#);
    assert_eq!(told(&changed, SHORT, &records), [by_two, by_two, "ACCEPT"]);
    // Where none is reached, that is what keeps its packets away.
    let private = NETWORK.replace(r#", public = "198.51.100.9""#, "");
    let by_igw = "REJECT IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS by igw-igw";
    assert_eq!(told(&private, SHORT, &records), [by_igw, by_igw, by_igw]);
}

#[test]
fn what_was_refused_may_have_come_too_late() {
    let header = "interface-id srcaddr dstaddr srcport dstport protocol action tcp-flags";
    // A server whose group lets it answer, and open nothing.
    let network = NETWORK.replace(r#"egress = [{ proto = "all", to = "0.0.0.0/0" }]"#, "egress = []");
    let record = |flags: &str| format!("eni-web 10.0.0.10 203.0.113.5 443 51514 6 REJECT {flags}");
    // The last acknowledgement after both ends have closed (W13).
    assert_eq!(told(&network, header, &record("0")), ["REJECT SG_HAS_NO_RULES by eni-web"]);
    // What opens a connection is not late.
    assert_eq!(told(&network, header, &record("18")), ["ACCEPT"]);
    let late = "not judged: it may be of packets that came after their connection was over";
    assert_eq!(told(&network, SHORT, shortened(&record("0")).trim()), [late]);
    let dns = "eni-app 203.0.113.5 10.0.1.5 53 40000 17 REJECT";
    assert_eq!(told(NETWORK, SHORT, dns), [late]);
    // Refused as the request itself is, it is explained.
    let ssh = "eni-web 203.0.113.5 10.0.0.10 51514 22 6 REJECT";
    assert_eq!(told(&network, SHORT, ssh), ["REJECT ENI_SG_RULES_MISMATCH by eni-web"]);
    let web = "eni-web 203.0.113.5 10.0.0.10 51514 443 6 REJECT";
    assert_eq!(told(&network, SHORT, web), ["ACCEPT"]);
}

#[test]
fn what_was_refused_without_a_sign_of_an_opening_is_not_newly_allowed() {
    let late = "not judged: it may be of packets that came after their connection was over";
    let header = "interface-id srcaddr dstaddr srcport dstport protocol action tcp-flags packets bytes";
    let asked =
        |flags: &str, counts: &str| format!("eni-web 203.0.113.5 10.0.0.10 51514 443 6 REJECT {flags} {counts}");
    let answered =
        |flags: &str, counts: &str| format!("eni-web 10.0.0.10 203.0.113.5 443 51514 6 REJECT {flags} {counts}");
    // Flags know, whatever the size: nothing, FIN, RST, and then SYN and SYN-ACK.
    for flags in ["0", "1", "4", "5"] {
        assert_eq!(told(NETWORK, header, &asked(flags, "1 60")), [late], "{flags}");
        assert_eq!(told(NETWORK, header, &answered(flags, "1 60")), [late], "{flags}");
    }
    assert_eq!(told(NETWORK, header, &asked("2", "1 40")), ["ACCEPT"]);
    assert_eq!(told(NETWORK, header, &asked("3", "4 1400")), ["ACCEPT"]);
    assert_eq!(told(NETWORK, header, &answered("18", "1 40")), ["ACCEPT"]);
    // Without them sizes tell: SYNs of scanners and hosts, and what has no options, a timestamp alone, or data.
    for counts in ["1 44", "3 180", "2 128"] {
        assert_eq!(told(NETWORK, header, &asked("-", counts)), ["ACCEPT"], "{counts}");
        assert_eq!(told(NETWORK, header, &answered("-", counts)), ["ACCEPT"], "{counts}");
    }
    for counts in ["1 40", "4 160", "1 52", "2 92", "9 1240"] {
        assert_eq!(told(NETWORK, header, &asked("-", counts)), [late], "{counts}");
        assert_eq!(told(NETWORK, header, &answered("-", counts)), [late], "{counts}");
    }
    // Neither are ports that do not tell who opened it.
    let unclear = "eni-web 10.0.0.10 203.0.113.5 50000 51514 6 REJECT";
    assert_eq!(told(NETWORK, header, &format!("{unclear} 4 1 40")), [late]);
    assert_eq!(told(NETWORK, header, &format!("{unclear} - 1 40")), [late]);
    assert_eq!(told(NETWORK, header, &format!("{unclear} - 1 60")), ["ACCEPT"]);
    // What is refused still is refused as it was, and what is no connection has no end.
    let ssh = "eni-web 203.0.113.5 10.0.0.10 51514 22 6 REJECT - 1 40";
    assert_eq!(told(NETWORK, header, ssh), ["REJECT ENI_SG_RULES_MISMATCH by eni-web"]);
    let dns = "eni-web 10.0.0.10 203.0.113.5 40000 53 17 REJECT - 1 40";
    assert_eq!(told(NETWORK, header, dns), ["ACCEPT"]);
    // What was accepted has nothing to do with it.
    let closed = NETWORK.replace(r#"{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }"#, "");
    let accepted = asked("-", "9 360").replace("REJECT", "ACCEPT");
    assert_eq!(told(&closed, header, &accepted), ["REJECT SG_HAS_NO_RULES by eni-web"]);
}

#[test]
fn of_a_reply_the_first_refusal_on_the_way_of_its_flow_is_named() {
    // Both the request and its reply would be refused, by different ends.
    let closed = NETWORK.replace(r#"{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }, "#, "");
    let reply = "eni-app 203.0.113.5 10.0.1.5 443 40112 6 ACCEPT";
    assert_eq!(told(&closed, SHORT, reply), ["REJECT ENI_SG_RULES_MISMATCH by eni-app"]);
    // Nothing from outside opens a flow with a private address: with ports that do not tell, it is a reply all the same.
    let unclear = "eni-app 203.0.113.5 10.0.1.5 50000 40112 6 ACCEPT";
    assert_eq!(told(&closed, SHORT, unclear), ["REJECT ENI_SG_RULES_MISMATCH by eni-app"]);
}

#[test]
fn of_either_side_the_one_is_taken_whose_flow_a_change_has_stopped() {
    // A host that asks for the time and one that pings. Their group would let nobody ask them.
    let with = |old: &str, new: &str| NETWORK.replace(old, new);
    let answered = "eni-web 203.0.113.9 10.0.0.10 123 123 17 ACCEPT";
    let time = format!("eni-web 10.0.0.10 203.0.113.9 123 123 17 ACCEPT\n{answered}");
    assert_eq!(told(NETWORK, SHORT, &time), ["ACCEPT", "ACCEPT"]);
    let acl = |rule: &str, rest: &str| {
        let acl = format!(
            r#"
            [network_acl.pub]
            vpc = "main"
            ingress = [{{ rule = 100, action = "allow", proto = "{rest}", from = "0.0.0.0/0" }}]
            egress = [{rule}, {{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }}]
            "#
        );
        with("route_table = \"public\"\n", "route_table = \"public\"\nnacl = \"pub\"\n") + &acl
    };
    let by_rule = "REJECT SUBNET_ACL_RESTRICTION by acl-pub rule 90";
    let no_time = acl(r#"{ rule = 90, action = "deny", proto = "udp", ports = "123", to = "0.0.0.0/0" }"#, "all");
    assert_eq!(told(&no_time, SHORT, &time), [by_rule, by_rule]);
    // A route that is gone: what is sent is accepted still (9.5), and never answered.
    let no_route = with(r#"routes = [{ to = "0.0.0.0/0", via = "igw" }]"#, "routes = []");
    assert_eq!(told(&no_route, SHORT, &time), ["ACCEPT", "REJECT NO_ROUTE_TO_DESTINATION by rtb-public"]);
    // Of pings, errors might be what came.
    let or_else = ", or else it may be of ICMP errors about a flow that passes";
    let pong = "eni-web 203.0.113.9 10.0.0.10 0 0 1 ACCEPT";
    assert_eq!(told(&no_route, SHORT, pong), [format!("REJECT NO_ROUTE_TO_DESTINATION by rtb-public{or_else}")]);
    let no_ping = acl(r#"{ rule = 90, action = "deny", proto = "icmp", to = "0.0.0.0/0" }"#, "all");
    assert_eq!(told(&no_ping, SHORT, pong), [format!("{by_rule}{or_else}")]);
    // Where the group lets neither side ask, it is the group all the same.
    let closed = with(r#"egress = [{ proto = "all", to = "0.0.0.0/0" }]"#, "egress = []");
    assert_eq!(told(&closed, SHORT, answered), ["REJECT ENI_SG_RULES_MISMATCH by eni-web"]);
    // And where it is what stops the side that asked, an ACL that stops the other is not looked at.
    let not_asked = acl(r#"{ rule = 90, action = "deny", proto = "tcp", to = "192.0.2.1/32" }"#, "tcp").replace(
        r#"egress = [{ proto = "all", to = "0.0.0.0/0" }]"#,
        r#"egress = [{ proto = "tcp", to = "0.0.0.0/0" }]"#,
    );
    assert_eq!(told(&not_asked, SHORT, &time)[0], "REJECT ENI_SG_RULES_MISMATCH by eni-web");
}

#[test]
fn of_two_that_are_lost_on_their_way_who_is_inside_has_asked() {
    // The client's route has been led past the NAT gateway.
    let network = NETWORK.replace(r#"via = "nat" }"#, r#"via = "igw" }"#).replace(
        r#"{ proto = "udp", ports = "53", to"#,
        r#"{ proto = "icmp", to = "0.0.0.0/0" }, { proto = "udp", ports = "53", to"#,
    );
    let pings = "\
eni-nat 10.0.1.5 10.0.0.220 0 0 1 ACCEPT 0 10.0.1.5 203.0.113.5 ingress
eni-nat 10.0.0.220 10.0.1.5 0 0 1 ACCEPT 0 203.0.113.5 10.0.1.5 egress
eni-app 203.0.113.5 10.0.1.5 0 0 1 ACCEPT 0 203.0.113.5 10.0.1.5 ingress";
    let lost = "REJECT IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS by igw-igw, \
                or else it may be of ICMP errors about a flow that passes";
    assert_eq!(told(&network, FULL, pings), [lost, lost, lost]);
}

#[test]
fn a_ping_that_is_refused_differs_once_it_is_answered() {
    let header = "interface-id srcaddr dstaddr srcport dstport protocol action packets bytes start end";
    let asked = "eni-app 10.0.1.5 203.0.113.5 0 0 1 ACCEPT 3 252 100 130\n";
    let answered = "eni-app 203.0.113.5 10.0.1.5 0 0 1 ACCEPT 3 252 100 130\n";
    let both = format!("{asked}{answered}");
    // Records that agree, differ, and cannot be judged.
    let open = NETWORK.replace(
        r#"{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }, "#,
        r#"{ proto = "icmp", to = "0.0.0.0/0" }, "#,
    );
    assert_eq!(judged(&open, header, &both), (2, 0, 0));
    assert_eq!(judged(NETWORK, header, &both), (0, 2, 0));
    // An error of a router about a flow that passes, and one of the client's.
    let errors = "eni-app 192.0.2.1 10.0.1.5 0 0 1 ACCEPT 3 168 100 130\neni-app 10.0.1.5 203.0.113.9 0 0 1 ACCEPT 1 88 100 130\n";
    assert_eq!(judged(NETWORK, header, errors), (0, 0, 2));
    assert_eq!(
        told(NETWORK, header, asked.trim()),
        ["REJECT ENI_SG_RULES_MISMATCH by eni-app, or else it may be of ICMP errors about a flow that passes"]
    );
    // A network ACL stops errors too.
    let acl = r#"
        [network_acl.app]
        vpc = "main"
        ingress = [{ rule = 100, action = "allow", proto = "tcp", from = "0.0.0.0/0" }]
        egress = [{ rule = 100, action = "allow", proto = "tcp", to = "0.0.0.0/0" }]
    "#;
    let network = NETWORK.replace("route_table = \"private\"\n", "route_table = \"private\"\nnacl = \"app\"\n") + acl;
    assert_eq!(judged(&network, header, errors), (0, 2, 0));
    // At the gateway, whose network ACL lets all pass, it is the client's group that refuses.
    let gateway = "\
eni-nat 10.0.1.5 10.0.0.220 0 0 1 ACCEPT 3 10.0.1.5 203.0.113.5 ingress
eni-nat 10.0.0.220 10.0.1.5 0 0 1 ACCEPT 3 203.0.113.5 10.0.1.5 egress";
    assert_eq!(judged(&open, FULL, gateway), (2, 0, 0));
    assert_eq!(judged(NETWORK, FULL, gateway), (0, 2, 0));
}

#[test]
fn who_pinged_is_not_known_where_only_one_side_still_could() {
    let header = "interface-id srcaddr dstaddr srcport dstport protocol action packets bytes start end";
    let records = "\
eni-web 203.0.113.5 10.0.0.10 0 0 1 ACCEPT 3 252 100 130
eni-web 10.0.0.10 203.0.113.5 0 0 1 ACCEPT 3 252 100 130";
    let either = "not judged: it may be of pings of either side, and only one side's would pass";
    assert_eq!(told(NETWORK, header, records), [either, either]);
    let neither = NETWORK.replace(r#"egress = [{ proto = "all", to"#, r#"egress = [{ proto = "tcp", to"#);
    assert_eq!(judged(&neither, header, records), (0, 2, 0));
    let both = NETWORK.replace(
        r#"ingress = [{ proto = "tcp", ports = "443""#,
        r#"ingress = [{ proto = "icmp", from = "0.0.0.0/0" }, { proto = "tcp", ports = "443""#,
    );
    assert_eq!(judged(&both, header, records), (2, 0, 0));
}

#[test]
fn a_message_that_was_refused_may_have_belonged_to_nothing() {
    let ping = "eni-web 203.0.113.5 10.0.0.10 0 0 1 REJECT";
    let with = |rule: &str| {
        NETWORK.replace(
            r#"ingress = [{ proto = "tcp", ports = "443""#,
            &format!("ingress = [{rule}, {{ proto = \"tcp\", ports = \"443\""),
        )
    };
    assert_eq!(told(NETWORK, SHORT, ping), ["REJECT ENI_SG_RULES_MISMATCH by eni-web"]);
    let echo = with(r#"{ proto = "icmp", type = "echo-request", from = "0.0.0.0/0" }"#);
    assert_eq!(told(&echo, SHORT, ping), ["not judged: it may be of ICMP messages that belong to no flow"]);
    let all = with(r#"{ proto = "icmp", from = "0.0.0.0/0" }"#);
    assert_eq!(told(&all, SHORT, ping), ["ACCEPT"]);
}
