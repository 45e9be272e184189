//! Lists of ids: all that an expression refers to, or some of the elements.

use std::collections::HashSet;

use serde_json::Value;

use super::guess;
use super::places::{Part, value_mut};
use super::resolve::{Candidate, Expression, Resolver, texts_of};
use crate::terraform::kinds::{Need, Slot};

impl Resolver<'_, '_, '_> {
    /// All that is unknown of a list.
    pub(super) fn whole_list(&mut self, at: usize, slot: &Slot, parts: &[Part]) -> Option<Vec<String>> {
        let prior = match parts {
            [Part::Attribute(name)] => self.plan.instances[at].prior.as_ref().and_then(|prior| prior.get(name)),
            _ => None,
        };
        let prior = prior.and_then(Value::as_array).map(|list| texts_of(list));
        let (expression, shared) = self.shared_expression(at, parts);
        let Expression::References(texts) = expression else { return prior };
        let trail = self.trail(at, slot, &texts, true);
        if prior.is_some() && !self.leads_to_new(&trail) {
            return prior;
        }
        let mut found: Vec<_> = self.candidates(&trail).into_iter().flatten().collect();
        let followed = !found.is_empty();
        if !followed && !trail.lost.is_empty() {
            let whence = self.in_reach(at, slot, &trail, &texts, &mut found);
            let mut names: Vec<_> = found.iter().map(|it| &self.plan.instances[it.at].address.name).collect();
            names.sort();
            names.dedup();
            match (names.len(), whence) {
                (1, Some(whence)) => {
                    let text =
                        format!("it is taken for all {} of {whence}, the only {}", found.len(), kind_of(self, &found));
                    self.assume(at, parts, &text);
                }
                (0, _) => {}
                // What a module of endpoints is given are the tables and subnets of the networks that they serve.
                (_, Some(whence)) if self.plan.instances[at].kind() == "aws_vpc_endpoint" => {
                    let text = format!("it is taken for all {} of {whence}", found.len());
                    self.assume(at, parts, &text);
                }
                _ => {
                    self.give_up(at, slot, parts, &texts, &found);
                    return None;
                }
            }
        }
        for guess in &trail.guesses {
            self.assume(at, parts, &format!("it is taken for {guess}"));
        }
        if found.is_empty() {
            self.say_left_out(at, parts);
            return None;
        }
        let mut once = HashSet::new();
        let found: Vec<_> = found.into_iter().map(|it| it.value).filter(|value| once.insert(value.clone())).collect();
        if shared {
            if found.len() > 1 {
                let text = format!(
                    "it is taken for {}, all that the blocks of {} refer to together: no plan tells which of them refers \
                     to which",
                    found.join(", "),
                    slot.attribute()
                );
                self.assume(at, parts, &text);
            }
        } else if followed && !trail.dark.is_empty() {
            let mut text = format!(
                "it is taken for {}; what {} adds or leaves out is not known",
                found.join(", "),
                trail.dark.join(", ")
            );
            if let Some(prior) = prior.filter(|it| !it.is_empty()) {
                text.push_str(&format!("; before it was {}", prior.join(", ")));
            }
            self.assume(at, parts, &text);
        }
        Some(found)
    }

    /// Some elements of a list.
    pub(super) fn elements(&mut self, at: usize, slot: &Slot, parts: &[Part], missing: &[usize]) -> Option<Value> {
        let texts = match self.expression(at, parts) {
            Expression::References(texts) => texts,
            _ => Vec::new(),
        };
        let values = &mut self.plan.instances[at].values.clone();
        let Value::Array(mut list) = value_mut(values, parts)?.take() else { return None };
        let trail = self.trail(at, slot, &texts, true);
        let mut found: Vec<Candidate> = Vec::new();
        for candidate in self.candidates(&trail).into_iter().flatten() {
            let there = list.iter().any(|it| it.as_str() == Some(&candidate.value));
            if !there && !found.iter().any(|it| it.value == candidate.value) {
                found.push(candidate);
            }
        }
        let mut whence = None;
        if found.is_empty() {
            whence = self.in_reach(at, slot, &trail, &texts, &mut found);
        }
        if found.len() != missing.len() {
            for element in missing {
                let parts = [parts, &[Part::Element(*element)]].concat();
                match guess::narrow(self, at, slot, &found, whence.as_deref()) {
                    Some((chosen, reason)) => {
                        let Candidate { at: of, value } = &found[chosen];
                        self.assume(
                            at,
                            &parts,
                            &format!("it is taken for {}: {reason}", self.plan.instances[*of].text),
                        );
                        list[*element] = Value::from(value.clone());
                    }
                    None if found.is_empty() && slot.need == Need::Computed => self.say_left_out(at, &parts),
                    None => self.give_up(at, slot, &parts, &texts, &found),
                }
            }
            list.retain(|value| !value.is_null());
            return Some(Value::Array(list));
        }
        for (element, candidate) in missing.iter().zip(found) {
            if let Some(whence) = &whence {
                let parts = [parts, &[Part::Element(*element)]].concat();
                let address = &self.plan.instances[candidate.at].text;
                self.assume(at, &parts, &format!("it is taken for {address}: as many suit in {whence} as are unknown"));
            }
            list[*element] = Value::from(candidate.value);
        }
        Some(Value::Array(list))
    }
}

fn kind_of(resolver: &Resolver<'_, '_, '_>, found: &[Candidate]) -> String {
    found.first().map(|it| resolver.plan.instances[it.at].kind().to_owned()).unwrap_or_default()
}
