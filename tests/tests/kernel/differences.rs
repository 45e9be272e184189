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
    let numbers: Vec<&str> = page.lines().filter_map(|line| line.split([' ', ',']).next()).collect();
    let number = |text: &str| -> Option<(u8, u8)> {
        let (section, rule) = text.split_once('.')?;
        Some((section.parse().ok()?, rule.parse().ok()?))
    };
    let is_rule = |rule: &str| {
        let rule = number(rule).unwrap_or_else(|| panic!("{rule} is no rule number"));
        numbers.iter().any(|named| {
            let (first, last) = named.split_once('–').unwrap_or((named, named));
            matches!((number(first), number(last)), (Some(first), Some(last)) if (first..=last).contains(&rule))
        }) || page.lines().any(|line| {
            line.split_once(", ").is_some_and(|(_, rest)| {
                line.starts_with(|first: char| first.is_ascii_digit())
                    && rest.split(' ').next().and_then(number) == Some(rule)
            })
        })
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
