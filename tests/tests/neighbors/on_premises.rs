//! Clients on-premises that use the NAT gateway of a VPC, by a transit gateway (10.27): their addresses are of no VPC, and
//! are translated all the same.

use vpcemu_dataplane::DropReason;
use vpcemu_packet::build;
use vpcemu_tests::{Lab, data, ping, syn, udp};

/// On-premises behind a VPN attachment, a NAT gateway for the internet, and a private one in front of a workload.
fn text() -> String {
    r#"
[vpc.egress]
cidrs = ["10.0.0.0/16", "2001:db8:1::/56"]
[internet_gateway.igw]
vpc = "egress"
[transit_gateway.hub.attachment.egress]
subnets = ["tgw"]
ipv6 = true
[transit_gateway.hub.attachment.office]
type = "vpn"
prefixes = ["192.168.0.0/16", "2001:db8:99::/48"]
[transit_gateway.hub.route_table.main]
routes = [{ to = "0.0.0.0/0", via = "egress" }, { to = "64:ff9b::/96", via = "egress" }]
[subnet.tgw]
cidrs = ["10.0.8.0/24", "2001:db8:1:8::/64"]
route_table = "tgw"
[subnet.pub]
cidrs = ["10.0.0.0/24", "2001:db8:1::/64"]
route_table = "pub"
[subnet.inside]
cidrs = ["10.0.1.0/24"]
route_table = "inside"
[subnet.work]
cidrs = ["10.0.2.0/24"]
[route_table.tgw]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "64:ff9b::/96", via = "nat" }, { to = "10.0.2.0/24", via = "private" }]
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "192.168.0.0/16", via = "hub" }, { to = "2001:db8:99::/48", via = "hub" }]
[route_table.inside]
routes = [{ to = "192.168.0.0/16", via = "hub" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[nat_gateway.private]
connectivity = "private"
subnet = "inside"
addresses = [{ private = "10.0.1.200" }]
[security_group.work]
ingress = [{ proto = "all", from = "10.0.1.200/32" }]
[instance.work]
subnet = "work"
addresses = ["10.0.2.10"]
security_groups = ["work"]
"#
    .to_owned()
}

const OFFICE: &str = "tgw-attach-office";

#[test]
fn the_office_by_the_nat_gateway_of_the_egress_vpc() {
    let mut lab = Lab::new(&text());
    for client in 1..40 {
        let (client, remote) = (format!("192.168.7.{client}"), format!("198.51.100.{client}"));
        let opens = [
            syn(&format!("{client}:4000"), &format!("{remote}:443")),
            udp(&format!("{client}:4000"), &format!("{remote}:443")),
            ping(&client, &remote, 4000),
        ];
        for packet in opens {
            let sent = lab.come(OFFICE, packet.clone()).delivered("internet").source("203.0.113.20");
            let error =
                build::icmp_error("192.0.2.1".parse().unwrap(), "203.0.113.20".parse().unwrap(), 3, 1, 0, &sent.bytes);
            lab.arrive(error).delivered(OFFICE);
            lab.arrive(sent.reply()).delivered(OFFICE);
        }
    }
    lab.arrive(syn("198.51.100.7:443", "203.0.113.20:5000")).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn the_office_over_ipv6_by_nat64() {
    let mut lab = Lab::new(&text());
    for client in 1..20 {
        let packet = udp(&format!("[2001:db8:99::{client}]:4000"), &format!("[64:ff9b::198.51.100.{client}]:443"));
        let sent = lab.come(OFFICE, packet).delivered("internet").source("203.0.113.20");
        lab.arrive(sent.reply()).delivered(OFFICE);
    }
}

#[test]
fn the_office_by_a_private_nat_gateway_to_a_workload() {
    let mut lab = Lab::new(&text());
    for client in 1..20 {
        let sent = lab
            .come(OFFICE, syn(&format!("192.168.7.{client}:4000"), "10.0.2.10:443"))
            .delivered("eni-work")
            .source("10.0.1.200");
        lab.leave("work", sent.reply()).delivered(OFFICE);
        lab.come(OFFICE, data(&format!("192.168.7.{client}:4000"), "10.0.2.10:443")).delivered("eni-work");
    }
}
