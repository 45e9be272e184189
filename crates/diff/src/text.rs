//! A comparison for people at a terminal.

use std::fmt;

use crate::{Change, Comparison, Kind, words};

/// Flows that are listed under one cause before the rest is counted; JSON has them all.
const LISTED: usize = 20;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", words::summary(self))?;
        for kind in Kind::ALL {
            let changes: Vec<_> = self.changes.iter().filter(|change| change.kind == kind).collect();
            if !changes.is_empty() {
                writeln!(f, "\n{}", kind.words())?;
                for (cause, changes) in causes(changes) {
                    f.write_str(&cause)?;
                    write_flows(f, &changes)?;
                }
            }
        }
        if !self.changes.is_empty() {
            writeln!(f)?;
        }
        for remark in words::remarks(self) {
            writeln!(f, "{remark}")?;
        }
        writeln!(f, "{}", words::basis(self))
    }
}

/// Changes by what both sides do, in the order of the first of each.
fn causes(changes: Vec<&Change>) -> Vec<(String, Vec<&Change>)> {
    let mut causes: Vec<(String, Vec<&Change>)> = Vec::new();
    for change in changes {
        let cause = cause(change);
        match causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, changes)) => changes.push(change),
            None => causes.push((cause, vec![change])),
        }
    }
    causes
}

fn cause(change: &Change) -> String {
    let mut text = String::new();
    for (when, side) in [("now", &change.new), ("was", &change.old)] {
        let origin = side.origin.as_ref().filter(|_| side.verdict == "allow");
        let origin = origin.map_or_else(String::new, |origin| format!("   {origin}"));
        text += &format!("  {when} {}{origin}\n", words::does(change, side, str::to_owned));
        if let Some(nearest) = words::nearest(side, str::to_owned) {
            text += &format!("      {nearest}\n");
        }
    }
    text
}

fn write_flows(f: &mut fmt::Formatter<'_>, changes: &[&Change]) -> fmt::Result {
    for change in changes.iter().take(LISTED) {
        let packets = words::packets(change);
        match change.first {
            Some(first) => {
                let more = match change.packets {
                    1 => String::new(),
                    packets => format!(" and {} more of its packets", packets - 1),
                };
                writeln!(f, "    #{first} {packets}{more}")?;
            }
            None => {
                let crate::Ends { proto, src, dst } = &change.flow;
                writeln!(f, "    {packets}   (as {proto} {src} > {dst})")?;
            }
        }
    }
    match changes.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => writeln!(f, "    and {more} more, which --format json lists"),
    }
}
