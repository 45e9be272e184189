//! What we do otherwise than the kernel, and why: `differences.toml`.

/// A step whose outcome is not the kernel's.
#[derive(Debug)]
pub(crate) struct Difference {
    /// Case and step, as `A3/2`.
    pub(crate) step: String,
    /// What comes out of the kernel.
    pub(crate) kernel: String,
    /// What comes out of ours.
    pub(crate) ours: String,
    pub(crate) basis: Basis,
}

/// Why it may be so.
#[derive(Debug)]
pub(crate) enum Basis {
    /// A rule of the semantics page says it.
    Rule(String),
    /// It may not: a fault that stands open.
    Bug,
}

/// The differences of a role.
pub(crate) fn of(role: &str) -> Vec<Difference> {
    let table: toml::Table = include_str!("differences.toml").parse().unwrap_or_else(|error| panic!("{error}"));
    let rows = table.get(role).map(|rows| rows.as_array().unwrap().clone()).unwrap_or_default();
    rows.iter().map(|row| read(row.as_table().unwrap())).collect()
}

fn read(row: &toml::Table) -> Difference {
    let text = |key: &str| row.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let must = |key: &str| text(key).unwrap_or_else(|| panic!("a difference without {key}: {row}"));
    let basis = match text("rule") {
        Some(rule) => {
            must("why");
            Basis::Rule(rule)
        }
        None => {
            must("bug");
            Basis::Bug
        }
    };
    Difference { step: must("step"), kernel: must("kernel"), ours: must("ours"), basis }
}

#[test]
fn every_rule_named_is_one() {
    let page = include_str!("../../../crates/dataplane/SEMANTICS.md");
    // "4.20", and the rules of a replay: "R5".
    let number = |text: &str| -> Option<(u8, u8)> {
        if let Some(rule) = text.strip_prefix('R') {
            return Some((0, rule.parse().ok()?));
        }
        let (section, rule) = text.split_once('.')?;
        Some((section.parse().ok()?, rule.parse().ok()?))
    };
    // A paragraph is about one rule, several ("1.9, 1.18") or a range ("3.6–3.8").
    let named: Vec<((u8, u8), (u8, u8))> = page
        .lines()
        .flat_map(|line| {
            line.split_whitespace().map_while(|word| {
                let (first, last) =
                    word.trim_end_matches(',').split_once('–').unwrap_or((word.trim_end_matches(','), ""));
                let first = number(first)?;
                Some((first, number(last).unwrap_or(first)))
            })
        })
        .collect();
    let is_rule = |rule: &str| {
        let rule = number(rule).unwrap_or_else(|| panic!("{rule} is no rule number"));
        named.iter().any(|(first, last)| (*first..=*last).contains(&rule))
    };
    let table: toml::Table = include_str!("differences.toml").parse().unwrap();
    for role in table.keys() {
        assert!(super::roles::ALL.iter().any(|known| known.name == role), "no role {role}");
        for difference in of(role) {
            if let Basis::Rule(rule) = &difference.basis {
                assert!(is_rule(rule), "{role} {}: no rule {rule}", difference.step);
            }
        }
    }
}
