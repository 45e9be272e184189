//! Plans: what will be there after apply, with what is not known yet resolved.
//!
//! An attribute's value is, in this order: what is planned; what the prior state has, unless the plan replaces what that names;
//! what the configuration refers to; the one resource in reach that suits. The last is a guess, and is reported as one.

mod blocks;
mod choose;
mod configuration;
mod follow;
mod guess;
mod ids;
mod lists;
mod lookup;
mod mirrors;
mod places;
mod resolve;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::codes;
use crate::notes::Notes;
use crate::terraform::address::{Address, Step, module_path};
use crate::terraform::bind::Binds;
use crate::terraform::entry::{Census, Entry, Listing, list, object};
use crate::terraform::error::TerraformError;
use crate::terraform::resource::{Index, Mode};
use crate::terraform::synthetic;

use configuration::Configuration;
use mirrors::Gone;
pub(crate) use places::{Part, value_mut};

/// A resource as it is planned.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) text: Arc<str>,
    pub(crate) address: Address,
    /// What is known.
    pub(crate) values: Map<String, Value>,
    /// `true` in the places of what is not.
    pub(crate) unknown: Value,
    sensitive: Value,
    /// What the prior state has, unless it is replaced.
    prior: Option<Map<String, Value>>,
    /// Its id: its address if it does not exist yet.
    pub(crate) id: String,
    /// Whether it does not exist yet.
    pub(crate) made: bool,
    path: String,
}

/// A resource block in a module instance: the module's path, the mode, the type and the name.
type Block = (String, Mode, Arc<str>, Arc<str>);

/// A plan's resources, and what leads from one to the other.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) instances: Vec<Instance>,
    groups: HashMap<Block, Vec<usize>>,
    by_type: HashMap<(String, Arc<str>), Vec<usize>>,
    children: HashMap<(String, Arc<str>), Vec<Option<Index>>>,
    configuration: Configuration<'a>,
    /// Variables of the root module that are on or off.
    switches: HashMap<&'a str, bool>,
    /// Data sources that are read during apply, and the resource of the plan that each will find.
    looked_up: HashMap<usize, usize>,
}

/// The resources after apply, all of whose attributes are known.
pub(crate) fn read(
    file: &str,
    document: &Map<String, Value>,
    binds: &Binds,
    notes: &mut Notes,
) -> Result<(Vec<Entry>, Census), TerraformError> {
    say_unfinished(file, document, notes);
    let (mut instances, gone, census) = instances(file, document)?;
    binds.apply(&mut instances)?;
    let mut plan = Plan::new(document, instances);
    lookup::resolve(&mut plan, notes);
    mirrors::forget(&mut plan, &gone);
    let mut unresolved = resolve::resolve(&mut plan, notes);
    synthetic::fill(&mut plan, notes, &mut unresolved);
    blocks::resolve(&mut plan, notes, &mut unresolved);
    if !unresolved.is_empty() {
        return Err(TerraformError::Unresolved { file: file.to_owned(), list: unresolved });
    }
    let Plan { instances, looked_up, .. } = plan;
    let kept = instances.into_iter().enumerate().filter(|(at, _)| !looked_up.contains_key(at));
    Ok((kept.map(|(_, it)| it.into_entry()).collect(), census))
}

fn say_unfinished(file: &str, document: &Map<String, Value>, notes: &mut Notes) {
    let is = |key: &str, value: bool| document.get(key) == Some(&Value::Bool(value));
    if is("errored", true) {
        let text = "planning ended with an error: resources may be missing; the network is what was planned before it";
        notes.assume(codes::PLAN_ERRORED, file, text);
    } else if is("complete", false) {
        let text = "the plan is not complete (`-target`, or deferred changes): another one is needed to get what is configured";
        notes.assume(codes::PLAN_INCOMPLETE, file, text);
    }
}

/// What is known of one change.
#[derive(Default)]
struct Change<'a> {
    actions: Vec<&'a str>,
    unknown: Value,
    sensitive: Value,
}

/// The resources after apply, and those before it that are not there any more as they were.
fn instances(file: &str, document: &Map<String, Value>) -> Result<(Vec<Instance>, Vec<Gone>, Census), TerraformError> {
    let mut planned = Listing::new(file);
    let mut gone = Vec::new();
    let mut changes: HashMap<Address, Change<'_>> = HashMap::new();
    if let Some(values) = document.get("planned_values").filter(|it| !it.is_null()) {
        planned.add_values(values, "planned_values")?;
    }
    let mut prior = Listing::new(file);
    if let Some(Value::Object(state)) = document.get("prior_state")
        && let Some(values) = state.get("values").filter(|it| !it.is_null())
    {
        prior.add_values(values, "prior_state.values")?;
    }
    // Of some tools' extracts these are all that is left.
    let extract = planned.entries.is_empty() && !document.contains_key("planned_values");
    for (index, change) in list(file, document, "resource_changes", "the document")?.iter().enumerate() {
        let path = format!("resource_changes[{index}]");
        let map = object(file, change, &path)?;
        let Some(Value::Object(of)) = map.get("change") else { continue };
        let actions = of.get("actions").and_then(Value::as_array).into_iter().flatten();
        let actions: Vec<_> = actions.filter_map(Value::as_str).collect();
        if extract && actions != ["delete"] && !map.contains_key("deposed") {
            let mut resource = map.clone();
            resource.insert("values".to_owned(), of.get("after").cloned().unwrap_or_default());
            planned.add_resource(&Value::Object(resource), format!("{path}.change.after"))?;
        }
        let address = map.get("address").and_then(Value::as_str).and_then(Address::parse);
        // Of a deposed object there is a change besides that of the one that counts.
        if let Some(address) = address.filter(|_| !map.contains_key("deposed")) {
            if let Some(Value::Object(before)) = of.get("before")
                && (actions.contains(&"delete") || actions.contains(&"update"))
            {
                gone.push(Gone { kind: address.kind.to_string(), values: before.clone() });
            }
            let of = |key: &str| of.get(key).cloned().unwrap_or_default();
            changes.insert(address, Change { actions, unknown: of("after_unknown"), sensitive: of("after_sensitive") });
        }
    }
    let there: HashSet<_> = planned.entries.iter().map(|entry| entry.address.clone()).collect();
    let mut before = HashMap::new();
    for entry in prior.entries {
        let forgotten = changes.get(&entry.address).is_some_and(|change| change.actions == ["forget"]);
        if !there.contains(&entry.address) && (entry.address.mode == Mode::Data || forgotten) {
            // What was looked up while planning is nowhere else, and what Terraform forgets stays.
            planned.add(entry);
        } else {
            if !there.contains(&entry.address) && !changes.contains_key(&entry.address) {
                gone.push(Gone { kind: entry.address.kind.to_string(), values: entry.values.clone() });
            }
            before.insert(entry.address.clone(), entry.values);
        }
    }
    planned.entries.retain(|entry| changes.get(&entry.address).is_none_or(|change| change.actions != ["delete"]));
    planned.check()?;
    let instances = planned.entries.into_iter().map(|entry| {
        let change = changes.remove(&entry.address).unwrap_or_default();
        let replaced = change.actions.contains(&"delete") || change.actions == ["create"];
        let prior = before.remove(&entry.address).filter(|_| !replaced);
        Instance::new(entry, change.unknown, change.sensitive, prior)
    });
    Ok((instances.collect(), gone, planned.census))
}

impl Instance {
    fn new(entry: Entry, unknown: Value, sensitive: Value, prior: Option<Map<String, Value>>) -> Self {
        let Entry { text, address, values, sensitive: of_values, path } = entry;
        let sensitive = if sensitive.is_object() { sensitive } else { of_values };
        let mut instance =
            Self { text, address, values, unknown, sensitive, prior, id: String::new(), made: false, path };
        instance.identify();
        instance
    }

    /// Finds out its id.
    fn identify(&mut self) {
        let id = |values: &Map<String, Value>| {
            values.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned)
        };
        let known = id(&self.values).or_else(|| self.prior.as_ref().and_then(id));
        self.made = known.is_none();
        self.id = known.unwrap_or_else(|| self.text.to_string());
    }

    /// The text of an attribute that is known.
    pub(crate) fn text_of(&self, attribute: &str) -> Option<&str> {
        self.values.get(attribute)?.as_str().filter(|text| !text.is_empty())
    }

    /// Whether an attribute is known only after apply.
    pub(crate) fn is_unknown(&self, attribute: &str) -> bool {
        self.values.get(attribute).is_none_or(Value::is_null) && self.unknown.get(attribute) == Some(&Value::Bool(true))
    }

    /// Whether an attribute is on.
    pub(crate) fn flag(&self, attribute: &str) -> bool {
        self.values.get(attribute) == Some(&Value::Bool(true))
    }

    /// Its type.
    pub(crate) fn kind(&self) -> &str {
        &self.address.kind
    }

    fn into_entry(mut self) -> Entry {
        self.values.insert("id".to_owned(), Value::from(self.id));
        Entry {
            text: self.text,
            address: self.address,
            values: self.values,
            sensitive: self.sensitive,
            path: self.path,
        }
    }
}

impl<'a> Plan<'a> {
    fn new(document: &'a Map<String, Value>, mut instances: Vec<Instance>) -> Self {
        let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
        let mut by_type: HashMap<_, Vec<usize>> = HashMap::new();
        let mut children: HashMap<_, Vec<Option<Index>>> = HashMap::new();
        for (at, instance) in instances.iter_mut().enumerate() {
            // A bind may have told it.
            instance.identify();
            let Address { modules, mode, kind, name, .. } = &instance.address;
            let module = module_path(modules);
            for depth in 0..modules.len() {
                let keys = children.entry((module_path(&modules[..depth]), modules[depth].name.clone())).or_default();
                if !keys.contains(&modules[depth].key) {
                    keys.push(modules[depth].key.clone());
                }
            }
            by_type.entry((module.clone(), kind.clone())).or_default().push(at);
            groups.entry((module, *mode, kind.clone(), name.clone())).or_default().push(at);
        }
        groups.values_mut().for_each(|group| group.sort_by_key(|&at| instances[at].address.index.clone()));
        children.values_mut().for_each(|keys| keys.sort());
        let root = document.get("configuration").and_then(|it| it.get("root_module"));
        let variables = document.get("variables").and_then(Value::as_object);
        let switches = variables.into_iter().flatten();
        let switches = switches.filter_map(|(name, it)| Some((name.as_str(), it.get("value")?.as_bool()?))).collect();
        let configuration = Configuration::new(root);
        Self { instances, groups, by_type, children, configuration, switches, looked_up: HashMap::new() }
    }

    /// The instances of a resource in a module instance, in the order of their indices.
    fn group(&self, modules: &[Step], mode: Mode, kind: &str, name: &str) -> &[usize] {
        let key = (module_path(modules), mode, Arc::from(kind), Arc::from(name));
        self.groups.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The instances of a resource that this one is an instance of.
    fn siblings(&self, at: usize) -> &[usize] {
        let Address { modules, mode, kind, name, .. } = &self.instances[at].address;
        self.group(modules, *mode, kind, name)
    }

    /// The instances of a type in a module instance, in the order of the document.
    pub(crate) fn of_type(&self, modules: &[Step], kind: &str) -> &[usize] {
        self.by_type.get(&(module_path(modules), Arc::from(kind))).map_or(&[], Vec::as_slice)
    }

    /// The keys of the instances of a child module.
    fn children(&self, modules: &[Step], name: &Arc<str>) -> &[Option<Index>] {
        self.children.get(&(module_path(modules), name.clone())).map_or(&[], Vec::as_slice)
    }
}

/// What the tests of the modules share.
#[cfg(test)]
mod testing {
    use super::*;

    /// An instance of the root module.
    pub(super) fn instance(address: &str, values: Value, unknown: Value) -> Instance {
        let Value::Object(values) = values else { panic!("{address} has no attributes") };
        let (text, address) = (address.into(), Address::parse(address).unwrap());
        let entry = Entry { text, address, values, sensitive: Value::Null, path: String::new() };
        Instance::new(entry, unknown, Value::Null, None)
    }
}
