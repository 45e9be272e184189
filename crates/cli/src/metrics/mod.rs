//! What a replay counted, for other programs: a table over capture time, OpenMetrics text, and the same over HTTP while it runs.

mod csv;
mod listen;
mod openmetrics;

use std::path::Path;

use vpcemu_replay::Summary;

use crate::error::Error;

pub(crate) use listen::Server;

/// Writes a file: `.csv` is the table over capture time, anything else the totals as OpenMetrics text.
pub(crate) fn write(path: &Path, summary: &Summary) -> Result<(), Error> {
    let is_table = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("csv"));
    let text = if is_table { csv::table(&summary.minutes) } else { openmetrics::of_summary(summary) };
    std::fs::write(path, text).map_err(|source| Error::Write { path: path.to_owned(), source })
}
