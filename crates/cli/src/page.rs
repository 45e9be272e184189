//! `replay --report`: the page of a replay, from its first packet to the file.

use std::path::Path;
use std::sync::Arc;

use vpcemu_dataplane::Timeline;
use vpcemu_model::Network;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{Finished, ReplayOptions, listen};
use vpcemu_report::{About, Collector, page};

use crate::args::Replay;
use crate::error::Error;
use crate::outputs::Output;

/// A page that is being made.
pub(crate) struct Page {
    output: Output,
    collector: Collector,
}

impl Page {
    /// Opens the file.
    pub(crate) fn create(path: &Path, networks: Vec<Network>, timeline: &Arc<Timeline>) -> Result<Self, Error> {
        let output = Output::open(path)?;
        Ok(Self { output, collector: Collector::new(networks.into(), Arc::clone(timeline)) })
    }

    /// Replays, and listens to every packet.
    pub(crate) async fn listen(
        self,
        options: ReplayOptions,
        progress: Arc<Progress>,
    ) -> Result<(Finished, Option<Self>), vpcemu_replay::Error> {
        let Self { output, collector } = self;
        let (finished, collector) = listen(options, progress, collector).await?;
        Ok((finished, Some(Self { output, collector })))
    }

    /// Writes the page of a replay that has ended, be it by damage or by request.
    pub(crate) fn write(self, arguments: &Replay, finished: &Finished) -> Result<(), Error> {
        let Self { output, collector } = self;
        let configurations = std::iter::once(arguments.config.display().to_string()).chain(
            arguments
                .then
                .iter()
                .filter_map(|then| then.split_once('='))
                .map(|(time, path)| format!("{path}, from {time} on")),
        );
        let damage = finished.damage.iter().map(ToString::to_string);
        let about = About {
            captures: arguments.captures.clone(),
            configurations: configurations.collect(),
            remarks: finished.warnings.iter().cloned().chain(damage).collect(),
        };
        let html = page(&about, &collector, &finished.summary).map_err(Error::json)?;
        output.write(&html)
    }
}
