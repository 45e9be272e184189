//! Random VPCs that are connected: peering connections, transit gateways with appliance mode, VPN gateways, interface and Gateway
//! Load Balancer endpoints, and NAT gateways that others use.

use std::fmt::Write;

use super::{Host, Topology};
use vpcemu_tests::Dice;

/// Knobs that leave connections towards different remotes independent of each other.
const KNOBS: [&str; 8] = [
    "[behavior.vpc_endpoint]\ntcp_idle = \"60s\"\nmtu = 1400\n",
    "[behavior.vpc_endpoint]\nrst_on_unknown = false\nmss_clamp = false\n",
    "[behavior.vpc_peering]\ninter_region_mtu = 1400\nnat_replies_past_default_route = false\n",
    "[behavior.transit_gateway]\nmtu = 1400\nfragment = true\n",
    "[behavior.transit_gateway]\ntime_exceeded = true\nmss_clamp = false\n",
    "[behavior.transit_gateway]\nmtu = 1400\nvpn_mtu = 1300\n",
    "[behavior.vpn_gateway]\nmtu = 1400\n",
    "[behavior.vpn_gateway]\nfragment = false\nmtu = 1300\n",
];

impl Topology {
    /// Two to four VPCs and what connects them.
    pub(crate) fn neighbors(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x9e1);
        let mut topology = Self::default();
        let vpcs = 2 + dice.roll(3);
        for vpc in 0..vpcs {
            topology.connected_vpc(vpc, vpcs, &mut dice);
        }
        topology.connections(vpcs, &mut dice);
        for _ in 0..dice.roll(2) {
            topology.text.push_str(dice.pick::<&str>(&KNOBS));
        }
        topology
    }

    /// Subnets: 0 public with a NAT gateway, 1 and 2 workloads in two zones, 3 endpoints, 8 and 9 the attachments.
    fn connected_vpc(&mut self, v: u64, vpcs: u64, dice: &mut Dice) {
        let six = format!("2001:db8:{v:x}00");
        let text = &mut self.text;
        writeln!(
            text,
            "[vpc.v{v}]\ncidrs = [\"10.{v}.0.0/16\", \"{six}::/56\"]\n[internet_gateway.igw{v}]\nvpc = \"v{v}\"\n\
             [vpn_gateway.vgw{v}]\nvpc = \"v{v}\"\nprefixes = [\"192.168.{v}.0/24\"]\n\
             [vpc_endpoint.fw{v}]\nvpc = \"v{v}\"\ntype = \"gateway-load-balancer\"\nservice = \"inspection\"\nsubnets = [\"s{v}-3\"]\n\
             [vpc_endpoint.queue{v}]\nvpc = \"v{v}\"\ntype = \"interface\"\nservice = \"sqs\"\nudp = {}\nsubnets = [\"s{v}-3\"]\n\
             addresses = [\"10.{v}.3.50\"]\nsecurity_groups = [\"open{v}\"]\n\
             [nat_gateway.nat{v}]\nsubnet = \"s{v}-0\"\naddresses = [{{ private = \"10.{v}.0.200\", public = \"203.0.113.{}\" }}]",
            dice.chance(50),
            20 + v
        )
        .unwrap();
        self.gateways.push(format!("203.0.113.{}", 20 + v).parse().unwrap());
        let text = &mut self.text;
        for (subnet, zone) in [(0, "a"), (1, "a"), (2, "b"), (3, "a"), (8, "a"), (9, "b")] {
            let mut routes = Vec::new();
            let internet = match subnet {
                0 => format!("igw{v}"),
                3 => (*dice.pick(&["igw", "nat", "nat"])).to_owned() + &v.to_string(),
                _ => match dice.roll(5) {
                    0 => "hub".to_owned(),
                    1 => format!("igw{v}"),
                    2 => format!("fw{v}"),
                    _ => format!("nat{v}"),
                },
            };
            routes.push(format!("{{ to = \"0.0.0.0/0\", via = \"{internet}\" }}"));
            for other in (0..vpcs).filter(|other| *other != v) {
                let peering = format!("p{}-{}", v.min(other), v.max(other));
                let via = match dice.roll(6) {
                    0 | 1 => peering,
                    2 | 3 => "hub".to_owned(),
                    4 if subnet != 0 && subnet != 3 => format!("nat{v}"),
                    5 if subnet != 3 => format!("fw{v}"),
                    _ => continue,
                };
                routes.push(format!("{{ to = \"10.{other}.0.0/16\", via = \"{via}\" }}"));
                if via == "hub" || via.starts_with('p') {
                    routes.push(format!("{{ to = \"2001:db8:{other:x}00::/56\", via = \"{via}\" }}"));
                }
            }
            if dice.chance(50) {
                let via = if dice.chance(50) { format!("vgw{v}") } else { "hub".to_owned() };
                routes.push(format!("{{ to = \"192.168.{v}.0/24\", via = \"{via}\" }}"));
            }
            let shut = if dice.chance(15) { format!("nacl = \"acl{v}\"\n") } else { String::new() };
            writeln!(
                text,
                "[subnet.s{v}-{subnet}]\nvpc = \"v{v}\"\naz = \"{zone}\"\ncidrs = [\"10.{v}.{subnet}.0/24\", \"{six}:{subnet}::/64\"]\n\
                 route_table = \"r{v}-{subnet}\"\n{shut}[route_table.r{v}-{subnet}]\nvpc = \"v{v}\"\nroutes = [{}]",
                routes.join(", ")
            )
            .unwrap();
        }
        let other = dice.roll(vpcs);
        writeln!(
            text,
            "[network_acl.acl{v}]\nvpc = \"v{v}\"\n\
             ingress = [{{ rule = 90, action = \"deny\", proto = \"udp\", from = \"10.{other}.0.0/16\" }}, {{ rule = 100, action = \"allow\", proto = \"all\", from = \"0.0.0.0/0\" }}]\n\
             egress = [{{ rule = 100, action = \"allow\", proto = \"all\", to = \"0.0.0.0/0\" }}, {{ rule = 110, action = \"allow\", proto = \"all\", to = \"::/0\" }}]\n\
             [security_group.open{v}]\nvpc = \"v{v}\"\ningress = [{{ proto = \"all\", from = \"0.0.0.0/0\" }}, {{ proto = \"all\", from = \"::/0\" }}]\n\
             [security_group.shut{v}]\nvpc = \"v{v}\"\n\
             [security_group.inner{v}]\nvpc = \"v{v}\"\ningress = [{{ proto = \"all\", from = \"sg:open{other}\" }}]"
        )
        .unwrap();
        if dice.chance(30) {
            writeln!(
                text,
                "[gateway_route_table.edge{v}]\ngateway = \"igw{v}\"\nroutes = [{{ to = \"10.{v}.1.0/24\", via = \"fw{v}\" }}]"
            )
            .unwrap();
        }
        for host in 0..2 + dice.roll(3) {
            let subnet = *dice.pick(&[0, 1, 1, 2, 2, 3, 8]);
            let group = *dice.pick(&["open", "open", "shut", "inner"]);
            let (v4, v6) = (format!("10.{v}.{subnet}.{}", 60 + host), format!("{six}:{subnet}::{}", 60 + host));
            let public = dice.chance(50).then(|| format!("203.0.113.{}", 100 + v * 20 + host));
            let line = public.iter().fold(String::new(), |_, public| format!("public = \"{public}\"\n"));
            writeln!(
                text,
                "[instance.h{v}-{host}]\nsubnet = \"s{v}-{subnet}\"\naddresses = [\"{v4}\", \"{v6}\"]\n{line}security_groups = [\"{group}{v}\"]"
            )
            .unwrap();
            self.hosts.push(Host {
                name: format!("h{v}-{host}"),
                v4: v4.parse().unwrap(),
                v6: v6.parse().ok(),
                public: public.map(|public| public.parse().unwrap()),
            });
        }
        // The interface endpoint is called like a host, and answers like one.
        self.hosts.push(Host {
            name: format!("queue{v}-1"),
            v4: format!("10.{v}.3.50").parse().unwrap(),
            v6: None,
            public: None,
        });
        self.beyond.push((format!("vgw-vgw{v}"), format!("192.168.{v}")));
    }

    fn connections(&mut self, vpcs: u64, dice: &mut Dice) {
        let text = &mut self.text;
        for one in 0..vpcs {
            for other in one + 1..vpcs {
                let flags = ["", "inter_region = true\n", "active = false\n"][dice.roll(3) as usize];
                writeln!(
                    text,
                    "[vpc_peering_connection.p{one}-{other}]\nrequester = \"v{one}\"\naccepter = \"v{other}\"\n{flags}"
                )
                .unwrap();
            }
        }
        writeln!(text, "[transit_gateway.hub]\nsecurity_group_referencing = {}", dice.chance(50)).unwrap();
        for v in 0..vpcs {
            let subnets = *dice.pick(&["\"s{v}-8\", \"s{v}-9\"", "\"s{v}-8\", \"s{v}-9\"", "\"s{v}-8\""]);
            writeln!(
                text,
                "[transit_gateway.hub.attachment.v{v}]\nsubnets = [{}]\nappliance_mode = {}\nipv6 = {}\nsecurity_group_referencing = {}",
                subnets.replace("{v}", &v.to_string()),
                dice.chance(30),
                dice.chance(70),
                dice.chance(50)
            )
            .unwrap();
        }
        let medium = *dice.pick(&["vpn", "direct-connect", "connect", "peering"]);
        let blocks: Vec<_> = (0..vpcs).map(|v| format!("\"192.168.{v}.0/24\"")).collect();
        writeln!(text, "[transit_gateway.hub.attachment.out]\ntype = \"{medium}\"\nprefixes = [{}]", blocks.join(", "))
            .unwrap();
        let default = match dice.roll(4) {
            0 => "{ to = \"0.0.0.0/0\", via = \"blackhole\" }".to_owned(),
            _ => format!("{{ to = \"0.0.0.0/0\", via = \"v{}\" }}", dice.roll(vpcs)),
        };
        writeln!(text, "[transit_gateway.hub.route_table.main]\nroutes = [{default}]").unwrap();
        self.beyond.push(("tgw-attach-out".to_owned(), "192.168.0".to_owned()));
    }
}
