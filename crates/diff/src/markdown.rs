//! A comparison for a pull request.

use crate::{Change, Comparison, Ends, Kind, words};

/// Rows of a table before the rest is counted: a comment of GitHub's holds 65,536 characters, and nobody reads more.
const LISTED: usize = 50;

impl Comparison {
    /// As Markdown: the counts, a table for each kind of change, and the details folded.
    pub fn markdown(&self) -> String {
        let mut text = format!("### Network diff: {}\n\n", words::summary(self));
        for kind in Kind::ALL {
            let changes: Vec<_> = self.changes.iter().filter(|change| change.kind == kind).collect();
            if !changes.is_empty() {
                text += &table(kind, &changes);
            }
        }
        for remark in words::remarks(self) {
            text += &format!("- {}\n", escape(&remark));
        }
        text + &format!("- {}\n", escape(&words::basis(self)))
    }
}

fn table(kind: Kind, changes: &[&Change]) -> String {
    let mut text = format!("#### {} ({})\n\n", capital(kind.words()), changes.len());
    text += "| packets | before | now |\n|---|---|---|\n";
    let mut details = String::new();
    for change in changes.iter().take(LISTED) {
        let packets = code(&words::packets(change));
        let [old, new] = [&change.old, &change.new].map(|side| words::does(change, side, code));
        text += &format!("| {packets} | {old} | {new} |\n");
        details += &detail(change);
    }
    if let Some(more @ 1..) = changes.len().checked_sub(LISTED) {
        text += &format!("\nand {more} more\n");
    }
    format!(
        "{text}\n<details><summary>Rules, where they are defined, and examples</summary>\n\n{details}\n</details>\n\n"
    )
}

fn detail(change: &Change) -> String {
    let Ends { proto, src, dst } = &change.flow;
    let count = match (change.first, change.packets) {
        (Some(first), 1) => format!("packet {first}"),
        (Some(first), packets) => format!("packet {first} and {} more", packets - 1),
        (None, 1) => "1 probe".to_owned(),
        (None, packets) => format!("{packets} probes"),
    };
    let mut text = format!(
        "- {}: {count}, for example {}\n",
        code(&words::packets(change)),
        code(&format!("{proto} {src} > {dst}"))
    );
    for (when, side) in [("before", &change.old), ("now", &change.new)] {
        let place = side.origin.as_ref().map(|origin| format!(", defined at {}", code(origin))).unwrap_or_default();
        text += &format!("  - {when}: {}{place}\n", words::does(change, side, code));
        if let Some(nearest) = words::nearest(side, code) {
            text += &format!("    - {nearest}\n");
        }
    }
    text
}

/// As code, also within a table.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    // Backquotes within need more of them around (CommonMark 6.1).
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
