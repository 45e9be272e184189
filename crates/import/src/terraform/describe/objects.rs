//! The objects that are being described, each found again by its id: most take something from several resources.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use vpcemu_model::Id;

use crate::Error;
use crate::dump::{Dump, Key};
use crate::node::PLACE;
use crate::notes::Notes;

/// The fields of an object.
pub(super) type Fields = Map<String, Value>;

/// Objects in the order of their making.
#[derive(Debug, Default)]
pub(super) struct Objects {
    objects: Vec<Object>,
    at: HashMap<(Key, String), usize>,
    /// Other names of ids: what a configuration calls a thing that AWS makes along with another.
    names: HashMap<(Key, String), String>,
    parts: Vec<(String, Object)>,
}

#[derive(Debug)]
struct Object {
    key: Key,
    fields: Fields,
    /// The Terraform address of what it was described from.
    place: String,
}

impl Objects {
    /// Adds an object that `place` describes. One that is known by the id already stays as it is, and false comes back.
    pub(super) fn add(&mut self, key: Key, id: &str, mut fields: Fields, place: &str) -> bool {
        if self.has(key, id) {
            return false;
        }
        fields.insert(key.id_field().to_owned(), Value::from(id));
        self.at.insert((key, id.to_owned()), self.objects.len());
        self.objects.push(Object { key, fields, place: place.to_owned() });
        true
    }

    /// Adds an object of a kind that has several of one id.
    pub(super) fn add_further(&mut self, key: Key, id: &str, mut fields: Fields, place: &str) {
        fields.insert(key.id_field().to_owned(), Value::from(id));
        self.objects.push(Object { key, fields, place: place.to_owned() });
    }

    /// Gives a thing another name.
    pub(super) fn name(&mut self, key: Key, name: &str, id: &str) {
        if name != id {
            self.names.insert((key, name.to_owned()), id.to_owned());
        }
    }

    /// The id of what is called so; what has no other name is called by its id.
    pub(super) fn id(&self, key: Key, name: &str) -> String {
        let id = self.names.get(&(key, name.to_owned()));
        id.map_or(name, String::as_str).to_owned()
    }

    /// Whether there is an object with this id.
    pub(super) fn has(&self, key: Key, id: &str) -> bool {
        self.at.contains_key(&(key, id.to_owned()))
    }

    /// The fields of an object.
    pub(super) fn object(&self, key: Key, id: &str) -> Option<&Fields> {
        self.at.get(&(key, id.to_owned())).map(|&at| &self.objects[at].fields)
    }

    /// The fields of an object, to change them.
    pub(super) fn object_mut(&mut self, key: Key, id: &str) -> Option<&mut Fields> {
        self.at.get(&(key, id.to_owned())).map(|&at| &mut self.objects[at].fields)
    }

    /// The text in a field of an object.
    pub(super) fn text(&self, key: Key, id: &str, field: &str) -> Option<&str> {
        self.object(key, id)?.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    /// The ids of all objects of a kind.
    pub(super) fn ids(&self, key: Key) -> Vec<String> {
        let of_kind = self.objects.iter().filter(|object| object.key == key);
        of_kind.filter_map(|it| it.fields.get(key.id_field())?.as_str().map(str::to_owned)).collect()
    }

    /// Adds to a list of an object, with the place of what it was described from. False if there is no such object.
    pub(super) fn append(&mut self, key: Key, id: &str, list: &str, item: Fields, place: &str) -> bool {
        let Some(fields) = self.object_mut(key, id) else { return false };
        append(fields, list, placed(item, place));
        true
    }

    /// Adds a document that tells a part of the thing with this id: a list of the key's name.
    pub(super) fn part(&mut self, key: Key, id: &str, items: Vec<Value>, place: &str) {
        let fields = fields([(key.name(), Value::from(items))]);
        self.parts.push((id.to_owned(), Object { key, fields, place: place.to_owned() }));
    }

    /// Everything as a dump.
    pub(super) fn into_dump(self, file: &Arc<str>, notes: &mut Notes) -> Result<Dump, Error> {
        let mut dump = Dump::of_configuration();
        for Object { key, fields, place } in self.objects {
            dump.push(key, fields, file, place, notes)?;
        }
        for (id, Object { key, fields, place }) in self.parts {
            dump.push_part(key, Id::new(id), fields, file, place);
        }
        Ok(dump)
    }
}

/// An object's fields.
pub(super) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Adds to a list of an object.
pub(super) fn append(fields: &mut Fields, list: &str, item: impl Into<Value>) {
    if let Value::Array(items) = fields.entry(list).or_insert_with(|| Value::Array(Vec::new())) {
        items.push(item.into());
    }
}

/// An object that says where it was defined.
pub(super) fn placed(mut fields: Fields, place: &str) -> Fields {
    fields.insert(PLACE.to_owned(), Value::from(place));
    fields
}
