//! From the text of a large configuration to a fabric, step by step. Nothing of it is on the packet path; it is what a
//! user waits for before the first packet.

mod account;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use vpcemu_dataplane::{ShardMap, Timeline};
use vpcemu_import::Options;
use vpcemu_model::{native, validate::validate};
use vpcemu_tests::large;

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    let text = large::native();
    let network = native::parse("large.toml", &text).unwrap_or_else(|error| panic!("{error}")).network;
    assert_eq!((network.subnets.len(), network.interfaces.len()), (large::SUBNETS, large::INTERFACES + 1));
    let folder = tempfile::tempdir().unwrap();
    large::dumps(folder.path()).unwrap();
    let imported = vpcemu_import::load(folder.path(), &Options::default()).unwrap().network;
    assert_eq!((imported.subnets.len(), imported.interfaces.len()), (large::SUBNETS, large::INTERFACES + 1));

    let account = tempfile::tempdir().unwrap();
    account::write(account.path()).unwrap();
    let read = vpcemu_import::load(account.path(), &Options::default()).unwrap();
    let keys = read.files.iter().flat_map(|file| &file.keys);
    assert_eq!(keys.map(|key| key.count).sum::<usize>(), account::RESOURCES);
    assert_eq!((read.network.interfaces.len(), read.network.assumptions.len()), (account::INTERFACES, 0));
    assert_eq!(read.network.subnets.len(), account::VPCS * account::SUBNETS);

    // Parsing validates too.
    group.bench_function("native", |b| b.iter(|| native::parse("large.toml", black_box(&text)).unwrap()));
    group.bench_function("import", |b| b.iter(|| vpcemu_import::load(folder.path(), &Options::default()).unwrap()));
    group.bench_function("import-5000", |b| {
        b.iter(|| vpcemu_import::load(account.path(), &Options::default()).unwrap());
    });
    group.bench_function("validate", |b| b.iter(|| validate(black_box(&network))));
    let networks = std::slice::from_ref(&network);
    group.bench_function("fabric", |b| b.iter(|| Timeline::compile(black_box(networks))));
    let timeline = Timeline::compile(networks);
    group.bench_function("shard-map", |b| b.iter(|| ShardMap::new(&timeline)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = compile
}
criterion_main!(benches);
