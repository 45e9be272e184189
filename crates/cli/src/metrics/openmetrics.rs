//! Counters as OpenMetrics text (the format that Prometheus scrapes).
//!
//! The families of a run under way are those of one that has ended, but for what is known only then. Rows of a family add up: what
//! does not has a family of its own.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use vpcemu_dataplane::outcome::StepKind;
use vpcemu_dataplane::{DropReason, Timeline};
use vpcemu_replay::progress::{Counter, Progress};
use vpcemu_replay::verdict::Names;
use vpcemu_replay::{NatSummary, PerSecond, Summary};

/// A name, without `_total`, and what it is.
type Family = (&'static str, &'static str);

const PACKETS: Family = ("packets", "Packets of the input, by fate");
const GENERATED: Family = ("generated_packets", "Packets made by the VPC, by fate");
const INPUT: Family = ("input", "Bytes of packets of the input, of IP total length");
const DELIVERED: Family = ("delivered", "Bytes of delivered packets of the input, of IP total length");
const DROPPED_BY: Family = ("dropped_packets", "Dropped packets of the input, by reason");
const DELIVERED_TO: Family = ("delivered_packets", "Delivered packets of the input, by place");
const PASSED: Family = ("stage_passed", "How often packets passed a stage");
const REFUSED: Family = ("stage_refused_packets", "Packets that a stage refused");
const LIVE: Family = ("live_connections", "Connections alive");
const READ: Family = (
    "read_packets",
    "Packets read so far; all other metrics are of those whose window of tens of thousands of packets is over",
);

const ACTIVE: &str = "ActiveConnectionCount";

/// A number of a row.
#[derive(Clone, Copy, Debug)]
enum Number {
    Whole(u64),
    Average(PerSecond),
}

/// A family with at most one label, its rows in the order in which they came.
#[derive(Debug)]
struct Table {
    of: MetricType,
    label: Option<&'static str>,
    rows: Vec<(String, Number)>,
}

impl EncodeMetric for Table {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let write = |mut encoder: MetricEncoder<'_>, number| match (self.of, number) {
            (MetricType::Counter, Number::Whole(count)) => encoder.encode_counter::<NoLabelSet, _, u64>(&count, None),
            (_, Number::Whole(level)) => encoder.encode_gauge(&level),
            (_, Number::Average(rate)) => encoder.encode_gauge(&rate.value()),
        };
        let Some(label) = self.label else {
            return self.rows.first().map_or(Ok(()), |(_, number)| write(encoder, *number));
        };
        self.rows.iter().try_for_each(|(value, number)| {
            let labels = [(label, value.as_str())];
            write(encoder.encode_family(&labels)?, *number)
        })
    }

    fn metric_type(&self) -> MetricType {
        self.of
    }
}

/// Families of metrics in the making.
struct Page(Registry);

impl Page {
    fn new() -> Self {
        Self(Registry::with_prefix("vpcemu"))
    }

    /// A counter for each value of a label.
    fn counters<S: Into<String>>(&mut self, of: Family, label: &'static str, rows: impl IntoIterator<Item = (S, u64)>) {
        let rows = rows.into_iter().map(|(value, count)| (value.into(), Number::Whole(count))).collect();
        self.0.register(of.0, of.1, Table { of: MetricType::Counter, label: Some(label), rows });
    }

    fn counter(&mut self, of: Family, count: u64) {
        self.0.register(of.0, of.1, single(MetricType::Counter, count));
    }

    fn bytes(&mut self, of: Family, count: u64) {
        self.0.register_with_unit(of.0, of.1, Unit::Bytes, single(MetricType::Counter, count));
    }

    /// What goes up and down, or is a maximum.
    fn gauge(&mut self, of: Family, level: u64) {
        self.0.register(of.0, of.1, single(MetricType::Gauge, level));
    }

    /// A metric of NAT gateways, by CloudWatch's name.
    fn of_gateways(&mut self, of: MetricType, name: &str, kind: &str, rows: impl Iterator<Item = (String, Number)>) {
        self.named_of_gateways(of, metric_name(name), &format!("{name} of AWS/NATGateway{kind}"), rows);
    }

    fn named_of_gateways(
        &mut self,
        of: MetricType,
        metric: String,
        help: &str,
        rows: impl Iterator<Item = (String, Number)>,
    ) {
        let table = Table { of, label: Some("nat_gateway_id"), rows: rows.collect() };
        self.0.register(metric, help, table);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.0);
        text
    }
}

/// A family of one row.
fn single(of: MetricType, number: u64) -> Table {
    Table { of, label: None, rows: vec![(String::new(), Number::Whole(number))] }
}

/// `IdleTimeoutCount` as metrics are named: that something is counted is told by its type.
fn metric_name(cloudwatch: &str) -> String {
    let mut name = "nat_gateway".to_owned();
    for letter in cloudwatch.strip_suffix("Count").unwrap_or(cloudwatch).chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The totals of a run that has ended.
pub(super) fn of_summary(summary: &Summary) -> String {
    let mut page = Page::new();
    let packets = &summary.packets;
    let fates = [("delivered", packets.delivered), ("dropped", packets.dropped), ("held", packets.held)];
    page.counters(PACKETS, "fate", fates);
    let made = [("delivered", packets.generated), ("dropped", packets.generated_dropped)];
    page.counters(GENERATED, "fate", made);
    page.bytes(INPUT, summary.bytes.input);
    page.bytes(DELIVERED, summary.bytes.delivered);
    page.counters(DROPPED_BY, "reason", summary.dropped_by_reason.iter().map(|(reason, count)| (*reason, *count)));
    page.counters(DELIVERED_TO, "place", summary.delivered_to.iter().map(|(place, count)| (place, *count)));
    page.counters(PASSED, "stage", summary.stages.iter().map(|(stage, hits)| (*stage, hits.passed)));
    page.counters(REFUSED, "stage", summary.stages.iter().map(|(stage, hits)| (*stage, hits.refused)));
    let connections = &summary.connections;
    let events = [("created", connections.created), ("expired", connections.expired)];
    page.counters(("connection_events", "Connections created, and over"), "event", events);
    page.gauge(LIVE, connections.live);
    page.gauge(("peak_connections", "Most connections alive at the end of a second of capture time"), connections.peak);
    let gateways = &summary.nat;
    let active = gateways.iter().map(|(id, of)| (id.clone(), Number::Whole(of.active_connection_count)));
    // Of one name a metric has one meaning: what is served during a run is the level of now.
    let help = format!("{ACTIVE} of AWS/NATGateway, its maximum");
    page.named_of_gateways(MetricType::Gauge, "nat_gateway_peak_active_connection".to_owned(), &help, active);
    for (name, of) in NatSummary::PEAKS {
        let rows = gateways.iter().map(|(id, counted)| (id.clone(), Number::Average(of(counted))));
        page.of_gateways(MetricType::Gauge, name, ", its maximum", rows);
    }
    for (name, of) in NatSummary::COUNTERS {
        let rows = gateways.iter().map(|(id, counted)| (id.clone(), Number::Whole(of(counted))));
        page.of_gateways(MetricType::Counter, name, "", rows);
    }
    page.text()
}

/// What is known of a run that is under way.
pub(super) fn of_progress(progress: &Progress, timeline: &Timeline) -> String {
    let mut page = Page::new();
    let count = |counter| progress.count(counter);
    page.counter(READ, count(Counter::Read));
    let dropped = DropReason::ALL.iter().map(|reason| (reason.code(), count(Counter::Dropped(*reason))));
    let dropped: Vec<_> = dropped.filter(|(_, count)| *count > 0).collect();
    let fates = [("delivered", count(Counter::Delivered)), ("dropped", dropped.iter().map(|(_, count)| count).sum())];
    page.counters(PACKETS, "fate", fates);
    let made = [("delivered", count(Counter::Generated)), ("dropped", count(Counter::GeneratedDropped))];
    page.counters(GENERATED, "fate", made);
    page.bytes(INPUT, count(Counter::BytesIn));
    page.bytes(DELIVERED, count(Counter::BytesDelivered));
    page.counters(DROPPED_BY, "reason", dropped);
    let names = Names::new(timeline);
    let mut delivered: BTreeMap<&str, u64> = BTreeMap::new();
    for (place, count) in progress.delivered_to() {
        *delivered.entry(names.place(place)).or_default() += count;
    }
    page.counters(DELIVERED_TO, "place", delivered);
    for (family, of) in [(PASSED, Counter::Passed as fn(StepKind) -> Counter), (REFUSED, Counter::Refused)] {
        let met = StepKind::ALL.map(|kind| (kind.name(), count(of(kind))));
        page.counters(family, "stage", met.into_iter().filter(|(_, count)| *count > 0));
    }
    page.gauge(LIVE, count(Counter::Connections));
    let gateways = || timeline.registry().nats.iter().map(|(nat, id)| (nat, id.to_string()));
    let active = gateways().map(|(nat, id)| (id, Number::Whole(count(Counter::NatActive(nat)))));
    page.of_gateways(MetricType::Gauge, ACTIVE, ", now", active);
    for (name, _) in NatSummary::PEAKS {
        let most = |nat| PerSecond::of_ten_seconds(count(Counter::NatMost(nat, name)));
        let rows = gateways().map(|(nat, id)| (id, Number::Average(most(nat))));
        page.of_gateways(MetricType::Gauge, name, ", its maximum so far", rows);
    }
    for (name, _) in NatSummary::COUNTERS {
        let rows = gateways().map(|(nat, id)| (id, Number::Whole(count(Counter::Nat(nat, name)))));
        page.of_gateways(MetricType::Counter, name, "", rows);
    }
    page.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_snake_case() {
        assert_eq!(metric_name("PacketsInFromSource"), "nat_gateway_packets_in_from_source");
        assert_eq!(metric_name("IdleTimeoutCount"), "nat_gateway_idle_timeout");
    }

    #[test]
    fn a_run_under_way_is_a_page_that_ends() {
        let network = "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[subnet.a]\ncidrs = [\"10.0.0.0/24\"]\n\
                       [nat_gateway.nat]\nsubnet = \"a\"\nconnectivity = \"private\"\naddresses = [{ private = \"10.0.0.9\" }]\n";
        let network = vpcemu_model::native::parse("net.toml", network).unwrap().network;
        let text = of_progress(&Progress::default(), &Timeline::compile(&[network]));
        for line in [
            "# TYPE vpcemu_packets counter",
            "vpcemu_packets_total{fate=\"delivered\"} 0",
            "vpcemu_read_packets_total 0",
            "# TYPE vpcemu_input_bytes counter",
            "# UNIT vpcemu_input_bytes bytes",
            "vpcemu_input_bytes_total 0",
            "vpcemu_live_connections 0",
            "# HELP vpcemu_nat_gateway_active_connection ActiveConnectionCount of AWS/NATGateway, now.",
            "# TYPE vpcemu_nat_gateway_active_connection gauge",
            "vpcemu_nat_gateway_active_connection{nat_gateway_id=\"nat-nat\"} 0",
            "vpcemu_nat_gateway_peak_bytes_per_second{nat_gateway_id=\"nat-nat\"} 0.0",
            "vpcemu_nat_gateway_idle_timeout_total{nat_gateway_id=\"nat-nat\"} 0",
        ] {
            assert!(text.lines().any(|of| of == line), "{line} in {text}");
        }
        assert!(text.ends_with("\n# EOF\n"), "{text}");
    }

    #[test]
    fn rows_keep_their_order_and_labels_may_hold_anything() {
        let mut page = Page::new();
        let rows = (0..40u64).map(|n| (format!("aws_eni.b[\"{n}\"]\\\n"), n));
        page.counters(DELIVERED_TO, "place", rows);
        let text = page.text();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected =
            |n: u64| format!("vpcemu_delivered_packets_total{{place=\"aws_eni.b[\\\"{n}\\\"]\\\\\\n\"}} {n}");
        assert_eq!(lines, (0..40).map(expected).collect::<Vec<_>>());
    }
}
