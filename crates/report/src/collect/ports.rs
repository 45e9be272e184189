//! How many ports a NAT gateway has in use towards one remote, from the packets that it translated.
//!
//! The limit is one of each address of a gateway, protocol, remote address and remote port (4.12). Nobody tells a listener when
//! a mapping ends, so its end is worked out with the gateway's own timers, from the last packet of it and the TCP flags seen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use vpcemu_dataplane::index::NatIx;
use vpcemu_model::behavior::NatGatewayBehavior;
use vpcemu_packet::{FlowKey, TcpFlags};

/// Mappings that are followed at once; of more, ports in use are at least what is said.
const MOST: usize = 1 << 18;

/// Remotes that are shown of a gateway.
pub(crate) const REMOTES: usize = 5;

/// What shares one pool of ports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Pool {
    pub(crate) gateway: NatIx,
    pub(crate) address: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) remote: IpAddr,
    pub(crate) remote_port: u16,
}

/// Ports of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct InUse {
    now: u32,
    /// Most at one time.
    pub(crate) most: u32,
    /// When that was, in nanoseconds since the epoch.
    pub(crate) at: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    ends: u64,
    /// TCP: answered, and who has finished.
    answered: bool,
    fin_out: bool,
    fin_back: bool,
    reset: bool,
}

/// Ports in use, now and at the most.
#[derive(Debug)]
pub(crate) struct Ports {
    mappings: HashMap<(Pool, u16), Mapping, FixedState>,
    /// When to look at a mapping again: not later than it ends.
    due: BinaryHeap<Reverse<(u64, Pool, u16)>>,
    pools: HashMap<Pool, InUse, FixedState>,
    /// The pools with most, of each gateway, that have nothing in use any more.
    past: HashMap<NatIx, Vec<(Pool, InUse)>, FixedState>,
    /// Mappings that were not followed.
    missed: u64,
}

impl Ports {
    pub(crate) fn new() -> Self {
        let state = || FixedState::with_seed(0);
        Self {
            mappings: HashMap::with_hasher(state()),
            due: BinaryHeap::new(),
            pools: HashMap::with_hasher(state()),
            past: HashMap::with_hasher(state()),
            missed: 0,
        }
    }

    /// A packet at a gateway, before and after: outwards its source changes, on the way back its destination.
    pub(crate) fn translated(
        &mut self,
        gateway: NatIx,
        (before, after): (&FlowKey, &FlowKey),
        flags: Option<TcpFlags>,
        now: u64,
        knobs: &NatGatewayBehavior,
    ) {
        self.expire(now);
        let outwards = (before.src, before.src_port) != (after.src, after.src_port);
        let (pool, port) = if outwards {
            let protocol = after.protocol;
            let (remote, remote_port) = (after.dst, remote_port(after, after.dst_port));
            (Pool { gateway, address: after.src, protocol, remote, remote_port }, after.src_port)
        } else if (before.dst, before.dst_port) != (after.dst, after.dst_port) {
            let protocol = before.protocol;
            let (remote, remote_port) = (before.src, remote_port(before, before.src_port));
            (Pool { gateway, address: before.dst, protocol, remote, remote_port }, before.dst_port)
        } else {
            return;
        };
        if !self.mappings.contains_key(&(pool, port)) {
            if self.mappings.len() >= MOST {
                self.missed += 1;
                return;
            }
            let in_use = self.pools.entry(pool).or_default();
            in_use.now += 1;
            if in_use.now > in_use.most {
                (in_use.most, in_use.at) = (in_use.now, now);
            }
            self.due.push(Reverse((now, pool, port)));
        }
        let new = Mapping { ends: now, answered: false, fin_out: false, fin_back: false, reset: false };
        let mapping = self.mappings.entry((pool, port)).or_insert(new);
        mapping.seen(outwards, flags, pool.protocol, now, knobs);
    }

    /// The pools of a gateway that had most ports in use at one time.
    pub(crate) fn most(&self, gateway: NatIx) -> Vec<(Pool, InUse)> {
        let present = self.pools.iter().filter(|(pool, _)| pool.gateway == gateway).map(|(pool, used)| (*pool, *used));
        let mut pools: Vec<_> = self.past.get(&gateway).into_iter().flatten().copied().chain(present).collect();
        heaviest(&mut pools);
        pools
    }

    /// Mappings that were not followed, because there were too many at once.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    fn expire(&mut self, now: u64) {
        while let Some(Reverse((due, pool, port))) = self.due.peek().copied() {
            if due > now {
                return;
            }
            self.due.pop();
            let Some(mapping) = self.mappings.get(&(pool, port)) else { continue };
            if mapping.ends > now {
                self.due.push(Reverse((mapping.ends, pool, port)));
                continue;
            }
            self.mappings.remove(&(pool, port));
            let Some(in_use) = self.pools.get_mut(&pool) else { continue };
            in_use.now -= 1;
            if in_use.now == 0
                && let Some(in_use) = self.pools.remove(&pool)
            {
                let past = self.past.entry(pool.gateway).or_default();
                past.push((pool, in_use));
                // Sorting each time would take longer than all the rest.
                if past.len() > 64 * REMOTES {
                    heaviest(past);
                }
            }
        }
    }
}

/// Leaves the pools with most, each once.
fn heaviest(pools: &mut Vec<(Pool, InUse)>) {
    pools.sort_unstable_by_key(|(pool, used)| (*pool, Reverse(used.most), used.at));
    pools.dedup_by_key(|(pool, _)| *pool);
    pools.sort_unstable_by_key(|(pool, used)| (Reverse(used.most), *pool));
    pools.truncate(REMOTES);
}

/// ICMP queries have their identifier for both ports: it is the gateway's choice, and no property of the remote.
fn remote_port(key: &FlowKey, port: u16) -> u16 {
    if matches!(key.protocol, 6 | 17) { port } else { 0 }
}

impl Mapping {
    fn seen(&mut self, outwards: bool, flags: Option<TcpFlags>, protocol: u8, now: u64, knobs: &NatGatewayBehavior) {
        let lease = match (protocol, flags) {
            (6, Some(flags)) => {
                if outwards && flags.contains(TcpFlags::SYN) && (self.reset || self.fin_out && self.fin_back) {
                    // A SYN on a mapping in linger starts it again (4.29).
                    (self.answered, self.fin_out, self.fin_back, self.reset) = (false, false, false, false);
                }
                // What does not open with a SYN was under way before the capture.
                self.answered |= !outwards || !flags.contains(TcpFlags::SYN);
                self.reset |= flags.contains(TcpFlags::RST);
                let fin = flags.contains(TcpFlags::FIN);
                self.fin_out |= fin && outwards;
                self.fin_back |= fin && !outwards;
                if self.reset {
                    knobs.tcp_rst_linger
                } else if self.fin_out && self.fin_back {
                    knobs.tcp_fin_linger
                } else if self.answered {
                    knobs.tcp_idle
                } else {
                    knobs.tcp_syn_sent
                }
            }
            (6, None) => knobs.tcp_idle,
            (1, _) => knobs.icmp_idle,
            _ => knobs.udp_idle,
        };
        self.ends = now.saturating_add(nanoseconds(lease));
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn key(src: &str, src_port: u16, dst: &str, dst_port: u16) -> FlowKey {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        FlowKey { src, dst, src_port, dst_port, protocol: 6, icmp_type: 0 }
    }

    fn opened(ports: &mut Ports, port: u16, remote: &str, flags: TcpFlags, now: u64) {
        let knobs = vpcemu_model::Behavior::default().nat_gateway;
        let before = key("10.0.1.10", port, remote, 443);
        let after = key("10.0.0.200", port + 1000, remote, 443);
        ports.translated(NatIx(0), (&before, &after), Some(flags), now, &knobs);
    }

    #[test]
    fn the_most_at_one_time_is_what_counts() {
        let mut ports = Ports::new();
        for port in 2000..2100 {
            opened(&mut ports, port, "192.0.2.1", TcpFlags::SYN, 0);
        }
        // None was answered: they are gone after a minute, and these are others.
        for port in 3000..3010 {
            opened(&mut ports, port, "192.0.2.1", TcpFlags::SYN, 61 * SECOND);
            opened(&mut ports, port, "192.0.2.2", TcpFlags::SYN, 61 * SECOND);
        }
        let most = ports.most(NatIx(0));
        assert_eq!(most.iter().map(|(_, used)| used.most).collect::<Vec<_>>(), [100, 10]);
        assert_eq!((most[0].1.at, most[1].1.at), (0, 61 * SECOND));
        assert_eq!(ports.most(NatIx(1)), []);
    }

    #[test]
    fn the_way_back_is_the_same_mapping_and_a_reset_ends_it_soon() {
        let knobs = vpcemu_model::Behavior::default().nat_gateway;
        let mut ports = Ports::new();
        opened(&mut ports, 2000, "192.0.2.1", TcpFlags::SYN, 0);
        let (before, after) = (key("192.0.2.1", 443, "10.0.0.200", 3000), key("192.0.2.1", 443, "10.0.1.10", 2000));
        ports.translated(NatIx(0), (&before, &after), Some(TcpFlags::ACK), SECOND, &knobs);
        opened(&mut ports, 2001, "192.0.2.1", TcpFlags::SYN, 340 * SECOND);
        assert_eq!(ports.most(NatIx(0))[0].1.most, 2);
        opened(&mut ports, 2000, "192.0.2.1", TcpFlags::RST, 341 * SECOND);
        opened(&mut ports, 2002, "192.0.2.1", TcpFlags::SYN, 352 * SECOND);
        assert_eq!(ports.most(NatIx(0))[0].1.most, 2);
    }

    #[test]
    fn pools_of_the_past_are_few() {
        let mut ports = Ports::new();
        for n in 0..5000u32 {
            let remote = format!("198.18.{}.{}", n >> 8, n & 255);
            opened(&mut ports, 2000, &remote, TcpFlags::SYN, u64::from(n) * 100 * SECOND);
        }
        assert!(ports.past[&NatIx(0)].len() <= 64 * REMOTES && ports.mappings.len() == 1);
        assert_eq!(ports.most(NatIx(0)).len(), REMOTES);
    }
}
