//! Flow log definitions: a line each.

use std::fmt::Write;

use serde::Serialize;
use vpcemu_model::{LogDestination, LogFileFormat, LoggedTraffic, Network};

use super::{named, word};

/// A flow log definition.
#[derive(Serialize)]
pub(super) struct FlowLogRow<'a> {
    id: &'a str,
    name: Option<&'a str>,
    /// A VPC, subnet, interface, transit gateway or attachment.
    resource: &'a str,
    traffic: LoggedTraffic,
    format: &'a str,
    max_aggregation_interval: u32,
    destination_type: LogDestination,
    destination: Option<&'a str>,
    file_format: LogFileFormat,
    hive_compatible: bool,
    per_hour: bool,
    active: bool,
}

pub(super) fn rows(network: &Network) -> Vec<FlowLogRow<'_>> {
    let rows = network.flow_logs.iter().map(|log| FlowLogRow {
        id: log.id.as_str(),
        name: log.name.as_deref(),
        resource: log.resource.id().as_str(),
        traffic: log.traffic,
        format: &log.format,
        max_aggregation_interval: log.max_aggregation_interval,
        destination_type: log.destination_type,
        destination: log.destination.as_deref(),
        file_format: log.file_format,
        hive_compatible: log.hive_compatible,
        per_hour: log.per_hour,
        active: log.active,
    });
    rows.collect()
}

pub(super) fn write(page: &mut String, rows: &[FlowLogRow<'_>]) -> std::fmt::Result {
    for (index, row) in rows.iter().enumerate() {
        if index == 0 {
            writeln!(page, "\nflow logs")?;
        }
        let (id, traffic) = (named(row.id, row.name), word(&row.traffic));
        let fields = row.format.split_whitespace().count();
        let to = row
            .destination
            .map_or_else(|| word(&row.destination_type), |to| format!("{to} ({})", word(&row.destination_type)));
        let inactive = if row.active { "" } else { ", not active" };
        writeln!(
            page,
            "  {id}: {traffic} traffic of {}, {fields} fields, {} s, to {to}{inactive}",
            row.resource, row.max_aggregation_interval
        )?;
    }
    Ok(())
}
