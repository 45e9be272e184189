//! Flow logs: what the workers counted at interfaces, window by window, into the files of every definition.

use vpcemu_dataplane::Timestamp;
use vpcemu_dataplane::flow_log::Logged;
use vpcemu_dataplane::index::Registry;
use vpcemu_flowlog::{Journal, Names, Written};

use crate::{Error, FlowLogOptions};

/// The flow logs of a run.
pub(super) struct FlowLogs {
    names: Names,
    journals: Vec<Journal>,
}

impl FlowLogs {
    pub(super) fn create(options: &FlowLogOptions, registry: &Registry) -> Result<Self, Error> {
        let mut names = Names::default();
        // What the first configurations say of an interface holds until a later one says otherwise; records are written when their
        // window is over.
        for network in &options.networks {
            names.learn(network, registry);
        }
        let Some(network) = options.networks.first() else { return Ok(Self { names, journals: Vec::new() }) };
        let journal = |log| {
            let journal = Journal::new(log, network, &options.directory, options.window())?;
            Ok(if options.silence { journal.with_silence() } else { journal })
        };
        let journals = options.definitions.iter().map(journal).collect::<Result<_, Error>>()?;
        Ok(Self { names, journals })
    }

    /// Takes what was counted; all of it was before `now`.
    pub(super) fn add(&mut self, logged: impl IntoIterator<Item = Logged>) {
        for logged in logged {
            for journal in &mut self.journals {
                journal.add(&self.names, &logged);
            }
        }
    }

    /// Capture time has come to `now`, and everything before has been told.
    pub(super) fn write_until(&mut self, now: Timestamp) -> Result<(), Error> {
        for journal in &mut self.journals {
            journal.write_until(&self.names, now.second())?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Written, Error> {
        let mut sum = Written::default();
        for journal in self.journals {
            let Written { files, records, others } = journal.finish(&self.names)?;
            sum.files += files;
            sum.records += records;
            sum.others += others;
        }
        Ok(sum)
    }
}
