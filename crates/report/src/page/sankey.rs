//! A flow diagram of three columns.

use super::svg::{Anchor, Svg, band, letters};
use super::text::{count, number};

/// What stands in a column.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// In full, for titles.
    pub(crate) id: String,
    /// For its label.
    pub(crate) short: String,
    pub(crate) dropped: bool,
    pub(crate) packets: u64,
}

/// Packets that went by one node of each column.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    pub(crate) at: [usize; 3],
    pub(crate) dropped: bool,
    pub(crate) packets: u64,
}

/// Height of all packets together.
const HEIGHT: f64 = 260.0;

/// Width of a node.
const BAR: f64 = 9.0;

/// Height of a line of a label.
const LINE: f64 = 14.0;

const GAP: f64 = 8.0;

/// Room for the names of columns.
const TOP: f64 = 26.0;

/// The thinnest band that can be seen.
const THIN: f64 = 1.0;

/// Draws it. Columns are in the order in which they are drawn.
pub(crate) fn sankey(mut svg: Svg, columns: &[Vec<Node>; 3], bands: &[Band], label: &str) -> String {
    let total: u64 = columns[0].iter().map(|node| node.packets).sum();
    let scale = HEIGHT / total.max(1) as f64;
    let thickness = |packets: u64| (packets as f64 * scale).max(THIN);
    // A node is as high as the bands at it, and these are not thinner than what can be seen.
    let bar = |column: usize, at: usize| -> f64 {
        bands.iter().filter(|band| band.at[column] == at).map(|band| thickness(band.packets)).sum()
    };
    let bars: [Vec<f64>; 3] = [0, 1, 2].map(|column| (0..columns[column].len()).map(|at| bar(column, at)).collect());
    let width = svg.width();
    // The middle shares its side with the last column, whose reasons of drops are longest.
    let rooms = if svg.is_narrow() { [0.32, 0.3, 0.32] } else { [0.3, 0.17, 0.31] }.map(|part| width * part);
    let most = if svg.is_narrow() { 3 } else { 2 };
    let labels: [Vec<Vec<String>>; 3] =
        [0, 1, 2].map(|column| columns[column].iter().map(|node| lines(node, rooms[column], most)).collect());
    // No node is nearer to the next than its label needs.
    let slots: [Vec<f64>; 3] = [0, 1, 2].map(|column| {
        let sizes = bars[column].iter().zip(&labels[column]);
        sizes.map(|(bar, label)| bar.max(LINE * label.len() as f64)).collect()
    });
    let height_of = |slots: &Vec<f64>| slots.iter().map(|slot| slot + GAP).sum::<f64>() - GAP;
    let height = slots.iter().map(height_of).fold(0.0, f64::max);
    let left = [0.0, (width - BAR) / 2.0, width - BAR];
    // Where the bar of each node begins.
    let tops: [Vec<f64>; 3] = [0, 1, 2].map(|column| {
        let mut at = TOP + (height - height_of(&slots[column])) / 2.0;
        let mut tops = Vec::new();
        for (bar, slot) in bars[column].iter().zip(&slots[column]) {
            tops.push(at + (slot - bar) / 2.0);
            at += slot + GAP;
        }
        tops
    });
    for (column, (name, anchor)) in
        [("sent by", Anchor::Start), ("through", Anchor::Middle), ("ended at", Anchor::End)].into_iter().enumerate()
    {
        let x = [0.0, width / 2.0, width][column];
        svg.text("muted", (x, 12.0), anchor, width / 3.0, name);
    }
    for side in [0, 1] {
        // Bands leave a node in the order in which they arrive, so that they cross as little as they can.
        let mut order: Vec<usize> = (0..bands.len()).collect();
        let place = |sort: fn(&Band, usize) -> [usize; 3], column: usize, order: &mut Vec<usize>| -> Vec<f64> {
            order.sort_by_key(|index| sort(&bands[*index], side));
            let mut next = tops[column].clone();
            let mut at = vec![0.0; bands.len()];
            for index in order.iter() {
                let node = bands[*index].at[column];
                at[*index] = next[node];
                next[node] += thickness(bands[*index].packets);
            }
            at
        };
        let leaving: fn(&Band, usize) -> [usize; 3] = |band, side| [band.at[side + 1], band.at[0], band.at[2]];
        let arriving: fn(&Band, usize) -> [usize; 3] = |band, side| [band.at[side], band.at[0], band.at[2]];
        let begin = place(leaving, side, &mut order);
        let end = place(arriving, side + 1, &mut order);
        for (index, it) in bands.iter().enumerate() {
            let names = [0, 1, 2].map(|column| columns[column][it.at[column]].id.as_str());
            let title = format!("{} → {} → {}: {}", names[0], names[1], names[2], count(it.packets, "packet"));
            let (from, to) = ((left[side] + BAR, begin[index]), (left[side + 1], end[index]));
            let class = if it.dropped { "band drop" } else { "band" };
            svg.path(class, &band(from, to, thickness(it.packets)), &title);
        }
    }
    for column in 0..3 {
        for (at, node) in columns[column].iter().enumerate() {
            let (top, high) = (tops[column][at], bars[column][at]);
            let title = format!("{}: {}", node.id, count(node.packets, "packet"));
            svg.rect(if node.dropped { "node drop" } else { "node" }, (left[column], top, BAR, high), &title);
            let (x, anchor) = match column {
                2 => (left[2] - 5.0, Anchor::End),
                _ => (left[column] + BAR + 5.0, Anchor::Start),
            };
            // On phones the label of the middle stands over its bar: there is no room at its side.
            let (x, anchor) = if column == 1 && svg.is_narrow() { (width / 2.0, Anchor::Middle) } else { (x, anchor) };
            let label = &labels[column][at];
            let mut y = top + high / 2.0 - LINE * (label.len() as f64 / 2.0 - 0.8);
            for (line, text) in label.iter().enumerate() {
                let class = if line + 1 < label.len() { "label strong" } else { "label" };
                svg.text(class, (x, y), anchor, rooms[column], text);
                y += LINE;
            }
        }
    }
    svg.finish(TOP + height + 4.0, label)
}

/// The label of a node: its name on a few lines, and the number of packets below.
fn lines(node: &Node, room: f64, most: usize) -> Vec<String> {
    let mut lines = wrapped(&node.short, letters(room, true), most);
    let packets = number(node.packets);
    lines.push(if node.dropped { format!("dropped {packets}") } else { packets });
    lines
}

/// Text on as many lines as it needs, and not more than are allowed: the last has the rest, however long.
fn wrapped(text: &str, letters: usize, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let taken = lines[last].chars().count();
        if taken > 0 && taken + 1 + word.chars().count() > letters && lines.len() < most {
            lines.push(word.to_owned());
        } else {
            if taken > 0 {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_break_between_words() {
        assert_eq!(wrapped("nat + igw-igw", 20, 2), ["nat + igw-igw"]);
        assert_eq!(wrapped("no security group rule allows it", 20, 2), ["no security group", "rule allows it"]);
        assert_eq!(wrapped("aws_instance.application-server", 20, 2), ["aws_instance.application-server"]);
        assert_eq!(wrapped("größer als nötig ist", 6, 2), ["größer", "als nötig ist"]);
        assert_eq!(wrapped("größer als nötig ist", 6, 3), ["größer", "als", "nötig ist"]);
    }
}
