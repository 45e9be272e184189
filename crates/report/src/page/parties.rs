//! Names of parties and ways, as the page has them.

use vpcemu_dataplane::Component;
use vpcemu_replay::verdict::Names;

use super::text::escaped;
use crate::collect::{Collector, Party, WayIx};

/// What a way without any gateway is called.
pub(crate) const DIRECT: &str = "no gateway";

/// What is written of a party or gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    pub(crate) id: String,
    /// If people gave it another.
    pub(crate) name: Option<String>,
}

impl Label {
    /// The name, or else the id.
    pub(crate) fn short(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Both: `eni-a (web)`.
    pub(crate) fn long(&self) -> String {
        self.name.as_ref().map_or_else(|| self.id.clone(), |name| format!("{} ({name})", self.id))
    }

    /// The name, and the id small behind it.
    pub(crate) fn html(&self) -> String {
        match &self.name {
            Some(name) => format!("{} <small class=\"id\">{}</small>", escaped(name), escaped(&self.id)),
            None => escaped(&self.id),
        }
    }
}

impl Collector {
    /// The label of a party. Names are those of the first configuration that has one.
    pub(crate) fn label(&self, party: Party) -> Label {
        let name = self.networks.iter().find_map(|network| party.name(network, &self.timeline));
        Label { id: party.id(&self.timeline).to_owned(), name: name.map(str::to_owned) }
    }

    /// The gateways of a way, the innermost first.
    pub(crate) fn way_labels(&self, way: WayIx) -> Vec<Label> {
        let names = Names::new(&self.timeline);
        let components = self.ways.get(way as usize).into_iter().flatten();
        components
            .map(|component| match *component {
                Component::Interface(eni) => self.label(Party::Interface(eni)),
                Component::NatGateway(nat) => self.label(Party::NatGateway(nat)),
                Component::Endpoint(endpoint) => self.label(Party::Endpoint(endpoint)),
                other => Label { id: names.component(other).to_owned(), name: None },
            })
            .collect()
    }

    /// A way in ids: unique, so that ways can be compared by it.
    pub(crate) fn way_text(&self, way: WayIx) -> String {
        let labels = self.way_labels(way);
        if labels.is_empty() {
            return DIRECT.to_owned();
        }
        labels.iter().map(Label::long).collect::<Vec<_>>().join(" + ")
    }

    /// A way in names.
    pub(crate) fn way_short(&self, way: WayIx) -> String {
        let labels = self.way_labels(way);
        if labels.is_empty() {
            return DIRECT.to_owned();
        }
        labels.iter().map(Label::short).collect::<Vec<_>>().join(" + ")
    }
}
