//! Every security group rule of the worked example removed in turn: `diff` names the flows that this changes, and no others, by
//! its probes and of a capture of those flows.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::{Options, Timeline};
use vpcemu_diff::{Captured, Change, Comparison, Limit, Pair, Recorder, probe, recorders};
use vpcemu_lab::{Flow, Lab, Sent, TcpFlags};
use vpcemu_model::{Network, SecurityGroup};
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, ReplayOptions, listen};

/// A flow, and who its ends are to `diff`.
struct Known {
    name: &'static str,
    from: &'static str,
    to: &'static str,
    told: (&'static str, &'static str),
    port: u16,
}

/// The flows of `expected-flows.json`; the reply of the first is part of the first.
const FLOWS: [Known; 14] = [
    flow("private to internet", "10.20.10.10:40000", "93.184.216.34:443", ("app", "0.0.0.0/0"), 443),
    flow("private, port 80", "10.20.10.10:40001", "93.184.216.34:80", ("app", "0.0.0.0/0"), 80),
    flow("reply denied", "10.20.10.10:40002", "198.51.100.7:443", ("app", "198.51.100.0/24"), 443),
    flow("to web", "198.51.100.9:51000", "203.0.113.10:443", ("internet", "web (public)"), 443),
    flow("ssh", "192.0.2.130:51000", "203.0.113.10:22", ("internet (192.0.2.128/27)", "web (public)"), 22),
    flow("other ssh", "198.51.100.9:51000", "203.0.113.10:22", ("internet", "web (public)"), 22),
    flow("to the NAT gateway", "198.51.100.9:51000", "203.0.113.20:443", ("internet", "nat"), 443),
    flow("web to app", "web:41000", "app:8080", ("web", "app"), 8080),
    flow("app to db", "app:42000", "db:5432", ("app", "db"), 5432),
    flow("web to db", "web:42000", "db:5432", ("web", "db"), 5432),
    flow("app to S3", "app:43000", "52.216.1.1:443", ("app", "52.216.0.0/15"), 443),
    flow("IPv6 out", "[2001:db8:1234:1a10::10]:44000", "[2606:2800:220:1::1]:443", ("app", "::/0"), 443),
    flow("IPv6 in", "[2606:2800:220:1::1]:443", "[2001:db8:1234:1a10::10]:8080", ("internet", "app"), 8080),
    flow("spoofed", "10.20.10.99:40000@app", "93.184.216.34:443", ("app as 0.0.0.0/0", "0.0.0.0/0"), 443),
];

const fn flow(
    name: &'static str,
    from: &'static str,
    to: &'static str,
    told: (&'static str, &'static str),
    port: u16,
) -> Known {
    Known { name, from, to, told, port }
}

fn network() -> Network {
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/import/tests/data/worked-example");
    vpcemu_import::load(&dump, &vpcemu_import::Options::default()).unwrap().network
}

/// The packets of a flow, alone in a fresh network.
fn alone(lab: &mut Lab, known: &Known) -> Vec<Sent> {
    lab.forget();
    let mut conversation = lab.converse(&Flow::tcp(known.from, known.to)).unwrap();
    let mut sent = vec![conversation.send(lab, TcpFlags::SYN)];
    if let Ok(answer) = conversation.answer(lab, TcpFlags::SYN | TcpFlags::ACK) {
        let answered = answer.is_delivered();
        sent.push(answer);
        if answered {
            sent.push(conversation.send(lab, TcpFlags::ACK));
        }
    }
    sent
}

/// Every flow, one after the other, as it is seen where each packet was sent.
fn capture(lab: &mut Lab, path: &Path) -> Vec<(u64, &'static str)> {
    let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), LinkType::RAW).unwrap();
    let mut names = Vec::new();
    for known in &FLOWS {
        for sent in alone(lab, known) {
            names.push((names.len() as u64 + 1, known.name));
            let length = u32::try_from(sent.bytes.len()).unwrap();
            let key = sent.injected.unwrap();
            let (from, to) =
                (std::net::SocketAddr::new(key.src, key.src_port), std::net::SocketAddr::new(key.dst, key.dst_port));
            let datagram = vpcemu_packet::build::tcp(from, to).flags(sent.flags.unwrap()).build();
            assert_eq!(datagram.len() as u32, length);
            writer.write(1_736_467_200_000_000_000 + names.len() as u64 * 1_000_000, length, &datagram).unwrap();
        }
    }
    writer.finish().unwrap();
    names
}

fn replayed(pair: &Pair, capture: &Path) -> Comparison {
    let follow = |timeline: Arc<Timeline>, recorder: Recorder| {
        let options = ReplayOptions {
            captures: vec![CaptureInput { path: capture.to_owned(), at: At::Auto }],
            engine: Options { record_steps: true, ..Options::default() },
            ..ReplayOptions::new(timeline)
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(listen(options, Arc::new(Progress::default()), recorder)).unwrap();
    };
    let timeline = |network: &Network| Arc::new(Timeline::compile(std::slice::from_ref(network)));
    let (old, new) = (timeline(&pair.old), timeline(&pair.new));
    let (to_old, to_new, captured): (_, _, Captured) = recorders();
    std::thread::scope(|scope| {
        scope.spawn(|| follow(Arc::clone(&old), to_old));
        scope.spawn(|| follow(Arc::clone(&new), to_new));
        captured.compare(pair, &old, &new)
    })
}

/// Whether a change by probes is about a flow.
fn is_about(change: &Change, known: &Known) -> bool {
    let ipv6 = known.from.starts_with('[');
    let ends = change.ipv6 == Some(ipv6)
        && change.from.iter().any(|from| from == known.told.0)
        && change.to.iter().any(|to| to == known.told.1);
    let traffic = change.traffic.as_deref().unwrap();
    let tcp = traffic.split("; ").find_map(|part| part.strip_prefix("tcp"));
    let covers = |ranges: &str| {
        ranges.split(", ").any(|range| {
            let (from, to) = range.trim().split_once('-').unwrap_or((range.trim(), range.trim()));
            from.is_empty() || (from.parse().unwrap()..=to.parse().unwrap()).contains(&known.port)
        })
    };
    ends && (traffic == "all" || tcp.is_some_and(covers))
}

fn rules(group: &mut SecurityGroup) -> [&mut Vec<vpcemu_model::SecurityGroupRule>; 2] {
    [&mut group.ingress, &mut group.egress]
}

#[test]
fn removing_a_rule_changes_the_flows_that_diff_names() {
    let old = network();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.pcap");
    let numbers = capture(&mut Lab::new(old.clone()), &path);
    let ids: Vec<_> = old
        .security_groups
        .iter()
        .flat_map(|group| group.ingress.iter().chain(&group.egress))
        .map(|it| it.id.clone())
        .collect();
    assert_eq!(ids.len(), 14);
    let mut changed_by = Vec::new();
    for id in ids {
        let mut new = old.clone();
        new.security_groups.iter_mut().flat_map(rules).for_each(|rules| rules.retain(|rule| rule.id != id));
        let (mut before, mut after) = (Lab::new(old.clone()), Lab::new(new.clone()));
        let delivered = |sent: Vec<Sent>| sent.iter().map(Sent::is_delivered).collect::<Vec<_>>();
        let differs = |known: &&Known| delivered(alone(&mut before, known)) != delivered(alone(&mut after, known));
        let expected: BTreeSet<_> = FLOWS.iter().filter(differs).map(|known| known.name).collect();

        let pair = Pair::new(old.clone(), new).unwrap();
        let probed = probe(&pair, Limit::default());
        assert!(probed.complete);
        let about = |known: &&Known| probed.changes.iter().any(|change| is_about(change, known));
        let named: BTreeSet<_> = FLOWS.iter().filter(about).map(|known| known.name).collect();
        assert_eq!(named, expected, "{id}: {probed}");
        // The rule that is gone is the one that had let it pass.
        for change in &probed.changes {
            assert_eq!(change.old.rule.as_deref(), Some(id.as_str()), "{probed}");
        }

        let seen = replayed(&pair, &path);
        let of = |change: &Change| numbers.iter().find(|(n, _)| Some(*n) == change.first).unwrap().1;
        let named: BTreeSet<_> = seen.changes.iter().map(of).collect();
        assert_eq!(named, expected, "{id}: {seen}");
        assert_eq!(named.len(), seen.changes.len(), "a flow each: {seen}");
        changed_by.push(expected.len());
    }
    assert!(changed_by.iter().filter(|count| **count > 0).count() >= 7, "{changed_by:?}");
}
