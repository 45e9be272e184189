//! Gateway endpoints (10.1-10.6, P7) and interface endpoints (10.7-10.12, P8).

use vpcemu_dataplane::output::GeneratedKind;
use vpcemu_dataplane::{DropReason, Midstream, Options};
use vpcemu_model::native;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::path::{acl, but};
use vpcemu_tests::{Lab, data, headers, ping, reply_to, socket, syn, udp};

const APP: &str = "10.0.0.10:4000";
const S3: &str = "52.216.0.10:443";
const SERVICE: &str = "10.0.1.50:443";

fn text() -> String {
    let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[subnet.app]
cidrs = ["10.0.0.0/24"]
route_table = "app"
nacl = "app"
[subnet.services]
cidrs = ["10.0.1.0/24"]
nacl = "services"
[route_table.app]
[prefix_list.s3]
entries = ["52.216.0.0/15"]
[prefix_list.dynamodb]
entries = ["52.94.0.0/22"]
[vpc_endpoint.s3]
type = "gateway"
service = "s3"
prefix_list = "s3"
route_tables = ["app"]
[vpc_endpoint.dynamodb]
type = "gateway"
service = "com.amazonaws.us-east-1.dynamodb"
prefix_list = "dynamodb"
route_tables = ["app"]
[vpc_endpoint.queue]
type = "interface"
service = "sqs"
subnets = ["services"]
addresses = ["10.0.1.50"]
security_groups = ["endpoint"]
[security_group.app]
egress = [{ proto = "all", to = "pl:s3" }, { proto = "all", to = "pl:dynamodb" }, { proto = "all", to = "10.0.0.0/16" }]
[security_group.endpoint]
ingress = [{ proto = "all", from = "10.0.0.0/16" }]
egress = []
[instance.app]
subnet = "app"
addresses = ["10.0.0.10"]
security_groups = ["app"]
[instance.near]
subnet = "services"
addresses = ["10.0.1.10"]
"#;
    [("app", "main"), ("services", "main")].iter().fold(network.to_owned(), |text, (name, vpc)| text + &acl(name, vpc))
}

#[test]
fn p7_to_a_gateway_endpoint_and_back() {
    for packet in [syn(APP, S3), ping("10.0.0.10", "52.216.0.10", 9)] {
        let mut lab = Lab::new(&text());
        let sent = lab.leave("app", packet).delivered("vpce-s3").source("10.0.0.10");
        let sent = sent.steps(&["sg eni-app egress", "nacl acl-app egress", "route rtb-app", "endpoint vpce-s3"]);
        let reply = lab.answer("vpce-s3", "app", sent.reply()).delivered("eni-app");
        reply.steps(&["endpoint vpce-s3", "nacl acl-app ingress", "sg eni-app ingress"]);
    }
}

#[test]
fn p7_each_rule_that_is_taken_away_denies() {
    let deny = |list: &str, word: &str| {
        let head = "[network_acl.app]\nvpc = \"main\"";
        let text = text();
        let (before, after) = text.split_once(head).unwrap();
        let entry =
            format!("{list} = [{{ rule = 10, action = \"deny\", proto = \"all\", {word} = \"52.216.0.0/15\" }}, ");
        format!("{before}{head}{}", after.replacen(&format!("{list} = ["), &entry, 1))
    };
    Lab::new(&deny("egress", "to")).leave("app", syn(APP, S3)).dropped(DropReason::NetworkAcl, "acl-app");
    let mut lab = Lab::new(&deny("ingress", "from"));
    let sent = lab.leave("app", syn(APP, S3)).delivered("vpce-s3");
    lab.answer("vpce-s3", "app", sent.reply()).dropped(DropReason::NetworkAcl, "acl-app");
    let unruled = but(&text(), "{ proto = \"all\", to = \"pl:s3\" }, ", "");
    Lab::new(&unruled).leave("app", syn(APP, S3)).dropped(DropReason::SecurityGroup, "eni-app");
    let unrouted = but(&text(), "prefix_list = \"s3\"\nroute_tables = [\"app\"]", "prefix_list = \"s3\"");
    Lab::new(&unrouted).leave("app", syn(APP, S3)).dropped(DropReason::NoRoute, "rtb-app");
}

#[test]
fn a_gateway_endpoint_takes_and_brings_tcp_and_echo_of_its_service() {
    let mut lab = Lab::new(&text());
    lab.leave("app", udp(APP, "52.216.0.10:53")).dropped(DropReason::EndpointProtocol, "vpce-s3");
    let reply = build::echo_reply("10.0.0.10".parse().unwrap(), "52.216.0.10".parse().unwrap(), 1, 1).build();
    lab.leave("app", reply).dropped(DropReason::EndpointProtocol, "vpce-s3");
    lab.answer("vpce-s3", "app", udp("52.216.0.10:53", APP)).dropped(DropReason::EndpointProtocol, "vpce-s3");
    lab.answer("vpce-s3", "app", ping("52.216.0.10", "10.0.0.10", 1)).dropped(DropReason::EndpointProtocol, "vpce-s3");
    lab.answer("vpce-s3", "app", data("198.51.100.7:443", APP)).dropped(DropReason::EndpointSource, "vpce-s3");
    // What it brings is judged like anything else.
    lab.answer("vpce-s3", "app", syn(S3, APP)).dropped(DropReason::SecurityGroupEmpty, "eni-app");
}

#[test]
fn a_gateway_endpoint_serves_its_own_vpc_only() {
    let forwarding =
        but(&text(), "security_groups = [\"app\"]", "security_groups = [\"app\"]\nsource_dest_check = false");
    let mut lab = Lab::new(&forwarding);
    lab.leave("app", syn("192.168.1.1:4000", S3)).dropped(DropReason::Spoofed, "vpce-s3");
}

#[test]
fn a_gateway_endpoint_carries_8500_bytes() {
    // A ping: a larger TCP segment counts as put together by the capturing host (1.22).
    let sized = |size: usize, df| {
        let echo = build::echo_request("10.0.0.10".parse().unwrap(), "52.216.0.10".parse().unwrap(), 1, 1);
        echo.payload(&vec![7; size - 28]).dont_fragment(df).build()
    };
    let mut lab = Lab::new(&text());
    lab.leave("app", sized(8500, true)).delivered("vpce-s3");
    for df in [true, false] {
        assert!(lab.leave("app", sized(8501, df)).dropped(DropReason::Mtu, "vpce-s3").generated.is_none());
    }
    let opening = build::tcp(socket(APP), socket(S3)).flags(TcpFlags::SYN).mss(8961).build();
    let sent = lab.leave("app", opening).delivered("vpce-s3");
    assert_eq!(u16::from_be_bytes([sent.bytes[42], sent.bytes[43]]), 8460);
    let small = format!("{}[behavior.vpc_endpoint]\nmtu = 1500\nmss_clamp = false\n", text());
    let mut lab = Lab::new(&small);
    lab.leave("app", sized(1501, false)).dropped(DropReason::Mtu, "vpce-s3");
    let opening = build::tcp(socket(APP), socket(S3)).flags(TcpFlags::SYN).mss(8961).build();
    let sent = lab.leave("app", opening).delivered("vpce-s3");
    assert_eq!(u16::from_be_bytes([sent.bytes[42], sent.bytes[43]]), 8961);
}

#[test]
fn connections_to_dynamodb_are_always_tracked() {
    // Open to everyone both ways, so that nothing would be remembered (6.15), until the rules go.
    let open = but(
        &text(),
        "[security_group.app]\negress = [",
        "[security_group.app]\ningress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]\negress = [{ proto = \"all\", to = \"0.0.0.0/0\" }, ",
    );
    let shut = but(&open, "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]\n", "");
    let mut lab = Lab::then(&[&open, &shut]);
    let s3 = lab.leave("app", syn(APP, S3)).delivered("vpce-s3");
    let dynamodb = lab.leave("app", syn(APP, "52.94.0.10:443")).delivered("vpce-dynamodb");
    lab.switch();
    lab.answer("vpce-s3", "app", s3.reply()).dropped(DropReason::SecurityGroupEmpty, "eni-app");
    lab.answer("vpce-dynamodb", "app", dynamodb.reply()).delivered("eni-app");
}

#[test]
fn p8_to_an_interface_endpoint_and_back() {
    let mut lab = Lab::new(&text());
    let sent = lab.leave("app", syn(APP, SERVICE)).delivered("eni-queue-1").steps(&[
        "sg eni-app egress",
        "nacl acl-app egress",
        "route rtb-app",
        "nacl acl-services ingress",
        "sg eni-queue-1 ingress",
        "endpoint vpce-queue",
    ]);
    let reply = lab.leave("eni-queue-1", sent.reply()).delivered("eni-app");
    reply.steps(&[
        "endpoint vpce-queue",
        "sg eni-queue-1 egress",
        "nacl acl-services egress",
        "route rtb-main-main",
        "nacl acl-app ingress",
        "sg eni-app ingress",
    ]);
    // From its own subnet both network ACLs are skipped.
    let sent = lab.leave("near", syn("10.0.1.10:4000", SERVICE)).delivered("eni-queue-1");
    let sent = sent.steps(&["sg eni-near egress", "sg eni-queue-1 ingress", "endpoint vpce-queue"]);
    let reply = lab.leave("eni-queue-1", sent.reply()).delivered("eni-near");
    reply.steps(&["endpoint vpce-queue", "sg eni-queue-1 egress", "sg eni-near ingress"]);
}

#[test]
fn p8_each_rule_that_is_taken_away_denies() {
    let deny = |acl: &str, list: &str, word: &str, block: &str| {
        let head = format!("[network_acl.{acl}]\nvpc = \"main\"");
        let text = text();
        let (before, after) = text.split_once(&head).unwrap();
        let entry = format!("{list} = [{{ rule = 10, action = \"deny\", proto = \"all\", {word} = \"{block}\" }}, ");
        format!("{before}{head}{}", after.replacen(&format!("{list} = ["), &entry, 1))
    };
    for (acl, list, word, block, reply_dies) in [
        ("app", "egress", "to", "10.0.1.0/24", false),
        ("services", "ingress", "from", "10.0.0.0/24", false),
        ("services", "egress", "to", "10.0.0.0/24", true),
        ("app", "ingress", "from", "10.0.1.0/24", true),
    ] {
        let mut lab = Lab::new(&deny(acl, list, word, block));
        let sent = lab.leave("app", syn(APP, SERVICE));
        let died = if reply_dies { lab.leave("eni-queue-1", sent.delivered("eni-queue-1").reply()) } else { sent };
        assert_eq!(died.steps.last(), Some(&format!("nacl acl-{acl} {list} DENY")));
        died.dropped(DropReason::NetworkAcl, &format!("acl-{acl}"));
    }
    let shut = but(&text(), "ingress = [{ proto = \"all\", from = \"10.0.0.0/16\" }]", "ingress = []");
    Lab::new(&shut).leave("app", syn(APP, SERVICE)).dropped(DropReason::SecurityGroupEmpty, "eni-queue-1");
}

#[test]
fn an_interface_endpoint_never_begins() {
    let mut lab = Lab::new(&but(&text(), "egress = []\n", ""));
    for packet in [syn(SERVICE, APP), udp(SERVICE, APP), ping("10.0.1.50", "10.0.0.10", 7)] {
        lab.leave("eni-queue-1", packet).dropped(DropReason::EndpointInitiates, "vpce-queue");
    }
    // Nor does it answer what it was not asked.
    lab.leave("app", syn(APP, SERVICE)).delivered("eni-queue-1");
    lab.leave("eni-queue-1", syn("10.0.1.50:443", "10.0.0.10:4001"))
        .dropped(DropReason::EndpointInitiates, "vpce-queue");
}

#[test]
fn an_interface_endpoint_answers_tcp_and_what_its_service_listens_on() {
    let mut lab = Lab::new(&text());
    lab.leave("app", ping("10.0.0.10", "10.0.1.50", 7)).dropped(DropReason::Protocol, "vpce-queue");
    lab.leave("app", udp(APP, SERVICE)).dropped(DropReason::Protocol, "vpce-queue");
    let mut lab = Lab::new(&but(&text(), "service = \"sqs\"", "service = \"sqs\"\nudp = true"));
    let sent = lab.leave("app", udp(APP, SERVICE)).delivered("eni-queue-1");
    lab.leave("eni-queue-1", sent.reply()).delivered("eni-app");
    // Its memory of UDP is 120 s; the client's own is shorter, so what comes late finds nobody either way.
    lab.wait(120.0);
    lab.leave("eni-queue-1", sent.reply()).dropped(DropReason::EndpointInitiates, "vpce-queue");
}

#[test]
fn tcp_that_was_idle_for_350_s_is_answered_with_a_reset() {
    let mut lab = Lab::new(&text());
    let sent = lab.leave("app", syn(APP, SERVICE)).delivered("eni-queue-1");
    lab.leave("eni-queue-1", sent.reply()).delivered("eni-app");
    lab.leave("app", data(APP, SERVICE)).delivered("eni-queue-1");
    lab.wait(349.9);
    lab.leave("app", data(APP, SERVICE)).delivered("eni-queue-1");
    lab.wait(350.0);
    let lost = lab.leave("app", data(APP, SERVICE)).dropped(DropReason::EndpointIdleExpired, "vpce-queue");
    let (kind, bytes, place) = lost.generated.expect("who speaks hears of it");
    assert_eq!((kind, place.as_deref()), (GeneratedKind::TcpReset, Some("eni-app")));
    let reset = headers(&bytes).key();
    assert_eq!((reset.src.to_string().as_str(), reset.src_port, reset.dst_port), ("10.0.1.50", 443, 4000));
    // The other end learns nothing, and what it says goes nowhere.
    lab.leave("eni-queue-1", data(SERVICE, APP)).dropped(DropReason::EndpointIdleExpired, "vpce-queue");
    // A SYN begins anew.
    lab.leave("app", syn(APP, SERVICE)).delivered("eni-queue-1");
    lab.leave("eni-queue-1", reply_to(&headers(&syn(APP, SERVICE)))).delivered("eni-app");
}

#[test]
fn resets_and_idle_times_are_knobs() {
    let knobs = "[behavior.vpc_endpoint]\ntcp_idle = \"60s\"\nrst_on_unknown = false\n";
    let mut lab = Lab::new(&format!("{}{knobs}", text()));
    let sent = lab.leave("app", syn(APP, SERVICE)).delivered("eni-queue-1");
    lab.leave("eni-queue-1", sent.reply()).delivered("eni-app");
    lab.leave("app", data(APP, SERVICE)).delivered("eni-queue-1");
    lab.wait(60.0);
    let lost = lab.leave("app", data(APP, SERVICE)).dropped(DropReason::EndpointIdleExpired, "vpce-queue");
    assert!(lost.generated.is_none());
}

#[test]
fn a_connection_that_nobody_saw_begin_is_adopted_or_reset() {
    // From either end, as captures have it.
    let mut lab = Lab::new(&text());
    let adopted = lab.leave("app", data(APP, SERVICE)).delivered("eni-queue-1");
    assert!(adopted.verdict.adopted);
    let mut lab = Lab::new(&text());
    assert!(lab.leave("eni-queue-1", data(SERVICE, APP)).delivered("eni-app").verdict.adopted);
    lab.leave("app", data(APP, SERVICE)).delivered("eni-queue-1");
    let strict = Options { midstream: Midstream::Strict, ..Options::default() };
    let network = native::parse("lab.toml", &text()).unwrap().network;
    let mut lab = Lab::of(&[network], strict);
    let lost = lab.leave("app", data(APP, SERVICE)).dropped(DropReason::EndpointNoSession, "vpce-queue");
    assert_eq!(
        lost.generated.map(|(kind, _, place)| (kind, place)),
        Some((GeneratedKind::TcpReset, Some("eni-app".to_owned())))
    );
}

#[test]
fn an_interface_endpoint_is_silent_about_what_is_too_large() {
    let mut lab = Lab::new(&but(&text(), "service = \"sqs\"", "service = \"sqs\"\nudp = true"));
    let sized = |size: usize, df| {
        build::udp(socket(APP), socket(SERVICE)).payload(&vec![7; size - 28]).dont_fragment(df).build()
    };
    lab.leave("app", sized(8500, true)).delivered("eni-queue-1");
    for df in [true, false] {
        assert!(lab.leave("app", sized(8501, df)).dropped(DropReason::Mtu, "vpce-queue").generated.is_none());
    }
    let opening = build::tcp(socket(APP), socket(SERVICE)).flags(TcpFlags::SYN).mss(8961).build();
    let sent = lab.leave("app", opening).delivered("eni-queue-1");
    assert_eq!(u16::from_be_bytes([sent.bytes[42], sent.bytes[43]]), 8460);
    let answer = build::tcp(socket(SERVICE), socket(APP)).flags(TcpFlags::SYN | TcpFlags::ACK).mss(8961).build();
    let sent = lab.leave("eni-queue-1", answer).delivered("eni-app");
    assert_eq!(u16::from_be_bytes([sent.bytes[42], sent.bytes[43]]), 8460);
}

#[test]
fn an_interface_endpoint_is_reached_over_a_peering_connection_and_tracked_there() {
    let peered = text()
        + "[vpc.other]\ncidrs = [\"10.9.0.0/16\"]\n[vpc_peering_connection.p]\nrequester = \"other\"\naccepter = \"main\"\n\
           [subnet.far]\nvpc = \"other\"\ncidrs = [\"10.9.0.0/24\"]\nroute_table = \"far\"\n\
           [route_table.far]\nvpc = \"other\"\nroutes = [{ to = \"10.0.0.0/16\", via = \"p\" }]\n\
           [route_table.services]\nvpc = \"main\"\nroutes = [{ to = \"10.9.0.0/16\", via = \"p\" }]\n\
           [instance.far]\nsubnet = \"far\"\naddresses = [\"10.9.0.10\"]\n";
    let named =
        peered.replace("[subnet.services]\n", "[subnet.services]\nvpc = \"main\"\nroute_table = \"services\"\n");
    let named = [
        "[subnet.app]\n",
        "[route_table.app]\n",
        "[security_group.app]\n",
        "[security_group.endpoint]\n",
        "[vpc_endpoint.s3]\n",
        "[vpc_endpoint.dynamodb]\n",
        "[vpc_endpoint.queue]\n",
    ]
    .iter()
    .fold(named, |text, head| text.replacen(head, &format!("{head}vpc = \"main\"\n"), 1));
    let named = but(&named, "from = \"10.0.0.0/16\"", "from = \"10.9.0.0/16\"");
    let mut lab = Lab::new(&named);
    let sent = lab.leave("far", syn("10.9.0.10:4000", SERVICE)).delivered("eni-queue-1");
    lab.leave("eni-queue-1", sent.reply()).delivered("eni-far");
}

#[test]
fn an_endpoint_that_was_taken_away_has_forgotten_everything() {
    let text = text();
    let (before, rest) = text.split_once("[vpc_endpoint.queue]").unwrap();
    let (_, after) = rest.split_once("[security_group.app]").unwrap();
    let gone = format!("{before}[security_group.app]{after}");
    let opened = || {
        let mut lab = Lab::then(&[&text, &gone, &text]);
        let sent = lab.leave("app", syn(APP, SERVICE)).delivered("eni-queue-1");
        lab.leave("eni-queue-1", sent.reply()).delivered("eni-app");
        lab.leave("app", data(APP, SERVICE)).delivered("eni-queue-1");
        lab
    };
    // Whether its connection was alive then, or had idled out.
    for idle in [1.0, 351.0] {
        let mut lab = opened();
        lab.wait(idle);
        lab.switch();
        lab.leave("app", data(APP, SERVICE)).dropped(DropReason::NeighborUnknown, "rtb-app");
        lab.switch();
        let lost = lab.leave("app", data(APP, SERVICE)).dropped(DropReason::EndpointNoSession, "vpce-queue");
        assert_eq!(lost.generated.unwrap().2.as_deref(), Some("eni-app"));
    }
    // What stays remembers.
    let mut lab = Lab::then(&[&text, &text]);
    let sent = lab.leave("app", syn(APP, SERVICE)).delivered("eni-queue-1");
    lab.switch();
    lab.leave("eni-queue-1", sent.reply()).delivered("eni-app");
}
