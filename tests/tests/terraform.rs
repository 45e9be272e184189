//! A network that Terraform describes judges packets as the dump of the same network does.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use vpcemu_dataplane::Options;
use vpcemu_model::{Id, Network};
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{Dice, Lab, Sent, headers, ip, reply_to};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/import/tests/data").join(name)
}

fn network(name: &str, binds: &[&str]) -> Network {
    let binds = binds.iter().map(|bind| (*bind).to_owned()).collect();
    let options = vpcemu_import::Options { binds, ..vpcemu_import::Options::default() };
    vpcemu_import::load(&data(name), &options).unwrap_or_else(|error| panic!("{error}")).network
}

/// What AWS had chosen when the dump was made.
const CHOSEN: [&str; 13] = [
    "aws_vpc.main.ipv6_cidr_block=2001:db8:1234:1a00::/56",
    "aws_subnet.public[0].ipv6_cidr_block=2001:db8:1234:1a00::/64",
    "aws_subnet.public[1].ipv6_cidr_block=2001:db8:1234:1a01::/64",
    "aws_subnet.private[0].ipv6_cidr_block=2001:db8:1234:1a10::/64",
    "aws_subnet.private[1].ipv6_cidr_block=2001:db8:1234:1a11::/64",
    "aws_instance.web.ipv6_addresses=2001:db8:1234:1a00::10",
    "aws_instance.app.ipv6_addresses=2001:db8:1234:1a10::10",
    "aws_instance.db.ipv6_addresses=2001:db8:1234:1a11::10",
    "aws_eip.web.public_ip=203.0.113.10",
    "aws_eip.nat.public_ip=203.0.113.20",
    "aws_nat_gateway.main.private_ip=10.20.0.200",
    "aws_vpc_endpoint.s3.prefix_list_id=pl-63a5400a",
    "aws_vpc_endpoint.s3.cidr_blocks=52.216.0.0/15,54.231.0.0/16,3.5.0.0/19",
];

/// A network with what its ids mean: what has the same place in two networks has the same meaning.
struct Side {
    lab: Lab,
    meaning: HashMap<String, String>,
    /// The ids of interfaces by their first address.
    interfaces: HashMap<IpAddr, String>,
}

impl Side {
    fn new(network: Network) -> Self {
        let mut meaning = HashMap::new();
        let mut interfaces = HashMap::new();
        let subnets = |of: &dyn Fn(&vpcemu_model::Subnet) -> bool| {
            let mut blocks: Vec<String> =
                network.subnets.iter().filter(|it| of(it)).map(|it| it.cidrs[0].to_string()).collect();
            blocks.sort();
            blocks.join(" ")
        };
        let mut mean = |id: &Id, what: String| {
            assert_eq!(meaning.insert(id.to_string(), what), None, "{id} is two things");
        };
        for it in &network.interfaces {
            mean(&it.id, format!("interface {}", it.ipv4[0].private));
            interfaces.insert(IpAddr::V4(it.ipv4[0].private), it.id.to_string());
        }
        network.route_tables.iter().for_each(|it| mean(&it.id, subnets(&|subnet| subnet.route_table == it.id)));
        network.network_acls.iter().for_each(|it| mean(&it.id, subnets(&|subnet| subnet.network_acl == it.id)));
        network.internet_gateways.iter().for_each(|it| mean(&it.id, "igw".to_owned()));
        network.egress_only_internet_gateways.iter().for_each(|it| mean(&it.id, "eigw".to_owned()));
        network.nat_gateways.iter().for_each(|it| mean(&it.id, format!("nat {}", it.addresses[0].translated)));
        network.vpc_endpoints.iter().for_each(|it| mean(&it.id, it.service.clone()));
        Self { lab: Lab::of(&[network], Options::default()), meaning, interfaces }
    }

    fn send(&mut self, from: Option<IpAddr>, datagram: Vec<u8>) -> Sent {
        match from {
            Some(address) => self.lab.leave(&self.interfaces[&address].clone(), datagram),
            None => self.lab.arrive(datagram),
        }
    }

    fn meant(&self, id: &str) -> String {
        self.meaning.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// All that became of a packet.
    fn told(&self, sent: &Sent) -> String {
        let steps =
            sent.steps.iter().map(|step| step.split(' ').map(|word| self.meant(word)).collect::<Vec<_>>().join(" "));
        let outcome = match sent.verdict.outcome {
            vpcemu_dataplane::outcome::Outcome::Dropped(denial) => format!("dropped {:?}", denial.reason),
            _ => "passed".to_owned(),
        };
        // The ids of rules differ; an entry of an ACL has its number.
        let rule = sent.rule.as_deref().filter(|rule| rule.parse::<u16>().is_ok() || *rule == "*");
        let place = |id: &Option<String>| id.as_deref().map(|id| self.meant(id));
        let generated = sent.generated.as_ref().map(|(kind, bytes, at)| (kind.name(), bytes.clone(), place(at)));
        let state = (sent.verdict.state, sent.verdict.connection, sent.verdict.adopted);
        let steps: Vec<String> = steps.collect();
        format!(
            "{outcome} {:?} {:?} {rule:?} {steps:?} {:?} {generated:?} {state:?}",
            place(&sent.place),
            place(&sent.at),
            sent.bytes
        )
    }
}

const INSIDE: [&str; 4] = ["10.20.0.10", "10.20.10.10", "10.20.11.10", "10.20.0.200"];
const ABOUT: [&str; 13] = [
    "10.20.0.10",
    "10.20.10.10",
    "10.20.11.10",
    "10.20.0.200",
    "10.20.0.2",
    "10.20.10.99",
    "203.0.113.10",
    "203.0.113.20",
    "93.184.216.34",
    "198.51.100.7",
    "192.0.2.130",
    "52.216.1.1",
    "169.254.169.253",
];
const INSIDE_V6: [&str; 3] = ["2001:db8:1234:1a00::10", "2001:db8:1234:1a10::10", "2001:db8:1234:1a11::10"];
const ABOUT_V6: [&str; 5] = [
    "2001:db8:1234:1a00::10",
    "2001:db8:1234:1a10::10",
    "2001:db8:1234:1a11::10",
    "2606:2800:220:1::1",
    "2001:db8:1234:1a11::99",
];
const PORTS: [u16; 8] = [22, 53, 80, 443, 5432, 8080, 1024, 40_000];

/// A packet of an interface, with the first address of that, or of somebody outside.
fn packet(dice: &mut Dice) -> (Option<IpAddr>, Vec<u8>) {
    let v6 = dice.chance(25);
    let (inside, about) = if v6 { (&INSIDE_V6[..], &ABOUT_V6[..]) } else { (&INSIDE[..], &ABOUT[..]) };
    let sender = dice.roll(3) as usize;
    let from = dice.chance(60).then(|| ip(INSIDE[sender]));
    let own = if v6 { INSIDE_V6[sender] } else { INSIDE[sender] };
    // Now and then with an address that is not its own.
    let src = ip(if from.is_some() && !dice.chance(3) { own } else { dice.pick::<&str>(about) });
    let dst = ip(if dice.chance(50) { dice.pick::<&str>(inside) } else { dice.pick::<&str>(about) });
    let (sport, dport) = (*dice.pick(&PORTS), *dice.pick(&PORTS));
    let (one, other) = (SocketAddr::new(src, sport), SocketAddr::new(dst, dport));
    let datagram = match dice.roll(8) {
        0 => build::echo_request(src, dst, sport, 1).payload(b"ping").build(),
        1 => build::udp(one, other).payload(b"question").build(),
        2 => build::tcp(one, other).flags(TcpFlags::ACK).seq(1000).ack(2000).payload(b"data").build(),
        _ => build::tcp(one, other).flags(TcpFlags::SYN).build(),
    };
    (from, datagram)
}

/// Random packets and their answers through both.
fn judge_alike(one: Network, other: Network, seed: u64) {
    let (mut one, mut other) = (Side::new(one), Side::new(other));
    let mut dice = Dice::new(seed);
    let mut delivered = 0;
    for n in 0..3000 {
        let (mut from, mut datagram) = packet(&mut dice);
        // A packet, its answer, an answer to that.
        for _ in 0..3 {
            let (here, there) = (one.send(from, datagram.clone()), other.send(from, datagram.clone()));
            assert_eq!(one.told(&here), other.told(&there), "packet {n} of seed {seed}: {:?}", headers(&datagram));
            let Some(place) = here.place.as_deref() else { break };
            delivered += 1;
            from = match one.meant(place).strip_prefix("interface ") {
                Some(address) => Some(ip(address)),
                None if place == "internet" => None,
                None => break,
            };
            datagram = reply_to(&headers(&here.bytes));
        }
        if dice.chance(2) {
            let seconds = *dice.pick(&[1.0, 40.0, 400.0]);
            one.lab.wait(seconds);
            other.lab.wait(seconds);
        }
    }
    assert!(delivered > 500, "{delivered}");
}

#[test]
fn a_state_judges_as_its_dump_does() {
    for seed in 0..3 {
        judge_alike(network("worked-example", &[]), network("terraform/show-state.json", &[]), seed);
    }
}

#[test]
fn a_plan_judges_as_the_dump_of_what_it_made_does() {
    for seed in 0..3 {
        judge_alike(network("worked-example", &[]), network("terraform/show-plan.json", &CHOSEN), seed);
    }
}

#[test]
#[should_panic(expected = "of seed 0")]
fn a_network_that_differs_judges_otherwise() {
    let other = ["aws_network_acl_rule.private[\"in-100\"].rule_action=deny"];
    judge_alike(network("worked-example", &[]), network("terraform/show-state.json", &other), 0);
}
