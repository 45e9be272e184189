//! What NAT mappings share where they are not one for each remote endpoint: an external address and port, a limit per
//! inside host, a pause before a port is used again.
//!
//! Only configurations whose knobs ask for it pay for this; then everything is in one shard. A binding is alive exactly
//! while one of its mappings is, whether or not the dead ones have been reclaimed.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::{EntryIx, Inside, Outside, Translator};
use crate::fabric::FixedMap;
use crate::time::Timestamp;

/// How much of the remote endpoint tells two mappings of one inside endpoint apart (RFC 4787 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Nothing: endpoint-independent.
    Any,
    /// Its address.
    Address,
    /// Its address and port.
    Endpoint,
}

impl Scope {
    fn of(self, remote: IpAddr, port: u16) -> Option<(IpAddr, Option<u16>)> {
        match self {
            Self::Any => None,
            Self::Address => Some((remote, None)),
            Self::Endpoint => Some((remote, Some(port))),
        }
    }
}

/// An address and a port (of a query its id) on one side of a translator, towards as much of the remote as counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct End {
    translator: Translator,
    protocol: u8,
    address: IpAddr,
    port: u16,
    remote: Option<(IpAddr, Option<u16>)>,
}

impl End {
    fn inside(translator: Translator, Inside(key): Inside, scope: Scope) -> Self {
        let remote = scope.of(key.dst, if key.is_query() { 0 } else { key.dst_port });
        Self { translator, protocol: key.protocol, address: key.src, port: key.src_port, remote }
    }

    fn outside(translator: Translator, Outside(key): Outside, scope: Scope) -> Self {
        let remote = scope.of(key.src, if key.is_query() { 0 } else { key.src_port });
        Self { translator, protocol: key.protocol, address: key.dst, port: key.dst_port, remote }
    }
}

/// What the mappings of one inside endpoint have in common.
#[derive(Debug)]
struct Binding {
    inside: Inside,
    outside: Outside,
    /// Its mappings, by expiry: the last one decides whether it lives.
    mappings: BTreeSet<(Timestamp, EntryIx)>,
    /// When the last of those ended that are gone already.
    ended: Timestamp,
}

impl Binding {
    /// When the last of its mappings ends, or has ended, reclaimed or not.
    fn end(&self) -> Timestamp {
        self.mappings.last().map_or(self.ended, |(expires, _)| self.ended.max(*expires))
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.mappings.last().is_some_and(|(expires, _)| now < *expires)
    }
}

/// All bindings of a shard.
#[derive(Debug, Default)]
pub struct Bindings {
    by_inside: FixedMap<End, Binding>,
    /// The inside end of the binding that has an outside one.
    by_outside: FixedMap<End, End>,
    /// The inside ends of all bindings that have a port, whomever it is used towards.
    by_port: FixedMap<End, Vec<End>>,
    /// Bindings of an inside host.
    hosts: FixedMap<(Translator, IpAddr), Vec<End>>,
    /// External endpoints that rest, and until when.
    cooling: FixedMap<End, Timestamp>,
}

/// How the bindings of a translator work, by its knobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sharing {
    /// Which mappings of one inside endpoint share an external endpoint.
    pub mapping: Scope,
    /// Towards whom an external endpoint has one owner only.
    pub exclusive: Scope,
    /// How long an external endpoint rests, towards whom it had one owner only.
    pub cooldown: Duration,
}

impl Bindings {
    /// The external endpoint that a mapping of `inside` has to share, in the form of what arrives there from the remote of
    /// an older mapping.
    pub fn shared(&self, of: Translator, inside: Inside, sharing: Sharing, now: Timestamp) -> Option<Outside> {
        let binding = self.by_inside.get(&End::inside(of, inside, sharing.mapping))?;
        binding.is_live(now).then_some(binding.outside)
    }

    /// Whether nobody else has the external endpoint, and it does not rest.
    pub fn is_free(&self, of: Translator, outside: Outside, sharing: Sharing, now: Timestamp) -> bool {
        let end = End::outside(of, outside, sharing.exclusive);
        let owner = self.by_outside.get(&end).and_then(|inside| self.by_inside.get(inside));
        let rests = self.cooling.get(&end).is_some_and(|until| now < *until);
        // A binding that is over but not yet reclaimed began to rest when its last mapping expired.
        let ended = owner.map(|binding| binding.end().after(sharing.cooldown));
        !rests && ended.is_none_or(|free| now >= free)
    }

    /// The inside endpoints behind an external one, each with its live mappings. An overloaded port has several; then they
    /// come in the order of their addresses and ports.
    pub fn behind(&self, of: Translator, outside: Outside, now: Timestamp) -> Vec<(Inside, Vec<EntryIx>)> {
        let ends = self.by_port.get(&End::outside(of, outside, Scope::Any)).into_iter().flatten();
        let bindings = ends.filter_map(|end| self.by_inside.get(end)).filter(|binding| binding.is_live(now));
        let live = |binding: &Binding| {
            let live = binding.mappings.iter().filter(|(expires, _)| now < *expires);
            live.map(|(_, entry)| *entry).collect()
        };
        let mut behind: Vec<_> = bindings.map(|binding| (binding.inside, live(binding))).collect();
        behind.sort_by_key(|(Inside(key), _)| *key);
        behind
    }

    /// How many live bindings an inside host has.
    pub fn of_host(&self, of: Translator, host: IpAddr, now: Timestamp) -> usize {
        let bindings = self.hosts.get(&(of, host)).into_iter().flatten();
        bindings.filter(|end| self.by_inside.get(*end).is_some_and(|binding| binding.is_live(now))).count()
    }

    /// A mapping was made at `lease.0`, which expires at `lease.1`.
    pub(super) fn join(
        &mut self,
        of: Translator,
        entry: EntryIx,
        at: (Inside, Outside),
        lease: (Timestamp, Timestamp),
        sharing: Sharing,
    ) {
        let (inside, outside) = at;
        let end = End::inside(of, inside, sharing.mapping);
        // What is left of a binding whose mappings have all expired, reclaimed or not, is its endpoint's rest.
        if let Some(over) = self.by_inside.get(&end).filter(|binding| !binding.is_live(lease.0)) {
            let (old, ended) = (over.outside, over.end());
            self.release(of, end, old, ended, sharing);
            self.by_inside.remove(&end);
        } else if !self.by_inside.contains_key(&end) {
            let Inside(key) = inside;
            self.hosts.entry((of, key.src)).or_default().push(end);
        }
        let binding = self.by_inside.entry(end);
        let binding = binding.or_insert_with(|| Binding {
            inside,
            outside,
            mappings: BTreeSet::new(),
            ended: Timestamp::default(),
        });
        binding.outside = outside;
        binding.mappings.insert((lease.1, entry));
        self.by_outside.insert(End::outside(of, outside, sharing.exclusive), end);
        let owners = self.by_port.entry(End::outside(of, outside, Scope::Any)).or_default();
        if !owners.contains(&end) {
            owners.push(end);
        }
    }

    /// The external endpoint of a binding that ended at `ended` is nobody's, and rests.
    fn release(&mut self, of: Translator, end: End, outside: Outside, ended: Timestamp, sharing: Sharing) {
        let exclusive = End::outside(of, outside, sharing.exclusive);
        if self.by_outside.get(&exclusive) == Some(&end) {
            self.by_outside.remove(&exclusive);
        }
        self.forget_port(End::outside(of, outside, Scope::Any), end);
        if !sharing.cooldown.is_zero() {
            let until = ended.after(sharing.cooldown);
            let rests = self.cooling.entry(exclusive).or_insert(until);
            *rests = until.max(*rests);
        }
    }

    fn forget_port(&mut self, port: End, end: End) {
        if let Some(owners) = self.by_port.get_mut(&port) {
            owners.retain(|of| *of != end);
            if owners.is_empty() {
                self.by_port.remove(&port);
            }
        }
    }

    /// A mapping has a new lease.
    pub(super) fn renew(
        &mut self,
        of: Translator,
        entry: EntryIx,
        inside: Inside,
        lease: (Timestamp, Timestamp),
        sharing: Sharing,
    ) {
        if let Some(binding) = self.by_inside.get_mut(&End::inside(of, inside, sharing.mapping))
            && binding.mappings.remove(&(lease.0, entry))
        {
            binding.mappings.insert((lease.1, entry));
        }
    }

    /// A mapping is gone.
    pub(super) fn leave(
        &mut self,
        of: Translator,
        entry: EntryIx,
        at: (Inside, Outside),
        expires: Timestamp,
        sharing: Sharing,
    ) {
        let (inside, outside) = at;
        let end = End::inside(of, inside, sharing.mapping);
        // A mapping of an earlier binding of the same inside endpoint is not among the present one's.
        let Some(binding) = self.by_inside.get_mut(&end) else { return };
        if !binding.mappings.remove(&(expires, entry)) {
            return;
        }
        binding.ended = binding.ended.max(expires);
        if !binding.mappings.is_empty() {
            return;
        }
        let ended = binding.ended;
        self.by_inside.remove(&end);
        self.release(of, end, outside, ended, sharing);
        let Inside(key) = inside;
        if let Some(ends) = self.hosts.get_mut(&(of, key.src)) {
            ends.retain(|of| *of != end);
            if ends.is_empty() {
                self.hosts.remove(&(of, key.src));
            }
        }
    }

    /// Ports that have rested enough are forgotten.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.cooling.retain(|_, until| now < *until);
    }
}
