//! Data sources that are read only during apply: what each will find, where that is a resource of the plan.

use std::collections::HashMap;

use super::Plan;
use super::follow::{Search, Suits, Trail};
use super::places::Part;
use super::resolve::{Expression, Resolver};
use crate::notes::Notes;
use crate::terraform::kinds::{is_own_id, targets};
use crate::terraform::resource::Mode;

/// Finds out what data sources will find by the id that they are given.
pub(super) fn resolve(plan: &mut Plan<'_>, notes: &mut Notes) {
    let mut resolver = Resolver::new(plan, notes);
    let late = |at: &usize| plan.instances[*at].address.mode == Mode::Data && plan.instances[*at].unknown.is_object();
    let late: Vec<_> = (0..plan.instances.len()).filter(late).collect();
    let found: Vec<_> = late.into_iter().filter_map(|at| Some((at, resolver.looked_up(at)?))).collect();
    if found.is_empty() {
        return;
    }
    let managed = plan.instances.iter().enumerate().filter(|(_, it)| it.address.mode == Mode::Managed);
    let managed: HashMap<String, usize> = managed.map(|(at, it)| (it.id.clone(), at)).collect();
    for (at, id) in found {
        if let Some(of) = managed.get(&id) {
            plan.looked_up.insert(at, *of);
        } else {
            let instance = &mut plan.instances[at];
            (instance.id, instance.made) = (id, false);
        }
    }
}

impl Resolver<'_, '_, '_> {
    /// The id of what a data source will find.
    fn looked_up(&mut self, at: usize) -> Option<String> {
        let instance = &self.plan.instances[at];
        if !instance.made {
            return Some(instance.id.clone());
        }
        let kind = instance.kind();
        let noun = kind.strip_prefix("aws_").unwrap_or(kind);
        let suits = |of: &str, attribute: Option<&str>| match attribute {
            Some(attribute) if !is_own_id(of, attribute) => {
                targets(attribute).contains(&kind).then_some(Suits::Attribute)
            }
            _ => (of == kind || of.strip_prefix("aws_default_") == Some(noun)).then_some(Suits::Itself),
        };
        for attribute in ["id".to_owned(), format!("{noun}_id")] {
            let Expression::References(texts) = self.expression(at, &[Part::Attribute(attribute)]) else { continue };
            let mut trail = Trail::default();
            self.plan.follow(&texts, &self.scope(at), &Search { suits: &suits, many: false }, &mut trail);
            let mut ids: Vec<_> = self.candidates(&trail).into_iter().flatten().map(|it| it.value).collect();
            ids.sort();
            ids.dedup();
            if let [id] = &ids[..] {
                return Some(id.clone());
            }
        }
        None
    }
}
