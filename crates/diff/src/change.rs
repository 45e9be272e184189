use serde::Serialize;

use crate::Side;

/// What became different. The later ones weigh more: of a flow whose packets differ in several ways the heaviest is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Delivered by both to the same place, with other addresses or ports.
    Retranslated,
    /// Delivered by both, to another place or by other gateways.
    Rerouted,
    /// Delivered by the new one only.
    NewlyAllowed,
    /// Delivered by the old one only.
    NewlyDenied,
}

impl Kind {
    /// The heaviest first, as reports list them.
    pub const ALL: [Self; 4] = [Self::NewlyDenied, Self::NewlyAllowed, Self::Rerouted, Self::Retranslated];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Retranslated => "translated differently",
            Self::Rerouted => "routed differently",
            Self::NewlyAllowed => "newly allowed",
            Self::NewlyDenied => "newly denied",
        }
    }
}

/// The ends of a flow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ends {
    /// The name or number of its protocol.
    pub proto: String,
    /// Its source, with the port.
    pub src: String,
    /// Its destination, with the port.
    pub dst: String,
}

/// A flow of a capture whose packets fare differently, or probes that do so for the same reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// How.
    pub kind: Kind,
    /// The flow, or of probes an example.
    pub flow: Ends,
    /// How many packets, or probes.
    pub packets: u64,
    /// The number of the first such packet in the captures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Which packet of a probe's conversation: `opening`, `answer`, or what `confirms` a TCP handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet: Option<&'static str>,
    /// Who sends, of probes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// To whom, of probes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Whether probes are of IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<bool>,
    /// Protocols with their ports or types, of probes: `tcp 443, 8000-8080`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<String>,
    /// From which ports, of probes that others do not differ for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ports: Option<String>,
    /// What the old configuration does.
    pub old: Side,
    /// What the new one does.
    pub new: Side,
}
