use std::path::PathBuf;

/// What can go wrong in a replay. What was done before is kept in every case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flow log cannot be written.
    #[error(transparent)]
    FlowLog(#[from] vpcemu_flowlog::Error),
    /// A capture could not be opened, or is damaged.
    #[error(transparent)]
    Capture(#[from] vpcemu_capture::Error),
    /// A capture holds frames of a kind that the packet parser does not know.
    #[error(
        "{file}: packet {packet} has link type {link_type}, which vpcemu cannot read; it reads Ethernet (1), BSD loopback \
         (0, 108), raw IP (12, 14, 101, 228, 229) and Linux cooked captures (113, 276)"
    )]
    LinkType {
        /// The capture.
        file: String,
        /// The first such packet, from 1.
        packet: u64,
        /// What it has.
        link_type: vpcemu_capture::LinkType,
    },
    /// An output could not be written.
    #[error("{path}: {source}")]
    Output {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An output's name does not say what it should be.
    #[error(
        "{path}: the name of a packet output ends in .pcapng (annotated, one interface a place) or .pcap (delivered packets only)"
    )]
    OutputFormat {
        /// The name.
        path: PathBuf,
    },
    /// Threads cannot be kept on processors.
    #[error("threads cannot be pinned to processors: {0}")]
    Pin(std::io::Error),
    /// A task ended before its work did.
    #[error("a {task} task of the replay ended early: {cause}")]
    Task {
        /// Which one.
        task: &'static str,
        /// What is known.
        cause: String,
    },
    /// The sums at the end of the run do not add up: a defect of vpcemu itself.
    #[error(
        "packets are not conserved: {input} in, but {delivered} delivered + {dropped} dropped + {held} held; please report this"
    )]
    Conservation {
        /// Read.
        input: u64,
        /// Delivered.
        delivered: u64,
        /// Dropped.
        dropped: u64,
        /// Held at the end.
        held: u64,
    },
}

impl Error {
    pub(crate) fn output(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Output { path, source }
    }
}
