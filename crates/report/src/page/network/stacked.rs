//! A VPC on phones: below each other the subnets of a route table, the table, and where its routes lead.

use super::plan::{Plan, SubnetBox};
use super::{LINE, PAD};
use crate::page::svg::{Anchor, Svg};

/// Where boxes begin; left of it runs the line that ties subnets to their table.
const LEFT: f64 = 20.0;

const GAP: f64 = 8.0;

/// Draws it.
pub(super) fn draw(mut svg: Svg, plan: &Plan, label: &str) -> String {
    let width = svg.width() - LEFT - 8.0;
    let mut y = 8.0;
    svg.text("strong", (8.0, y + LINE * 0.8), Anchor::Start, svg.width() - 16.0, &plan.title);
    y += LINE + GAP;
    let subnets = |table: Option<usize>| {
        plan.zones.iter().flat_map(move |zone| {
            zone.subnets.iter().filter(move |it| it.table == table).map(move |it| (zone.name.as_str(), it))
        })
    };
    for (at, table) in plan.tables.iter().enumerate() {
        let first = y;
        let mut middles = Vec::new();
        for (zone, it) in subnets(Some(at)) {
            middles.push(y + PAD + LINE * 0.6);
            y = subnet(&mut svg, (y, width), zone, it);
        }
        let high = 2.0 * PAD + LINE * (table.rows.len() as f64 + 1.0) - 2.0;
        let join = y + PAD + LINE * 0.6;
        let class = format!("edge {}", table.kind.word());
        for middle in &middles {
            svg.path(&class, &format!("M{LEFT} {middle:.1}H9V{join:.1}H{LEFT}"), &format!("uses {}", table.title));
        }
        svg.rect("box table", (LEFT, y, width, high), "");
        svg.text("strong", (LEFT + PAD, y + PAD + LINE * 0.75), Anchor::Start, width - 2.0 * PAD, &table.title);
        for (row, route) in table.rows.iter().enumerate() {
            let target = route.target.map_or_else(String::new, |target| format!(" → {}", plan.targets[target].title));
            let text = format!("{}{target}", route.text);
            let class = if route.dead { "dead" } else { "" };
            let at = (LEFT + PAD, y + PAD + LINE * (row as f64 + 1.7));
            svg.text(class, at, Anchor::Start, width - 2.0 * PAD, &text);
        }
        y += high + if y > first { 2.0 * GAP } else { GAP };
    }
    for (zone, it) in subnets(None) {
        y = subnet(&mut svg, (y, width), zone, it);
    }
    if !plan.targets.is_empty() {
        svg.text("muted", (8.0, y + LINE * 0.8), Anchor::Start, width, "where routes lead");
        y += LINE + GAP;
    }
    for target in &plan.targets {
        let high = 2.0 * PAD + LINE * (target.lines.len() as f64 + 1.0) - 2.0;
        svg.rect(if target.dead { "box target dead" } else { "box target" }, (LEFT, y, width, high), "");
        svg.text("strong", (LEFT + PAD, y + PAD + LINE * 0.75), Anchor::Start, width - 2.0 * PAD, &target.title);
        for (at, line) in target.lines.iter().enumerate() {
            let at = (LEFT + PAD, y + PAD + LINE * (at as f64 + 1.7));
            svg.text("", at, Anchor::Start, width - 2.0 * PAD, line);
        }
        y += high + GAP;
    }
    svg.finish(y, label)
}

/// Draws a subnet at a height, and says where the next one begins.
fn subnet(svg: &mut Svg, (y, width): (f64, f64), zone: &str, it: &SubnetBox) -> f64 {
    let high = 2.0 * PAD + LINE * (it.lines.len() as f64 + 2.0) - 2.0;
    svg.rect("box", (LEFT, y, width, high), "");
    svg.rect(&format!("mark {}", it.kind.word()), (LEFT, y, 5.0, high), "");
    let x = LEFT + PAD + 6.0;
    let room = width - 20.0;
    svg.text("strong", (x, y + PAD + LINE * 0.75), Anchor::Start, room, &it.title);
    let about = format!("{}, {zone}", it.kind.word());
    svg.text("muted", (x, y + PAD + LINE * 1.7), Anchor::Start, room, &about);
    for (at, line) in it.lines.iter().enumerate() {
        svg.text("", (x, y + PAD + LINE * (at as f64 + 2.7)), Anchor::Start, room, line);
    }
    y + high + GAP
}
