//! What was counted beside what is committed.

use crate::callgrind::Counted;
use crate::committed::Committed;

/// Instructions by which a count may be off whatever its size: what a spilled register or an aligned loop makes.
const SLACK: f64 = 2.0;

/// A case, and what it took before.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    old: Option<f64>,
    new: f64,
    tolerance: f64,
}

impl Row {
    /// How much more, as a part of the old.
    fn difference(&self) -> Option<f64> {
        self.old.map(|old| (self.new - old) / old)
    }

    fn remark(&self) -> &'static str {
        match (self.old, self.difference()) {
            (Some(old), Some(difference)) if (self.new - old).abs() > SLACK && difference.abs() > self.tolerance => {
                if difference > 0.0 {
                    "more"
                } else {
                    "less"
                }
            }
            (Some(_), _) => "",
            (None, _) => "new",
        }
    }
}

/// A row for each case.
pub(crate) fn rows(counted: &[Counted], committed: &Committed) -> Vec<Row> {
    let row = |Counted { name, instructions, tolerance }: &Counted| Row {
        name: name.clone(),
        old: committed.instructions.get(name).copied(),
        new: *instructions,
        tolerance: *tolerance,
    };
    counted.iter().map(row).collect()
}

/// Prints them.
pub(crate) fn print(rows: &[Row]) {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    println!("{:width$}  {:>10}  {:>10}  {:>8}", "instructions", "committed", "counted", "");
    for row in rows {
        let old = row.old.map_or_else(|| "-".into(), |old| format!("{old:.1}"));
        let difference = row.difference().map_or_else(String::new, |part| format!("{:+.1} %", part * 100.0));
        println!("{:width$}  {old:>10}  {:>10.1}  {difference:>8}  {}", row.name, row.new, row.remark());
    }
}

/// Whether the committed numbers hold. Numbers that are too high are wrong as well: they would hide what comes next.
pub(crate) fn judge(rows: &[Row], gone: &[&str], others: &[String]) -> Result<(), String> {
    let named = |remark: &str| rows.iter().filter(|row| row.remark() == remark).map(|row| row.name.as_str()).collect();
    let (more, less, new): (Vec<_>, Vec<_>, Vec<_>) = (named("more"), named("less"), named("new"));
    let all = [("more than committed", more), ("less than committed", less), ("not committed", new)];
    let mut wrong: Vec<_> = all.into_iter().filter(|(_, names)| !names.is_empty()).collect();
    if !gone.is_empty() {
        wrong.push(("committed, and no case any more", gone.to_vec()));
    }
    if wrong.is_empty() {
        println!("{} counts are as committed", rows.len());
        return Ok(());
    }
    let lines = wrong.into_iter().map(|(what, names)| format!("{what}: {}", names.join(", ")));
    let advice = "if that is meant, write them anew: cargo bench -p vpcemu-benches --bench instructions -- --bless";
    Err(lines.chain(others.iter().cloned()).chain([advice.to_owned()]).collect::<Vec<_>>().join("\n"))
}
