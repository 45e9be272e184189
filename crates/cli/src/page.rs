//! `replay --report`: the page of a replay, from its first packet to the file.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vpcemu_dataplane::Timeline;
use vpcemu_model::Network;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{Finished, ReplayOptions, listen};
use vpcemu_report::{About, Collector, page};

use crate::args::Replay;
use crate::error::Error;

/// A page that is being made.
pub(crate) struct Page {
    output: Output,
    collector: Collector,
}

/// The file that it goes into. One that stays empty, because the replay failed, is taken away again.
struct Output {
    path: PathBuf,
    file: File,
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|file| file.is_file() && file.len() == 0) {
            // There is another error to tell of.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Page {
    /// Opens the file: a long replay should not end with the news that it cannot be written.
    pub(crate) fn create(path: &Path, networks: Vec<Network>, timeline: &Arc<Timeline>) -> Result<Self, Error> {
        // An older page stays until there is a new one.
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|source| Error::Write { path: path.to_owned(), source })?;
        let output = Output { path: path.to_owned(), file };
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
        let Self { mut output, collector } = self;
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
        output.write(&html).map_err(|source| Error::Write { path: output.path.clone(), source })
    }
}

impl Output {
    fn write(&mut self, text: &str) -> std::io::Result<()> {
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }
}
