//! Plans, each made for one thing that real ones have.

mod addresses;
mod guesses;
mod instances;
mod mirrors;
mod references;
mod values;

use serde_json::{Map, Value, json};

use crate::notes::Notes;
use crate::terraform::bind::Binds;
use crate::terraform::entry::Entry;

/// A plan in the making.
#[derive(Default)]
struct Planned {
    resources: Vec<Value>,
    changes: Vec<Value>,
    further: Map<String, Value>,
}

/// What came of a plan.
struct Read {
    entries: Vec<Entry>,
    notes: Notes,
}

impl Planned {
    /// A resource that the plan makes, with what is known of it and what is not.
    fn create(&mut self, address: &str, values: Value, unknown: Value) -> &mut Self {
        let mut all = json!({"id": true});
        all.as_object_mut().unwrap().extend(unknown.as_object().unwrap().clone());
        self.change(address, &["create"], values, all)
    }

    /// A resource that something happens to.
    fn change(&mut self, address: &str, actions: &[&str], values: Value, unknown: Value) -> &mut Self {
        self.resources.push(resource(address, values));
        let mut change = resource(address, Value::Null);
        change["change"] = json!({"actions": actions, "after_unknown": unknown});
        self.changes.push(change);
        self
    }

    /// A resource that stays as it is.
    fn known(&mut self, address: &str, values: Value) -> &mut Self {
        self.change(address, &["no-op"], values, json!({}))
    }

    /// Another part of the document.
    fn with(&mut self, key: &str, value: Value) -> &mut Self {
        self.further.insert(key.to_owned(), value);
        self
    }

    /// The configuration of the root module: resources by address with their expressions.
    fn root(&mut self, resources: Value) -> &mut Self {
        self.with("configuration", json!({"root_module": module(resources)}))
    }

    fn document(&self) -> Map<String, Value> {
        let Value::Object(mut document) = json!({
            "format_version": "1.2",
            "planned_values": {"root_module": {"resources": self.resources}},
            "resource_changes": self.changes,
        }) else {
            unreachable!("it is an object");
        };
        document.extend(self.further.clone());
        document
    }

    fn try_read(&self, binds: &[&str]) -> Result<Read, String> {
        let binds: Vec<String> = binds.iter().map(|bind| (*bind).to_owned()).collect();
        let binds = Binds::parse(&binds).map_err(|error| error.to_string())?;
        let mut notes = Notes::default();
        let read = super::read("plan.json", &self.document(), &binds, &mut notes);
        read.map(|(entries, _)| Read { entries, notes }).map_err(|error| error.to_string())
    }

    fn read(&self) -> Read {
        self.try_read(&[]).unwrap_or_else(|error| panic!("{error}"))
    }

    fn error(&self) -> String {
        self.try_read(&[]).err().expect("nothing tells what something is")
    }
}

impl Read {
    fn values(&self, address: &str) -> &Map<String, Value> {
        let entry = self.entries.iter().find(|entry| &*entry.text == address);
        &entry.unwrap_or_else(|| panic!("no {address}")).values
    }

    fn text(&self, address: &str, attribute: &str) -> &str {
        self.values(address).get(attribute).and_then(Value::as_str).unwrap_or("-")
    }

    /// What was assumed, as `code place: text`.
    fn assumed(&self) -> Vec<String> {
        self.notes.assumptions.iter().map(|it| format!("{} {}: {}", it.code, it.place, it.text)).collect()
    }
}

/// A resource as documents list it.
fn resource(address: &str, values: Value) -> Value {
    let parsed = crate::terraform::address::Address::parse(address).unwrap();
    let mode = if parsed.mode == crate::terraform::resource::Mode::Data { "data" } else { "managed" };
    let (kind, name) = (&*parsed.kind, &*parsed.name);
    json!({"address": address, "mode": mode, "type": kind, "name": name, "values": values})
}

/// The configuration of a module: `{"aws_vpc.a": {"cidr_block": ...}}`, with `for_each` among the expressions for that of the
/// resource.
fn module(resources: Value) -> Value {
    let resources = resources.as_object().unwrap().iter().map(|(address, expressions)| {
        let mut of = resource(address, Value::Null);
        let mut expressions = expressions.clone();
        if let Some(each) = expressions.as_object_mut().unwrap().remove("for_each") {
            of["for_each_expression"] = each;
        }
        of["expressions"] = expressions;
        of
    });
    json!({"resources": resources.collect::<Vec<_>>()})
}

/// An expression that refers to these.
fn refs(references: &[&str]) -> Value {
    json!({"references": references})
}
