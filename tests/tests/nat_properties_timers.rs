//! Out, a while, and back: a mapping lives exactly as long as its state and its last lease say (4.24, 4.28-4.30; section 12),
//! to the nanosecond.

mod random;

use std::net::IpAddr;

use proptest::prelude::*;
use random::{Rig, Walked};
use vpcemu_dataplane::{DropReason, Ingress, Options};
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{headers, ping, socket, udp};

const SECOND: u64 = 1_000_000_000;

fn network(preset: &str) -> String {
    format!(
        r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24", "2001:db8:0:101::/64"]
route_table = "private"
[route_table.public]
routes = [{{ to = "0.0.0.0/0", via = "igw" }}]
[route_table.private]
routes = [{{ to = "0.0.0.0/0", via = "nat" }}, {{ to = "64:ff9b::/96", via = "nat" }}]
[nat_gateway.nat]
subnet = "public"
addresses = [{{ private = "10.0.0.200", public = "203.0.113.20" }}]
[security_group.all]
ingress = [{{ proto = "all", from = "0.0.0.0/0" }}, {{ proto = "all", from = "::/0" }}]
egress = [{{ proto = "all", to = "0.0.0.0/0" }}, {{ proto = "all", to = "::/0" }}]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10", "2001:db8:0:101::10"]
security_groups = ["all"]
[behavior]
preset = "{preset}"
"#
    )
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    Tcp,
    Udp,
    Echo,
}

#[derive(Clone, Copy, Debug)]
struct Packet {
    outside: bool,
    flags: u8,
    /// How long before it: half a second, a nanosecond before the mapping ends, or then.
    pause: u8,
}

fn packets() -> impl Strategy<Value = Vec<Packet>> {
    let flags = prop_oneof![6 => Just(16u8), 2 => Just(17u8), 1 => Just(4u8)];
    let pause = prop_oneof![4 => Just(0u8), 3 => Just(1u8), 1 => Just(2u8)];
    let one = (any::<bool>(), flags, pause).prop_map(|(outside, flags, pause)| Packet { outside, flags, pause });
    proptest::collection::vec(one, 1..14)
}

/// What is known of the flow, by the rules alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Flow {
    answered: bool,
    acknowledged: bool,
    fin_inside: bool,
    fin_outside: bool,
    reset: bool,
}

impl Flow {
    /// Seconds that a mapping in this state lives without packets.
    fn lease(self, protocol: Protocol, rfc: bool) -> u64 {
        let (tcp, opening, udp, echo) = if rfc { (7440, 240, 300, 60) } else { (350, 60, 350, 350) };
        match protocol {
            Protocol::Udp => udp,
            Protocol::Echo => echo,
            Protocol::Tcp if self.reset => {
                if rfc {
                    240
                } else {
                    10
                }
            }
            Protocol::Tcp if self.fin_inside && self.fin_outside => opening,
            Protocol::Tcp if self.is_open() => tcp,
            Protocol::Tcp => opening,
        }
    }

    fn is_open(self) -> bool {
        self.acknowledged || self.fin_inside || self.fin_outside
    }

    fn is_over(self) -> bool {
        self.reset || (self.fin_inside && self.fin_outside)
    }
}

struct Ends {
    protocol: Protocol,
    six: bool,
    rig: Rig,
    external: Option<(IpAddr, u16)>,
}

impl Ends {
    fn inside(&mut self, flags: TcpFlags) -> Walked {
        let (own, remote) =
            if self.six { ("2001:db8:0:101::10", "64:ff9b::198.51.100.7") } else { ("10.0.1.10", "198.51.100.7") };
        let bracketed =
            |host: &str, port: u16| if self.six { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let (from, to) = (bracketed(own, 4000), bracketed(remote, 443));
        let packet = match self.protocol {
            Protocol::Tcp => build::tcp(socket(&from), socket(&to)).flags(flags).seq(1).ack(1).build(),
            Protocol::Udp => udp(&from, &to),
            Protocol::Echo => ping(own, remote, 77),
        };
        let walked = self.rig.leave("app", packet);
        if walked.delivered() {
            let key = headers(&walked.bytes).key();
            self.external = Some((key.src, key.src_port));
        }
        walked
    }

    fn outside(&mut self, flags: TcpFlags) -> Walked {
        let (address, port) = self.external.unwrap();
        let remote = IpAddr::from([198, 51, 100, 7]);
        let packet = match self.protocol {
            Protocol::Tcp => {
                build::tcp((remote, 443).into(), (address, port).into()).flags(flags).seq(1).ack(1).build()
            }
            Protocol::Udp => build::udp((remote, 443).into(), (address, port).into()).payload(b"answer").build(),
            Protocol::Echo => build::echo_reply(remote, address, port, 1).build(),
        };
        self.rig.one(Ingress::Internet, packet)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_mapping_lives_as_long_as_its_last_lease(
        packets in packets(),
        protocol in prop_oneof![3 => Just(Protocol::Tcp), 1 => Just(Protocol::Udp), 1 => Just(Protocol::Echo)],
        six: bool,
        rfc: bool,
        handshake in 0u8..3,
        reclaim: bool,
    ) {
        let options = Options { reclaim, ..Options::default() };
        let text = network(if rfc { "rfc" } else { "aws" });
        let rig = Rig::new(&text, options, |map, headers| map.shard(headers));
        let mut ends = Ends { protocol, six, rig, external: None };
        let mut flow = Flow::default();
        prop_assert!(ends.inside(TcpFlags::SYN).delivered());
        let mut until = ends.rig.now + flow.lease(protocol, rfc) * SECOND;
        if protocol == Protocol::Tcp && handshake > 0 {
            prop_assert!(ends.outside(TcpFlags::SYN | TcpFlags::ACK).delivered());
            flow.answered = true;
        }
        if protocol == Protocol::Tcp && handshake > 1 {
            prop_assert!(ends.inside(TcpFlags::ACK).delivered());
            flow.acknowledged = true;
            until = ends.rig.now + flow.lease(protocol, rfc) * SECOND;
        }
        for packet in packets {
            ends.rig.now = match packet.pause {
                0 => ends.rig.now + SECOND / 2,
                1 => ends.rig.now.max(until - 1),
                _ => ends.rig.now.max(until),
            };
            if reclaim {
                ends.rig.tick();
            }
            let now = ends.rig.now;
            let lives = now < until;
            let flags = TcpFlags(packet.flags);
            let walked = if packet.outside { ends.outside(flags) } else { ends.inside(flags) };
            if lives {
                prop_assert!(walked.delivered(), "{:?} {:?} {:?}", packet, flow, walked.reason());
                let before = flow;
                // What is over stays over (4.29: only a SYN starts it again).
                if protocol == Protocol::Tcp && !flow.is_over() {
                    flow.reset = flags.contains(TcpFlags::RST);
                    let fin = flags.contains(TcpFlags::FIN) && !flow.reset;
                    flow.fin_outside |= fin && packet.outside;
                    flow.fin_inside |= fin && !packet.outside;
                    // The third segment of the handshake.
                    flow.acknowledged |= flow.answered && !packet.outside && !flow.reset;
                }
                let lease = flow.lease(protocol, rfc);
                // With `refresh = "out"` the outside renews nothing, but may begin another timer (4.30).
                let renews = !packet.outside || !rfc || lease != before.lease(protocol, rfc);
                if renews {
                    until = now + lease * SECOND;
                }
                continue;
            }
            if packet.outside {
                prop_assert_eq!(walked.reason(), Some(DropReason::NatNoSession), "{:?} of {:?}", packet, flow);
                prop_assert!(walked.generated.is_none(), "the remote is never told (4.25)");
                continue;
            }
            if protocol != Protocol::Tcp {
                prop_assert!(walked.delivered(), "a new mapping");
                break;
            }
            let idle = flow.is_open() && !flow.is_over();
            let reason = if idle { DropReason::NatIdleExpired } else { DropReason::NatNoSession };
            prop_assert_eq!(walked.reason(), Some(reason), "{:?} of {:?}", packet, flow);
            // A RST is never answered with a RST (RFC 9293 3.10.7.1).
            prop_assert_eq!(walked.generated.is_some(), !flags.contains(TcpFlags::RST));
        }
    }
}
