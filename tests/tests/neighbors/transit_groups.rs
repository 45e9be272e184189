//! What security groups know of who is beyond a transit gateway (6.11, 6.20).

use vpcemu_dataplane::outcome::CtState;
use vpcemu_dataplane::{DropReason, Midstream, Options};
use vpcemu_model::native;
use vpcemu_tests::path::but;
use vpcemu_tests::{Lab, data, syn};

use super::transit::text;

/// The server admits the client's group only, and answers only what it was asked.
fn referenced(allowed: bool) -> String {
    let groups = but(&text(), "from = \"0.0.0.0/0\"", "from = \"sg:a\"");
    let groups = but(&groups, "[security_group.b]\nvpc = \"b\"", "[security_group.b]\nvpc = \"b\"\negress = []");
    if !allowed {
        return groups;
    }
    let on = "security_group_referencing = true\n";
    let groups =
        but(&groups, "[transit_gateway.hub.attachment.a]", &format!("[transit_gateway.hub.attachment.a]\n{on}"));
    let groups =
        but(&groups, "[transit_gateway.hub.attachment.b]", &format!("[transit_gateway.hub.attachment.b]\n{on}"));
    format!("[transit_gateway.hub]\n{on}{groups}")
}

#[test]
fn an_answer_that_began_before_the_capture_is_admitted_by_the_reference() {
    let answer = || data("10.1.0.20:443", "10.0.0.10:4000");
    let sent = Lab::new(&referenced(true)).leave("server", answer()).delivered("eni-client");
    assert!(sent.verdict.adopted);
    Lab::new(&referenced(false)).leave("server", answer()).dropped(DropReason::SecurityGroupEmpty, "eni-server");
    let network = native::parse("lab.toml", &referenced(true)).unwrap().network;
    let strict = Options { midstream: Midstream::Strict, ..Options::default() };
    let mut lab = Lab::of(&[network], strict);
    lab.leave("server", answer()).dropped(DropReason::SecurityGroupEmpty, "eni-server");
}

#[test]
fn connections_to_an_interface_endpoint_over_there_are_tracked() {
    let open = "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]";
    let text = but(&text(), "[security_group.a]\nvpc = \"a\"", &format!("[security_group.a]\nvpc = \"a\"\n{open}"));
    let text = text
        + "[vpc_endpoint.queue]\nvpc = \"b\"\ntype = \"interface\"\nservice = \"sqs\"\nsubnets = [\"b1\"]\n\
           addresses = [\"10.1.0.50\"]\nsecurity_groups = [\"b\"]\n";
    let (tracked, untracked) = (syn("10.0.0.10:4000", "10.1.0.50:443"), syn("10.0.0.10:4000", "10.1.0.20:443"));
    // Open both ways, so that nothing is tracked but what has to be (6.15).
    let mut lab = Lab::new(&text);
    let to_endpoint = lab.leave("client", tracked).delivered("eni-queue-1");
    let answer = lab.leave("eni-queue-1", to_endpoint.reply()).delivered("eni-client");
    assert_eq!(answer.verdict.state, Some(CtState::Established));
    let to_host = lab.leave("client", untracked).delivered("eni-server");
    let answer = lab.leave("server", to_host.reply()).delivered("eni-client");
    assert_eq!(answer.verdict.state, Some(CtState::Untracked));
}
