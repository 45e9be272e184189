//! What a reference to a group means (6.10-6.13).

use vpcemu_dataplane::DropReason;
use vpcemu_tests::{Lab, syn};

use super::GROUPS;

#[test]
fn a_reference_means_who_sends_and_not_where_from() {
    let mut lab = Lab::new(GROUPS);
    lab.leave("client", syn("10.0.0.10:4000", "10.0.0.30:443")).delivered("eni-server");
    lab.leave("hidden", syn("10.0.1.10:4000", "10.0.0.30:443")).delivered("eni-server");
    lab.leave("client", syn("10.0.0.10:4000", "10.0.0.30:80")).dropped(DropReason::SecurityGroup, "eni-server");
    let stranger = lab.leave("stranger", syn("10.0.0.11:4000", "10.0.0.30:443"));
    assert_eq!(stranger.rule.as_deref(), Some("*"));
    stranger.dropped(DropReason::SecurityGroup, "eni-server");
    // From the internet there is no sender to know.
    lab.arrive(syn("198.51.100.7:4000", "203.0.113.30:443")).dropped(DropReason::SecurityGroup, "eni-server");
}

#[test]
fn a_reference_is_lost_through_public_addresses() {
    let lost = DropReason::SecurityGroupReferenceLost;
    let mut lab = Lab::new(GROUPS);
    // Out and in again by the internet gateway (3.10, 6.10).
    lab.leave("client", syn("10.0.0.10:4000", "203.0.113.30:443")).dropped(lost, "eni-server");
    // No group of the stranger's would have matched: that is no loss.
    let stranger = lab.leave("stranger", syn("10.0.0.11:4000", "203.0.113.30:443"));
    stranger.dropped(DropReason::SecurityGroup, "eni-server");
    // A rule for the public address is what it takes.
    let public = GROUPS.replace("from = \"sg:client\"", "from = \"203.0.113.10/32\"");
    let mut lab = Lab::new(&public);
    lab.leave("client", syn("10.0.0.10:4000", "203.0.113.30:443")).delivered("eni-server").source("203.0.113.10");
    lab.leave("client", syn("10.0.0.10:4000", "10.0.0.30:443")).dropped(DropReason::SecurityGroup, "eni-server");
}

#[test]
fn a_reference_is_lost_behind_the_nat_gateway() {
    // The sender is in the group, and it is only the gateway that hides it (6.10).
    let hidden = Lab::new(GROUPS).leave("hidden", syn("10.0.1.10:4000", "203.0.113.30:443"));
    hidden.dropped(DropReason::SecurityGroupReferenceLost, "eni-server");
}

#[test]
fn outbound_a_reference_means_the_groups_private_addresses() {
    let mut lab = Lab::new(&GROUPS.replace(
        "[security_group.client]\ningress = []",
        "[security_group.client]\ningress = [{ proto = \"tcp\", ports = \"5432\", from = \"0.0.0.0/0\" }]",
    ));
    lab.leave("server", syn("10.0.0.30:4000", "10.0.0.10:5432")).delivered("eni-client");
    lab.leave("server", syn("10.0.0.30:4001", "10.0.1.10:5432")).delivered("eni-hidden");
    lab.leave("server", syn("10.0.0.30:4000", "10.0.0.11:5432")).dropped(DropReason::SecurityGroup, "eni-server");
    // The same host by its public address is not in the group (6.12).
    let public = lab.leave("server", syn("10.0.0.30:4000", "203.0.113.10:5432"));
    public.dropped(DropReason::SecurityGroup, "eni-server");
}

#[test]
fn a_group_that_is_gone_matches_nobody() {
    // (6.13)
    let stale = GROUPS.replace("from = \"sg:client\"", "from = \"sg:gone\"");
    let mut lab = Lab::new(&stale);
    lab.leave("client", syn("10.0.0.10:4000", "10.0.0.30:443")).dropped(DropReason::SecurityGroup, "eni-server");
}
