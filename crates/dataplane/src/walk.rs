//! The walk: one packet's journey, hop by hop. This is the specification of what the emulator does (semantics section 8);
//! anything faster must agree with it.
//!
//! A hop is where the packet is; a stage decides and says which hop is next. Stages are in [`crate::stage`], one module
//! each. What a stage may remember is committed only when the packet has passed the boundary that section 8 names.

use std::net::IpAddr;

use smallvec::SmallVec;
use vpcemu_packet::{FlowKey, Packet, QuoteTransport, TcpFlags, Transport};

use crate::conntrack::{ConnectionIx, Conntrack, EntryIx, NewEntry, Owner, Room, Way};
use crate::counters::NatCounters;
use crate::digest::Digests;
use crate::fabric::{Fabric, Subject, Timeline};
use crate::flow::key_with;
use crate::index::{EdgeIx, EigwIx, EndpointIx, EniIx, IgwIx, NatIx, SubnetIx, TableIx, VpcIx};
use crate::mixing::canonical;
use crate::outcome::{
    Component, CtState, Denial, Direction, Ingress, Outcome, Place, Rule, Service, Step, StepKind, Verdict,
};
use crate::output::{GeneratedKind, Output};
use crate::reason::DropReason;
use crate::recipe::Recipe;
use crate::shard::SendRates;
use crate::stage;
use crate::time::Stamp;

/// Where a packet is on its journey.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hop {
    /// It leaves an interface.
    Leave(EniIx),
    /// It leaves the subnet of whoever put it on the wire there: an interface's security groups have been asked.
    LeaveSubnet(SubnetIx),
    /// It arrives at an interface, from outside its subnet or from within.
    Reach { eni: EniIx, from: Option<SubnetIx> },
    /// It is inside an interface's subnet, next to the interface.
    Arrive(EniIx),
    /// At a NAT gateway, from the subnet of a client; none for what comes from no subnet.
    NatGateway { nat: NatIx, from: Option<SubnetIx> },
    /// At a NAT gateway without an interface, from the outside (4.4).
    NatOutside(NatIx),
    /// Looked up in a gateway's own table, without a subnet's boundary (4.4).
    Lookup { table: TableIx, vpc: VpcIx },
    /// At an internet gateway, on the way out.
    InternetOut(IgwIx),
    /// At whichever gateway serves the destination, on the way in.
    InternetIn,
    /// At an egress-only gateway, on the way out.
    EgressOnlyOut(EigwIx),
    /// Behind a NAT gateway, which has translated it already.
    BehindNat(NatIx),
    /// At a gateway endpoint on the way out, or at that of a Gateway Load Balancer.
    Endpoint(EndpointIx),
    /// From a gateway endpoint to an interface.
    FromEndpoint(EndpointIx, EniIx),
    /// On the way out of a VPC to what lies beyond, from a subnet.
    Neighbor { edge: EdgeIx, vpc: VpcIx, from: Option<SubnetIx> },
    /// On the way in from outside the model.
    EdgeIn(EdgeIx),
    /// From a service of the VPC to an interface.
    FromService(Service, EniIx),
    /// It has reached a place.
    Done(Place),
}

/// What is to be remembered of a packet at an interface, once it has passed the boundary of the subnet (6.22).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pending {
    /// An entry that exists: its progress and its lease.
    Observe(EntryIx, Way),
    /// A new entry.
    Make(NewEntry),
    /// A new entry, if the path turns out to force tracking (6.20).
    MakeIfForced(NewEntry),
}

/// The knobs of a shard that stages ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WalkOptions {
    pub(crate) seed: u64,
    pub(crate) record_steps: bool,
    pub(crate) record_taps: bool,
    pub(crate) coalesced_tcp: bool,
}

/// What a shard remembers, and walks change.
pub(crate) struct State<'a> {
    pub(crate) conntrack: &'a mut Conntrack,
    pub(crate) nat_counters: &'a mut [NatCounters],
    pub(crate) service_packets: &'a mut SendRates,
}

/// A packet under way, with the context that header bytes do not carry (0.2).
pub(crate) struct Walk<'a, 'b, 'p> {
    pub(crate) timeline: &'a Timeline,
    pub(crate) fabric: &'a Fabric,
    pub(crate) conntrack: &'a mut Conntrack,
    pub(crate) nat_counters: &'a mut [NatCounters],
    pub(crate) service_packets: &'a mut SendRates,
    pub(crate) packet: &'b mut Packet<'p>,
    pub(crate) out: &'a mut Output,
    pub(crate) stamp: Stamp,
    pub(crate) options: WalkOptions,
    /// The transport header; of a later fragment, that of the first.
    pub(crate) transport: Transport,
    /// The first interface that put the packet on the wire.
    pub(crate) sender: Option<EniIx>,
    /// The last interface that put the packet on the wire.
    pub(crate) emitter: Option<EniIx>,
    /// Whether that interface is the sender itself, so that group references may match (6.10).
    pub(crate) direct: bool,
    /// The VPC that a transit gateway brought the packet into last (10.27).
    pub(crate) crossed_transit: Option<VpcIx>,
    /// The emulator made the packet itself (0.1).
    pub(crate) originated: bool,
    /// It crossed a gateway whose connections interfaces always track (6.20).
    pub(crate) force_tracking: bool,
    /// As how many entries interfaces track it (6.20).
    pub(crate) entries: u8,
    /// Whether it may be taken for part of a connection that began before the capture.
    pub(crate) adoptable: bool,
    pub(crate) adopted: bool,
    pub(crate) pending: Option<Pending>,
    pub(crate) state: Option<CtState>,
    pub(crate) generated: Option<Origination>,
    /// The smallest MTU on its way, of a packet that leaves in pieces.
    pub(crate) piece_limit: Option<u32>,
    /// What of all this holds for the next packet too.
    pub(crate) recipe: Recipe,
    made: SmallVec<[EntryIx; 4]>,
    connection: Option<ConnectionIx>,
}

/// A packet that a gateway or the VPC router makes in answer.
#[derive(Debug)]
pub(crate) struct Origination {
    pub(crate) kind: GeneratedKind,
    pub(crate) bytes: Vec<u8>,
    pub(crate) from: Originator,
}

/// Who makes a packet (0.1), which is also where it starts (P22).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Originator {
    /// A NAT gateway: the packet leaves its subnet like any other.
    NatGateway(NatIx),
    /// The VPC router: the packet is handed to this interface without crossing a network ACL.
    Router(EniIx),
    /// The VPC router at a subnet, towards someone elsewhere in the VPC whose packet was forwarded there.
    RouterOf(SubnetIx),
    /// The internet's side of a regional NAT gateway, which hands it back to its client.
    BehindNat(NatIx),
    /// The stack behind an interface that forwards, in its own name or a remote's: the packet leaves it like any other.
    Interface(EniIx),
}

/// Four times what the longest path of section 8 has, through two forwarding interfaces and a NAT gateway; a packet that is still
/// under way then goes in circles.
const MAX_HOPS: usize = 64;

impl<'a, 'b, 'p> Walk<'a, 'b, 'p> {
    pub(crate) fn new(
        timeline: &'a Timeline,
        state: State<'a>,
        packet: &'b mut Packet<'p>,
        transport: Transport,
        out: &'a mut Output,
        stamp: Stamp,
        options: WalkOptions,
    ) -> Self {
        Self {
            fabric: timeline.fabric(stamp.generation),
            timeline,
            conntrack: state.conntrack,
            nat_counters: state.nat_counters,
            service_packets: state.service_packets,
            packet,
            out,
            stamp,
            options,
            transport,
            sender: None,
            emitter: None,
            direct: false,
            crossed_transit: None,
            originated: false,
            force_tracking: false,
            entries: 1,
            adoptable: false,
            adopted: false,
            pending: None,
            state: None,
            generated: None,
            piece_limit: None,
            recipe: Recipe::default(),
            made: SmallVec::new(),
            connection: None,
        }
    }

    /// The hop at which an ingress puts a packet.
    pub(crate) fn entrance(ingress: Ingress) -> Hop {
        match ingress {
            Ingress::Interface(eni) => Hop::Leave(eni),
            Ingress::Internet => Hop::InternetIn,
            Ingress::Service(service, eni) => Hop::FromService(service, eni),
            Ingress::Endpoint(endpoint, eni) => Hop::FromEndpoint(endpoint, eni),
            Ingress::Edge(edge) => Hop::EdgeIn(edge),
            Ingress::BehindNat(nat) => Hop::BehindNat(nat),
        }
    }

    /// Walks from `hop` to the end.
    pub(crate) fn run(&mut self, mut hop: Hop) -> Verdict {
        for _ in 0..MAX_HOPS {
            match self.hop(hop) {
                Ok(done @ Hop::Done(at)) => {
                    if !is_memorable(done) {
                        self.recipe.spoil();
                    }
                    return self.verdict(Outcome::Delivered { at });
                }
                Ok(next) => hop = next,
                Err(denial) => return self.verdict(Outcome::Dropped(denial)),
            }
        }
        self.verdict(Outcome::Dropped(Denial { reason: DropReason::Ttl, at: None, direction: None, rule: None }))
    }

    fn hop(&mut self, hop: Hop) -> Result<Hop, Denial> {
        if !is_memorable(hop) {
            self.recipe.spoil();
        }
        match hop {
            Hop::Leave(eni) => stage::interface::leave(self, eni),
            Hop::LeaveSubnet(subnet) => stage::route::leave_subnet(self, subnet),
            Hop::Reach { eni, from } => stage::interface::reach(self, eni, from),
            Hop::Arrive(eni) => stage::interface::arrive(self, eni),
            Hop::NatGateway { nat, from } => stage::nat_gateway::from_inside(self, nat, from),
            Hop::BehindNat(nat) => stage::nat_gateway::behind(self, nat),
            Hop::NatOutside(nat) => stage::nat_gateway::from_outside(self, nat),
            Hop::Lookup { table, vpc } => stage::route::lookup(self, table, vpc),
            Hop::InternetOut(igw) => stage::internet_gateway::outbound(self, igw),
            Hop::InternetIn => stage::internet_gateway::inbound(self),
            Hop::EgressOnlyOut(eigw) => stage::egress_only::outbound(self, eigw),
            Hop::Endpoint(endpoint) => stage::endpoint::outbound(self, endpoint),
            Hop::FromEndpoint(endpoint, eni) => stage::endpoint::inbound(self, endpoint, eni),
            Hop::Neighbor { edge, vpc, from } => stage::neighbor::outbound(self, edge, vpc, from),
            Hop::EdgeIn(edge) => stage::neighbor::inbound(self, edge),
            Hop::FromService(service, eni) => stage::link_local::answer(self, service, eni),
            Hop::Done(place) => Ok(Hop::Done(place)),
        }
    }

    fn verdict(&mut self, outcome: Outcome) -> Verdict {
        let made = std::mem::take(&mut self.made);
        self.connection = self.conntrack.join(&made, self.connection, self.stamp.n);
        // An error about a packet is not a packet of its connection: that may still be undelivered (6.22).
        let accepts = self.state != Some(CtState::Related);
        let connection = match (self.connection, outcome) {
            (Some(connection), Outcome::Delivered { .. }) if accepts => {
                Some(self.conntrack.accept(connection, self.stamp.now))
            }
            (Some(connection), _) => self.conntrack.connection_n(connection),
            (None, _) => None,
        };
        Verdict {
            outcome,
            connection,
            state: self.state,
            adopted: self.adopted,
            after: None,
            left_as: self.key(),
            pieces: 0,
        }
    }

    /// The connection that the packet belongs to.
    pub(crate) fn connection(&self) -> Option<ConnectionIx> {
        self.connection
    }

    /// The packet's key as it stands, with the ports of its datagram.
    pub(crate) fn key(&self) -> FlowKey {
        key_with(self.packet, self.transport)
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::new(self.packet.headers(), self.transport)
    }

    pub(crate) fn source(&self) -> IpAddr {
        self.packet.headers().src
    }

    pub(crate) fn destination(&self) -> IpAddr {
        self.packet.headers().dst
    }

    /// Flags, of a TCP segment.
    pub(crate) fn tcp_flags(&self) -> Option<TcpFlags> {
        self.transport.tcp_flags()
    }

    /// Notes an entry that the packet made, which ties it to its connection at the end of the walk.
    pub(crate) fn make(&mut self, new: NewEntry) -> EntryIx {
        let entry = self.conntrack.insert(new, self.stamp.now);
        self.recipe.made.push(entry);
        self.made.push(entry);
        entry
    }

    /// Notes that the packet belongs to an entry's connection.
    pub(crate) fn belongs_to(&mut self, entry: EntryIx) {
        self.recipe.renews(entry);
        match self.conntrack.connection(entry) {
            Some(connection) => self.connection = self.connection.or(Some(connection)),
            // It exists without a connection only when this very packet made it.
            None if !self.made.contains(&entry) => self.made.push(entry),
            None => {}
        }
    }

    /// Whether what is pending may be a new entry, for which it matters whether it is forced.
    pub(crate) fn opens_entry(&self) -> bool {
        matches!(self.pending, Some(Pending::Make(_) | Pending::MakeIfForced(_)))
    }

    /// Commits what is pending: the packet has passed the boundary on its way out of an interface, or into it (6.22).
    /// `forced` is 6.20. What is new finds the table of its instance full, or is remembered there (6.19).
    pub(crate) fn commit(&mut self, forced: bool, direction: Direction) -> Result<(), Denial> {
        let flags = self.tcp_flags();
        let new = match self.pending.take() {
            Some(Pending::Observe(entry, way)) => {
                self.conntrack.observe(entry, flags, way, self.stamp.now);
                self.belongs_to(entry);
                return Ok(());
            }
            Some(Pending::Make(new)) => new,
            Some(Pending::MakeIfForced(new)) if forced => {
                self.state = Some(CtState::New);
                new
            }
            Some(Pending::MakeIfForced(new)) => {
                self.recipe.untracked.push(Digests::of(canonical(&new.original)));
                return Ok(());
            }
            None => return Ok(()),
        };
        let room = new.room.map(|room| Room { entries: self.entries, ..room });
        let limit = self.fabric.behavior.security_group.connections_per_instance;
        if let (Some(room), Some(limit), Owner::Interface { eni, .. }) = (room, limit, new.owner)
            && !self.conntrack.has_room(room, limit, self.stamp.now)
        {
            stage::security_group::clear_room(self, room.host);
            if !self.conntrack.has_room(room, limit, self.stamp.now) {
                let at = Component::Interface(eni);
                return Err(self.deny(DropReason::TableFull, at, StepKind::SecurityGroup, Some(direction), None));
            }
        }
        self.make(NewEntry { forced, room, ..new });
        Ok(())
    }

    /// Records a step that passed.
    pub(crate) fn pass(&mut self, at: Component, kind: StepKind, direction: Option<Direction>, rule: Option<Rule>) {
        self.record(at, kind, direction, None, true, rule);
    }

    /// Keeps the packet as it leaves a component, when taps are on.
    pub(crate) fn tap(&mut self, at: Component) {
        if self.options.record_taps {
            self.out.taps.push((at, self.packet.bytes().to_vec()));
        }
    }

    pub(crate) fn record(
        &mut self,
        at: Component,
        kind: StepKind,
        direction: Option<Direction>,
        subnet: Option<SubnetIx>,
        allowed: bool,
        rule: Option<Rule>,
    ) {
        self.out.stages.note(kind, allowed);
        if self.options.record_steps {
            let state = match kind {
                StepKind::SecurityGroup | StepKind::Nat | StepKind::EgressOnly => self.state,
                _ => None,
            };
            let (key, length) = (self.key(), self.packet.headers().total_len);
            self.out.steps.push(Step { at, kind, direction, subnet, allowed, rule, state, key, length });
        }
    }

    /// Records a step that denied, and the denial.
    pub(crate) fn deny(
        &mut self,
        reason: DropReason,
        at: Component,
        kind: StepKind,
        direction: Option<Direction>,
        rule: Option<Rule>,
    ) -> Denial {
        self.record(at, kind, direction, None, false, rule);
        Denial { reason, at: Some(at), direction, rule }
    }

    /// Keeps the transport header that rules look at in step with a rewritten source port.
    pub(crate) fn set_source_port(&mut self, port: u16) {
        match &mut self.transport {
            Transport::Tcp { src, .. } | Transport::Udp { src, .. } => *src = port,
            Transport::Query { id, .. } => *id = port,
            _ => {}
        }
    }

    /// Likewise with a rewritten destination port.
    pub(crate) fn set_destination_port(&mut self, port: u16) {
        match &mut self.transport {
            Transport::Tcp { dst, .. } | Transport::Udp { dst, .. } => *dst = port,
            Transport::Query { id, .. } => *id = port,
            _ => {}
        }
    }

    /// Rewrites where the quoted packet came from, in the bytes and for later stages. A later fragment of an error has no
    /// quote in its bytes, only the one that its first lent it.
    pub(crate) fn set_quoted_source(&mut self, source: IpAddr, port: Option<u16>) {
        self.packet.set_quote_src(source);
        if let Some(port) = port {
            self.packet.set_quote_src_port(port);
        }
        let Transport::IcmpError { quote: Some(quote), .. } = &mut self.transport else { return };
        quote.src = source;
        if let (QuoteTransport::Ports { src: own, .. } | QuoteTransport::Query { id: own, .. }, Some(port)) =
            (&mut quote.transport, port)
        {
            *own = port;
        }
    }

    /// Likewise where it went.
    pub(crate) fn set_quoted_destination(&mut self, destination: IpAddr, port: Option<u16>) {
        self.packet.set_quote_dst(destination);
        if let Some(port) = port {
            self.packet.set_quote_dst_port(port);
        }
        let Transport::IcmpError { quote: Some(quote), .. } = &mut self.transport else { return };
        quote.dst = destination;
        if let (QuoteTransport::Ports { dst: own, .. } | QuoteTransport::Query { id: own, .. }, Some(port)) =
            (&mut quote.transport, port)
        {
            *own = port;
        }
    }

    /// The packet became one of the other IP version: what it quotes is read anew from its bytes.
    pub(crate) fn refresh_quote(&mut self) {
        if matches!(self.transport, Transport::IcmpError { .. }) {
            self.transport = self.packet.headers().transport;
        }
    }

    /// The packet as an ICMP error about it quotes it: a header checksum that the capturing host had left to its network card
    /// is right by then.
    pub(crate) fn quoted(&mut self) -> &[u8] {
        self.packet.fix_ip_checksum();
        self.packet.bytes()
    }

    /// The VPC of an interface.
    pub(crate) fn vpc_of(&self, eni: EniIx) -> Option<VpcIx> {
        self.fabric.eni(eni).map(|eni| eni.vpc)
    }

    /// The counters of a NAT gateway.
    pub(crate) fn nat(&mut self, nat: NatIx) -> &mut NatCounters {
        &mut self.nat_counters[usize::from(nat)]
    }
}

/// Hops whose stages note in the [`Recipe`] whatever of their decision does not hold for the next packet of the flow.
fn is_memorable(hop: Hop) -> bool {
    match hop {
        Hop::Leave(_)
        | Hop::LeaveSubnet(_)
        | Hop::Reach { .. }
        | Hop::Arrive(_)
        | Hop::NatGateway { .. }
        | Hop::NatOutside(_)
        | Hop::Lookup { .. }
        | Hop::InternetOut(_)
        | Hop::InternetIn
        | Hop::EgressOnlyOut(_)
        | Hop::Done(Place::Internet | Place::Interface(_)) => true,
        Hop::BehindNat(_)
        | Hop::Endpoint(_)
        | Hop::FromEndpoint(..)
        | Hop::Neighbor { .. }
        | Hop::EdgeIn(_)
        | Hop::FromService(..)
        | Hop::Done(_) => false,
    }
}
