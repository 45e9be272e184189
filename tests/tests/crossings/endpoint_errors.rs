//! Errors about the flows of VPC endpoints (P21 of P7 and P8).

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::CtState;
use vpcemu_tests::path::{acl, error_about};
use vpcemu_tests::{Lab, ping, syn, udp};

/// A client of both kinds of endpoints.
pub fn text() -> String {
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
[vpc_endpoint.s3]
type = "gateway"
service = "s3"
prefix_list = "s3"
route_tables = ["app"]
[vpc_endpoint.queue]
type = "interface"
service = "sqs"
udp = true
subnets = ["services"]
addresses = ["10.0.1.50"]
security_groups = ["endpoint"]
[security_group.app]
ingress = []
egress = [{ proto = "all", to = "pl:s3" }, { proto = "tcp", to = "10.0.0.0/16" }, { proto = "udp", to = "10.0.0.0/16" }]
[security_group.endpoint]
ingress = [{ proto = "tcp", from = "10.0.0.0/16" }, { proto = "udp", from = "10.0.0.0/16" }]
egress = []
[instance.app]
subnet = "app"
addresses = ["10.0.0.10"]
security_groups = ["app"]
"#;
    ["app", "services"].iter().fold(network.to_owned(), |text, name| text + &acl(name, "main"))
}

#[test]
fn p7_a_gateway_endpoint_neither_takes_nor_brings_errors() {
    // 10.4: TCP and echo, and nothing else.
    for packet in [syn("10.0.0.10:4000", "52.216.0.10:443"), ping("10.0.0.10", "52.216.0.10", 9)] {
        let mut lab = Lab::new(&text());
        let sent = lab.leave("app", packet).delivered("vpce-s3");
        let error = lab.answer("vpce-s3", "app", error_about(&sent.bytes, None));
        error.dropped(DropReason::EndpointProtocol, "vpce-s3").steps(&["endpoint vpce-s3 DENY"]);
        let reply = lab.answer("vpce-s3", "app", sent.reply()).delivered("eni-app");
        let error = lab.leave("app", error_about(&reply.bytes, None)).dropped(DropReason::EndpointProtocol, "vpce-s3");
        error.steps(&["sg eni-app egress", "nacl acl-app egress", "route rtb-app", "endpoint vpce-s3 DENY"]);
    }
}

#[test]
fn p8_an_interface_endpoint_takes_and_brings_errors_about_its_flows() {
    for packet in [syn("10.0.0.10:4000", "10.0.1.50:443"), udp("10.0.0.10:4000", "10.0.1.50:443")] {
        let mut lab = Lab::new(&text());
        let sent = lab.leave("app", packet).delivered("eni-queue-1");
        let back = lab.leave("eni-queue-1", error_about(&sent.bytes, None)).delivered("eni-app").steps(&[
            "endpoint vpce-queue",
            "sg eni-queue-1 egress",
            "nacl acl-services egress",
            "route rtb-main-main",
            "nacl acl-app ingress",
            "sg eni-app ingress",
        ]);
        assert_eq!(back.verdict.state, Some(CtState::Related));
        let reply = lab.leave("eni-queue-1", sent.reply()).delivered("eni-app");
        let there = lab.leave("app", error_about(&reply.bytes, None)).delivered("eni-queue-1").steps(&[
            "sg eni-app egress",
            "nacl acl-app egress",
            "route rtb-app",
            "nacl acl-services ingress",
            "sg eni-queue-1 ingress",
            "endpoint vpce-queue",
        ]);
        assert_eq!(there.verdict.state, Some(CtState::Related));
        // About nothing that it knows it neither takes nor brings one.
        let stray = udp("10.0.0.10:4001", "10.0.1.50:443");
        lab.leave("eni-queue-1", error_about(&stray, None)).dropped(DropReason::EndpointInitiates, "vpce-queue");
        let stray = udp("10.0.1.50:443", "10.0.0.10:4001");
        lab.leave("app", error_about(&stray, None)).dropped(DropReason::SecurityGroup, "eni-app");
    }
}
