//! Resolves what is unknown, attribute by attribute.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::configuration::references;
use super::follow::{Hit, Scope, Search, Suits, Trail};
use super::places::{Part, Place, Unknown, shown, unknown, value_mut};
use super::{Instance, Plan, guess, ids};
use crate::codes;
use crate::notes::Notes;
use crate::terraform::address::module_path;
use crate::terraform::error::Unresolved;
use crate::terraform::kinds::{Holds, Need, Slot, is_own_id, slots, targets};
use crate::terraform::resource::Mode;

/// Fills in ids. Returns what no rule resolves.
pub(super) fn resolve(plan: &mut Plan<'_>, notes: &mut Notes) -> Vec<Unresolved> {
    let mut resolver = Resolver::new(plan, notes);
    let mut filled = Vec::new();
    let mut blocks = HashSet::new();
    for at in 0..plan.instances.len() {
        let instance = &plan.instances[at];
        for slot in &slots_of(instance) {
            for place in unknown(instance, slot) {
                if place.what == Unknown::Blocks {
                    if blocks.insert((at, shown(&place.parts))) {
                        resolver.say_unknown_blocks(at, &place.parts);
                    }
                } else if slot.holds == Holds::Id
                    && let Some(value) = resolver.resolved(at, slot, &place)
                {
                    filled.push((at, place.parts, value));
                }
            }
        }
    }
    let unresolved = resolver.unresolved;
    for (at, parts, value) in filled {
        if let Some(place) = value_mut(&mut plan.instances[at].values, &parts) {
            *place = value;
        }
    }
    ids::link(plan);
    unresolved
}

/// What an attribute may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) at: usize,
    pub(super) value: String,
}

/// What a plan's configuration says of an attribute.
pub(super) enum Expression<'a> {
    /// There is no configuration of the resource in the plan.
    Untold,
    /// The configuration does not set it.
    Absent,
    /// It is set, and refers to these.
    References(Vec<&'a str>),
}

/// The state of the resolution.
pub(super) struct Resolver<'p, 'a, 'n> {
    pub(super) plan: &'p Plan<'a>,
    notes: &'n mut Notes,
    pub(super) unresolved: Vec<Unresolved>,
    /// Attributes that were asked for, by the place of their instance.
    known: HashMap<(usize, String), Option<String>>,
    /// Those that are being resolved: who asks again goes in a circle.
    active: HashSet<(usize, String)>,
}

/// References through attributes of other resources: more than anyone chains, few enough for the stack.
const CHAIN: usize = 32;

impl<'p, 'a, 'n> Resolver<'p, 'a, 'n> {
    pub(super) fn new(plan: &'p Plan<'a>, notes: &'n mut Notes) -> Self {
        Self { plan, notes, unresolved: Vec::new(), known: HashMap::new(), active: HashSet::new() }
    }

    /// The id that an attribute of an instance holds.
    pub(super) fn id_under(&mut self, at: usize, attribute: &str) -> Option<String> {
        let instance = &self.plan.instances[at];
        if is_own_id(instance.kind(), attribute) {
            return Some(instance.id.clone());
        }
        if let Some(text) = instance.text_of(attribute) {
            return Some(text.to_owned());
        }
        let slots = slots_of(instance);
        let slot = slots.iter().find(|slot| slot.path == attribute && slot.holds == Holds::Id);
        let Some(slot) = slot else { return ids::derived(instance, attribute) };
        let parts = vec![Part::Attribute(attribute.to_owned())];
        unknown(instance, slot).iter().find(|place| place.parts == parts)?;
        self.scalar(at, slot, &parts)
    }

    fn resolved(&mut self, at: usize, slot: &Slot, place: &Place) -> Option<Value> {
        match &place.what {
            Unknown::Value => self.scalar(at, slot, &place.parts).map(Value::from),
            Unknown::List => self.whole_list(at, slot, &place.parts).map(Value::from),
            Unknown::Elements(missing) => self.elements(at, slot, &place.parts, missing),
            Unknown::Blocks => None,
        }
    }

    fn scalar(&mut self, at: usize, slot: &Slot, parts: &[Part]) -> Option<String> {
        let key = (at, shown(parts));
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if self.active.len() >= CHAIN || !self.active.insert(key.clone()) {
            return None;
        }
        let value = self.find(at, slot, parts);
        self.active.remove(&key);
        self.known.insert(key, value.clone());
        value
    }

    fn find(&mut self, at: usize, slot: &Slot, parts: &[Part]) -> Option<String> {
        let texts = match self.expression(at, parts) {
            Expression::References(texts) => texts,
            Expression::Absent if self.names_with_another(at, slot) => return None,
            Expression::Absent if slot.need != Need::Required => return self.prior(at, parts).map(str::to_owned),
            Expression::Untold if slot.need == Need::Computed => return self.prior(at, parts).map(str::to_owned),
            _ => Vec::new(),
        };
        let trail = self.trail(at, slot, &texts, false);
        if let Some(prior) = self.prior(at, parts).filter(|_| !self.leads_to_new(&trail)) {
            return Some(prior.to_owned());
        }
        let groups = self.candidates(&trail);
        let mut all: Vec<Candidate> = Vec::new();
        groups.into_iter().flatten().for_each(|it| {
            if !all.iter().any(|other| other.value == it.value) {
                all.push(it);
            }
        });
        if let [only] = &all[..] {
            let (of, value) = (only.at, only.value.clone());
            if slot.need == Need::Required {
                self.ask_for_lookup(of);
            }
            for guess in &trail.guesses {
                self.assume(at, parts, &format!("it is taken for {guess}"));
            }
            return Some(value);
        }
        let whence = if all.is_empty() { self.in_reach(at, slot, &trail, &texts, &mut all) } else { None };
        if let Some((chosen, reason)) = guess::narrow(self, at, slot, &all, whence.as_deref()) {
            let Candidate { at: of, value } = &all[chosen];
            let address = &self.plan.instances[*of].text;
            self.assume(at, parts, &format!("it is taken for {address}: {reason}"));
            return Some(value.clone());
        }
        if all.is_empty() && slot.need == Need::Computed {
            self.say_left_out(at, parts);
        } else {
            self.give_up(at, slot, parts, &texts, &all);
        }
        None
    }

    pub(super) fn expression(&self, at: usize, parts: &[Part]) -> Expression<'a> {
        self.shared_expression(at, parts).0
    }

    /// The same, and whether it is that of all blocks together, so that nobody knows which of them refers to what.
    pub(super) fn shared_expression(&self, at: usize, parts: &[Part]) -> (Expression<'a>, bool) {
        let of = &self.plan.instances[at].address;
        let resource = self.plan.configuration.resource(&of.modules, of.mode, &of.kind, &of.name);
        let (Some(resource), Some((Part::Attribute(first), rest))) = (resource, parts.split_first()) else {
            return (Expression::Untold, false);
        };
        let Some(mut expression) = resource.get("expressions").and_then(|it| it.get(first)) else {
            let none = if rest.is_empty() { Expression::Absent } else { Expression::References(Vec::new()) };
            return (none, false);
        };
        let mut shared = false;
        for part in rest {
            // A set of blocks may have one expression for all of them.
            let inner = match part {
                Part::Attribute(name) => expression.get(name),
                Part::Element(at) => expression.get(at),
            };
            match inner {
                Some(inner) => expression = inner,
                None => {
                    shared = true;
                    break;
                }
            }
        }
        (Expression::References(references(expression)), shared)
    }

    pub(super) fn scope(&self, at: usize) -> Scope<'a> {
        let of = &self.plan.instances[at].address;
        let resource = self.plan.configuration.resource(&of.modules, of.mode, &of.kind, &of.name);
        Scope {
            modules: of.modules.clone(),
            key: of.index.clone(),
            siblings: self.plan.siblings(at).len(),
            each: resource.and_then(|it| it.get("for_each_expression")),
        }
    }

    pub(super) fn trail(&self, at: usize, slot: &Slot, texts: &[&str], many: bool) -> Trail {
        let suits = suits(slot);
        let mut trail = Trail::default();
        self.plan.follow(texts, &self.scope(at), &Search { suits: &suits, many }, &mut trail);
        trail
    }

    /// What the groups of a trail hold.
    pub(super) fn candidates(&mut self, trail: &Trail) -> Vec<Vec<Candidate>> {
        let mut groups = Vec::new();
        for group in &trail.groups {
            let mut candidates = Vec::new();
            for Hit { at, attribute } in group {
                let instance = &self.plan.instances[*at];
                let list = attribute.as_ref().and_then(|it| instance.values.get(&**it)).and_then(Value::as_array);
                let values = match (attribute, list) {
                    (None, _) => vec![instance.id.clone()],
                    (Some(_), Some(list)) => texts_of(list),
                    (Some(attribute), None) => self.id_under(*at, attribute).into_iter().collect(),
                };
                candidates.extend(values.into_iter().map(|value| Candidate { at: *at, value }));
            }
            groups.push(candidates);
        }
        groups
    }

    /// All that suits in the module instances in which references were lost, or in what those are given. Says in which.
    pub(super) fn in_reach(
        &mut self,
        at: usize,
        slot: &Slot,
        trail: &Trail,
        texts: &[&str],
        found: &mut Vec<Candidate>,
    ) -> Option<String> {
        let own = [self.plan.instances[at].address.modules.clone()];
        let lost = match (&trail.lost[..], texts) {
            ([], []) => &own[..],
            (lost, _) => lost,
        };
        for modules in lost {
            for kind in targets(slot.leaf()) {
                found.extend(
                    self.plan
                        .of_type(modules, kind)
                        .iter()
                        .filter(|&&of| of != at && !self.plan.looked_up.contains_key(&of))
                        .map(|&at| Candidate { at, value: self.plan.instances[at].id.clone() }),
                );
            }
            let module = module_path(modules);
            let module = if module.is_empty() { "the root module".to_owned() } else { module };
            if !found.is_empty() {
                return Some(module);
            }
            let suits = suits(slot);
            let mut around = Trail::default();
            self.plan.surroundings(modules, &Search { suits: &suits, many: slot.is_list() }, &mut around);
            for candidate in self.candidates(&around).into_iter().flatten() {
                if !found.iter().any(|it| it.value == candidate.value) {
                    found.push(candidate);
                }
            }
            if !found.is_empty() {
                return Some(format!("what is passed to or from {module}"));
            }
        }
        None
    }

    /// What the prior state has under an attribute.
    fn prior(&self, at: usize, parts: &[Part]) -> Option<&'p str> {
        let [Part::Attribute(name)] = parts else { return None };
        self.plan.instances[at].prior.as_ref()?.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Whether another attribute, unknown and set, says what this one does: which instance, or which interface. The prior value
    /// is that of what is replaced then.
    fn names_with_another(&self, at: usize, slot: &Slot) -> bool {
        let other = match slot.path {
            "network_interface" => "instance",
            "instance" => "network_interface",
            "network_interface_id" => "instance_id",
            "instance_id" => "network_interface_id",
            _ => return false,
        };
        let set = self.expression(at, &[Part::Attribute(other.to_owned())]);
        self.plan.instances[at].is_unknown(other) && matches!(set, Expression::References(_))
    }

    /// Whether references lead to something that the plan makes: that is why the attribute is unknown, and the prior value is
    /// what it replaces.
    pub(super) fn leads_to_new(&self, trail: &Trail) -> bool {
        trail.groups.iter().flatten().any(|hit| self.plan.instances[hit.at].made)
    }

    pub(super) fn assume(&mut self, at: usize, parts: &[Part], text: &str) {
        let place = format!("{}.{}", self.plan.instances[at].text, shown(parts));
        self.notes.assume(codes::PLAN_REFERENCE, place, text);
    }

    pub(super) fn say_left_out(&mut self, at: usize, parts: &[Part]) {
        let place = format!("{}.{}", self.plan.instances[at].text, shown(parts));
        let text = "it is known only after apply, and nothing tells what it will be: it is left out";
        self.notes.assume(codes::PLAN_UNKNOWN, place, text);
    }

    fn say_unknown_blocks(&mut self, at: usize, parts: &[Part]) {
        // What the configuration does not set the provider fills in from other resources.
        if let Expression::References(texts) = self.expression(at, parts)
            && !texts.is_empty()
        {
            let place = format!("{}.{}", self.plan.instances[at].text, shown(parts));
            let text = "all of it is known only after apply, even how many there are: there are none";
            self.notes.assume(codes::PLAN_UNKNOWN, place, text);
        }
    }

    pub(super) fn give_up(&mut self, at: usize, slot: &Slot, parts: &[Part], texts: &[&str], found: &[Candidate]) {
        let types = targets(slot.leaf());
        let instances = &self.plan.instances;
        let mut candidates: Vec<_> = found.iter().map(|it| instances[it.at].text.to_string()).collect();
        if candidates.is_empty() {
            let suiting = instances.iter().filter(|it| types.contains(&it.kind()));
            candidates = suiting.map(|it| it.text.to_string()).collect();
        }
        candidates.dedup();
        let list = if parts.last().is_some_and(|part| matches!(part, Part::Attribute(_))) && slot.is_list() {
            "a list of ids of "
        } else {
            "the id of "
        };
        self.unresolved.push(Unresolved {
            place: format!("{}.{}", instances[at].text, shown(parts)),
            expected: format!("{list}{}", types.join(" or ")),
            references: texts.iter().map(|it| (*it).to_owned()).collect(),
            candidates,
            example: "ID".to_owned(),
        });
    }

    /// Asks for the id of a data source that nothing tells before apply, once.
    fn ask_for_lookup(&mut self, at: usize) {
        let instance = &self.plan.instances[at];
        let place = format!("{}.id", instance.text);
        let late = instance.address.mode == Mode::Data && instance.made && instance.unknown.is_object();
        if !late || self.unresolved.iter().any(|it| it.place == place) {
            return;
        }
        let kind = instance.kind();
        let managed = self.plan.instances.iter().filter(|it| it.address.mode == Mode::Managed && it.kind() == kind);
        let references = match self.expression(at, &[Part::Attribute("id".to_owned())]) {
            Expression::References(texts) => texts.into_iter().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        self.unresolved.push(Unresolved {
            place,
            expected: format!("the id of the {kind} that the data source finds; it is read only during apply"),
            references,
            candidates: managed.map(|it| it.text.to_string()).collect(),
            example: "ID".to_owned(),
        });
    }
}

/// The slots of an instance. What a data source will find is not for the configuration to say: it may have nothing.
fn slots_of(instance: &Instance) -> Vec<Slot> {
    let looked_up = instance.address.mode == Mode::Data;
    let need = |slot: &Slot| if looked_up { Need::Computed } else { slot.need };
    let taken = slots(instance.kind()).iter().filter(|slot| takes(instance, slot));
    taken.map(|slot| Slot { need: need(slot), ..*slot }).collect()
}

/// Whether an instance takes what its type may have: gateway endpoints are in route tables, and others in subnets.
fn takes(instance: &Instance, slot: &Slot) -> bool {
    if instance.kind() != "aws_vpc_endpoint" {
        return true;
    }
    let gateway = instance.text_of("vpc_endpoint_type").map(|it| it.eq_ignore_ascii_case("gateway"));
    match slot.attribute() {
        "route_table_ids" => gateway != Some(false),
        "subnet_ids" | "security_group_ids" | "subnet_configuration" => gateway != Some(true),
        _ => true,
    }
}

/// What suits a slot: resources of its types, and attributes that hold the same kind of id.
fn suits(slot: &Slot) -> impl Fn(&str, Option<&str>) -> Option<Suits> {
    let wanted = targets(slot.leaf());
    move |kind, attribute| match attribute {
        None => wanted.contains(&kind).then_some(Suits::Itself),
        Some(attribute) if is_own_id(kind, attribute) => wanted.contains(&kind).then_some(Suits::Itself),
        Some(attribute) => targets(attribute).iter().any(|it| wanted.contains(it)).then_some(Suits::Attribute),
    }
}

/// The texts of a list.
pub(super) fn texts_of(list: &[Value]) -> Vec<String> {
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
