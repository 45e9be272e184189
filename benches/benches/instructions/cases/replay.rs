//! A capture from file to file: reading, merging, placing, forwarding and writing, with one worker.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use vpcemu_benches::way::Way;
use vpcemu_benches::{Engine, NETWORK, delivered, timeline};
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, ReplayOptions, replay};

use super::{Case, Work};

/// Flows whose packets take turns.
const FLOWS: u32 = 500;

pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, growth| Case { name: name.into(), work: Work::Growth(growth) };
    vec![
        case("replay/packets", |packets| file_to_file(packets, Taken::BothSides, false)),
        case("replay/packets-and-verdicts", |packets| file_to_file(packets, Taken::BothSides, true)),
        case("replay/packets-re-anchored", |packets| file_to_file(packets, Taken::Outside, false)),
    ]
}

/// Where the capture was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Every packet where it was sent: it enters as it is, and the flow cache knows it.
    BothSides,
    /// Beyond the internet gateway: answers are put back in front of their translation, and walk.
    Outside,
}

/// Replays a capture of an established server's traffic, questions and answers by turns.
fn file_to_file(packets: u32, taken: Taken, verdicts: bool) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.pcap"), folder.path().join("out.pcap"));
    write(&input, packets, taken);
    let mut options = ReplayOptions::new(timeline(NETWORK));
    options.captures.push(CaptureInput { path: input.clone(), at: At::Auto });
    options.packets = Some(output.clone());
    options.annotate = false;
    options.verdicts = verdicts.then(|| folder.path().join("verdicts.ndjson"));
    let told = options.verdicts.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let finished = runtime.block_on(replay(options, Arc::new(Progress::default()))).unwrap();
    let of = finished.summary.packets;
    let answers = if taken == Taken::Outside { u64::from(packets / 2) } else { 0 };
    assert_eq!((of.delivered, of.dropped, of.reanchored), (u64::from(packets), 0, answers));
    let size = |path: &Path| path.metadata().unwrap().len();
    assert_eq!(size(&output), size(&input), "as many packets came out, as long as they were");
    if let Some(told) = told {
        assert_eq!(std::fs::read_to_string(told).unwrap().lines().count(), packets as usize);
    }
    u64::from(packets)
}

/// Writes the capture. Its flows take turns.
fn write(path: &Path, packets: u32, taken: Taken) {
    let mut engine = Engine::new(NETWORK);
    let mut turn = Vec::new();
    for flow in 0..FLOWS {
        let [_, back] = engine.open(Way::Igw, flow);
        assert!(delivered(&engine.walk(&back)));
        let answer = if taken == Taken::Outside { engine.left() } else { back.bytes() };
        turn.extend([Way::Igw.opening(flow), answer.to_vec()]);
    }
    let mut writer = PcapWriter::new(File::create(path).unwrap(), LinkType::RAW).unwrap();
    let mut time = 1_750_000_000_000_000_000;
    for datagram in turn.iter().cycle().take(packets as usize) {
        time += 1_000_000;
        writer.write(time, datagram.len() as u32, datagram).unwrap();
    }
    writer.finish().unwrap();
}
