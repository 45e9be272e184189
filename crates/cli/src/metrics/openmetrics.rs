//! Counters as OpenMetrics text (the format that Prometheus scrapes).

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use vpcemu_dataplane::outcome::StepKind;
use vpcemu_dataplane::{DropReason, Timeline};
use vpcemu_replay::progress::{self, Progress};
use vpcemu_replay::{NatSummary, Summary};

const PASSED: &str = "How often packets passed a stage";
const REFUSED: &str = "Packets that a stage refused";

type Labels = Vec<(&'static str, String)>;

/// Families of metrics in the making.
struct Page(Registry);

impl Page {
    fn new() -> Self {
        Self(Registry::with_prefix("vpcemu"))
    }

    /// A counter for each value of one label.
    fn counters(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Counter>::default();
        for (labels, count) in rows {
            family.get_or_create(&labels).inc_by(count);
        }
        self.0.register(name, help, family);
    }

    /// Likewise of what goes up and down.
    fn gauges(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Gauge<u64, AtomicU64>>::default();
        for (labels, level) in rows {
            family.get_or_create(&labels).set(level);
        }
        self.0.register(name, help, family);
    }

    /// A metric of NAT gateways, by CloudWatch's name.
    fn of_gateways(&mut self, name: &str, rows: impl IntoIterator<Item = (Labels, u64)>) {
        self.counters(&format!("nat_gateway_{}", snake(name)), &format!("{name} of AWS/NATGateway"), rows);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.0);
        text
    }
}

fn label(name: &'static str, value: impl Into<String>) -> Labels {
    vec![(name, value.into())]
}

/// The totals of a run that has ended.
pub(super) fn of_summary(summary: &Summary) -> String {
    let mut page = Page::new();
    let packets = &summary.packets;
    let by_fate = [("delivered", packets.delivered), ("dropped", packets.dropped), ("held", packets.held)];
    page.counters(
        "packets",
        "Packets of the input, by fate",
        by_fate.map(|(fate, count)| (label("fate", fate), count)),
    );
    let made = [("delivered", packets.generated), ("dropped", packets.generated_dropped)];
    let made = made.map(|(fate, count)| (label("fate", fate), count));
    page.counters("generated_packets", "Packets made by the VPC, by fate", made);
    let bytes = [("in", summary.bytes.input), ("delivered", summary.bytes.delivered)];
    page.counters("bytes", "Bytes of IP total length", bytes.map(|(of, count)| (label("of", of), count)));
    let dropped = summary.dropped_by_reason.iter().map(|(reason, count)| (label("reason", *reason), *count));
    page.counters("dropped_packets", "Dropped packets of the input, by reason", dropped);
    let delivered = summary.delivered_to.iter().map(|(place, count)| (label("place", place), *count));
    page.counters("delivered_packets", "Delivered packets of the input, by place", delivered);
    let passed = summary.stages.iter().map(|(stage, hits)| (label("stage", *stage), hits.passed));
    page.counters("stage_passed", PASSED, passed);
    let refused = summary.stages.iter().map(|(stage, hits)| (label("stage", *stage), hits.refused));
    page.counters("stage_refused_packets", REFUSED, refused);
    let connections = &summary.connections;
    let events = [("created", connections.created), ("expired", connections.expired)];
    page.counters("connections", "Connections, by event", events.map(|(of, count)| (label("event", of), count)));
    let levels = [("live", connections.live), ("peak", connections.peak)];
    page.gauges("connection_level", "Connections at once", levels.map(|(of, count)| (label("at", of), count)));
    let active = summary
        .nat
        .iter()
        .map(|(gateway, counted)| (label("nat_gateway_id", gateway), counted.active_connection_count));
    let help = "ActiveConnectionCount of AWS/NATGateway, its maximum";
    page.gauges("nat_gateway_active_connection_count", help, active);
    for (name, of) in NatSummary::COUNTERS {
        let rows = summary.nat.iter().map(|(gateway, counted)| (label("nat_gateway_id", gateway), of(counted)));
        page.of_gateways(name, rows);
    }
    page.text()
}

/// What is known of a run that is under way.
pub(super) fn of_progress(progress: &Progress, timeline: &Timeline) -> String {
    let mut page = Page::new();
    let count = |counter| progress.count(counter);
    let dropped = DropReason::ALL.iter().map(|reason| (reason, count(progress::Counter::Dropped(*reason))));
    let dropped: Vec<_> = dropped.filter(|(_, count)| *count > 0).collect();
    let by_fate =
        [("delivered", count(progress::Counter::Delivered)), ("dropped", dropped.iter().map(|(_, count)| count).sum())];
    page.counters(
        "packets",
        "Packets of the input, by fate",
        by_fate.map(|(fate, count)| (label("fate", fate), count)),
    );
    let dropped = dropped.into_iter().map(|(reason, count)| (label("reason", reason.code()), count));
    page.counters("dropped_packets", "Dropped packets of the input, by reason", dropped);
    for (name, help, of) in [
        ("stage_passed", PASSED, progress::Counter::Passed as fn(StepKind) -> progress::Counter),
        ("stage_refused_packets", REFUSED, progress::Counter::Refused),
    ] {
        let met = StepKind::ALL.map(|kind| (label("stage", kind.name()), count(of(kind))));
        page.counters(name, help, met.into_iter().filter(|(_, count)| *count > 0));
    }
    let gateways = &timeline.registry().nats;
    for (name, _) in NatSummary::COUNTERS {
        let rows = gateways
            .iter()
            .map(|(nat, id)| (label("nat_gateway_id", id.as_str()), count(progress::Counter::Nat(nat, name))));
        page.of_gateways(name, rows);
    }
    let live = [(label("at", "live"), count(progress::Counter::Connections))];
    page.gauges("connection_level", "Connections at once", live);
    page.text()
}

/// `ErrorPortAllocation` as metrics are named.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_snake_case() {
        assert_eq!(snake("PacketsInFromSource"), "packets_in_from_source");
    }

    #[test]
    fn a_run_under_way_is_a_page_that_ends() {
        let text = of_progress(&Progress::default(), &Timeline::compile(&[vpcemu_model::Network::default()]));
        assert!(text.contains("# TYPE vpcemu_packets counter\n"), "{text}");
        assert!(text.contains("vpcemu_packets_total{fate=\"delivered\"} 0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
