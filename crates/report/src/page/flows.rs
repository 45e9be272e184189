//! Who talked to whom through what: as a flow diagram, and as a table.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::sankey::{Band, Node, sankey};
use super::svg::both;
use super::table::Table;
use super::text::{count, number};
use crate::collect::{Collector, Count, Party, Talk, WayIx};

/// Nodes of a column of the diagram; the last stands for the rest.
const NODES: usize = 12;

/// Nodes of the last column that are reasons of drops, likewise.
const REASONS: usize = 5;

/// Ways in the diagram: each has a longer name than a party.
const WAYS: usize = 8;

/// Rows of the table.
const ROWS: usize = 60;

/// The section.
pub(crate) fn section(collector: &Collector) -> String {
    let rows = collector.talks.sorted();
    if rows.is_empty() {
        return "<p>There were no packets.</p>\n".to_owned();
    }
    let (columns, bands) = diagram(collector, &rows);
    let label = "Flow diagram: who sent, through which gateways, and who received or why packets were dropped";
    let mut html = format!("<figure>\n{}", both(|svg| sankey(svg, &columns, &bands, label)));
    html.push_str(
        "<figcaption>From left to right: who sent, through which gateways packets went, and where they ended. Heights are \
         packets. Gateways are the same for both directions of a flow. What was dropped ends at its reason, and its gateways are \
         those that it got to.</figcaption>\n</figure>\n",
    );
    html.push_str(&table(collector, &rows));
    html
}

/// A place in the diagram: whether it is one of drops, its name in full, and for its label.
type End = (bool, String, String);

/// Columns and bands: those with most packets by themselves, the others summed.
fn diagram(collector: &Collector, rows: &[((Party, WayIx, Party), &Talk)]) -> ([Vec<Node>; 3], Vec<Band>) {
    let mut parts: Vec<([End; 3], u64)> = Vec::new();
    let mut part = |from: End, way: End, end: End, packets: u64| {
        if packets > 0 {
            parts.push(([from, way, end], packets));
        }
    };
    let named = |short: &str, long: String| (false, long, short.to_owned());
    let others = |what: &str| named(what, what.to_owned());
    for ((from, way, to), talk) in rows {
        let (from, to) = (collector.label(*from), collector.label(*to));
        let from = named(from.short(), from.long());
        let way = named(&collector.way_short(*way), collector.way_text(*way));
        part(from.clone(), way.clone(), named(to.short(), to.long()), talk.delivered());
        ends(talk, |end, packets| part(from.clone(), way.clone(), end, packets));
    }
    let rest = collector.talks.rest();
    let far = || others("many others");
    part(far(), far(), far(), rest.delivered());
    ends(rest, |end, packets| part(far(), far(), end, packets));

    let mut columns: [Vec<Node>; 3] = Default::default();
    let mut positions: [BTreeMap<End, usize>; 3] = Default::default();
    for (column, most) in [NODES, WAYS, NODES - REASONS].into_iter().enumerate() {
        let mut sums: BTreeMap<&End, u64> = BTreeMap::new();
        for (ends, packets) in &parts {
            *sums.entry(&ends[column]).or_default() += packets;
        }
        // Drops stand below what was delivered, and are not put together with it.
        for (dropped, most) in [(false, most), (true, REASONS)] {
            let mut sums: Vec<_> = sums.iter().filter(|(end, _)| end.0 == dropped).collect();
            sums.sort_by_key(|(end, packets)| (Reverse(*packets), *end));
            let kept = if sums.len() > most { most - 1 } else { sums.len() };
            let (shown, folded) = sums.split_at(kept);
            for (end, packets) in shown {
                positions[column].insert((**end).clone(), columns[column].len());
                let (_, id, short) = end;
                columns[column].push(Node { id: id.clone(), short: short.clone(), dropped, packets: **packets });
            }
            if !folded.is_empty() {
                let short =
                    format!("{} {}", number(folded.len() as u64), if dropped { "other reasons" } else { "others" });
                for (end, _) in folded {
                    positions[column].insert((**end).clone(), columns[column].len());
                }
                let packets = folded.iter().map(|(_, packets)| **packets).sum();
                columns[column].push(Node { id: short.clone(), short, dropped, packets });
            }
        }
    }
    let mut bands: BTreeMap<([usize; 3], bool), u64> = BTreeMap::new();
    for (ends, packets) in &parts {
        let at = [0, 1, 2].map(|column| positions[column][&ends[column]]);
        *bands.entry((at, ends[2].0)).or_default() += packets;
    }
    let bands = bands.into_iter().map(|((at, dropped), packets)| Band { at, dropped, packets }).collect();
    (columns, bands)
}

/// What of a talk did not arrive, by reason.
fn ends(talk: &Talk, mut part: impl FnMut(End, u64)) {
    for (reason, packets) in &talk.dropped {
        part((true, format!("{}: {}", reason.code(), reason.in_words()), reason.in_words().to_owned()), *packets);
    }
    let held = "held: fragments without their first";
    part((true, held.to_owned(), held.to_owned()), talk.held);
}

fn table(collector: &Collector, rows: &[((Party, WayIx, Party), &Talk)]) -> String {
    let mut table = Table::new("Who talked to whom through what");
    table
        .text("from")
        .text("through")
        .text("to")
        .number("packets")
        .number("bytes")
        .number("flows")
        .number("dropped")
        .text("because");
    let at_least = if collector.flows_are_all { "" } else { "≥ " };
    let mut row = |from: String, way: String, to: String, talk: &Talk| {
        let because: Vec<_> = talk
            .dropped
            .iter()
            .map(|(reason, packets)| {
                format!("<abbr title=\"{}\">{reason}</abbr> {}", reason.in_words(), number(*packets))
            })
            .collect();
        let numbers = [
            number(talk.packets),
            number(talk.bytes),
            format!("{at_least}{}", number(talk.flows)),
            number(talk.drops()),
        ];
        let [packets, bytes, flows, dropped] = numbers;
        table.row([from, way, to, packets, bytes, flows, dropped, because.join(", ")]);
    };
    for ((from, way, to), talk) in rows.iter().take(ROWS) {
        let labels = collector.way_labels(*way);
        let way = labels.iter().map(super::parties::Label::html).collect::<Vec<_>>().join(" + ");
        let way = if labels.is_empty() { format!("<i>{}</i>", super::parties::DIRECT) } else { way };
        row(collector.label(*from).html(), way, collector.label(*to).html(), talk);
    }
    let mut rest = collector.talks.rest().clone();
    for (_, talk) in rows.iter().skip(ROWS) {
        rest.absorb(talk);
    }
    let more = rows.len().saturating_sub(ROWS) as u64 + collector.talks.folded();
    if more > 0 {
        row(format!("and {}", count(more, "more pair")), String::new(), String::new(), &rest);
    }
    let mut html = table.finish();
    let told_apart = match collector.flows_are_all {
        true => "",
        false => ", and beyond 524,288 of them only those already known are told apart",
    };
    let _ = writeln!(
        html,
        "<p class=\"note\">Bytes are IP total lengths. A flow is one protocol with its addresses and ports as the packets came; \
         each direction counts by itself{told_apart}. Dropped packets count for whom they were meant. Packets that the VPC makes \
         itself are not in here.</p>"
    );
    html
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vpcemu_dataplane::index::EniIx;
    use vpcemu_dataplane::{DropReason, Timeline};

    use super::*;

    /// Many hosts, half of whose packets are dropped, for one reason or another.
    fn busy(hosts: u32) -> Collector {
        let mut network = "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[subnet.a]\ncidrs = [\"10.0.0.0/16\"]\n".to_owned();
        for host in 0..hosts {
            let _ = writeln!(
                network,
                "[instance.h{host}]\nsubnet = \"a\"\naddresses = [\"10.0.{}.{}\"]",
                1 + host / 200,
                10 + host % 200
            );
        }
        let network = vpcemu_model::native::parse("net.toml", &network).unwrap().network;
        let timeline = Arc::new(Timeline::compile([&network]));
        let mut collector = Collector::new([network].into(), timeline);
        for host in 0..hosts {
            let to = if host % 3 == 0 { Party::Internet } else { Party::Interface(EniIx((host + 1) % hosts)) };
            let talk = collector.talks.of((Party::Interface(EniIx(host)), 0, to));
            talk.packets += 2 + u64::from(host);
            talk.dropped.insert(DropReason::ALL[host as usize % 9], 1 + u64::from(host) / 2);
        }
        collector
    }

    #[test]
    fn no_packet_is_lost_in_the_diagram() {
        for hosts in [1, 2, 12, 13, 400] {
            let collector = busy(hosts);
            let rows = collector.talks.sorted();
            let packets: u64 = rows.iter().map(|(_, talk)| talk.packets).sum();
            let dropped: u64 = rows.iter().map(|(_, talk)| talk.drops()).sum();
            let (columns, bands) = diagram(&collector, &rows);
            assert_eq!(bands.iter().map(|band| band.packets).sum::<u64>(), packets);
            assert_eq!(bands.iter().filter(|band| band.dropped).map(|band| band.packets).sum::<u64>(), dropped);
            for (column, nodes) in columns.iter().enumerate() {
                assert!(nodes.len() <= NODES, "{hosts}: {}", nodes.len());
                for (at, node) in nodes.iter().enumerate() {
                    let through = bands.iter().filter(|band| band.at[column] == at).map(|band| band.packets);
                    assert_eq!(through.sum::<u64>(), node.packets, "{hosts}: {}", node.id);
                }
            }
            assert!(bands.iter().all(|band| columns[2][band.at[2]].dropped == band.dropped));
        }
    }

    #[test]
    fn rows_that_are_not_shown_are_summed() {
        let html = section(&busy(400));
        assert!(html.contains("and 340 more pairs"), "{html}");
        assert!(!section(&busy(20)).contains("more pair"));
    }
}
