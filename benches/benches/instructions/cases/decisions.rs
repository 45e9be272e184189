//! What a packet's addresses and ports lead to: security groups, network ACLs, routes, shards.

use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use vpcemu_benches::way::Way;
use vpcemu_benches::{NETWORK, syn, timeline};
use vpcemu_dataplane::fabric::{GroupVerdict, PeerMatch, Subject};
use vpcemu_dataplane::{ShardMap, Timeline};
use vpcemu_packet::{Headers, Offloads};

use super::Case;
use crate::callgrind::instructions_are_counted;

/// Entries of a small table and of a large one. A network ACL takes 40 at most.
const SMALL: u32 = 10;
const LARGE: u32 = 1_000;
const MOST_IN_ACL: u32 = 40;

pub(super) fn cases() -> Vec<Case> {
    let tables = [SMALL, LARGE].into_iter().flat_map(|entries| {
        [
            Case::piece(format!("security-group/allowed/{entries}"), move || security_group(entries, true)),
            Case::piece(format!("security-group/denied/{entries}"), move || security_group(entries, false)),
            Case::piece(format!("route/{entries}"), move || route(entries)),
        ]
    });
    let acls = [SMALL, MOST_IN_ACL].into_iter().flat_map(|entries| {
        [
            Case::piece(format!("network-acl/allowed/{entries}"), move || network_acl(entries, true)),
            Case::piece(format!("network-acl/denied/{entries}"), move || network_acl(entries, false)),
        ]
    });
    let shards = [Way::VpcPath, Way::Eigw, Way::Groups]
        .map(|way| Case::piece(format!("shard/{}", way.name()), move || shard(way)));
    tables.chain(acls).chain(shards).collect()
}

/// The block of an entry.
fn block(entry: u32) -> String {
    format!("20.{}.{}.0/24", entry / 256, entry % 256)
}

/// An address of an entry's block.
fn address(entry: u32) -> IpAddr {
    Ipv4Addr::from((20 << 24) + (entry << 8) + 9).into()
}

/// Addresses to decide on: of all entries, or of none.
fn peers(entries: u32, known: bool) -> Vec<IpAddr> {
    // A step that meets every entry of a small table, and some of each part of a large one.
    (0..64).map(|n| n * 37 % entries).map(|entry| address(if known { entry } else { entry + LARGE })).collect()
}

/// A network whose security group (by a prefix list), network ACL and route table have so many entries.
fn network(entries: u32) -> Arc<Timeline> {
    let mut text = String::from(
        "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[internet_gateway.igw]\n\
         [subnet.a]\ncidrs = [\"10.0.0.0/24\"]\nroute_table = \"r\"\nnacl = \"n\"\n\
         [instance.h]\nsubnet = \"a\"\naddresses = [\"10.0.0.10\"]\nsecurity_groups = [\"g\"]\n\
         [security_group.g]\ningress = [{ proto = \"tcp\", ports = \"443\", from = \"pl:p\" }]\n",
    );
    let lines = |count: u32, line: &dyn Fn(u32) -> String| (0..count).map(line).collect::<Vec<_>>().join(",\n");
    let list = lines(entries, &|n| format!("\"{}\"", block(n)));
    let routes = lines(entries, &|n| format!("{{ to = \"{}\", via = \"igw\" }}", block(n)));
    let rules = lines(entries.min(MOST_IN_ACL), &|n| {
        format!("{{ rule = {}, action = \"allow\", proto = \"tcp\", from = \"{}\" }}", n + 1, block(n))
    });
    write!(text, "[prefix_list.p]\nentries = [{list}]\n[route_table.r]\nroutes = [{routes}]\n").unwrap();
    write!(text, "[network_acl.n]\ningress = [{rules}]\n").unwrap();
    timeline(&text)
}

fn subject() -> Subject {
    let packet = syn("20.0.0.9:4000".parse().unwrap(), "10.0.0.10:443".parse().unwrap());
    let headers = Headers::parse(&packet, packet.len() as u32, Offloads::Strict).unwrap();
    Subject::new(&headers, headers.transport)
}

fn security_group(entries: u32, known: bool) -> u64 {
    let (timeline, subject, peers) = (network(entries), subject(), peers(entries, known));
    let eni = timeline.fabric(0).eni(timeline.registry().enis.find(&"eni-h".into()).unwrap()).unwrap();
    let identity = PeerMatch::default();
    let allowed = instructions_are_counted(|| {
        let judge = |peer: &IpAddr| eni.ingress.judge(black_box(subject), *peer, black_box(&identity));
        peers.iter().filter(|peer| matches!(judge(peer), GroupVerdict::Allowed { .. })).count()
    });
    assert_eq!(allowed, if known { peers.len() } else { 0 });
    peers.len() as u64
}

fn network_acl(entries: u32, known: bool) -> u64 {
    let (timeline, subject, peers) = (network(entries), subject(), peers(entries, known));
    let acl = timeline.fabric(0).acl(timeline.registry().acls.find(&"acl-n".into()).unwrap()).unwrap();
    let allowed = instructions_are_counted(|| {
        peers.iter().filter(|peer| acl.ingress.judge(black_box(subject), **peer).allowed).count()
    });
    assert_eq!(allowed, if known { peers.len() } else { 0 });
    peers.len() as u64
}

fn route(entries: u32) -> u64 {
    let (timeline, peers) = (network(entries), peers(entries, true));
    let table = timeline.fabric(0).table(timeline.registry().tables.find(&"rtb-r".into()).unwrap()).unwrap();
    let found = instructions_are_counted(|| peers.iter().filter(|peer| table.lookup(**peer).is_some()).count());
    assert_eq!(found, peers.len());
    assert!(table.lookup(address(LARGE)).is_none(), "not everything is found");
    peers.len() as u64
}

fn shard(way: Way) -> u64 {
    let map = ShardMap::new(&timeline(NETWORK));
    let parse = |flow| {
        let packet = way.opening(flow);
        Headers::parse(&packet, packet.len() as u32, Offloads::Strict).unwrap()
    };
    let headers: Vec<_> = (0..64).map(parse).collect();
    let mut shards: Vec<u8> = Vec::with_capacity(headers.len());
    instructions_are_counted(|| shards.extend(headers.iter().map(|headers| map.shard(headers))));
    shards.sort_unstable();
    shards.dedup();
    // By the remote, or by the two addresses, which are always the same.
    assert_eq!(shards.len() == 1, way == Way::Groups, "{} shards", shards.len());
    headers.len() as u64
}
