//! The resources by type, and how attributes become fields.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::Error;
use crate::node::Node;
use crate::terraform::resource::{Mode, Resource};

/// The resources of one document.
#[derive(Debug)]
pub(super) struct Source<'a> {
    file: &'a Arc<str>,
    by_type: HashMap<&'a str, Vec<&'a Resource>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(resources: &'a [Resource], file: &'a Arc<str>) -> Self {
        let mut by_type: HashMap<_, Vec<_>> = HashMap::new();
        for resource in resources {
            by_type.entry(&*resource.kind).or_default().push(resource);
        }
        // What is managed is known better than what is only looked up.
        by_type.values_mut().for_each(|of| of.sort_by_key(|resource| resource.mode == Mode::Data));
        Self { file, by_type }
    }

    /// The managed resources of these types, type by type in the order of the document.
    pub(super) fn managed(&self, types: &[&str]) -> Vec<Described<'a>> {
        self.of_mode(types, Mode::Managed)
    }

    /// The data sources of these types: what exists, and is made elsewhere.
    pub(super) fn data(&self, types: &[&str]) -> Vec<Described<'a>> {
        self.of_mode(types, Mode::Data)
    }

    /// Both, what is managed first.
    pub(super) fn all(&self, types: &[&str]) -> Vec<Described<'a>> {
        [self.managed(types), self.data(types)].concat()
    }

    fn of_mode(&self, types: &[&str], mode: Mode) -> Vec<Described<'a>> {
        let all = types.iter().filter_map(|kind| self.by_type.get(kind)).flatten();
        let file = self.file;
        all.filter(|it| it.mode == mode).map(|resource| Described { resource, file }).collect()
    }
}

/// A resource that is being described.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described<'a> {
    pub(super) resource: &'a Resource,
    file: &'a Arc<str>,
}

impl<'a> Described<'a> {
    /// Its attributes.
    pub(super) fn node(&self) -> Node<'a> {
        Node { map: &self.resource.values, file: self.file, path: self.resource.address.to_string() }
    }

    /// Its id, which every resource has.
    pub(super) fn id(&self) -> Result<String, Error> {
        let node = self.node();
        node.text("id")?.ok_or_else(|| node.missing("id"))
    }

    /// Its address.
    pub(super) fn address(&self) -> &'a str {
        &self.resource.address
    }

    /// The fields that attributes are written to as they are, with the tags.
    pub(super) fn fields(&self, names: &[(&str, &str)]) -> Map<String, Value> {
        let mut fields = renamed(&self.resource.values, names);
        fields.insert("Tags".to_owned(), self.tags());
        fields
    }

    /// The `Name` tag. What has none is called by what Terraform calls it.
    fn tags(&self) -> Value {
        let values = &self.resource.values;
        let tagged = ["tags", "tags_all"].into_iter().filter_map(|tags| values.get(tags)?.get("Name")?.as_str());
        let tagged = tagged.into_iter().find(|name| !name.is_empty());
        let name = tagged.map_or_else(|| self.name(), str::to_owned);
        serde_json::json!([{"Key": "Name", "Value": name}])
    }

    fn name(&self) -> String {
        match &self.resource.index {
            Some(index) => format!("{}{index}", self.resource.name),
            None => self.resource.name.to_string(),
        }
    }
}

/// The attributes that have another name in the API and the same meaning, under that name.
pub(super) fn renamed(values: &Map<String, Value>, names: &[(&str, &str)]) -> Map<String, Value> {
    let known = names.iter().filter_map(|(attribute, field)| Some((*field, values.get(*attribute)?)));
    known.filter(|(_, value)| !value.is_null()).map(|(field, value)| (field.to_owned(), value.clone())).collect()
}
