//! The resources of a document as it lists them, before anything is resolved.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::terraform::address::Address;
use crate::terraform::document::shape;
use crate::terraform::error::TerraformError;
use crate::terraform::kinds;
use crate::terraform::resource::{Index, Mode};

/// A resource of a type that is read.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// As the document writes it.
    pub(crate) text: Arc<str>,
    pub(crate) address: Address,
    pub(crate) values: Map<String, Value>,
    /// Which attributes may be shown to nobody: `true` in the places of secrets.
    pub(crate) sensitive: Value,
    /// The JSON path in the document.
    pub(crate) path: String,
}

/// How many resources of each type a document has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Types that are read, by name: `aws_subnet`, `data.aws_vpc`.
    pub(crate) read: BTreeMap<String, usize>,
    /// Types of AWS that are not.
    pub(crate) unread: BTreeMap<String, usize>,
    /// Data sources of AWS that describe nothing of a network, or not one resource.
    pub(crate) lookups: BTreeMap<String, usize>,
    /// Types of other providers.
    pub(crate) others: BTreeMap<String, usize>,
    /// Addresses of objects that are replaced already and only wait to be destroyed.
    pub(crate) deposed: Vec<String>,
}

impl Census {
    /// Counts a resource. True if it is one that is read.
    fn count(&mut self, kind: &str, mode: Mode) -> bool {
        let read = kinds::is_read(kind, mode);
        let list = match (read, kind.starts_with("aws_"), mode) {
            (true, ..) => &mut self.read,
            (false, false, _) => &mut self.others,
            (false, true, Mode::Data) => &mut self.lookups,
            (false, true, Mode::Managed) => &mut self.unread,
        };
        let prefix = if read && mode == Mode::Data { "data." } else { "" };
        *list.entry(format!("{prefix}{kind}")).or_default() += 1;
        read
    }
}

/// The entries of a document, each address once.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    file: &'a str,
    pub(crate) entries: Vec<Entry>,
    pub(crate) census: Census,
}

impl<'a> Listing<'a> {
    /// Nothing yet.
    pub(crate) fn new(file: &'a str) -> Self {
        Self { file, entries: Vec::new(), census: Census::default() }
    }

    /// Adds the resources of `values` or `planned_values`, at `path`.
    pub(crate) fn add_values(&mut self, values: &Value, path: &str) -> Result<(), TerraformError> {
        match object(self.file, values, path)?.get("root_module") {
            None | Some(Value::Null) => Ok(()),
            Some(root) => self.add_module(root, &format!("{path}.root_module")),
        }
    }

    fn add_module(&mut self, module: &Value, path: &str) -> Result<(), TerraformError> {
        let module = object(self.file, module, path)?;
        for (index, resource) in list(self.file, module, "resources", path)?.iter().enumerate() {
            self.add_resource(resource, format!("{path}.resources[{index}]"))?;
        }
        for (index, child) in list(self.file, module, "child_modules", path)?.iter().enumerate() {
            self.add_module(child, &format!("{path}.child_modules[{index}]"))?;
        }
        Ok(())
    }

    /// Adds a resource as `terraform show -json` lists it.
    pub(crate) fn add_resource(&mut self, resource: &Value, path: String) -> Result<(), TerraformError> {
        let map = object(self.file, resource, &path)?;
        let (kind, mode) = kind_and_mode(self.file, map, &path)?;
        let written = text(self.file, map, "address", &path)?;
        if map.get("deposed_key").is_some_and(Value::is_string) {
            self.census.deposed.push(written.to_owned());
            return Ok(());
        }
        if !self.census.count(kind, mode) {
            return Ok(());
        }
        let address = Address::parse(written);
        let address = address.filter(|address| &*address.kind == kind && address.mode == mode);
        let Some(mut address) = address else {
            let expected = "the address of a resource of its type";
            return Err(shape(self.file, &format!("{path}.address"), expected, &Value::from(written)));
        };
        // The text may be written by others than Terraform; the index has a field of its own.
        if let Some(index) = index(map.get("index")) {
            address.index = Some(index);
        }
        let values = match map.get("values") {
            None | Some(Value::Null) => Map::new(),
            Some(values) => object(self.file, values, &format!("{path}.values"))?.clone(),
        };
        let sensitive = map.get("sensitive_values").cloned().unwrap_or_default();
        self.entries.push(Entry { text: address.to_string().into(), address, values, sensitive, path });
        Ok(())
    }

    /// Adds the instances of a resource of a raw state.
    pub(crate) fn add_raw(&mut self, resource: &Value, path: &str) -> Result<(), TerraformError> {
        let map = object(self.file, resource, path)?;
        let (kind, mode) = kind_and_mode(self.file, map, path)?;
        let name = text(self.file, map, "name", path)?;
        let module = match map.get("module") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(module)) => format!("{module}."),
            Some(other) => return Err(shape(self.file, &format!("{path}.module"), "text", other)),
        };
        let data = if mode == Mode::Data { "data." } else { "" };
        let written = format!("{module}{data}{kind}.{name}");
        for (at, instance) in list(self.file, map, "instances", path)?.iter().enumerate() {
            let path = format!("{path}.instances[{at}]");
            let instance = object(self.file, instance, &path)?;
            if instance.get("deposed").is_some_and(Value::is_string) {
                self.census.deposed.push(written.clone());
                continue;
            }
            if !self.census.count(kind, mode) {
                continue;
            }
            let Some(mut address) = Address::parse(&written) else {
                let expected = "the address of a module";
                return Err(shape(self.file, &format!("{path}.module"), expected, &Value::from(module)));
            };
            address.index = index(instance.get("index_key"));
            let values = match instance.get("attributes") {
                None | Some(Value::Null) => Map::new(),
                Some(values) => object(self.file, values, &format!("{path}.attributes"))?.clone(),
            };
            let sensitive = sensitive_paths(instance.get("sensitive_attributes"));
            self.entries.push(Entry { text: address.to_string().into(), address, values, sensitive, path });
        }
        Ok(())
    }

    /// Adds a resource that another listing has.
    pub(crate) fn add(&mut self, entry: Entry) {
        self.census.count(&entry.address.kind, entry.address.mode);
        self.entries.push(entry);
    }

    /// Refuses addresses that are there twice.
    pub(crate) fn check(&self) -> Result<(), TerraformError> {
        let mut paths: std::collections::HashMap<&Address, &str> = std::collections::HashMap::new();
        for entry in &self.entries {
            if let Some(first) = paths.insert(&entry.address, &entry.path) {
                return Err(TerraformError::Duplicate {
                    file: self.file.to_owned(),
                    address: entry.text.to_string(),
                    first: first.to_owned(),
                    second: entry.path.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The object at a path.
pub(crate) fn object<'v>(file: &str, value: &'v Value, path: &str) -> Result<&'v Map<String, Value>, TerraformError> {
    value.as_object().ok_or_else(|| shape(file, path, "an object", value))
}

/// The list under a key; null and absence are none.
pub(crate) fn list<'v>(
    file: &str,
    map: &'v Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<&'v [Value], TerraformError> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        Some(other) => Err(shape(file, &format!("{path}.{key}"), "a list", other)),
    }
}

/// The text under a key that has to be there.
pub(crate) fn text<'v>(
    file: &str,
    map: &'v Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<&'v str, TerraformError> {
    match map.get(key) {
        Some(Value::String(text)) => Ok(text),
        other => Err(shape(file, &format!("{path}.{key}"), "text", other.unwrap_or(&Value::Null))),
    }
}

fn kind_and_mode<'v>(file: &str, map: &'v Map<String, Value>, path: &str) -> Result<(&'v str, Mode), TerraformError> {
    let kind = text(file, map, "type", path)?;
    let mode = match text(file, map, "mode", path)? {
        "managed" => Mode::Managed,
        _ => Mode::Data,
    };
    Ok((kind, mode))
}

fn index(value: Option<&Value>) -> Option<Index> {
    match value? {
        Value::Number(number) => number.as_u64().map(Index::Number),
        Value::String(key) => Some(Index::Key(key.as_str().into())),
        _ => None,
    }
}

/// `sensitive_values` from the paths that a raw state has instead: `[[{"type": "get_attr", "value": "private_ip"}]]`.
fn sensitive_paths(paths: Option<&Value>) -> Value {
    let paths = paths.and_then(Value::as_array).into_iter().flatten();
    let tops = paths.filter_map(|path| path.get(0)?.get("value")?.as_str());
    Value::Object(tops.map(|attribute| (attribute.to_owned(), Value::Bool(true))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn modules_nest_and_types_are_counted() {
        let values = json!({"root_module": {
            "resources": [
                {"address": "aws_vpc.main", "mode": "managed", "type": "aws_vpc", "name": "main", "values": {"id": "vpc-1"}},
                {"address": "azurerm_vnet.x", "mode": "managed", "type": "azurerm_vnet", "name": "x"},
                {"address": "aws_s3_bucket.b", "mode": "managed", "type": "aws_s3_bucket", "name": "b", "values": {}},
                {"address": "data.aws_ami.a", "mode": "data", "type": "aws_ami", "name": "a", "values": {}},
            ],
            "child_modules": [{"address": "module.a[\"x.y\"]", "child_modules": [{"resources": [
                {"address": "module.a[\"x.y\"].module.b.data.aws_vpc.v", "mode": "data", "type": "aws_vpc", "name": "v"},
                {"address": "module.a[\"x.y\"].module.b.aws_subnet.s[1]", "mode": "managed", "type": "aws_subnet",
                    "name": "s", "index": 1, "values": null},
                {"address": "module.a[\"x.y\"].module.b.aws_subnet.s[2]", "mode": "managed", "type": "aws_subnet",
                    "name": "s", "index": 2, "deposed_key": "0a0a", "values": {}},
            ]}]}],
        }});
        let mut listing = Listing::new("x.json");
        listing.add_values(&values, "values").unwrap();
        let found: Vec<_> = listing.entries.iter().map(|entry| &*entry.text).collect();
        let inner = "module.a[\"x.y\"].module.b";
        let expected =
            ["aws_vpc.main".to_owned(), format!("{inner}.data.aws_vpc.v"), format!("{inner}.aws_subnet.s[1]")];
        assert_eq!(found, expected);
        assert_eq!(listing.entries[2].path, "values.root_module.child_modules[0].child_modules[0].resources[1]");
        let read: Vec<_> = listing.census.read.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        assert_eq!(read, ["aws_subnet 1", "aws_vpc 1", "data.aws_vpc 1"]);
        assert_eq!(listing.census.unread.keys().collect::<Vec<_>>(), ["aws_s3_bucket"]);
        assert_eq!(listing.census.lookups.keys().collect::<Vec<_>>(), ["aws_ami"]);
        assert_eq!(listing.census.others.keys().collect::<Vec<_>>(), ["azurerm_vnet"]);
        assert_eq!(listing.census.deposed, [format!("{inner}.aws_subnet.s[2]")]);
        listing.check().unwrap();
    }

    #[test]
    fn raw_states_have_instances() {
        let resource = json!({"module": "module.a[0]", "mode": "managed", "type": "aws_eip", "name": "nat",
        "provider": "provider[\"registry.opentofu.org/hashicorp/aws\"]", "instances": [
            {"index_key": "a", "attributes": {"id": "eipalloc-1"},
                "sensitive_attributes": [[{"type": "get_attr", "value": "public_ip"}]]},
            {"index_key": "a", "deposed": "00aa", "attributes": {"id": "eipalloc-2"}},
        ]});
        let mut listing = Listing::new("x.tfstate");
        listing.add_raw(&resource, "resources[0]").unwrap();
        assert_eq!(listing.entries.len(), 1);
        let entry = &listing.entries[0];
        assert_eq!((&*entry.text, &entry.sensitive), ("module.a[0].aws_eip.nat[\"a\"]", &json!({"public_ip": true})));
        assert_eq!(listing.census.deposed, ["module.a[0].aws_eip.nat"]);
    }

    #[test]
    fn addresses_are_unique() {
        let vpc = json!({"address": "aws_vpc.main", "mode": "managed", "type": "aws_vpc", "values": {}});
        let mut listing = Listing::new("x.json");
        listing.add_values(&json!({"root_module": {"resources": [vpc, vpc]}}), "values").unwrap();
        let error = listing.check().unwrap_err().to_string();
        let places = "at values.root_module.resources[0] and at values.root_module.resources[1]";
        assert!(error.starts_with(&format!("x.json: aws_vpc.main is there twice: {places}; ")), "{error}");
    }

    #[test]
    fn shapes_are_checked_without_showing_values() {
        let of = |resource: Value| {
            let mut listing = Listing::new("x.json");
            let values = json!({"root_module": {"resources": [resource]}});
            listing.add_values(&values, "values").unwrap_err().to_string()
        };
        let at = "x.json: values.root_module.resources[0]";
        assert_eq!(of(json!("hunter2")), format!("{at}: expected an object, found text"));
        assert_eq!(of(json!({"mode": "managed"})), format!("{at}.type: expected text, found null"));
        let values = json!({"address": "aws_vpc.a", "mode": "managed", "type": "aws_vpc", "values": "hunter2"});
        assert_eq!(of(values), format!("{at}.values: expected an object, found text"));
        let other = json!({"address": "aws_vpc", "mode": "managed", "type": "aws_vpc", "values": {}});
        assert_eq!(of(other), format!("{at}.address: expected the address of a resource of its type, found text"));
    }
}
