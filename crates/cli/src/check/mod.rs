//! `vpcemu check`: what a configuration is, what was assumed and ignored of it, and what is odd about it.

mod findings;
mod flow_logs;
mod gateways;
mod interfaces;
mod inventory;
mod neighbors;
mod subnets;
mod text;

use comfy_table::{Table, presets};
use serde::Serialize;
use vpcemu_model::{Assumption, Destination, Route, native};

use crate::Ending;
use crate::args::{Check, Format};
use crate::error::{Error, print};
use vpcemu_import::{Ignored, Loaded};

use inventory::Inventory;

pub(crate) fn run(arguments: &Check) -> Result<Ending, Error> {
    let loaded = arguments.configuration.load()?;
    let text = match arguments.format {
        Format::Json => format!("{}\n", serde_json::to_string(&Report::of(&loaded)).map_err(Error::json)?),
        Format::Text => text::page(&loaded, arguments.verbose),
    };
    print(&text)?;
    let clean = loaded.findings.is_empty() && loaded.network.assumptions.is_empty();
    Ok(if arguments.strict && !clean { Ending::Failed } else { Ending::Done })
}

#[derive(Serialize)]
struct Report<'a> {
    inventory: Inventory<'a>,
    assumptions: &'a [Assumption],
    ignored: &'a [Ignored],
    findings: &'a [native::Finding],
}

impl<'a> Report<'a> {
    fn of(loaded: &'a Loaded) -> Self {
        Self {
            inventory: Inventory::of(&loaded.network),
            assumptions: &loaded.network.assumptions,
            ignored: &loaded.ignored,
            findings: &loaded.findings,
        }
    }
}

/// Where a route leads, by its destination.
fn shown(route: &Route) -> (String, String) {
    let destination = match &route.destination {
        Destination::Cidr(net) => net.to_string(),
        Destination::PrefixList(list) => list.to_string(),
    };
    let target = route.target.id().map_or("local", |id| id.as_str());
    (destination, if route.active { target.to_owned() } else { format!("{target} (blackhole)") })
}

/// An id, with the name that people know it by.
fn named(id: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if !id.ends_with(name) => format!("{id} ({name})"),
        _ => id.to_owned(),
    }
}

/// A value as configurations write it.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// `1 subnet`, `2 subnets`; the word is one whose plural is regular.
fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// The table of one kind of rows.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table
}

/// A table without trailing blanks.
fn trimmed(table: &Table) -> String {
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}
