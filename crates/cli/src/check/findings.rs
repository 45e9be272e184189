//! What was assumed, ignored and found, many of a kind put together.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal;

use vpcemu_model::finding::{Finding, Severity};
use vpcemu_model::native;

use vpcemu_import::Loaded;

use super::count;

/// Of one kind that are shown; the rest is a line that says how many.
const SHOWN: usize = 4;

/// `0 assumed, 3 ignored, 2 warnings, 1 lint`.
pub(super) fn summary(loaded: &Loaded) -> String {
    let kinds = [(Severity::Warning, "warning"), (Severity::Lint, "lint")];
    let of = |severity| loaded.findings.iter().filter(|finding| finding.severity == severity).count();
    let kinds: Vec<_> = kinds.iter().map(|(kind, word)| (of(*kind), word)).filter(|(number, _)| *number > 0).collect();
    let kinds: Vec<_> = kinds.into_iter().map(|(number, word)| count(number, word)).collect();
    let found = match kinds.as_slice() {
        [] => "nothing odd".to_owned(),
        kinds => kinds.join(", "),
    };
    format!("{} assumed, {} ignored, {found}", loaded.network.assumptions.len(), loaded.ignored.len())
}

/// The rows of each kind together, or the first of them; the last that is shown of a kind has the number of those that are
/// not.
fn some<T>(rows: &[T], kind: impl Fn(&T) -> &str, all: bool) -> Vec<(&T, usize)> {
    let mut shown: Vec<(&T, usize)> = Vec::new();
    let mut kinds: HashMap<&str, (usize, usize)> = HashMap::new();
    // What is alike stands together, in the order of the first of each.
    let mut order: HashMap<&str, usize> = HashMap::new();
    for row in rows {
        let next = order.len();
        order.entry(kind(row)).or_insert(next);
    }
    let mut sorted: Vec<&T> = rows.iter().collect();
    sorted.sort_by_key(|row| order[kind(row)]);
    for row in sorted {
        let (number, last) = kinds.entry(kind(row)).or_default();
        *number += 1;
        if all || *number <= SHOWN {
            *last = shown.len();
            shown.push((row, 0));
        } else {
            shown[*last].1 += 1;
        }
    }
    shown
}

/// What was assumed, and what was ignored.
pub(super) fn notes(loaded: &Loaded, folder: &str, all: bool) -> String {
    let assumed = &loaded.network.assumptions;
    let assumed = some(assumed, |it| &it.code, all).into_iter().map(|(it, more)| (&it.place, &it.text, &it.code, more));
    let ignored = some(&loaded.ignored, |it| &it.text, all).into_iter();
    let ignored = ignored.map(|(it, more)| (&it.place, &it.text, &it.what, more));
    section("assumed", assumed, folder) + &section("ignored", ignored, folder)
}

fn section<'a>(
    title: &str,
    rows: impl Iterator<Item = (&'a String, &'a String, &'a String, usize)>,
    folder: &str,
) -> String {
    let mut section = String::new();
    for (place, text, what, more) in rows {
        if section.is_empty() {
            let _ = writeln!(section, "\n{title}");
        }
        let _ = writeln!(section, "  {}: {} [{what}]", within(place, folder), within(text, folder));
        if more > 0 {
            let _ = writeln!(section, "  and {more} more like it (-v lists them)");
        }
    }
    section
}

/// A place without the folder that everything is in.
fn within(place: &str, folder: &str) -> String {
    if folder.is_empty() { place.to_owned() } else { place.replace(folder, "") }
}

/// What validation found, with its source where there is one.
pub(super) fn text(loaded: &Loaded, folder: &str, all: bool) -> String {
    let color = std::io::stdout().is_terminal();
    let shown = some(&loaded.findings, |finding| finding.code, all);
    let mut page = String::new();
    for (at, (finding, more)) in shown.iter().enumerate() {
        let next = shown.get(at + 1).map(|(next, _)| *next).filter(|next| next.code == finding.code);
        match &loaded.source {
            Some(source) => {
                let one = native::render(std::slice::from_ref(*finding), Some(source), color);
                let _ = writeln!(page, "\n{}", one.trim_end());
            }
            None => {
                let first = at == 0 || shown[at - 1].0.code != finding.code;
                let _ = write!(page, "{}{}", if first { "\n" } else { "" }, without_source(finding, folder));
                // The same advice once.
                if let Some(help) = finding.help.as_ref().filter(|_| next.is_none_or(|next| next.help != finding.help))
                {
                    let _ = writeln!(page, "  help: {help}");
                }
            }
        }
        if *more > 0 {
            let _ = writeln!(page, "and {more} more {} (-v lists them)", finding.code);
        }
    }
    page
}

/// The same in fewer lines, for places that are no text.
fn without_source(finding: &Finding, folder: &str) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Lint => "lint",
    };
    let place = within(&finding.origin.to_string(), folder);
    let mut text = format!("{severity}[{}]: {}\n  at {place}", finding.code, finding.text);
    if let Some((origin, label)) = &finding.related {
        let _ = write!(text, "; {label}: {}", within(&origin.to_string(), folder));
    }
    text.push('\n');
    text
}
