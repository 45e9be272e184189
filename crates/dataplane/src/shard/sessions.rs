//! What a shard tells of its connections to somebody who lists them.

use super::Shard;
use crate::conntrack::LiveConnection;
use crate::time::Timestamp;

impl Shard {
    /// Every connection that is alive at `now`, in no order; those too that not both ends have accepted, which do not count. It
    /// takes as long as looking at every entry of the shard does.
    pub fn live_connections(&self, now: Timestamp) -> Vec<LiveConnection> {
        self.conntrack.live(now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vpcemu_packet::{Offloads, Packet, build};

    use crate::fabric::Timeline;
    use crate::outcome::{Component, Ingress};
    use crate::output::Output;
    use crate::shard::{Arrival, Options, Shard};
    use crate::time::{Stamp, Timestamp};

    const NETWORK: &str = r#"
        [vpc.main]
        cidrs = ["10.0.0.0/16"]
        [internet_gateway.igw]
        [subnet.public]
        cidrs = ["10.0.0.0/24"]
        route_table = "public"
        [subnet.private]
        cidrs = ["10.0.1.0/24"]
        route_table = "private"
        [route_table.public]
        routes = [{ to = "0.0.0.0/0", via = "igw" }]
        [route_table.private]
        routes = [{ to = "0.0.0.0/0", via = "nat" }]
        [nat_gateway.nat]
        subnet = "public"
        addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
        [security_group.client]
        egress = [{ proto = "udp", ports = "53", to = "0.0.0.0/0" }]
        [security_group.server]
        [instance.app]
        subnet = "private"
        addresses = ["10.0.1.10"]
        security_groups = ["client"]
        [instance.deaf]
        subnet = "private"
        addresses = ["10.0.1.20"]
        security_groups = ["server"]
    "#;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_connection_is_listed_until_its_last_component_forgets_it() {
        let network = vpcemu_model::native::parse("net.toml", NETWORK).unwrap().network;
        let timeline = Arc::new(Timeline::compile(&[network]));
        let registry = Arc::clone(timeline.registry());
        let app = registry.enis.find(&"eni-app".into()).unwrap();
        let mut shard = Shard::new(timeline, Options::default());
        // What is outside takes the first; nobody takes the second.
        for (n, destination) in [(1, "192.0.2.1:53"), (2, "10.0.1.20:53")] {
            let mut bytes = build::udp("10.0.1.10:4000".parse().unwrap(), destination.parse().unwrap()).build();
            let length = bytes.len() as u32;
            let mut packet = Packet::parse(&mut bytes, length, Offloads::Strict).unwrap();
            let stamp = Stamp { n, now: Timestamp(n * SECOND), generation: 0 };
            let arrival = Arrival::new(stamp, Ingress::Interface(app), &packet);
            shard.process(arrival, &mut packet, &mut Output::default());
        }
        let mut live = shard.live_connections(Timestamp(2 * SECOND));
        live.sort_unstable_by_key(|connection| connection.n);
        assert_eq!(live.iter().map(|of| (of.n, of.accepted)).collect::<Vec<_>>(), [(1, true), (2, false)]);

        let first = &live[0];
        let gateway = Component::NatGateway(registry.nats.find(&"nat-nat".into()).unwrap());
        assert_eq!(first.components[..], [Component::Interface(app), gateway]);
        assert_eq!(first.opened.to_string(), "udp 10.0.1.10:4000 > 192.0.2.1:53");
        let translated = first.translated.unwrap();
        assert_eq!((translated.src, translated.dst), ("10.0.0.200".parse().unwrap(), first.opened.dst));
        assert_eq!((first.state, first.last_seen), ("one-way", Timestamp(SECOND)));
        // The group forgets after 30 s, the gateway after 350.
        assert_eq!(first.expires, Timestamp(351 * SECOND));
        let later = shard.live_connections(Timestamp(40 * SECOND));
        assert_eq!(later.iter().map(|of| &of.components[..]).collect::<Vec<_>>(), [[gateway]]);
        assert!(shard.live_connections(Timestamp(351 * SECOND)).is_empty());
    }
}
