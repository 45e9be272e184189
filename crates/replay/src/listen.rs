//! Packets told to a program, one by one, instead of to a file.

use std::sync::{Arc, Mutex, PoisonError};

use vpcemu_dataplane::outcome::Step;
use vpcemu_dataplane::output::Generated;
use vpcemu_dataplane::{DropReason, Fabric, Ingress, Stamp, Timeline, Verdict};
use vpcemu_packet::{FlowKey, TcpFlags};

use crate::batch::{Item, Outcome};
use crate::progress::Progress;
use crate::vantage::Vantage;
use crate::verdict::{Names, VerdictLine, reason};
use crate::{Error, Finished, ReplayOptions, pipeline};

/// Who hears of every packet.
pub trait Listener: Send {
    /// What became of the next packet, in input order. Steps are there if
    /// [`record_steps`](vpcemu_dataplane::Options::record_steps) is on.
    fn packet(&mut self, report: &Report<'_>);
}

/// A listener as the writer has it.
pub(crate) type Ears = Arc<Mutex<dyn Listener>>;

/// What became of one packet of the input.
#[derive(Debug)]
pub struct Report<'a> {
    pub(crate) timeline: &'a Timeline,
    pub(crate) item: &'a Item,
    pub(crate) captured: Option<&'a FlowKey>,
    pub(crate) outcome: &'a Outcome,
    pub(crate) datagram: &'a [u8],
}

impl<'a> Report<'a> {
    /// Position in the merged input, time and generation.
    pub fn stamp(&self) -> Stamp {
        self.item.stamp
    }

    /// The packet's own time stamp, in nanoseconds since the epoch.
    pub fn timestamp(&self) -> u64 {
        self.item.timestamp
    }

    /// The configuration in force.
    pub fn fabric(&self) -> &'a Fabric {
        self.timeline.fabric(self.item.stamp.generation)
    }

    /// Every configuration of the run.
    pub fn timeline(&self) -> &'a Timeline {
        self.timeline
    }

    /// The names behind indices.
    pub fn names(&self) -> Names<'a> {
        Names::new(self.timeline)
    }

    /// Where it was injected; none if it could not be placed.
    pub fn ingress(&self) -> Option<Ingress> {
        self.outcome.ingress
    }

    /// How that place was found.
    pub fn vantage(&self) -> Option<Vantage> {
        self.outcome.vantage
    }

    /// Its key as captured; none if its headers could not be read.
    pub fn captured(&self) -> Option<FlowKey> {
        self.captured.copied().or(self.outcome.injected)
    }

    /// Its key as injected: that of the capture, but where re-anchoring or binding changed it.
    pub fn injected(&self) -> Option<FlowKey> {
        self.outcome.injected
    }

    /// TCP flags.
    pub fn flags(&self) -> Option<TcpFlags> {
        self.outcome.flags.map(TcpFlags)
    }

    /// IP total length as injected, in bytes.
    pub fn length(&self) -> u32 {
        self.outcome.length
    }

    /// The same as captured: what was put back in front of NAT64 was of the other IP version.
    pub fn captured_length(&self) -> u32 {
        self.outcome.captured_length
    }

    /// What the engine said; none of what never reached it.
    pub fn verdict(&self) -> Option<&'a Verdict> {
        self.outcome.verdict.as_ref()
    }

    /// Why it was dropped, by the engine or before it.
    pub fn reason(&self) -> Option<DropReason> {
        reason(self.outcome)
    }

    /// Its way, where steps are recorded.
    pub fn steps(&self) -> &'a [Step] {
        self.outcome.extra.as_ref().map_or(&[], |extra| &extra.steps)
    }

    /// What the emulator made because of it.
    pub fn generated(&self) -> Option<&'a Generated> {
        self.outcome.extra.as_ref()?.generated.as_ref()
    }

    /// The IP packet as it ended.
    pub fn datagram(&self) -> &'a [u8] {
        self.datagram
    }

    /// All this in names, as a line of verdicts has it.
    pub fn line(&self) -> VerdictLine<'a> {
        VerdictLine::of(self.names(), self.fabric(), self.item, self.captured, self.outcome)
    }

    /// Likewise of the packet that the emulator made because of it.
    pub fn generated_line(&self) -> Option<VerdictLine<'a>> {
        self.generated().map(|made| VerdictLine::of_generated(self.names(), self.fabric(), self.item, made))
    }
}

/// Replays captures as [`replay`](crate::replay) does, and tells `listener` of every packet. It comes back with the summary.
///
/// # Errors
/// As [`replay`](crate::replay).
pub async fn listen<L: Listener + 'static>(
    options: ReplayOptions,
    progress: Arc<Progress>,
    listener: L,
) -> Result<(Finished, L), Error> {
    let ears = Arc::new(Mutex::new(Some(listener)));
    let heard: Ears = Arc::clone(&ears) as Ears;
    let finished = pipeline::run(options, progress, Some(heard)).await?;
    // The writer has gone, and with it the only other holder; it did not panic, or the run would have failed.
    let listener = ears.lock().unwrap_or_else(PoisonError::into_inner).take();
    listener
        .map(|listener| (finished, listener))
        .ok_or_else(|| Error::Task { task: "listener", cause: "it was taken away while the replay ran".to_owned() })
}

impl<L: Listener> Listener for Option<L> {
    fn packet(&mut self, report: &Report<'_>) {
        if let Some(listener) = self {
            listener.packet(report);
        }
    }
}
