//! What the engine says about a packet.

use vpcemu_packet::FlowKey;

use crate::index::{AclIx, EdgeIx, EigwIx, EndpointIx, EniIx, IgwIx, NatIx, RuleIx, SubnetIx, TableIx};
use crate::reason::DropReason;

/// Where a packet enters the fabric.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ingress {
    /// It leaves this interface.
    Interface(EniIx),
    /// It comes from the internet: the internet gateway, or the egress-only one, of whoever has the destination.
    Internet,
    /// A service of the VPC answers this interface.
    Service(Service, EniIx),
    /// A gateway endpoint answers this interface.
    Endpoint(EndpointIx, EniIx),
    /// It comes from outside of the model over a peering connection, an attachment of a transit gateway, a virtual private
    /// gateway, or what the configuration only names.
    Edge(EdgeIx),
    /// It was captured between a NAT gateway and the internet gateway, already translated.
    BehindNat(NatIx),
}

/// The services that answer on link-local and reserved addresses (1.10, 1.11).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Service {
    /// The VPC's resolver.
    Dns,
    /// Instance, container and pod metadata.
    Imds,
    /// Time.
    Ntp,
    /// Addresses.
    Dhcp,
    /// Windows activation.
    Kms,
}

impl Service {
    /// The name of its place.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Imds => "imds",
            Self::Ntp => "ntp",
            Self::Dhcp => "dhcp",
            Self::Kms => "kms",
        }
    }
}

/// Where a packet can end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Place {
    /// The outside.
    Internet,
    /// An interface, and with it whoever listens there.
    Interface(EniIx),
    /// A service of the VPC.
    Service(Service),
    /// A gateway endpoint.
    Endpoint(EndpointIx),
    /// What lies beyond a VPC, and outside of the model.
    Edge(EdgeIx),
}

/// The component that decided.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Component {
    /// An interface: its security groups or its source/destination check.
    Interface(EniIx),
    /// A network ACL.
    NetworkAcl(AclIx),
    /// A route table.
    RouteTable(TableIx),
    /// An internet gateway.
    InternetGateway(IgwIx),
    /// An egress-only internet gateway.
    EgressOnly(EigwIx),
    /// A NAT gateway.
    NatGateway(NatIx),
    /// An endpoint.
    Endpoint(EndpointIx),
    /// What lies beyond a VPC: a peering connection, transit gateway, attachment or virtual private gateway.
    Edge(EdgeIx),
    /// A service of the VPC.
    Service(Service),
}

/// Seen from the interface for security groups, from the subnet for network ACLs (7.9).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Into the interface or subnet.
    Ingress,
    /// Out of it.
    Egress,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }

    /// `ingress` or `egress`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// The rule that decided.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// A security group rule.
    SecurityGroup(RuleIx),
    /// A network ACL entry, by its number.
    NetworkAcl(u16),
    /// Nothing matched: the implicit deny.
    ImplicitDeny,
    /// A route: its position in the compiled table.
    Route(u32),
}

/// What connection tracking thought of the packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CtState {
    /// It opened a connection, or belongs to one that has not been answered.
    New,
    /// It belongs to a connection that has been answered.
    Established,
    /// An ICMP error about a known connection.
    Related,
    /// Both directions are open to everyone, so nothing is remembered (6.15).
    Untracked,
}

impl CtState {
    /// As in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Related => "related",
            Self::Untracked => "untracked",
        }
    }
}

/// The one fate of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It reached a place.
    Delivered {
        /// Which one.
        at: Place,
    },
    /// It was dropped.
    Dropped(Denial),
    /// It is a fragment that waits for the first of its datagram; [`Reassembly`](crate::shard::Reassembly) gives it back.
    Held,
}

/// Who dropped a packet, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Denial {
    /// Why.
    pub reason: DropReason,
    /// Where; none when no component was reached.
    pub at: Option<Component>,
    /// In which direction, where the component has two.
    pub direction: Option<Direction>,
    /// By which rule, where a rule decides.
    pub rule: Option<Rule>,
}

/// An outcome with all that outputs say about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The fate.
    pub outcome: Outcome,
    /// The connection: n of the packet that created it.
    pub connection: Option<u64>,
    /// Of the last stateful component that let it pass.
    pub state: Option<CtState>,
    /// It was taken for part of a connection that began before the capture.
    pub adopted: bool,
    /// The denied opening packet that this one is inconsistent with.
    pub after: Option<u64>,
    /// The packet as it left, ports of its datagram included.
    pub left_as: FlowKey,
    /// How many pieces it left in, when it was fragmented.
    pub pieces: u32,
}

impl Verdict {
    /// A verdict without connection state.
    pub fn stateless(outcome: Outcome, key: FlowKey) -> Self {
        Self { outcome, connection: None, state: None, adopted: false, after: None, left_as: key, pieces: 0 }
    }
}

/// One step of a walk, as `trace` and the verbose verdicts print it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Who.
    pub at: Component,
    /// In which role.
    pub kind: StepKind,
    /// In which direction, where there are two.
    pub direction: Option<Direction>,
    /// The subnet, for network ACLs.
    pub subnet: Option<SubnetIx>,
    /// Whether it passed.
    pub allowed: bool,
    /// By which rule, where a rule decides.
    pub rule: Option<Rule>,
    /// What connection tracking thought, at stateful components.
    pub state: Option<CtState>,
    /// The packet after this step.
    pub key: FlowKey,
    /// Its IP total length after it.
    pub length: u32,
}

/// The role of a component in a step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StepKind {
    /// Source/destination check, and other checks of addresses.
    Check,
    /// Security groups.
    SecurityGroup,
    /// Network ACL.
    NetworkAcl,
    /// Route lookup.
    Route,
    /// NAT gateway.
    Nat,
    /// Internet gateway.
    InternetGateway,
    /// Egress-only internet gateway.
    EgressOnly,
    /// Endpoint.
    Endpoint,
    /// Service of the VPC.
    Service,
    /// An interface that forwards: an appliance or NAT instance.
    Forward,
    /// Peering connection.
    Peering,
    /// Transit gateway.
    TransitGateway,
    /// Virtual private gateway.
    VpnGateway,
}

/// What a packet passed on its way, by the role of whoever it passed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Stages {
    /// How often it passed each, by the position in [`StepKind::ALL`].
    pub passed: [u8; StepKind::ALL.len()],
    /// Who refused it.
    pub refused: Option<StepKind>,
}

impl Stages {
    pub(crate) fn note(&mut self, kind: StepKind, allowed: bool) {
        if allowed {
            let passed = &mut self.passed[kind as usize];
            *passed = passed.saturating_add(1);
        } else {
            self.refused = Some(kind);
        }
    }
}

impl StepKind {
    /// Every role, in the order of their counters.
    pub const ALL: [Self; 13] = [
        Self::Check,
        Self::SecurityGroup,
        Self::NetworkAcl,
        Self::Route,
        Self::Nat,
        Self::InternetGateway,
        Self::EgressOnly,
        Self::Endpoint,
        Self::Service,
        Self::Forward,
        Self::Peering,
        Self::TransitGateway,
        Self::VpnGateway,
    ];

    /// As in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::SecurityGroup => "sg",
            Self::NetworkAcl => "nacl",
            Self::Route => "route",
            Self::Nat => "nat",
            Self::InternetGateway => "igw",
            Self::EgressOnly => "eigw",
            Self::Endpoint => "endpoint",
            Self::Service => "service",
            Self::Forward => "forward",
            Self::Peering => "pcx",
            Self::TransitGateway => "tgw",
            Self::VpnGateway => "vgw",
        }
    }
}
