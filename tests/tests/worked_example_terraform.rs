//! The flows of the worked example once more, of the same network as Terraform has it: its state, and its plan with the
//! addresses that only apply would tell.

use std::path::Path;

use vpcemu_dataplane::{DropReason, Options};
use vpcemu_import::load;
use vpcemu_tests::{Lab, syn};

/// A form of the network, with what its resources are called there.
struct Form {
    file: &'static str,
    binds: &'static [&'static str],
    app: &'static str,
    db: &'static str,
    web: &'static str,
    nat: &'static str,
    acl: &'static str,
    egress_only: &'static str,
    s3: &'static str,
}

const STATE: Form = Form {
    file: "show-state.json",
    binds: &[],
    app: "eni-01000000000000002",
    db: "eni-01000000000000003",
    web: "eni-01000000000000001",
    nat: "nat-0c000000000000003",
    acl: "acl-0e000000000000001",
    egress_only: "eigw-0c000000000000002",
    s3: "vpce-04000000000000001",
};

const PLAN: Form = Form {
    file: "show-plan.json",
    binds: &[
        "aws_vpc.main.ipv6_cidr_block=2001:db8:1234:1a00::/56",
        "aws_subnet.public[0].ipv6_cidr_block=2001:db8:1234:1a00::/64",
        "aws_subnet.public[1].ipv6_cidr_block=2001:db8:1234:1a01::/64",
        "aws_subnet.private[0].ipv6_cidr_block=2001:db8:1234:1a10::/64",
        "aws_subnet.private[1].ipv6_cidr_block=2001:db8:1234:1a11::/64",
        "aws_instance.app.ipv6_addresses=2001:db8:1234:1a10::10",
        "aws_eip.web.public_ip=203.0.113.10",
        "aws_eip.nat.public_ip=203.0.113.20",
        "aws_nat_gateway.main.private_ip=10.20.0.200",
        "aws_vpc_endpoint.s3.cidr_blocks=52.216.0.0/15,54.231.0.0/16,3.5.0.0/19",
    ],
    app: "aws_instance.app.primary_network_interface_id",
    db: "aws_instance.db.primary_network_interface_id",
    web: "aws_instance.web.primary_network_interface_id",
    nat: "aws_nat_gateway.main",
    acl: "aws_network_acl.private",
    egress_only: "aws_egress_only_internet_gateway.main",
    s3: "aws_vpc_endpoint.s3",
};

impl Form {
    fn lab(&self) -> Lab {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/import/tests/data/terraform").join(self.file);
        let binds = self.binds.iter().map(|bind| (*bind).to_owned()).collect();
        let imported = load(&path, &vpcemu_import::Options { binds, ..Default::default() }).unwrap();
        Lab::of(&[imported.network], Options::default())
    }

    fn flows(&self) {
        let Self { app, db, web, nat, acl, egress_only, s3, .. } = *self;
        let mut lab = self.lab();
        // private-to-internet, and its reply
        let sent = lab.leave("app", syn("10.20.10.10:40000", "93.184.216.34:443")).delivered("internet");
        assert!((1024..=65535).contains(&sent.key().src_port));
        let sent = sent.source("203.0.113.20").destination("93.184.216.34:443");
        lab.arrive(sent.reply()).delivered(app).destination("10.20.10.10:40000").source("93.184.216.34");
        // private-port-80-denied-by-sg
        lab.leave("app", syn("10.20.10.10:40001", "93.184.216.34:80")).dropped(DropReason::SecurityGroup, app);
        // nacl-90-denies-reply
        let sent = lab.leave("app", syn("10.20.10.10:40002", "198.51.100.7:443")).delivered("internet");
        let reply = lab.arrive(sent.reply());
        assert_eq!(reply.rule.as_deref(), Some("90"));
        reply.dropped(DropReason::NetworkAcl, acl);
        // internet-to-web
        let sent =
            lab.arrive(syn("198.51.100.9:51000", "203.0.113.10:443")).delivered(web).destination("10.20.0.10:443");
        lab.leave("web", sent.reply()).delivered("internet").source("203.0.113.10");
        // internet-to-web-ssh-from-corp, internet-to-web-ssh-other
        lab.arrive(syn("192.0.2.130:51000", "203.0.113.10:22")).delivered(web);
        lab.arrive(syn("198.51.100.9:51000", "203.0.113.10:22")).dropped(DropReason::SecurityGroup, web);
        // internet-to-natgw-unsolicited
        lab.arrive(syn("198.51.100.9:51000", "203.0.113.20:443")).dropped(DropReason::NatNoSession, nat);
        // web-to-app, app-to-db, web-to-db-denied
        lab.leave("web", syn("10.20.0.10:41000", "10.20.10.10:8080")).delivered(app);
        lab.leave("app", syn("10.20.10.10:42000", "10.20.11.10:5432")).delivered(db);
        lab.leave("web", syn("10.20.0.10:42000", "10.20.11.10:5432")).dropped(DropReason::SecurityGroup, db);
        // app-to-s3-via-gateway-endpoint
        lab.leave("app", syn("10.20.10.10:43000", "52.216.1.1:443")).delivered(s3).source("10.20.10.10");
        // app-ipv6-out, internet-ipv6-in-to-app
        let out = lab.leave("app", syn("[2001:db8:1234:1a10::10]:44000", "[2606:2800:220:1::1]:443"));
        let out = out.delivered("internet").source("2001:db8:1234:1a10::10");
        assert!(out.steps.contains(&format!("eigw {egress_only}")), "{:?}", out.steps);
        let knock = lab.arrive(syn("[2606:2800:220:1::1]:443", "[2001:db8:1234:1a10::10]:8080"));
        knock.dropped(DropReason::EgressOnlyNoSession, egress_only);
        // spoofed-source
        lab.leave("app", syn("10.20.10.99:40000", "93.184.216.34:443")).dropped(DropReason::SourceDestCheck, app);
    }
}

#[test]
fn the_state_has_them() {
    STATE.flows();
}

#[test]
fn the_plan_has_them_with_the_addresses_bound() {
    PLAN.flows();
}
