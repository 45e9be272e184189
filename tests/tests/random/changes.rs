//! Rules that change.

use vpcemu_model::{Id, InterfaceKind, Network, Origin, Peer, PortRange, Ports, Protocol, SecurityGroupRule};
use vpcemu_tests::Dice;

/// The configuration that follows: groups with other rules, interfaces with other groups.
pub(crate) fn changed(network: &Network, generation: usize, dice: &mut Dice) -> Network {
    let mut next = network.clone();
    let names: Vec<_> = network.security_groups.iter().map(|group| (group.id.clone(), group.vpc.clone())).collect();
    for group in &mut next.security_groups {
        let others: Vec<_> = names.iter().filter(|(_, vpc)| *vpc == group.vpc).map(|(id, _)| id.clone()).collect();
        let kind = dice.roll(10);
        if kind < 3 {
            continue;
        }
        for (list, way) in [(&mut group.ingress, "in"), (&mut group.egress, "out")] {
            let rules: Vec<_> = match kind {
                3..6 => everyone().into_iter().map(|peer| (Protocol::All, Ports::Any, peer)).collect(),
                6 => Vec::new(),
                _ => (0..dice.roll(4)).map(|_| any_rule(&others, dice)).collect(),
            };
            let named = |(number, (protocol, ports, peer))| SecurityGroupRule {
                id: Id::new(format!("sgr-{}-{generation}-{way}-{number}", group.id)),
                protocol,
                ports,
                peer,
                origin: Origin::implicit(),
            };
            *list = (0..).zip(rules).map(|(number, rule): (u32, _)| named((number, rule))).collect();
        }
    }
    let hosts = next.interfaces.iter_mut().filter(|interface| interface.kind == InterfaceKind::Interface);
    for interface in hosts {
        let vpc = network.subnet(&interface.subnet).map(|subnet| subnet.vpc.clone());
        let own: Vec<_> = names.iter().filter(|(_, of)| Some(of) == vpc.as_ref()).map(|(id, _)| id).collect();
        if dice.chance(20) {
            interface.security_groups = vec![(*dice.pick(&own)).clone()];
        }
    }
    next
}

fn everyone() -> [Peer; 2] {
    ["0.0.0.0/0", "::/0"].map(|net| Peer::Cidr(net.parse().unwrap()))
}

fn any_rule(groups: &[Id], dice: &mut Dice) -> (Protocol, Ports, Peer) {
    let range = |from, to| Ports::Range(PortRange { from, to });
    let (protocol, ports) = *dice.pick(&[
        (Protocol::All, Ports::Any),
        (Protocol::TCP, Ports::Any),
        (Protocol::TCP, range(80, 443)),
        (Protocol::TCP, range(0, 65535)),
        (Protocol::UDP, Ports::Any),
        (Protocol::UDP, range(53, 53)),
        (Protocol::ICMP, Ports::Any),
    ]);
    let peer = match dice.roll(8) {
        0..4 => everyone()[dice.roll(2) as usize].clone(),
        4 => Peer::Cidr("10.0.0.0/8".parse().unwrap()),
        5 => Peer::Cidr("198.51.100.0/26".parse().unwrap()),
        _ => Peer::SecurityGroup(dice.pick(groups).clone()),
    };
    (protocol, ports, peer)
}
