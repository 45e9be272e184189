//! A VPC on wide screens and paper: subnets on the left, by availability zone; their route tables in the middle; what these
//! lead to on the right. Boxes of a lane stand below each other, so nothing can overlap; edges run between lanes.

use super::plan::{Plan, SubnetBox};
use super::{LINE, PAD};
use crate::page::svg::{Anchor, Svg, curve};

/// Where the lanes are: x and width.
const SUBNETS: (f64, f64) = (16.0, 330.0);
const TABLES: (f64, f64) = (410.0, 222.0);
const TARGETS: (f64, f64) = (696.0, 168.0);

/// Between boxes of a lane.
const GAP: f64 = 9.0;

/// Name of the VPC.
const TITLE: f64 = 30.0;

/// Draws it.
pub(super) fn draw(mut svg: Svg, plan: &Plan, label: &str) -> String {
    // First where everything is, since edges lie under boxes.
    let mut y = TITLE + 4.0;
    let mut zones = Vec::new();
    let mut subnets: Vec<(f64, &SubnetBox)> = Vec::new();
    for zone in &plan.zones {
        let top = y;
        y += LINE + 6.0;
        for subnet in &zone.subnets {
            subnets.push((y, subnet));
            y += height(subnet.lines.len()) + if subnet.lines.is_empty() { GAP / 2.0 } else { GAP };
        }
        zones.push((top, y - top, zone));
        y += GAP;
    }
    let middle = |(y, subnet): &(f64, &SubnetBox)| y + height(subnet.lines.len()) / 2.0;
    let of_subnets = |table: usize| {
        let ys: Vec<f64> = subnets.iter().filter(|(_, it)| it.table == Some(table)).map(middle).collect();
        mean(&ys)
    };
    let tables = stacked(
        &plan.tables.iter().enumerate().map(|(at, it)| (height(it.rows.len()), of_subnets(at))).collect::<Vec<_>>(),
    );
    let row = |table: usize, row: usize| tables[table] + PAD + LINE * (row as f64 + 1.7);
    let routes = || {
        plan.tables.iter().enumerate().flat_map(move |(table, it)| {
            it.rows.iter().enumerate().filter_map(move |(at, row)| Some((table, at, row, row.target?)))
        })
    };
    let of_tables = |target: usize| {
        mean(&routes().filter(|(.., to)| *to == target).map(|(table, at, ..)| row(table, at)).collect::<Vec<_>>())
    };
    let targets = stacked(
        &plan.targets.iter().enumerate().map(|(at, it)| (height(it.lines.len()), of_tables(at))).collect::<Vec<_>>(),
    );
    let bottom = |tops: &[f64], lines: &dyn Fn(usize) -> usize| {
        tops.iter().enumerate().map(|(at, top)| top + height(lines(at)) + GAP).fold(0.0, f64::max)
    };
    let lowest = y
        .max(bottom(&tables, &|at| plan.tables[at].rows.len()))
        .max(bottom(&targets, &|at| plan.targets[at].lines.len()));

    svg.rect("vpc", (1.0, 1.0, svg.width() - 2.0, lowest), "");
    svg.text("strong", (12.0, 20.0), Anchor::Start, 600.0, &plan.title);
    for (top, high, zone) in zones {
        svg.rect("zone", (SUBNETS.0 - 8.0, top, SUBNETS.1 + 16.0, high), "");
        svg.text("muted", (SUBNETS.0, top + LINE), Anchor::Start, SUBNETS.1, &zone.name);
    }
    for it in &subnets {
        let Some(table) = it.1.table else { continue };
        let to = (TABLES.0, tables[table] + PAD + LINE * 0.6);
        let class = format!("edge {}", it.1.kind.word());
        let title = format!("{} uses {}", it.1.title, plan.tables[table].title);
        svg.path(&class, &curve((SUBNETS.0 + SUBNETS.1, middle(it)), to), &title);
    }
    for (table, at, route, target) in routes() {
        let from = (TABLES.0 + TABLES.1, row(table, at) - 4.0);
        let to = (TARGETS.0, targets[target] + PAD + LINE * 0.6);
        let class = format!("edge {}", if route.dead { "dead" } else { plan.tables[table].kind.word() });
        let title = format!("{}: {} → {}", plan.tables[table].title, route.text, plan.targets[target].title);
        svg.path(&class, &curve(from, to), &title);
    }
    for (y, it) in &subnets {
        let high = height(it.lines.len());
        svg.rect("box", (SUBNETS.0, *y, SUBNETS.1, high), "");
        svg.rect(&format!("mark {}", it.kind.word()), (SUBNETS.0, *y, 5.0, high), "");
        let x = SUBNETS.0 + PAD + 6.0;
        let (class, room) = if it.lines.is_empty() { ("", SUBNETS.1 - 66.0) } else { ("strong", SUBNETS.1 - 80.0) };
        svg.text(class, (x, y + PAD + LINE * 0.75), Anchor::Start, room, &it.title);
        let kind = (SUBNETS.0 + SUBNETS.1 - PAD, y + PAD + LINE * 0.75);
        svg.text("muted", kind, Anchor::End, 70.0, it.kind.word());
        lines(&mut svg, (x, *y), SUBNETS.1 - 20.0, it.lines.iter().map(String::as_str));
    }
    for (it, y) in plan.tables.iter().zip(&tables) {
        svg.rect("box table", (TABLES.0, *y, TABLES.1, height(it.rows.len())), "");
        svg.text("strong", (TABLES.0 + PAD, y + PAD + LINE * 0.75), Anchor::Start, TABLES.1 - 2.0 * PAD, &it.title);
        lines(&mut svg, (TABLES.0 + PAD, *y), TABLES.1 - 2.0 * PAD, it.rows.iter().map(|row| row.text.as_str()));
    }
    for (it, y) in plan.targets.iter().zip(&targets) {
        let class = if it.dead { "box target dead" } else { "box target" };
        svg.rect(class, (TARGETS.0, *y, TARGETS.1, height(it.lines.len())), "");
        svg.text("strong", (TARGETS.0 + PAD, y + PAD + LINE * 0.75), Anchor::Start, TARGETS.1 - 2.0 * PAD, &it.title);
        lines(&mut svg, (TARGETS.0 + PAD, *y), TARGETS.1 - 2.0 * PAD, it.lines.iter().map(String::as_str));
    }
    svg.finish(lowest + 2.0, label)
}

/// The height of a box with a title and so many lines.
fn height(lines: usize) -> f64 {
    2.0 * PAD + LINE * (lines as f64 + 1.0) - 2.0
}

fn lines<'a>(svg: &mut Svg, (x, y): (f64, f64), room: f64, lines: impl Iterator<Item = &'a str>) {
    for (at, line) in lines.enumerate() {
        svg.text("", (x, y + PAD + LINE * (at as f64 + 1.7)), Anchor::Start, room, line);
    }
}

fn mean(ys: &[f64]) -> Option<f64> {
    (!ys.is_empty()).then(|| ys.iter().sum::<f64>() / ys.len() as f64)
}

/// Tops of boxes of a lane: each as near to the middle that it should have as those above it leave room. Those that nothing leads
/// to come last.
fn stacked(boxes: &[(f64, Option<f64>)]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|a, b| {
        let wish = |at: usize| boxes[at].1.unwrap_or(f64::INFINITY);
        wish(*a).total_cmp(&wish(*b)).then(a.cmp(b))
    });
    let mut tops = vec![0.0; boxes.len()];
    let mut free = TITLE + 4.0;
    for at in order {
        let (high, wish) = boxes[at];
        tops[at] = wish.map_or(free, |wish| free.max(wish - high / 2.0));
        free = tops[at] + high + GAP;
    }
    tops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_a_lane_do_not_overlap() {
        let boxes = [(40.0, Some(300.0)), (60.0, Some(310.0)), (20.0, None), (30.0, Some(0.0)), (50.0, Some(305.0))];
        let tops = stacked(&boxes);
        let mut spans: Vec<_> = tops.iter().zip(&boxes).map(|(top, (high, _))| (*top, top + high)).collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(spans[0].0 >= TITLE && spans.windows(2).all(|pair| pair[0].1 + GAP <= pair[1].0 + 1e-9), "{spans:?}");
        // What nothing leads to is last.
        assert!(tops[2] > tops[1] && tops[2] > tops[4]);
    }
}
