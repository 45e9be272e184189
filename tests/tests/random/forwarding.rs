//! Random VPCs full of middleboxes: NAT gateways of every kind, NAT instances, appliances, NAT64, edge tables, Block Public
//! Access, and knobs.

use std::fmt::Write;
use std::net::IpAddr;

use super::{Host, Topology};
use vpcemu_tests::Dice;

/// Knobs that leave connections towards different remotes independent of each other.
const KNOBS: [&str; 22] = [
    "pooling = \"paired\"",
    "port_alloc = \"sequential\"",
    "port_alloc = \"preserve\"",
    "preserve_class = true",
    "parity = true",
    "refresh = \"out\"",
    "hairpin = \"ext_src\"",
    "ipid = \"rewrite\"",
    "rst_on_unknown = \"never\"",
    "rst_on_unknown = \"tombstone_only\"",
    "rst_to_outside = true",
    "frag_tcp = \"forward\"",
    "frag_icmp = \"forward\"",
    "exhaustion = \"icmp13\"",
    "max_per_destination = 2",
    "port_cooldown = \"120s\"",
    "tcp_simopen = false",
    "udp_idle_well_known = \"30s\"",
    "mtu = 1400",
    "mss_clamp = false",
    "time_exceeded = false",
    "strict_az = true",
];

/// Knobs that put the whole run on one shard.
const SERIAL: [&str; 6] = [
    "mapping = \"EIM\"",
    "mapping = \"ADM\"",
    "filtering = \"EIF\"",
    "filtering = \"ADF\"",
    "overload = false",
    "max_ports_per_host = 3",
];

impl Topology {
    /// VPCs without neighbours, so that what leaves one by a gateway comes back by it.
    pub(crate) fn unconnected(seed: u64) -> Self {
        if seed.is_multiple_of(2) { Self::wide(seed) } else { Self::forwarding(seed) }
    }

    /// As `wide`, as `forwarding`, or as `neighbors`.
    pub(crate) fn any(seed: u64) -> Self {
        match seed % 3 {
            0 => Self::wide(seed),
            1 => Self::forwarding(seed),
            _ => Self::neighbors(seed),
        }
    }

    /// Middleboxes wherever routes can lead.
    pub(crate) fn forwarding(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0xf07);
        let mut topology = Self { nat64: true, ..Self::default() };
        let vpcs = 1 + dice.roll(2);
        let overlap = dice.chance(50);
        for vpc in 0..vpcs {
            topology.forwarding_vpc(vpc, if overlap { 0 } else { vpc }, &mut dice);
        }
        if dice.chance(25) {
            let mode = *dice.pick(&["block-bidirectional", "block-ingress"]);
            let of = *dice.pick(&["subnet = \"s0-0\"", "subnet = \"s0-1\"", "subnet = \"s0-3\"", "vpc = \"v0\""]);
            let allows = *dice.pick(&["allow-bidirectional", "allow-egress"]);
            let exclusion = format!("exclusions = [{{ {of}, mode = \"{allows}\" }}]");
            writeln!(topology.text, "[block_public_access]\nmode = \"{mode}\"\n{exclusion}").unwrap();
        }
        let mut knobs: Vec<&str> = (0..dice.roll(4)).map(|_| *dice.pick(&KNOBS)).collect();
        if dice.chance(20) {
            topology.serial = true;
            knobs.push(*dice.pick(&SERIAL));
        }
        // One value for each knob.
        knobs.sort_unstable();
        knobs.dedup_by_key(|knob| knob.split(' ').next());
        writeln!(topology.text, "[behavior.nat_gateway]\n{}", knobs.join("\n")).unwrap();
        topology
    }

    /// Subnets: 0 public, with zonal gateways; 1 and 2 workloads; 3 the appliance; 4 the NAT instance.
    fn forwarding_vpc(&mut self, v: u64, net: u64, dice: &mut Dice) {
        let six = format!("2001:db8:{v:x}00");
        let four = |subnet: u64| format!("10.{net}.{subnet}.0/24");
        let mut via = |choices: &[&str]| format!("{}{v}", dice.pick(choices));
        let route = |to: &str, via: &str| format!("{{ to = \"{to}\", via = \"{via}\" }}");
        let mut tables = Vec::new();
        tables.push(vec![route("0.0.0.0/0", &format!("igw{v}")), route("::/0", &format!("igw{v}"))]);
        for subnet in [1, 2] {
            let mut routes = vec![
                route("0.0.0.0/0", &via(&["nat", "regional", "ninst", "fw", "igw", "private"])),
                route("::/0", &via(&["igw", "eigw", "fw", "ninst"])),
                route("64:ff9b::/96", &via(&["nat", "regional", "fw"])),
            ];
            // More specific than local (2.6).
            let other = via(&["none", "fw", "ninst", "nat", "private", "private", "private"]);
            if !other.starts_with("none") {
                routes.push(route(&four(3 - subnet), &other));
            }
            let public = via(&["none", "nat", "fw"]);
            if !public.starts_with("none") {
                routes.push(route("203.0.113.96/27", &public));
            }
            tables.push(routes);
        }
        let behind = via(&["igw", "igw", "nat", "regional", "ninst"]);
        tables.push(vec![
            route("0.0.0.0/0", &behind),
            route("::/0", &format!("igw{v}")),
            route("64:ff9b::/96", &via(&["nat", "regional"])),
        ]);
        tables.push(vec![route("0.0.0.0/0", &format!("igw{v}")), route("::/0", &format!("igw{v}"))]);

        let text = &mut self.text;
        writeln!(text, "[vpc.v{v}]\ncidrs = [\"10.{net}.0.0/16\", \"{six}::/56\"]").unwrap();
        writeln!(text, "[internet_gateway.igw{v}]\nvpc = \"v{v}\"").unwrap();
        writeln!(text, "[egress_only_internet_gateway.eigw{v}]\nvpc = \"v{v}\"").unwrap();
        for (subnet, routes) in tables.iter().enumerate() {
            let zone = ["a", "b"][subnet % 2];
            writeln!(
                text,
                "[subnet.s{v}-{subnet}]\nvpc = \"v{v}\"\naz = \"{zone}\"\n\
                 cidrs = [\"10.{net}.{subnet}.0/24\", \"{six}:{subnet}::/64\"]\nroute_table = \"r{v}-{subnet}\"\n\
                 [route_table.r{v}-{subnet}]\nvpc = \"v{v}\"\nroutes = [{}]",
                routes.join(", ")
            )
            .unwrap();
        }
        if dice.chance(50) {
            let routes = [route(&four(1), &format!("fw{v}")), route(&format!("{six}:1::/64"), &format!("fw{v}"))];
            writeln!(text, "[gateway_route_table.edge{v}]\ngateway = \"igw{v}\"\nroutes = [{}]", routes.join(", "))
                .unwrap();
        }
        self.gateways_of(v, net, dice);
        self.hosts_of(v, net, dice);
    }

    fn gateways_of(&mut self, v: u64, net: u64, dice: &mut Dice) {
        let zonal: Vec<_> = (0..1 + dice.roll(8))
            .map(|one| format!("{{ private = \"10.{net}.0.{}\", public = \"203.0.113.{}\" }}", 200 + one, v * 16 + one))
            .collect();
        let private: Vec<_> =
            (0..1 + dice.roll(2)).map(|one| format!("{{ private = \"10.{net}.0.{}\" }}", 220 + one)).collect();
        let regional = format!(
            "{{ public = \"203.0.113.{}\", az = \"a\" }}, {{ public = \"203.0.113.{}\"{} }}",
            v * 16 + 8,
            v * 16 + 9,
            dice.pick(&["", ", az = \"b\"", ", az = \"a\""])
        );
        writeln!(
            self.text,
            "[nat_gateway.nat{v}]\nsubnet = \"s{v}-0\"\naddresses = [{}]\n\
             [nat_gateway.private{v}]\nsubnet = \"s{v}-0\"\nconnectivity = \"private\"\naddresses = [{}]\n\
             [nat_gateway.regional{v}]\nvpc = \"v{v}\"\nmode = \"regional\"\naddresses = [{regional}]",
            zonal.join(", "),
            private.join(", ")
        )
        .unwrap();
        for last in [v * 16, v * 16 + 8] {
            self.gateways.push(IpAddr::from([203, 0, 113, last as u8]));
        }
    }

    fn hosts_of(&mut self, v: u64, net: u64, dice: &mut Dice) {
        for (group, rules) in [
            ("open", "{ proto = \"all\", from = \"0.0.0.0/0\" }, { proto = \"all\", from = \"::/0\" }"),
            ("web", "{ proto = \"tcp\", ports = \"80-443\", from = \"0.0.0.0/0\" }"),
            ("shut", ""),
        ] {
            writeln!(
                self.text,
                "[security_group.{group}{v}]\nvpc = \"v{v}\"\ningress = [{rules}]\negress = [\
                {{ proto = \"all\", to = \"0.0.0.0/0\" }}, {{ proto = \"all\", to = \"::/0\" }}]"
            )
            .unwrap();
        }
        let mut host = |name: String, subnet: u64, last: u64, public: Option<u64>, group: &str, more: &str| {
            let six = format!("2001:db8:{v:x}00:{subnet}::{last}");
            let public = public.map(|last| IpAddr::from([203, 0, 113, last as u8]));
            let line = public.map_or_else(String::new, |public| format!("public = \"{public}\"\n"));
            writeln!(
                self.text,
                "[instance.{name}]\nsubnet = \"s{v}-{subnet}\"\naddresses = [\"10.{net}.{subnet}.{last}\", \"{six}\"]\n\
                 {line}security_groups = [\"{group}{v}\"]\n{more}"
            )
            .unwrap();
            let v4 = IpAddr::from([10, net as u8, subnet as u8, last as u8]);
            self.hosts.push(Host { name, v4, v6: six.parse().ok(), public });
        };
        let forwards = |how: &str| format!("source_dest_check = false\nforward = \"{how}\"");
        host(format!("fw{v}"), 3, 10, Some(200 + v), "open", &forwards("appliance"));
        host(format!("ninst{v}"), 4, 10, Some(210 + v), "open", &forwards("nat-instance"));
        for one in 0..3 + dice.roll(4) {
            let public = dice.chance(50).then_some(100 + v * 16 + one);
            let group = *dice.pick(&["open", "open", "web", "shut"]);
            host(format!("h{v}-{one}"), dice.roll(3), 10 + one, public, group, "");
        }
    }
}
