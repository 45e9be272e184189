//! Decisions of rules, routes and shards, without state. None of them may cost more for there being more of anything.

use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ipnet::IpNet;
use vpcemu_dataplane::fabric::{AclRules, GroupRules, GroupVerdict, PeerMatch, Subject};
use vpcemu_dataplane::{Fabric, ShardMap, Timeline};
use vpcemu_model::{AclEntry, Destination, Network, Peer, PortRange, Ports, Route, SecurityGroupRule, native};
use vpcemu_packet::{Headers, Offloads};

/// How many rules, entries or routes there are.
const SIZES: [usize; 3] = [10, 100, 1000];
/// Addresses that are asked about in turn, so that neither caches nor branch predictors know the next one.
const PEERS: usize = 1024;
/// The port that packets go to.
const PORT: u16 = 443;

/// An instance with one rule, entry and route of each kind.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[subnet.a]
cidrs = ["10.0.0.0/24", "2001:db8:1234:1a00::/64"]
route_table = "r"
nacl = "n"
[route_table.r]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[network_acl.n]
ingress = [{ rule = 1, action = "allow", proto = "tcp", ports = "443", from = "0.0.0.0/0" }]
[prefix_list.p]
entries = ["0.0.0.0/0"]
[security_group.g]
ingress = [{ proto = "tcp", ports = "443", from = "pl:p" }]
[instance.h]
subnet = "a"
addresses = ["10.0.0.10"]
security_groups = ["g"]
"#;

fn network() -> Network {
    native::parse("bench.toml", NETWORK).unwrap_or_else(|error| panic!("{error}")).network
}

/// The `n`-th block: IPv4 and IPv6 by turns, none next to another.
fn block(n: usize) -> IpNet {
    let n = n as u32;
    if n.is_multiple_of(2) {
        IpNet::new(Ipv4Addr::from(0x1400_0000 + n * 512).into(), 24).unwrap()
    } else {
        IpNet::new(Ipv6Addr::from(0x2600_u128 << 112 | u128::from(n) << 81).into(), 48).unwrap()
    }
}

/// An address in a block.
fn within(net: IpNet, n: usize) -> IpAddr {
    match net.network() {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() + n as u32 % 251).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() + ((n as u128) << 40)).into()),
    }
}

/// Addresses of a family in these blocks.
fn peers(blocks: impl Iterator<Item = usize> + Clone, v4: bool) -> Vec<IpAddr> {
    let blocks: Vec<_> = blocks.map(block).filter(|net| net.addr().is_ipv4() == v4).collect();
    // A prime step, so that neighbours are not asked about one after the other.
    (0..PEERS).map(|n| within(blocks[n * 397 % blocks.len()], n)).collect()
}

/// What a packet is to a list of `size` blocks: in the first of them, the last, any or none.
fn cases(size: usize) -> Vec<(String, Vec<IpAddr>)> {
    let mut cases = Vec::new();
    for (family, v4) in [("v4", true), ("v6", false)] {
        cases.push((format!("{family}-first"), peers(0..2, v4)));
        cases.push((format!("{family}-last"), peers(size - 2..size, v4)));
        cases.push((format!("{family}-any"), peers(0..size, v4)));
        cases.push((format!("{family}-none"), peers(2000..2000 + size, v4)));
    }
    cases
}

/// Asks about one address after the other.
fn ask<T>(group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, peers: &[IpAddr], ask: impl Fn(IpAddr) -> T) {
    let peers: &[IpAddr; PEERS] = peers.try_into().unwrap();
    let mut next = 0;
    group.bench_function(id, |b| {
        b.iter(|| {
            next = (next + 1) % PEERS;
            ask(black_box(peers[next]))
        });
    });
}

fn subject(port: u16) -> Subject {
    let packet = vpcemu_benches::syn("20.0.0.9:4000".parse().unwrap(), (Ipv4Addr::new(10, 0, 0, 10), port).into());
    let headers = Headers::parse(&packet, packet.len() as u32, Offloads::Strict).unwrap();
    Subject::new(&headers, headers.transport)
}

fn acl(timeline: &Timeline) -> &AclRules {
    let index = timeline.registry().acls.find(&"acl-n".into()).unwrap();
    &timeline.fabric(0).acl(index).unwrap().ingress
}

fn group_rules(timeline: &Timeline) -> &GroupRules {
    &timeline.fabric(0).eni(timeline.registry().enis.find(&"eni-h".into()).unwrap()).unwrap().ingress
}

fn acls(c: &mut Criterion) {
    let mut group = c.benchmark_group("network-acl");
    group.throughput(Throughput::Elements(1));
    for size in SIZES {
        // AWS's limit is 40 entries. What a table of 1,000 costs is asked all the same.
        let mut network = network();
        let entries = &mut network.network_acls.iter_mut().find(|acl| acl.id == "acl-n".into()).unwrap().ingress;
        let first = entries[0].clone();
        let entry = |n| AclEntry { number: n as u16 + 1, cidr: block(n), ..first.clone() };
        *entries = (0..size).map(entry).collect();
        let timeline = Timeline::compile(&[network]);
        let rules = acl(&timeline);
        for (case, peers) in cases(size) {
            let subject = subject(PORT);
            let expected = !case.ends_with("none");
            assert!(peers.iter().all(|peer| rules.judge(subject, *peer).allowed == expected), "{case}");
            ask(&mut group, BenchmarkId::new(case, size), &peers, |peer| rules.judge(subject, peer));
        }
    }
    group.finish();
}

fn allowed(verdict: GroupVerdict) -> bool {
    matches!(verdict, GroupVerdict::Allowed { .. })
}

fn groups(c: &mut Criterion) {
    let mut group = c.benchmark_group("security-group");
    group.throughput(Throughput::Elements(1));
    let identity = PeerMatch::default();
    let subject = subject(PORT);
    for size in SIZES {
        let mut by_rules = network();
        let rules = &mut by_rules.security_groups.iter_mut().find(|group| group.id == "sg-g".into()).unwrap().ingress;
        let first = rules[0].clone();
        let rule = |n: usize, ports, peer: IpNet| SecurityGroupRule {
            id: format!("sgr-{n}").as_str().into(),
            ports,
            peer: Peer::Cidr(peer),
            ..first.clone()
        };
        *rules = (0..size).map(|n| rule(n, first.ports, block(n))).collect();
        let mut by_list = network();
        by_list.prefix_lists[0].entries = (0..size).map(block).collect();
        for (kind, network) in [("rules", &by_rules), ("list", &by_list)] {
            let timeline = Timeline::compile([network]);
            let rules = group_rules(&timeline);
            for (case, peers) in cases(size) {
                let expected = !case.ends_with("none");
                assert!(peers.iter().all(|peer| allowed(rules.judge(subject, *peer, &identity)) == expected), "{case}");
                let id = BenchmarkId::new(format!("{kind}-{case}"), size);
                ask(&mut group, id, &peers, |peer| rules.judge(subject, peer, &identity));
            }
        }
        // Half of the rules are about the packet's port, the other half about its address, and none about both.
        let mut crossed = by_rules.clone();
        let rules = &mut crossed.security_groups.iter_mut().find(|group| group.id == "sg-g".into()).unwrap().ingress;
        *rules = (0..size)
            .map(|n| match n % 2 {
                0 => rule(
                    n,
                    Ports::Range(PortRange { from: 1, to: PORT - 1 - n as u16 % 400 }),
                    "0.0.0.0/0".parse().unwrap(),
                ),
                _ => rule(n, first.ports, block(2 * n)),
            })
            .collect();
        let timeline = Timeline::compile(&[crossed]);
        let (rules, peers) = (group_rules(&timeline), peers(4000..4100, true));
        assert!(!peers.iter().any(|peer| allowed(rules.judge(subject, *peer, &identity))));
        let id = BenchmarkId::new("crossed-v4-none", size);
        ask(&mut group, id, &peers, |peer| rules.judge(subject, peer, &identity));
    }
    group.finish();
}

fn routes(c: &mut Criterion) {
    let mut group = c.benchmark_group("route");
    group.throughput(Throughput::Elements(1));
    for size in [10, 50, 1000] {
        let mut network = network();
        let routes = &mut network.route_tables.iter_mut().find(|table| table.id == "rtb-r".into()).unwrap().routes;
        // The local ones and the default stay.
        let first = routes[routes.len() - 1].clone();
        let route = |n| Route { destination: Destination::Cidr(block(n)), ..first.clone() };
        routes.extend((0..size).map(route));
        let timeline = Timeline::compile(&[network]);
        let table = timeline.registry().tables.find(&"rtb-r".into()).unwrap();
        let table = timeline.fabric(0).table(table).unwrap();
        for (case, peers) in cases(size) {
            let longest = if case.ends_with("none") { 0 } else { 24 };
            let length =
                |peer| table.lookup(peer).and_then(|hit| table.net(hit.route)).map_or(0, |net| net.prefix_len());
            assert!(peers.iter().all(|peer| length(*peer) >= longest), "{case}");
            ask(&mut group, BenchmarkId::new(case, size), &peers, |peer| table.lookup(peer));
        }
    }
    group.finish();
}

/// This many VPCs, of which the first has a NAT gateway.
fn many_vpcs(count: usize) -> Timeline {
    let mut text = String::from(
        "[internet_gateway.igw]\nvpc = \"v0\"\n[nat_gateway.nat]\nsubnet = \"s0\"\n\
         addresses = [{ private = \"10.0.0.9\", public = \"203.0.113.9\" }]\n\
         [subnet.private]\nvpc = \"v0\"\ncidrs = [\"10.0.0.128/26\"]\nroute_table = \"private\"\n\
         [route_table.private]\nvpc = \"v0\"\nroutes = [{ to = \"0.0.0.0/0\", via = \"nat\" }]\n",
    );
    for n in 0..count {
        let (b, c) = (n / 256, n % 256);
        write!(
            text,
            "[vpc.v{n}]\ncidrs = [\"10.{b}.{c}.0/24\"]\n[subnet.s{n}]\nvpc = \"v{n}\"\ncidrs = [\"10.{b}.{c}.0/26\"]\n\
             [subnet.t{n}]\nvpc = \"v{n}\"\ncidrs = [\"10.{b}.{c}.64/26\"]\n"
        )
        .unwrap();
    }
    let network = native::parse("vpcs.toml", &text).unwrap_or_else(|error| panic!("{error}")).network;
    Timeline::compile(&[network])
}

fn shards(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard-of");
    group.throughput(Throughput::Elements(1));
    for count in [1, 10, 1000] {
        let timeline = many_vpcs(count);
        let map = ShardMap::new(&timeline);
        let block = |base: usize, length| -> IpNet {
            format!("10.{}.{}.{base}/{length}", (count - 1) / 256, (count - 1) % 256).parse().unwrap()
        };
        let last = within(block(0, 26), 10);
        let remotes: Vec<IpAddr> = (0..PEERS as u32).map(|n| Ipv4Addr::from(0x5d00_0000 + n * 7919).into()).collect();
        let neighbours: Vec<IpAddr> = (0..PEERS).map(|n| within(block(64, 26), n % 50)).collect();
        let private: IpAddr = "10.0.0.140".parse().unwrap();
        assert!(map.shard_of(private, "10.0.0.9".parse().unwrap()) == 0);
        ask(&mut group, BenchmarkId::new("remote", count), &remotes, |remote| map.shard_of(last, remote));
        ask(&mut group, BenchmarkId::new("strangers", count), &remotes, |remote| map.shard_of(remotes[7], remote));
        ask(&mut group, BenchmarkId::new("local", count), &neighbours, |other| map.shard_of(last, other));
        ask(&mut group, BenchmarkId::new("local-beside-nat", count), &neighbours, |other| map.shard_of(private, other));
        let fabric: &Fabric = timeline.fabric(0);
        ask(&mut group, BenchmarkId::new("is-owned", count), &remotes, |remote| fabric.is_owned(remote));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(15).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
    targets = acls, groups, routes, shards
}
criterion_main!(benches);
