//! From what an expression refers to, through variables, module inputs and outputs, to resources.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::configuration::{parsed, references};
use super::{Plan, choose};
use crate::terraform::address::{Head, Reference, Segment, Step, module_path};
use crate::terraform::kinds::is_read;
use crate::terraform::resource::{Index, Mode};

/// A resource that an expression refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Its place among the instances of the plan.
    pub(super) at: usize,
    /// The attribute that is referred to; none for the resource itself, or its id.
    pub(super) attribute: Option<Arc<str>>,
}

/// Where references lead.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// One group for each resource block, none of them empty. A group of several is one whose instance is not told.
    pub(super) groups: Vec<Vec<Hit>>,
    /// The module instances in which references end at a local, whose meaning no plan tells.
    pub(super) lost: Vec<Vec<Step>>,
    /// How instances were chosen where that is a guess.
    pub(super) guesses: Vec<String>,
    /// References that lead nowhere: locals, variables whose values are not kept, what another provider looks up.
    pub(super) dark: Vec<String>,
    visited: HashSet<String>,
}

impl Trail {
    fn say_dark(&mut self, mut name: String, modules: &[Step]) {
        if !modules.is_empty() {
            name.push_str(&format!(" in {}", module_path(modules)));
        }
        if !self.dark.contains(&name) {
            self.dark.push(name);
        }
    }
}

/// What is looked for.
pub(super) struct Search<'s> {
    /// Whether a resource of a type, or an attribute of it, is.
    pub(super) suits: &'s dyn Fn(&str, Option<&str>) -> Option<Suits>,
    /// Whether all instances are.
    pub(super) many: bool,
}

/// In what way a reference suits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suits {
    /// The resource itself does.
    Itself,
    /// The value of its attribute does.
    Attribute,
}

/// Which element of an output or a variable is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// The expression says it.
    Told(Index),
    /// It is that of `count.index`, as it seems: that is mentioned beside the list.
    Counted(u64),
}

/// Where an expression stands.
#[derive(Clone, Debug)]
pub(super) struct Scope<'a> {
    pub(super) modules: Vec<Step>,
    /// Which instance of the resource or module the expression is evaluated for, and how many there are.
    pub(super) key: Option<Index>,
    pub(super) siblings: usize,
    /// What `each` goes through.
    pub(super) each: Option<&'a Value>,
}

/// Calls of calls, outputs of outputs: more than anyone nests, and few enough for the stack.
const DEPTH: usize = 64;

impl<'a> Plan<'a> {
    /// Follows references. What leads in a circle ends where it closes.
    pub(super) fn follow(&self, texts: &[&str], scope: &Scope<'a>, search: &Search<'_>, trail: &mut Trail) {
        self.go(texts, scope, None, search, trail, DEPTH);
    }

    fn go(
        &self,
        texts: &[&str],
        scope: &Scope<'a>,
        tail: Option<&Element>,
        search: &Search<'_>,
        trail: &mut Trail,
        depth: usize,
    ) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let refs = parsed(texts);
        let is_key = |it: &Reference| matches!(it.head, Head::Each | Head::Count);
        let counted = refs.iter().any(is_key);
        // Of several lists nobody knows which one it counts through.
        let alone = refs.iter().filter(|it| !is_key(it)).count() == 1;
        let counter = match scope.key {
            Some(Index::Number(number)) if counted && (alone || !search.many) => Some(Element::Counted(number)),
            _ => None,
        };
        let single = refs.iter().any(|it| match &it.head {
            Head::Variable(name) => name.contains("single") && self.switch(&scope.modules, name, DEPTH) == Some(true),
            _ => false,
        });
        for reference in &refs {
            let place = choose::Place { scope, tail, counted, single, many: search.many };
            match &reference.head {
                Head::Resource { .. } => self.resource(reference, &place, search, trail),
                Head::Module { name, key } => {
                    let steps = self.child_instances(scope, name, key.as_ref(), counted);
                    let rest = reference.rest.first();
                    // A reference that ends at the module had its index there.
                    let chosen = rest.is_none() || key.is_none() && steps.iter().any(|it| is_keyed(it));
                    let tail = tail.or_else(|| counter.as_ref().filter(|_| !chosen));
                    for modules in steps {
                        self.output(modules, rest, reference, tail, search, trail, depth);
                    }
                }
                Head::Variable(name) => {
                    let place = choose::Place { tail: tail.or(counter.as_ref()), ..place };
                    self.variable(name, reference, &place, search, trail, depth);
                }
                Head::Each => {
                    let Some(each) = scope.each else { continue };
                    if trail.visited.insert(format!("{}|each|{:?}", module_path(&scope.modules), scope.key)) {
                        let mut texts = references(each);
                        // What `each` goes through has its keys.
                        texts.push("each.key");
                        let scope = Scope { each: None, ..scope.clone() };
                        self.go(&texts, &scope, None, search, trail, depth);
                    }
                }
                Head::Local(name) => {
                    trail.say_dark(format!("local.{name}"), &scope.modules);
                    if !trail.lost.contains(&scope.modules) {
                        trail.lost.push(scope.modules.clone());
                    }
                }
                Head::Count | Head::Other => {}
            }
        }
    }

    fn resource(&self, reference: &Reference, place: &choose::Place<'_, 'a>, search: &Search<'_>, trail: &mut Trail) {
        let Head::Resource { mode, kind, name, index } = &reference.head else { return };
        let Some(suits) = (search.suits)(kind, reference.attribute()) else {
            // What is read is known to hold something else.
            if !is_read(kind, *mode) {
                let data = if *mode == Mode::Data { "data." } else { "" };
                trail.say_dark(format!("{data}{kind}.{name}"), &place.scope.modules);
            }
            return;
        };
        let group = self.group(&place.scope.modules, *mode, kind, name);
        let own = reference.tail().map(Element::Told);
        // The end of `aws_subnet.a[*].id[0]` counts for this reference, that of an output for all below it.
        let place = choose::Place { tail: own.as_ref().filter(|_| index.is_none()).or(place.tail), ..place.clone() };
        let chosen = self.choose(group, index.as_ref(), &place, &mut trail.guesses);
        let attribute = (suits == Suits::Attribute).then(|| reference.attribute().map(Arc::from)).flatten();
        let found = chosen.into_iter().map(|at| self.looked_up.get(&at).copied().unwrap_or(at));
        let hits: Vec<_> = found.map(|at| Hit { at, attribute: attribute.clone() }).collect();
        if !hits.is_empty() && !trail.groups.contains(&hits) {
            trail.groups.push(hits);
        }
    }

    fn variable(
        &self,
        name: &str,
        reference: &Reference,
        place: &choose::Place<'_, 'a>,
        search: &Search<'_>,
        trail: &mut Trail,
        depth: usize,
    ) {
        let modules = &place.scope.modules;
        let (Some(call), Some((last, outer))) = (self.configuration.call(modules), modules.split_last()) else {
            trail.say_dark(format!("var.{name}"), modules);
            return;
        };
        // A module's default names nothing that somebody has.
        let Some(expression) = call.get("expressions").and_then(|it| it.get(name)) else { return };
        if references(expression).is_empty() {
            trail.say_dark(format!("var.{name}"), modules);
        }
        let own = reference.tail().map(Element::Told);
        let tail = own.as_ref().or(place.tail);
        if !trail.visited.insert(format!("{}|var.{name}|{tail:?}", module_path(modules))) {
            return;
        }
        let scope = Scope {
            modules: outer.to_vec(),
            key: last.key.clone(),
            siblings: self.children(outer, &last.name).len(),
            each: call.get("for_each_expression"),
        };
        self.go(&references(expression), &scope, tail, search, trail, depth);
    }

    #[expect(clippy::too_many_arguments, reason = "all of them are where the walk stands")]
    fn output(
        &self,
        modules: Vec<Step>,
        name: Option<&Segment>,
        reference: &Reference,
        tail: Option<&Element>,
        search: &Search<'_>,
        trail: &mut Trail,
        depth: usize,
    ) {
        let path = module_path(&modules);
        let own = reference.tail().filter(|_| reference.rest.len() > 1).map(Element::Told);
        let tail = own.as_ref().or(tail);
        let scope = Scope { modules, key: None, siblings: 0, each: None };
        let expressions: Vec<_> = match name {
            Some(Segment::Name(name)) => {
                self.configuration.output(&scope.modules, name).map(|it| (name.to_string(), it)).into_iter().collect()
            }
            // The whole module: any of its outputs.
            _ => self.configuration.outputs(&scope.modules).map(|(name, it)| (name.clone(), it)).collect(),
        };
        for (name, expression) in expressions {
            if trail.visited.insert(format!("{path}|{name}|{tail:?}")) {
                self.go(&references(expression), &scope, tail, search, trail, depth);
            }
        }
    }

    /// What the inputs of a module lead to, then what the modules in it give out: all that a local can be made of besides the
    /// module's own resources.
    pub(super) fn surroundings(&self, modules: &[Step], search: &Search<'_>, trail: &mut Trail) {
        if let (Some(call), Some((last, outer))) = (self.configuration.call(modules), modules.split_last()) {
            let scope = Scope {
                modules: outer.to_vec(),
                key: last.key.clone(),
                siblings: self.children(outer, &last.name).len(),
                each: call.get("for_each_expression"),
            };
            let texts = call.get("expressions").map(references).unwrap_or_default();
            self.go(&texts, &scope, None, search, trail, DEPTH);
        }
        if !trail.groups.is_empty() {
            return;
        }
        let scope = Scope { modules: modules.to_vec(), key: None, siblings: 0, each: None };
        for name in self.configuration.calls(modules) {
            self.go(&[&format!("module.{name}")], &scope, None, search, trail, DEPTH);
        }
    }

    /// The instances of a child module that a reference means.
    fn child_instances(
        &self,
        scope: &Scope<'_>,
        name: &Arc<str>,
        key: Option<&Index>,
        counted: bool,
    ) -> Vec<Vec<Step>> {
        let known = self.children(&scope.modules, name);
        let step = |key: Option<Index>| {
            let mut modules = scope.modules.clone();
            modules.push(Step { name: name.clone(), key });
            modules
        };
        let same = scope
            .key
            .as_ref()
            .filter(|key| known.contains(&Some((*key).clone())) && (counted || known.len() == scope.siblings));
        match key.or(same) {
            Some(key) => vec![step(Some(key.clone()))],
            // A module without resources that are read has outputs all the same.
            None if known.is_empty() => vec![step(None)],
            None => known.iter().map(|key| step(key.clone())).collect(),
        }
    }

    /// The value of a variable that is on or off.
    fn switch(&self, modules: &[Step], name: &str, depth: usize) -> Option<bool> {
        let depth = depth.checked_sub(1)?;
        let Some((_, outer)) = modules.split_last() else { return self.switches.get(name).copied() };
        let expression = self.configuration.call(modules)?.get("expressions")?.get(name)?;
        if let Some(value) = expression.get("constant_value") {
            return value.as_bool();
        }
        match &parsed(&references(expression))[..] {
            [Reference { head: Head::Variable(name), .. }] => self.switch(outer, name, depth),
            _ => None,
        }
    }
}

/// Whether a module instance is one of several.
fn is_keyed(modules: &[Step]) -> bool {
    modules.last().is_some_and(|step| step.key.is_some())
}
