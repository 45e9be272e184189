//! What a replay counted, for other programs: a table over capture time, OpenMetrics text, and the same over HTTP while it runs.

mod csv;
mod listen;
mod openmetrics;

use std::path::Path;

use vpcemu_replay::Summary;

use crate::error::Error;
use crate::outputs::Output;

pub(crate) use listen::Server;

/// A file of metrics that is being made: `.csv` is the table over capture time, anything else the totals as OpenMetrics text.
pub(crate) struct Metrics {
    output: Output,
    is_table: bool,
}

impl Metrics {
    /// Opens the file.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let is_table = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("csv"));
        Ok(Self { output: Output::open(path)?, is_table })
    }

    /// Writes what was counted.
    pub(crate) fn write(self, summary: &Summary) -> Result<(), Error> {
        let text = if self.is_table { csv::table(&summary.minutes) } else { openmetrics::of_summary(summary) };
        self.output.write(&text)
    }
}
