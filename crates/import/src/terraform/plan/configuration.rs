//! What a plan tells of the configuration: modules, their calls, and what each expression refers to.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::terraform::address::{Reference, Step};
use crate::terraform::resource::Mode;

type Object = Map<String, Value>;

/// The modules of a configuration by their path, which has no keys: `vpc.endpoints`, empty for the root module.
#[derive(Debug, Default)]
pub(super) struct Configuration<'a> {
    modules: HashMap<String, Module<'a>>,
}

#[derive(Debug, Default)]
struct Module<'a> {
    resources: HashMap<(Mode, &'a str, &'a str), &'a Object>,
    calls: Option<&'a Object>,
    outputs: Option<&'a Object>,
}

impl<'a> Configuration<'a> {
    /// Reads what is there; what has another shape tells nothing.
    pub(super) fn new(root: Option<&'a Value>) -> Self {
        let mut configuration = Self::default();
        if let Some(Value::Object(root)) = root {
            configuration.add(root, String::new());
        }
        configuration
    }

    fn add(&mut self, map: &'a Object, path: String) {
        let resources = map.get("resources").and_then(Value::as_array).into_iter().flatten();
        let resources = resources.filter_map(Value::as_object).filter_map(|resource| {
            let text = |key| resource.get(key).and_then(Value::as_str);
            let mode = if text("mode") == Some("data") { Mode::Data } else { Mode::Managed };
            Some(((mode, text("type")?, text("name")?), resource))
        });
        let calls = map.get("module_calls").and_then(Value::as_object);
        let outputs = map.get("outputs").and_then(Value::as_object);
        for (name, call) in calls.into_iter().flatten() {
            if let Some(Value::Object(module)) = call.get("module") {
                let dot = if path.is_empty() { "" } else { "." };
                self.add(module, format!("{path}{dot}{name}"));
            }
        }
        self.modules.insert(path, Module { resources: resources.collect(), calls, outputs });
    }

    /// The configuration of a resource.
    pub(super) fn resource(&self, modules: &[Step], mode: Mode, kind: &str, name: &str) -> Option<&'a Object> {
        self.modules.get(&path(modules))?.resources.get(&(mode, kind, name)).copied()
    }

    /// How a module is called by the one that it is in.
    pub(super) fn call(&self, modules: &[Step]) -> Option<&'a Object> {
        let (last, outer) = modules.split_last()?;
        self.modules.get(&path(outer))?.calls?.get(&*last.name)?.as_object()
    }

    /// The expression of an output.
    pub(super) fn output(&self, modules: &[Step], name: &str) -> Option<&'a Value> {
        self.modules.get(&path(modules))?.outputs?.get(name)?.get("expression")
    }

    /// The expressions of all outputs, with their names.
    pub(super) fn outputs(&self, modules: &[Step]) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let outputs = self.modules.get(&path(modules)).and_then(|module| module.outputs);
        outputs.into_iter().flatten().filter_map(|(name, output)| Some((name, output.get("expression")?)))
    }

    /// The modules that a module calls.
    pub(super) fn calls(&self, modules: &[Step]) -> impl Iterator<Item = &'a String> {
        let calls = self.modules.get(&path(modules)).and_then(|module| module.calls);
        calls.into_iter().flatten().map(|(name, _)| name)
    }
}

fn path(modules: &[Step]) -> String {
    modules.iter().map(|step| &*step.name).collect::<Vec<_>>().join(".")
}

/// The text of what an expression refers to: of all its blocks together where it has blocks.
pub(super) fn references(expression: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    collect(expression, &mut found);
    found
}

fn collect<'a>(expression: &'a Value, found: &mut Vec<&'a str>) {
    match expression {
        Value::Object(map) => match map.get("references") {
            Some(Value::Array(references)) => found.extend(references.iter().filter_map(Value::as_str)),
            _ => map.values().for_each(|value| collect(value, found)),
        },
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// References without those that are only the beginning of the one before: a plan lists `aws_vpc.a.id` with `aws_vpc.a`.
pub(super) fn parsed(references: &[&str]) -> Vec<Reference> {
    let longer = |text: &str| {
        references.iter().any(|other| other.strip_prefix(text).is_some_and(|rest| rest.starts_with(['.', '['])))
    };
    let mut kept: Vec<&str> = Vec::new();
    for text in references {
        if !longer(text) && !kept.contains(text) {
            kept.push(text);
        }
    }
    kept.into_iter().filter_map(Reference::parse).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prefixes_of_references_are_dropped() {
        let texts =
            ["aws_subnet.a[0].id", "aws_subnet.a[0]", "aws_subnet.a", "aws_subnet.ab", "count.index", "count.index"];
        let kept = parsed(&texts);
        assert_eq!(kept.len(), 3);
        assert_eq!(kept[0].attribute(), Some("id"));
        assert_eq!(kept[1], Reference::parse("aws_subnet.ab").unwrap());
    }

    #[test]
    fn blocks_are_flattened() {
        let blocks = json!([{"subnet_id": {"references": ["a.b"]}}, {"x": {"constant_value": 1}, "y": [{"references": ["c.d"]}]}]);
        assert_eq!(references(&blocks), ["a.b", "c.d"]);
    }

    #[test]
    fn modules_are_found_by_their_path() {
        let root = json!({"module_calls": {"a": {"expressions": {"v": {"references": ["var.v"]}}, "module": {
            "outputs": {"o": {"expression": {"references": ["aws_vpc.m.id"]}}},
            "resources": [{"mode": "managed", "type": "aws_vpc", "name": "m", "expressions": {}}]}}}});
        let configuration = Configuration::new(Some(&root));
        let steps = [Step { name: "a".into(), key: None }];
        assert!(configuration.resource(&steps, Mode::Managed, "aws_vpc", "m").is_some());
        assert!(configuration.resource(&[], Mode::Managed, "aws_vpc", "m").is_none());
        assert!(configuration.call(&steps).unwrap().contains_key("expressions"));
        assert_eq!(references(configuration.output(&steps, "o").unwrap()), ["aws_vpc.m.id"]);
        assert_eq!(configuration.calls(&[]).collect::<Vec<_>>(), ["a"]);
    }
}
