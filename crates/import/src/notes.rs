//! What was guessed and what was left out, collected while reading.

use std::collections::HashSet;

use vpcemu_model::{Assumption, Id};

use crate::Ignored;

/// The notes of one import.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// In the order in which they were made, each once.
    pub(crate) assumptions: Vec<Assumption>,
    /// Their codes and places.
    assumed: HashSet<(String, String)>,
    /// In the order in which they were met.
    pub(crate) ignored: Vec<Ignored>,
    gone: HashSet<Id>,
}

impl Notes {
    /// Records a guess, once for each code and place.
    pub(crate) fn assume(&mut self, code: &str, place: impl ToString, text: impl Into<String>) {
        let place = place.to_string();
        if !self.assumed.insert((code.to_owned(), place.clone())) {
            return;
        }
        self.assumptions.push(Assumption { code: code.to_owned(), place, text: text.into() });
    }

    /// Records something left out.
    pub(crate) fn ignore(&mut self, what: impl ToString, place: impl ToString, text: impl Into<String>) {
        self.ignored.push(Ignored { what: what.to_string(), place: place.to_string(), text: text.into() });
    }

    /// Records a resource that is listed but does not work any more; routes to it lead to nothing.
    pub(crate) fn gone(&mut self, id: Id, place: impl ToString, state: &str) {
        self.ignore(&id, place, format!("it is {state}"));
        self.gone.insert(id);
    }

    /// Whether a resource is listed but does not work any more.
    pub(crate) fn is_gone(&self, id: &Id) -> bool {
        self.gone.contains(id)
    }
}
