//! Blocks and addresses of rules, routes and entries that come from other resources.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::Plan;
use super::follow::{Hit, Search, Suits, Trail};
use super::places::{Part, Place, Unknown, shown, unknown, value_mut};
use super::resolve::{Expression, Resolver};
use crate::notes::Notes;
use crate::terraform::error::Unresolved;
use crate::terraform::kinds::{Holds, Slot, slots};

/// Fills them in, once those that they come from are known.
pub(super) fn resolve(plan: &mut Plan<'_>, notes: &mut Notes, unresolved: &mut Vec<Unresolved>) {
    let mut resolver = Resolver::new(plan, notes);
    let mut filled = Vec::new();
    for at in 0..plan.instances.len() {
        let instance = &plan.instances[at];
        for slot in slots(instance.kind()).iter().filter(|slot| slot.holds != Holds::Id) {
            for place in unknown(instance, slot) {
                if let Some(value) = resolver.block(at, slot, &place) {
                    filled.push((at, place.parts, value));
                }
            }
        }
    }
    unresolved.append(&mut resolver.unresolved);
    for (at, parts, value) in filled {
        if let Some(place) = value_mut(&mut plan.instances[at].values, &parts) {
            *place = value;
        }
    }
}

impl Resolver<'_, '_, '_> {
    /// A block, or all of a list of them, from the addresses and blocks of other resources.
    fn block(&mut self, at: usize, slot: &Slot, place: &Place) -> Option<Value> {
        let Place { parts, what } = place;
        let texts = match self.expression(at, parts) {
            Expression::References(texts) if *what != Unknown::Blocks => texts,
            _ => return None,
        };
        let mut found = self.blocks_behind(at, slot, &texts);
        let places = match what {
            Unknown::Elements(missing) => {
                missing.iter().map(|at| [parts, &[Part::Element(*at)][..]].concat()).collect()
            }
            _ => vec![parts.clone()],
        };
        if found.is_empty() || *what != Unknown::List && found.len() != places.len() {
            for place in places {
                self.unresolved.push(Unresolved {
                    place: format!("{}.{}", self.plan.instances[at].text, shown(&place)),
                    expected: match slot.holds {
                        Holds::Ipv6 => "an IPv6 block",
                        Holds::Ipv4 => "an IPv4 block",
                        _ => "a block",
                    }
                    .to_owned(),
                    references: texts.iter().map(|it| (*it).to_owned()).collect(),
                    candidates: found.clone(),
                    example: if slot.holds == Holds::Ipv6 { "2001:db8::/56" } else { "192.0.2.0/24" }.to_owned(),
                });
            }
            return None;
        }
        self.assume(
            at,
            parts,
            &format!("it is taken for {}, what the configuration refers to there", found.join(", ")),
        );
        match what {
            Unknown::Elements(missing) => {
                let values = &mut self.plan.instances[at].values.clone();
                let Value::Array(mut list) = value_mut(values, parts)?.take() else { return None };
                missing.iter().zip(found).for_each(|(element, block)| list[*element] = Value::from(block));
                Some(Value::Array(list))
            }
            Unknown::Value => found.pop().map(Value::from),
            _ => Some(Value::from(found)),
        }
    }

    /// The blocks that references lead to, without those that the attribute has already: all of its elements share them.
    fn blocks_behind(&self, at: usize, slot: &Slot, texts: &[&str]) -> Vec<String> {
        let suits = |_: &str, attribute: Option<&str>| attribute.is_some().then_some(Suits::Attribute);
        let mut trail = Trail::default();
        self.plan.follow(texts, &self.scope(at), &Search { suits: &suits, many: slot.is_list() }, &mut trail);
        let mut there = Vec::new();
        collect_texts(self.plan.instances[at].values.get(slot.attribute()), &mut there);
        let mut found: Vec<String> = Vec::new();
        for Hit { at, attribute } in trail.groups.into_iter().flatten() {
            let mut values = Vec::new();
            collect_texts(attribute.and_then(|it| self.plan.instances[at].values.get(&*it)), &mut values);
            for text in values {
                let block = suiting_block(text, slot.holds, slot.leaf() != "public_ip");
                found.extend(block.filter(|it| !found.contains(it) && !there.contains(&it.as_str())));
            }
        }
        found
    }
}

fn collect_texts<'v>(value: Option<&'v Value>, found: &mut Vec<&'v str>) {
    match value {
        Some(Value::String(text)) => found.push(text),
        Some(Value::Array(values)) => values.iter().for_each(|value| collect_texts(Some(value), found)),
        Some(Value::Object(map)) => map.values().for_each(|value| collect_texts(Some(value), found)),
        _ => {}
    }
}

/// A text as a block of the family: an address is the block of it alone, if `host` blocks are wanted.
fn suiting_block(text: &str, holds: Holds, host: bool) -> Option<String> {
    let address = text.parse::<IpAddr>().ok();
    let block = text.parse().ok().or_else(|| address.map(IpNet::from))?;
    let suits = match holds {
        Holds::Ipv4 => block.addr().is_ipv4(),
        Holds::Ipv6 => block.addr().is_ipv6(),
        Holds::Block => true,
        Holds::Id => false,
    };
    suits.then(|| match address {
        Some(address) if !host => address.to_string(),
        _ => block.to_string(),
    })
}
