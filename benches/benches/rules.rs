//! Decisions of rules and routes, without state.

use std::fmt::Write;
use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::fabric::{AclVerdict, GroupVerdict, PeerMatch, Subject};
use vpcemu_dataplane::index::{AclIx, TableIx};
use vpcemu_model::native;
use vpcemu_packet::{Headers, Offloads};

/// A network whose network ACL, security group (by a prefix list) and route table have this many entries.
fn network(entries: usize) -> Timeline {
    let mut text = String::from(
        "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[internet_gateway.igw]\n\
         [subnet.a]\ncidrs = [\"10.0.0.0/24\"]\nroute_table = \"r\"\nnacl = \"n\"\n\
         [instance.h]\nsubnet = \"a\"\naddresses = [\"10.0.0.10\"]\nsecurity_groups = [\"g\"]\n",
    );
    let block = |n: usize| format!("{}.{}.{}.0/24", 20 + n / 65_536, n / 256 % 256, n % 256);
    let lines = |format: &dyn Fn(usize) -> String| (0..entries).map(format).collect::<Vec<_>>().join(",\n");
    // AWS's quotas are lower; they are warnings up to their maximum, so the ACL and the table stay below it.
    let acl = lines(&|n| {
        format!("{{ rule = {}, action = \"allow\", proto = \"tcp\", from = \"{}\" }}", n % 40 + 1, block(n))
    });
    let acl: Vec<_> = acl.split(",\n").take(40).collect();
    write!(text, "[network_acl.n]\ningress = [{}]\n", acl.join(",\n")).unwrap();
    write!(text, "[prefix_list.p]\nentries = [{}]\n", lines(&|n| format!("\"{}\"", block(n)))).unwrap();
    text.push_str("[security_group.g]\ningress = [{ proto = \"tcp\", ports = \"443\", from = \"pl:p\" }]\n");
    let routes = lines(&|n| format!("{{ to = \"{}\", via = \"igw\" }}", block(n)));
    write!(text, "[route_table.r]\nroutes = [{routes}]\n").unwrap();
    let network = native::parse("bench.toml", &text).unwrap_or_else(|error| panic!("{error}")).network;
    Timeline::compile(&[network])
}

fn decisions(c: &mut Criterion) {
    let mut group = c.benchmark_group("decision");
    group.throughput(Throughput::Elements(1));
    let packet = vpcemu_benches::syn("20.0.0.9:4000".parse().unwrap(), "10.0.0.10:443".parse().unwrap());
    let headers = Headers::parse(&packet, packet.len() as u32, Offloads::Strict).unwrap();
    let subject = Subject::new(&headers, headers.transport);
    let stranger: IpAddr = "198.51.100.1".parse().unwrap();
    for entries in [10, 100, 1000] {
        let timeline = network(entries);
        let fabric = timeline.fabric(0);
        let eni = fabric.eni(timeline.registry().enis.find(&"eni-h".into()).unwrap()).unwrap();
        let acl: AclIx = timeline.registry().acls.find(&"acl-n".into()).unwrap();
        let acl = fabric.acl(acl).unwrap();
        let table: TableIx = timeline.registry().tables.find(&"rtb-r".into()).unwrap();
        let table = fabric.table(table).unwrap();
        let last: IpAddr = format!("20.{}.{}.9", (entries - 1) / 256, (entries - 1) % 256).parse().unwrap();
        let last_acl: IpAddr = format!("20.0.{}.9", entries.min(40) - 1).parse().unwrap();
        let identity = PeerMatch::default();
        assert!(matches!(eni.ingress.judge(subject, last, &identity), GroupVerdict::Allowed { .. }));
        assert!(matches!(eni.ingress.judge(subject, stranger, &identity), GroupVerdict::Denied { .. }));
        assert!(acl.ingress.judge(subject, last_acl).allowed);
        assert_eq!(acl.ingress.judge(subject, stranger), AclVerdict { allowed: false, number: None });
        assert!(table.lookup(last).is_some() && table.lookup(stranger).is_none());
        group.bench_function(BenchmarkId::new("security-group-last", entries), |b| {
            b.iter(|| eni.ingress.judge(subject, black_box(last), &identity));
        });
        group.bench_function(BenchmarkId::new("security-group-none", entries), |b| {
            b.iter(|| eni.ingress.judge(subject, black_box(stranger), &identity));
        });
        if entries <= 100 {
            group.bench_function(BenchmarkId::new("network-acl-last", entries.min(40)), |b| {
                b.iter(|| acl.ingress.judge(subject, black_box(last_acl)));
            });
        }
        group.bench_function(BenchmarkId::new("route", entries), |b| b.iter(|| table.lookup(black_box(last))));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = decisions
}
criterion_main!(benches);
