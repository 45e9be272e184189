//! The resources by type, and how attributes become fields.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::objects::Fields;
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

    /// Both; what is managed comes first, since it is known better.
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
        self.required("id")
    }

    /// The text of an attribute; empty text is none.
    pub(super) fn text(&self, attribute: &str) -> Result<Option<String>, Error> {
        self.node().text(attribute)
    }

    /// The text of an attribute that has to be there.
    pub(super) fn required(&self, attribute: &'static str) -> Result<String, Error> {
        let node = self.node();
        node.text(attribute)?.ok_or_else(|| node.missing(attribute))
    }

    /// The texts of a list.
    pub(super) fn texts(&self, attribute: &str) -> Result<Vec<String>, Error> {
        texts(&self.node(), attribute)
    }

    /// Its address.
    pub(super) fn address(&self) -> &'a str {
        &self.resource.address
    }

    /// What an attribute of it is called, which is the id of what it names while nobody knows that.
    pub(super) fn address_of(&self, attribute: &str) -> String {
        format!("{}.{attribute}", self.resource.address)
    }

    /// Whether it is made elsewhere, and only looked up.
    pub(super) fn is_data(&self) -> bool {
        self.resource.mode == Mode::Data
    }

    /// The fields that attributes are written to as they are, with the tags.
    pub(super) fn fields(&self, names: &[(&str, &str)]) -> Fields {
        self.fields_named(names, None)
    }

    /// The same; what has no `Name` tag is called so, or else by what Terraform calls it.
    pub(super) fn fields_named(&self, names: &[(&str, &str)], name: Option<String>) -> Fields {
        let mut fields = renamed(&self.resource.values, names);
        let name = self.name_tag().or(name).unwrap_or_else(|| self.name());
        fields.insert("Tags".to_owned(), serde_json::json!([{"Key": "Name", "Value": name}]));
        fields
    }

    fn name_tag(&self) -> Option<String> {
        let values = &self.resource.values;
        // `tags_all` has the provider's default tags too.
        let tagged = ["tags", "tags_all"].into_iter().filter_map(|tags| values.get(tags)?.get("Name")?.as_str());
        tagged.into_iter().find(|name| !name.is_empty()).map(str::to_owned)
    }

    fn name(&self) -> String {
        match &self.resource.index {
            Some(index) => format!("{}{index}", self.resource.name),
            None => self.resource.name.to_string(),
        }
    }
}

/// The attributes that have another name in the API and the same meaning, under that name.
pub(super) fn renamed(values: &Map<String, Value>, names: &[(&str, &str)]) -> Fields {
    let known = names.iter().filter_map(|(attribute, field)| Some((*field, values.get(*attribute)?)));
    known.filter(|(_, value)| !is_empty(value)).map(|(field, value)| (field.to_owned(), value.clone())).collect()
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

/// The texts of a list; empty ones are none.
pub(super) fn texts(node: &Node<'_>, attribute: &str) -> Result<Vec<String>, Error> {
    let all = node.ids(attribute)?;
    Ok(all.iter().map(ToString::to_string).filter(|text| !text.is_empty()).collect())
}

/// The first of some attributes that has a text.
pub(super) fn first_text(node: &Node<'_>, attributes: &[&str]) -> Result<Option<String>, Error> {
    for attribute in attributes {
        if let Some(text) = node.text(attribute)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::terraform::describe::testing::resource;
    use crate::terraform::resource::Index;

    fn name(values: Value, index: Option<Index>, or: Option<&str>) -> String {
        let resource = Resource { index, ..resource("aws_subnet.public", values) };
        let file = Arc::from("main.json");
        let described = Described { resource: &resource, file: &file };
        described.fields_named(&[], or.map(str::to_owned))["Tags"][0]["Value"].as_str().unwrap().to_owned()
    }

    #[test]
    fn names_are_tags_or_what_terraform_says() {
        let tagged = json!({"tags": {"Name": "web", "Team": "x"}});
        assert_eq!(name(tagged, None, Some("sg")), "web");
        assert_eq!(name(json!({"tags": null, "tags_all": {"Name": "all"}}), None, None), "all");
        assert_eq!(name(json!({"tags": {"Name": ""}}), None, Some("sg")), "sg");
        assert_eq!(name(json!({}), None, None), "public");
        assert_eq!(name(json!({}), Some(Index::Number(1)), None), "public[1]");
        assert_eq!(name(json!({}), Some(Index::Key("a".into())), None), "public[\"a\"]");
    }

    #[test]
    fn empty_attributes_are_no_fields() {
        let values = json!({"a": "", "b": null, "c": 0, "d": []});
        let fields =
            renamed(values.as_object().unwrap(), &[("a", "A"), ("b", "B"), ("c", "C"), ("d", "D"), ("e", "E")]);
        assert_eq!(Value::from(fields), json!({"C": 0, "D": []}));
    }

    #[test]
    fn what_is_managed_comes_before_what_is_looked_up() {
        let resources = [
            resource("data.aws_vpc.a", json!({})),
            resource("aws_vpc.b", json!({})),
            resource("aws_default_vpc.c", json!({})),
        ];
        let file = Arc::from("main.json");
        let source = Source::new(&resources, &file);
        let addresses = |all: Vec<Described<'_>>| all.iter().map(|it| it.address().to_owned()).collect::<Vec<_>>();
        let types = ["aws_default_vpc", "aws_vpc"];
        assert_eq!(addresses(source.all(&types)), ["aws_default_vpc.c", "aws_vpc.b", "data.aws_vpc.a"]);
        assert_eq!(addresses(source.managed(&types)), ["aws_default_vpc.c", "aws_vpc.b"]);
        assert_eq!(addresses(source.data(&types)), ["data.aws_vpc.a"]);
    }
}
