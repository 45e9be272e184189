//! Rules for people: a section for every group, network ACL and route table.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use vpcemu_rules::shadow::Says;
use vpcemu_rules::{Kind, Row, RuleName, Window};

/// Seconds of a day.
const DAY: u64 = 86_400;

pub(super) fn page(rows: &[Row], window: &Window, unused: bool) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, rows, window, unused);
    page
}

fn write(page: &mut String, rows: &[Row], window: &Window, unused: bool) -> std::fmt::Result {
    let (first, last) = (window.first.as_deref().unwrap_or_default(), window.last.as_deref().unwrap_or_default());
    let packets = count(window.packets as usize, "packet");
    writeln!(page, "{packets} in {}, from {} to {}", length(first, last), moment(first), moment(last))?;
    let idle = rows.iter().filter(|row| row.is_unused()).count();
    let shadowed = rows.iter().filter(|row| row.shadowed_by.is_some()).count();
    if unused && rows.is_empty() {
        return writeln!(page, "every rule was used, and none is shadowed");
    }
    writeln!(
        page,
        "{} listed, {idle} unused in that time, {shadowed} shadowed whatever the traffic",
        count(rows.len(), "rule")
    )?;
    for section in rows.chunk_by(|a, b| a.kind == b.kind && a.owner == b.owner) {
        writeln!(page, "\n{}", heading(&section[0]))?; // chunks have a row
        writeln!(page, "{}", table(section))?;
    }
    Ok(())
}

/// `1 rule`, `2 rules`.
fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

fn heading(row: &Row) -> String {
    let kind = match row.kind {
        Kind::SecurityGroup => "security group",
        Kind::NetworkAcl => "network ACL",
        Kind::Route => "route table",
    };
    match &row.owner_name {
        Some(name) if !row.owner.ends_with(name.as_str()) => format!("{kind} {} ({name})", row.owner),
        _ => format!("{kind} {}", row.owner),
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let routes = rows.iter().all(|row| row.kind == Kind::Route);
    let mut header = vec!["rule", "packets", "bytes", "flows", "first", "last", "", "defined"];
    if !routes {
        header.splice(0..1, ["", "rule", "says"]);
    }
    table.set_header(header);
    for row in rows {
        let mut cells = match routes {
            true => vec![row.text.clone()],
            false => vec![row.direction.unwrap_or_default().to_owned(), row.rule.to_string(), row.text.clone()],
        };
        let moment = |time: &Option<String>| time.as_deref().map_or_else(|| "-".to_owned(), moment);
        cells.extend([row.packets, row.bytes, row.flows].map(|number| number.to_string()));
        cells.extend([moment(&row.first), moment(&row.last), remarks(row), row.origin.clone()]);
        table.add_row(cells);
    }
    let numbers = if routes { 1..4 } else { 3..6 };
    for column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn names(rules: &[RuleName]) -> String {
    let names: Vec<_> = rules.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What is odd about a rule, in words.
fn remarks(row: &Row) -> String {
    let mut remarks = Vec::new();
    if row.is_unused() {
        remarks.push("unused".to_owned());
    }
    if let Some(redundant) = &row.stands_in_for {
        let goes = if redundant.len() > 1 { "go" } else { "goes" };
        remarks.push(format!("needed if {} {goes}", names(redundant)));
    }
    if let Some(by) = &row.shadowed_by {
        let (many, route) = (by.len() > 1, row.kind == Kind::Route);
        let by = names(by);
        remarks.push(match row.shadowed_says {
            Some(Says::Opposite) if route => format!("shadowed by {by}"),
            Some(Says::Opposite) if many => format!("shadowed by {by}, which say the opposite"),
            Some(Says::Opposite) => format!("shadowed by {by}, which says the opposite"),
            Some(Says::Both) if route => format!("shadowed by {by}"),
            Some(Says::Both) => format!("shadowed by {by}, which say the opposite in part"),
            _ if many => format!("redundant: {by} say the same together"),
            _ => format!("redundant: {by} says the same"),
        });
    }
    remarks.extend(row.note.clone());
    remarks.join("; ")
}

/// `2025-01-10 09:06:40.000` of a time stamp in seconds since the epoch; UTC.
fn moment(time: &str) -> String {
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, "000"));
    let seconds: u64 = seconds.parse().unwrap_or_default();
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{}", fraction.get(..3).unwrap_or("000"))
}

/// The civil date of a day since 1970-01-01, by the method of days in eras of 400 years that begin in March.
fn date(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468; // days from 0000-03-01 to 1970-01-01
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, of_year - (153 * march + 2) / 5 + 1)
}

/// How long it is from one time stamp to another.
fn length(first: &str, last: &str) -> String {
    let nanoseconds = |time: &str| {
        let (seconds, fraction) = time.split_once('.')?;
        Some(seconds.parse::<u64>().ok()? * 1_000_000_000 + fraction.parse::<u64>().ok()?)
    };
    let elapsed = nanoseconds(last).zip(nanoseconds(first)).map_or(0, |(last, first)| last.saturating_sub(first));
    let seconds = elapsed / 1_000_000_000;
    match seconds {
        0..60 => format!("{seconds}.{:03} s", elapsed / 1_000_000 % 1000),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..DAY => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates() {
        assert_eq!(moment("0.000000000"), "1970-01-01 00:00:00.000");
        assert_eq!(moment("951782400.000000000"), "2000-02-29 00:00:00.000");
        assert_eq!(moment("1736500000.000001000"), "2025-01-10 09:06:40.000");
        assert_eq!(moment("1735689599.999000000"), "2024-12-31 23:59:59.999");
    }

    #[test]
    fn lengths_have_two_units() {
        assert_eq!(length("10.500000000", "11.000000000"), "0.500 s");
        assert_eq!(length("0.000000000", "3725.000000000"), "1 h 2 min");
        assert_eq!(length("5.000000000", "4.000000000"), "0.000 s");
    }
}
