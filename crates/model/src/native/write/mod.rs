//! A network as a native file: readable, each resource with its origin, nothing in it that a reader would take for granted.
//!
//! What is written is read back and compared before it is handed out, so that a file is never less than its network.

mod behavior;
mod filters;
mod flow_logs;
mod gateways;
mod hosts;
mod implied;
mod names;
mod neighbors;
mod owned;
mod routes;
mod toml;
mod transit_gateways;
mod vpcs;

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use crate::{Assumption, Id, Kind, Network, Origin};

use implied::Implied;
use names::Names;
use owned::Owned;

/// A network that no native file describes. Displayed, it says what would be lost.
#[derive(Debug, thiserror::Error)]
#[error("the native file cannot say all of this network: {what}")]
pub struct Inexpressible {
    what: String,
}

/// The native file of a network. `from` is what the user calls the configuration that it was read from.
///
/// Ids are kept. Loaded again, the file gives the same network but for origins, assumptions and the order of resources.
///
/// # Errors
/// If the file would give another network. That takes one that neither a file nor a dump describes: with ids that are given
/// twice, or with references that lead nowhere.
pub fn write(network: &Network, from: &str) -> Result<String, Inexpressible> {
    let text = Page::of(network).finish(from);
    match super::parse("converted.toml", &text) {
        Ok(loaded) => match network.difference(&loaded.network) {
            None => Ok(text),
            Some(what) => Err(Inexpressible { what }),
        },
        Err(error) => Err(Inexpressible { what: format!("it would not be read again\n{error}") }),
    }
}

/// A file being written.
struct Page<'a> {
    network: &'a Network,
    names: Names,
    owned: Owned<'a>,
    implied: Implied<'a>,
    text: String,
    assumed: HashMap<&'a str, Vec<&'a Assumption>>,
    /// The places of assumptions that stand at what they are about.
    noted: HashSet<&'a str>,
}

impl<'a> Page<'a> {
    fn of(network: &'a Network) -> Self {
        let mut assumed: HashMap<_, Vec<_>> = HashMap::new();
        for assumption in &network.assumptions {
            assumed.entry(assumption.place.as_str()).or_default().push(assumption);
        }
        let mut page = Self {
            network,
            names: Names::of(network),
            owned: Owned::of(network),
            implied: Implied::of(network),
            text: String::new(),
            assumed,
            noted: HashSet::new(),
        };
        page.vpcs();
        page.gateways();
        page.subnets();
        page.route_tables();
        page.network_acls();
        page.security_groups();
        page.prefix_lists();
        page.instances();
        page.interfaces();
        page.endpoints();
        page.peerings();
        page.transit_gateways();
        page.vpn_gateways();
        page.flow_logs();
        page.block_public_access();
        page.behavior();
        page
    }

    /// With what there is to say about the whole file at its top.
    fn finish(self, from: &str) -> String {
        let mut head =
            toml::comment(&format!("A native configuration of vpcemu, made by `vpcemu convert` from {from}."));
        head.push('\n');
        let rest: Vec<_> = self.network.assumptions.iter().filter(|it| !self.noted.contains(&*it.place)).collect();
        if !rest.is_empty() {
            head.push_str("#\n# What was assumed while that was read, besides what stands below:\n");
        }
        for assumption in rest {
            let line = format!("  {}: {} [{}]", assumption.place, assumption.text, assumption.code);
            head.push_str(&toml::comment(&line));
            head.push('\n');
        }
        head + &self.text
    }

    /// The heading of a resource, with where it was defined and what was assumed about it.
    fn heading(&mut self, table: &str, kind: Kind, id: &'a Id, origin: &Origin) {
        let name = toml::key(&self.names.get(kind, id));
        self.heading_of(&format!("{table}.{name}"), id, origin);
    }

    /// Likewise of a table by its whole name.
    fn heading_of(&mut self, table: &str, id: &'a Id, origin: &Origin) {
        self.text.push('\n');
        if !origin.is_implicit() {
            self.line(&toml::comment(&origin.to_string()));
        }
        self.note("assumed", id);
        self.line(&format!("[{table}]"));
    }

    /// What was assumed about a resource.
    fn note(&mut self, word: &str, id: &'a Id) {
        let Some(assumptions) = self.assumed.remove(id.as_str()) else { return };
        self.noted.insert(id.as_str());
        for assumption in assumptions {
            self.line(&toml::comment(&format!("{word}: {} [{}]", assumption.text, assumption.code)));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A value, if there is one.
    fn set(&mut self, key: &str, value: impl Into<Option<String>>) {
        if let Some(value) = value.into() {
            // Writing to a string cannot fail.
            _ = writeln!(self.text, "{key} = {value}");
        }
    }

    /// A text, if there is one.
    fn set_text(&mut self, key: &str, value: Option<&str>) {
        self.set(key, value.map(toml::text));
    }

    /// A flag, where it is not what it is by itself.
    fn flag(&mut self, key: &str, value: bool, by_itself: bool) {
        self.set(key, (value != by_itself).then(|| value.to_string()));
    }

    /// A reference to another resource.
    fn refer(&mut self, key: &str, kind: Kind, id: &Id) {
        let name = self.names.get(kind, id);
        self.set_text(key, Some(&name));
    }

    /// A list of references.
    fn refer_all<'i>(&mut self, key: &str, kind: Kind, ids: impl IntoIterator<Item = &'i Id>) {
        let names = toml::texts(ids.into_iter().map(|id| self.names.get(kind, id)));
        self.set(key, names);
    }

    /// The VPC of something, where there is more than one.
    fn of_vpc(&mut self, vpc: &Id) {
        if self.network.vpcs.len() > 1 {
            self.refer("vpc", Kind::Vpc, vpc);
        }
    }

    /// The name for people, where what the file calls it says nothing.
    fn name_of(&mut self, kind: Kind, id: &Id, name: Option<&'a String>) {
        let name = self.names.beside(kind, id, name);
        self.set_text("name", name.map(String::as_str));
    }
}
