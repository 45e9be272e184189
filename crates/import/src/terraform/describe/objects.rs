//! The objects that are being described, each found again by its id: most take something from several resources.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::dump::{Dump, Key};
use crate::node::PLACE;
use crate::notes::Notes;

/// Objects in the order of their making.
#[derive(Debug, Default)]
pub(super) struct Objects {
    objects: Vec<Object>,
    at: HashMap<(Key, String), usize>,
}

#[derive(Debug)]
struct Object {
    key: Key,
    map: Map<String, Value>,
    /// The Terraform address of what it was described from.
    place: String,
}

impl Objects {
    /// Adds an object that `place` describes. One that is known by the id already stays as it is, and false comes back.
    pub(super) fn add(&mut self, key: Key, id: &str, mut map: Map<String, Value>, place: &str) -> bool {
        if self.has(key, id) {
            return false;
        }
        map.insert(key.id_field().to_owned(), Value::from(id));
        self.at.insert((key, id.to_owned()), self.objects.len());
        self.objects.push(Object { key, map, place: place.to_owned() });
        true
    }

    /// Whether there is an object with this id.
    pub(super) fn has(&self, key: Key, id: &str) -> bool {
        self.at.contains_key(&(key, id.to_owned()))
    }

    /// The fields of an object.
    pub(super) fn object(&self, key: Key, id: &str) -> Option<&Map<String, Value>> {
        self.at.get(&(key, id.to_owned())).map(|&at| &self.objects[at].map)
    }

    /// The fields of an object, to change them.
    pub(super) fn object_mut(&mut self, key: Key, id: &str) -> Option<&mut Map<String, Value>> {
        self.at.get(&(key, id.to_owned())).map(|&at| &mut self.objects[at].map)
    }

    /// Adds to a list of an object, with the place of what it was described from. False if there is no such object.
    pub(super) fn append(&mut self, key: Key, id: &str, list: &str, item: Map<String, Value>, place: &str) -> bool {
        let Some(map) = self.object_mut(key, id) else { return false };
        append(map, list, placed(item, place));
        true
    }

    /// Everything as a dump.
    pub(super) fn into_dump(self, file: &Arc<str>, notes: &mut Notes) -> Dump {
        let mut dump = Dump::default();
        // Terraform shows all that it manages: what is not there is not missing.
        Key::all().for_each(|key| dump.note_key(key));
        for Object { key, map, place } in self.objects {
            dump.push(key, map, file, place, notes);
        }
        dump
    }
}

/// Adds to a list of an object.
pub(super) fn append(map: &mut Map<String, Value>, list: &str, item: impl Into<Value>) {
    if let Value::Array(items) = map.entry(list).or_insert_with(|| Value::Array(Vec::new())) {
        items.push(item.into());
    }
}

/// An object that says where it was defined.
pub(super) fn placed(mut map: Map<String, Value>, place: &str) -> Map<String, Value> {
    map.insert(PLACE.to_owned(), Value::from(place));
    map
}
