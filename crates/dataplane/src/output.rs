//! What a shard leaves behind besides verdicts. The caller owns it and empties it between windows.

use vpcemu_packet::FlowKey;

use crate::outcome::{Component, Stages, Step, Verdict};

/// Side results of processing packets: steps, pieces, packets that gateways made.
#[derive(Debug, Default)]
pub struct Output {
    /// The steps of the packet last processed, when they are recorded.
    pub steps: Vec<Step>,
    /// What the packet last processed left in, when that is not its buffer: pieces, or one datagram of the other IP version.
    pub pieces: Vec<Vec<u8>>,
    /// What the packet last processed looked like when it left each component on its way, when taps are on.
    pub taps: Vec<(Component, Vec<u8>)>,
    /// What the packet last processed passed.
    pub stages: Stages,
    /// The packet that a gateway made because of the packet last processed.
    pub generated: Option<Generated>,
}

impl Output {
    /// Forgets the packet last processed.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.pieces.clear();
        self.taps.clear();
        self.stages = Stages::default();
        self.generated = None;
    }
}

/// A packet that the emulator made (0.1).
#[derive(Debug)]
pub struct Generated {
    /// What it is.
    pub kind: GeneratedKind,
    /// Who made it: a NAT gateway, an interface that forwards, or none for the VPC router.
    pub by: Option<Component>,
    /// It, as it ended.
    pub bytes: Vec<u8>,
    /// It, as it began.
    pub key: FlowKey,
    /// Its fate.
    pub verdict: Verdict,
    /// Its steps, when they are recorded.
    pub steps: Vec<Step>,
}

/// What the emulator can make.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GeneratedKind {
    /// A NAT gateway's answer to a segment without a mapping (4.25, 4.26).
    TcpReset,
    /// TTL ran out at a NAT gateway (1.25).
    IcmpTimeExceeded,
    /// Every port is taken, where a knob lets the gateway say so (4.16).
    IcmpUnreachable,
    /// A NAT instance ends a connection that it has forgotten (11.4).
    TcpFin,
    /// Too large, and not to be fragmented (1.22).
    IcmpFragmentationNeeded,
    /// Likewise, IPv6.
    Icmpv6PacketTooBig,
}

impl GeneratedKind {
    /// As in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::TcpReset => "tcp-rst",
            Self::IcmpTimeExceeded => "icmp-time-exceeded",
            Self::IcmpUnreachable => "icmp-unreachable",
            Self::TcpFin => "tcp-fin",
            Self::IcmpFragmentationNeeded => "icmp-frag-needed",
            Self::Icmpv6PacketTooBig => "icmpv6-ptb",
        }
    }
}
