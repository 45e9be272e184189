//! Random VPCs with random rules.

use std::fmt::Write;

use super::{Host, PUBLIC_BLOCK, Topology};
use vpcemu_tests::Dice;

impl Topology {
    /// More of everything that `random` has: two to five subnets with a table each, random rules, two NAT gateways, detours
    /// through them, blocks that are publicly routable.
    pub(crate) fn wide(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let mut topology = Self::default();
        for vpc in 0..1 + dice.roll(3) {
            topology.wide_vpc(vpc, &mut dice);
        }
        topology
    }

    fn wide_vpc(&mut self, v: u64, dice: &mut Dice) {
        // Its second block: what the resolver's address in the first one does, `shard_map.rs` has a test of its own for.
        let public_block = v > 0 && dice.chance(40);
        let net = if dice.chance(50) { 0 } else { v };
        let six = format!("2001:db8:{v:x}00");
        let at = |subnet: u64, last: u64| match public_block {
            true => format!("{PUBLIC_BLOCK}.{}", subnet * 16 + last),
            false => format!("10.{net}.{subnet}.{}", if last == 0 { 0 } else { 6 + last }),
        };
        let block =
            if public_block { format!("10.77.0.0/16\", \"{PUBLIC_BLOCK}.0/24") } else { format!("10.{net}.0.0/16") };
        let text = &mut self.text;
        writeln!(text, "[vpc.v{v}]\ncidrs = [\"{block}\", \"{six}::/56\"]").unwrap();
        writeln!(text, "[internet_gateway.igw{v}]\nvpc = \"v{v}\"").unwrap();
        writeln!(text, "[egress_only_internet_gateway.eigw{v}]\nvpc = \"v{v}\"").unwrap();
        let subnets = 2 + dice.roll(4);
        let nats = 1 + dice.roll(2);
        for subnet in 0..subnets {
            let length = if public_block { 28 } else { 24 };
            // NAT gateways live in the first one.
            let kind = if subnet == 0 { 0 } else { dice.roll(4) };
            let nacl = if dice.chance(40) { format!("nacl = \"acl{v}-{}\"\n", dice.roll(2)) } else { String::new() };
            let mut routes = Vec::new();
            let nat = dice.roll(nats);
            match kind {
                0 => routes.push(format!("{{ to = \"0.0.0.0/0\", via = \"igw{v}\" }}")),
                1 | 2 => routes.push(format!("{{ to = \"0.0.0.0/0\", via = \"nat{v}-{nat}\" }}")),
                _ => {}
            }
            if kind < 3 {
                let via = if kind == 0 || dice.chance(30) { "igw" } else { "eigw" };
                routes.push(format!("{{ to = \"::/0\", via = \"{via}{v}\" }}"));
            }
            if kind < 3 && dice.chance(40) {
                let to = *dice.pick(&["203.0.113.0/25", "203.0.113.100/30", "198.51.100.0/27", "198.51.100.16/28"]);
                let via = if dice.chance(60) { format!("nat{v}-{}", dice.roll(nats)) } else { format!("igw{v}") };
                if !public_block || !to.starts_with(PUBLIC_BLOCK) {
                    routes.push(format!("{{ to = \"{to}\", via = \"{via}\" }}"));
                }
            }
            writeln!(
                text,
                "[subnet.s{v}-{subnet}]\nvpc = \"v{v}\"\ncidrs = [\"{}/{length}\", \"{six}:{subnet}::/64\"]\n\
                 route_table = \"r{v}-{subnet}\"\n{nacl}[route_table.r{v}-{subnet}]\nvpc = \"v{v}\"\nroutes = [{}]",
                at(subnet, 0),
                routes.join(", ")
            )
            .unwrap();
        }
        for acl in 0..2 {
            let side = |key: &str, dice: &mut Dice| {
                let mut entries: Vec<_> = (0..dice.roll(4))
                    .map(|rule| {
                        let action = *dice.pick(&["allow", "deny"]);
                        let what = *dice.pick(&[
                            "proto = \"tcp\", ports = \"1-600\"",
                            "proto = \"udp\", ports = \"53\"",
                            "proto = \"all\"",
                        ]);
                        let block =
                            *dice.pick(&["198.51.100.0/28", "10.0.0.0/8", "203.0.113.0/24", "2001:db8:ffff::/124"]);
                        format!("{{ rule = {}, action = \"{action}\", {what}, {key} = \"{block}\" }}", 10 + rule)
                    })
                    .collect();
                if dice.chance(85) {
                    entries
                        .push(format!("{{ rule = 100, action = \"allow\", proto = \"all\", {key} = \"0.0.0.0/0\" }}"));
                    entries.push(format!("{{ rule = 101, action = \"allow\", proto = \"all\", {key} = \"::/0\" }}"));
                }
                entries.join(", ")
            };
            let (ingress, egress) = (side("from", dice), side("to", dice));
            writeln!(text, "[network_acl.acl{v}-{acl}]\nvpc = \"v{v}\"\ningress = [{ingress}]\negress = [{egress}]")
                .unwrap();
        }
        for group in 0..4 {
            let side = |key: &str, open: u64, dice: &mut Dice| {
                let mut rules: Vec<_> = (0..dice.roll(4))
                    .map(|_| {
                        let other = format!("sg:g{v}-{}", dice.roll(4));
                        let peers = ["0.0.0.0/0", "::/0", "10.0.0.0/8", "198.51.100.0/26", "203.0.113.0/24", &other];
                        let peer = dice.roll(peers.len() as u64) as usize;
                        let what = *dice.pick(&[
                            "proto = \"tcp\", ports = \"80-443\"",
                            "proto = \"udp\"",
                            "proto = \"udp\", ports = \"53\"",
                            "proto = \"icmp\"",
                            "proto = \"tcp\"",
                            "proto = \"all\"",
                        ]);
                        format!("{{ {what}, {key} = \"{}\" }}", peers[peer])
                    })
                    .collect();
                if dice.chance(open) {
                    rules.push(format!("{{ proto = \"all\", {key} = \"0.0.0.0/0\" }}"));
                    rules.push(format!("{{ proto = \"all\", {key} = \"::/0\" }}"));
                }
                rules.sort();
                rules.dedup();
                rules.join(", ")
            };
            let (ingress, egress) = (side("from", 30, dice), side("to", 70, dice));
            writeln!(text, "[security_group.g{v}-{group}]\nvpc = \"v{v}\"\ningress = [{ingress}]\negress = [{egress}]")
                .unwrap();
        }
        for nat in 0..nats {
            let addresses: Vec<_> = (0..if nat == 0 { 1 + dice.roll(2) } else { 1 })
                .map(|one| {
                    let public = format!("203.0.113.{}", 10 + v * 8 + nat * 2 + one);
                    self.gateways.push(public.parse().unwrap());
                    format!("{{ private = \"{}\", public = \"{public}\" }}", at(0, 12 + nat * 2 + one))
                })
                .collect();
            let text = &mut self.text;
            writeln!(text, "[nat_gateway.nat{v}-{nat}]\nsubnet = \"s{v}-0\"\naddresses = [{}]", addresses.join(", "))
                .unwrap();
        }
        for host in 0..2 + dice.roll(7) {
            let subnet = dice.roll(subnets);
            let v4 = at(subnet, 4 + host.min(7));
            if self.text.contains(&format!("subnet = \"s{v}-{subnet}\"\naddresses = [\"{v4}\"")) {
                continue;
            }
            let v6 = dice.chance(60).then(|| format!("{six}:{subnet}::{}", 10 + host));
            let public = dice.chance(60).then(|| format!("203.0.113.{}", 100 + v * 20 + host));
            let mut addresses = format!("\"{v4}\"");
            v6.iter().for_each(|v6| write!(addresses, ", \"{v6}\"").unwrap());
            let public_line = public.iter().fold(String::new(), |_, public| format!("public = \"{public}\"\n"));
            let mut groups = vec![format!("\"g{v}-{}\"", dice.roll(4))];
            if dice.chance(30) {
                groups.push(format!("\"g{v}-{}\"", dice.roll(4)));
                groups.dedup();
            }
            let name = format!("h{v}-{host}");
            writeln!(
                self.text,
                "[instance.{name}]\nsubnet = \"s{v}-{subnet}\"\naddresses = [{addresses}]\n{public_line}security_groups = [{}]",
                groups.join(", ")
            )
            .unwrap();
            let address = |text: &String| text.parse().unwrap();
            self.hosts.push(Host {
                name,
                v4: address(&v4),
                v6: v6.as_ref().map(address),
                public: public.as_ref().map(address),
            });
        }
    }
}
