//! Packets and drops over capture time, as bars.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use vpcemu_dataplane::DropReason;

use super::svg::{Anchor, Svg, both};
use super::table::Table;
use super::text::{Clock, Utc, count, duration, escaped, number};
use crate::collect::{Collector, Stretch};

/// Reasons with a colour of their own; the others share one.
const REASONS: usize = 5;

const HEIGHT: f64 = 150.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 24.0;
const LEFT: f64 = 52.0;

/// The section.
pub(crate) fn section(collector: &Collector) -> String {
    let stretches = collector.time.all();
    if stretches.is_empty() {
        return "<p>There were no packets.</p>\n".to_owned();
    }
    let width = collector.time.width();
    let mut sums: BTreeMap<DropReason, u64> = BTreeMap::new();
    for (reason, packets) in stretches.iter().flat_map(|(_, stretch)| &stretch.dropped) {
        *sums.entry(*reason).or_default() += packets;
    }
    let mut reasons: Vec<_> = sums.into_iter().collect();
    reasons.sort_by_key(|(reason, packets)| (Reverse(*packets), reason.code()));
    let shown = if reasons.len() > REASONS { REASONS - 1 } else { reasons.len() };

    let mut html = format!("<p class=\"note\">Each bar is {} of capture time. Times are UTC.</p>\n", duration(width));
    let held = stretches.iter().any(|(_, stretch)| stretch.held > 0);
    let fates = |stretch: &Stretch| {
        let held = held.then_some(stretch.held);
        [stretch.delivered, stretch.drops()].into_iter().chain(held).collect()
    };
    let classes = if held { &["c0", "drop", "c6"][..] } else { &["c0", "drop"] };
    let names = ["delivered", "dropped", "held"].map(str::to_owned);
    html.push_str("<figure>\n<h3>Packets</h3>\n");
    html.push_str(&both(|svg| bars(svg, &stretches, width, &fates, classes, "Packets over time")));
    html.push_str(&legend(classes, &names));
    html.push_str("</figure>\n");
    if !reasons.is_empty() {
        let kept: Vec<DropReason> = reasons.iter().take(shown).map(|(reason, _)| *reason).collect();
        let split = |stretch: &Stretch| {
            let mut parts: Vec<u64> = kept.iter().map(|it| stretch.dropped.get(it).copied().unwrap_or(0)).collect();
            parts.push(stretch.drops() - parts.iter().sum::<u64>());
            parts
        };
        let classes = ["r0", "r1", "r2", "r3", "r4"];
        let mut used: Vec<&str> = classes[..shown].to_vec();
        used.push("c6");
        let mut names: Vec<String> =
            reasons.iter().take(shown).map(|(reason, packets)| format!("{reason} ({})", number(*packets))).collect();
        names.push("other reasons".to_owned());
        if shown == reasons.len() {
            names.pop();
        }
        html.push_str("<figure>\n<h3>Drops, by reason</h3>\n");
        html.push_str(&both(|svg| bars(svg, &stretches, width, &split, &used, "Drops over time, by reason")));
        html.push_str(&legend(&used, &names));
        html.push_str("</figure>\n");
    }
    html.push_str(&details(&stretches, width));
    html
}

/// Stacked bars: the parts of each stretch in the order of `classes`.
fn bars(
    mut svg: Svg,
    stretches: &[(u64, Stretch)],
    width: u64,
    parts: &dyn Fn(&Stretch) -> Vec<u64>,
    classes: &[&str],
    label: &str,
) -> String {
    let most = stretches.iter().map(|(_, stretch)| parts(stretch).iter().sum::<u64>()).max().unwrap_or(0);
    let step = step(most);
    let top = most.div_ceil(step).max(1) * step;
    let (room, base) = (svg.width() - LEFT - 4.0, TOP + HEIGHT);
    let y = |value: u64| base - HEIGHT * value as f64 / top as f64;
    for value in (0..=top / step).map(|at| at * step) {
        svg.path("grid", &format!("M{LEFT:.1} {0:.1}H{1:.1}", y(value), LEFT + room), "");
        svg.text("muted", (LEFT - 6.0, y(value) + 4.0), Anchor::End, LEFT, &number(value));
    }
    // Few stretches would make walls of bars.
    let pitch = (room / stretches.len() as f64).min(60.0);
    for (at, (begins, stretch)) in stretches.iter().enumerate() {
        let x = LEFT + pitch * at as f64;
        let mut below = 0;
        for (packets, class) in parts(stretch).into_iter().zip(classes) {
            if packets == 0 {
                continue;
            }
            let (low, high) = (y(below), y(below + packets));
            let title = format!("{}: {}", Utc(*begins), count(packets, "packet"));
            svg.rect(class, (x + pitch * 0.08, high, (pitch * 0.84).max(1.0), (low - high).max(0.7)), &title);
            below += packets;
        }
    }
    let (first, last) = (stretches[0].0, stretches[stretches.len() - 1].0 + width);
    let end = LEFT + pitch * stretches.len() as f64;
    let long = last - first >= 86_400_000;
    let text = |time: u64| if long { Utc(time).to_string() } else { Clock(time).to_string() };
    svg.text("muted", (LEFT, base + 16.0), Anchor::Start, room / 2.0, &text(first));
    if end - LEFT > 180.0 {
        svg.text("muted", (end, base + 16.0), Anchor::End, room / 2.0, &text(last));
    }
    svg.finish(base + BOTTOM, label)
}

fn legend(classes: &[&str], names: &[String]) -> String {
    let items = classes.iter().zip(names).map(|(class, name)| {
        format!("<li><svg width=\"12\" height=\"12\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"12\" height=\"12\"/></svg> {}</li>\n", escaped(name))
    });
    format!("<ul class=\"legend\">\n{}</ul>\n", items.collect::<String>())
}

/// The same in numbers.
fn details(stretches: &[(u64, Stretch)], width: u64) -> String {
    let mut table = Table::new("Packets over time");
    table.text("from (UTC)").number("delivered").number("dropped").number("held").number("bytes").text("reasons");
    for (begins, stretch) in stretches.iter().filter(|(_, stretch)| *stretch != Stretch::default()) {
        let reasons: Vec<_> =
            stretch.dropped.iter().map(|(reason, packets)| format!("{reason} {}", number(*packets))).collect();
        let numbers = [stretch.delivered, stretch.drops(), stretch.held, stretch.bytes].map(number);
        let [delivered, dropped, held, bytes] = numbers;
        table.row([Utc(*begins).to_string(), delivered, dropped, held, bytes, reasons.join(", ")]);
    }
    let summary = format!("The same in numbers, {} a row", duration(width));
    format!("<details><summary>{summary}</summary>\n{}</details>\n", table.finish())
}

/// A step of 1, 2 or 5 times a power of ten that divides so much into at most five parts.
fn step(top: u64) -> u64 {
    let mut power = 1u64;
    loop {
        for step in [1, 2, 5].map(|by| power.saturating_mul(by)) {
            if top.div_ceil(step) <= 5 {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        let steps = [0, 1, 5, 6, 30, 100, 101, 7_000].map(step);
        assert_eq!(steps, [1, 1, 1, 2, 10, 20, 50, 2_000]);
        assert!(u64::MAX.div_ceil(step(u64::MAX)) <= 5);
    }
}
