//! What is counted.
//!
//! Whatever a case needs is made before; what comes of it is looked at behind. Between the two is only what is counted, over
//! many packets that are not quite alike.

mod cache;
mod decisions;
mod packets;
mod replay;
mod walks;

/// Packets of a growing case: several batches, and far from filling a window.
pub(crate) const SMALL: u32 = 4_000;
/// As many more as make the start of the process and its end vanish.
pub(crate) const LARGE: u32 = 20_000;

/// Something whose instructions are counted.
pub(crate) struct Case {
    /// What it is about, and what of that.
    pub(crate) name: String,
    pub(crate) work: Work,
}

/// How it is counted. Either says for how many packets, decisions or connections it was.
pub(crate) enum Work {
    /// What it does inside of `instructions_are_counted`.
    Piece(Box<dyn Fn() -> u64 + Sync>),
    /// All that the process does, on whatever threads, with as many packets as it is given: by how much it grows with them.
    Growth(fn(u32) -> u64),
}

impl Case {
    fn piece(name: impl Into<String>, work: impl Fn() -> u64 + Sync + 'static) -> Self {
        Self { name: name.into(), work: Work::Piece(Box::new(work)) }
    }

    /// Does it.
    pub(crate) fn run(&self, size: u32) -> u64 {
        match &self.work {
            Work::Piece(work) => work(),
            Work::Growth(work) => work(size),
        }
    }

    /// How far from the committed number is no difference. Threads that hand things on do not meet the same way twice.
    pub(crate) fn tolerance(&self) -> f64 {
        match self.work {
            Work::Piece(_) => 0.03,
            Work::Growth(_) => 0.05,
        }
    }
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    [packets::cases(), decisions::cases(), cache::cases(), walks::cases(), replay::cases()]
        .into_iter()
        .flatten()
        .collect()
}
