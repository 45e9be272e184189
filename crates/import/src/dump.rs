//! The objects of a dump by kind, each once.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use vpcemu_model::Id;

use crate::Error;
use crate::codes;
use crate::node::Node;
use crate::notes::Notes;

/// The top-level keys that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Vpcs,
    Subnets,
    RouteTables,
    NetworkAcls,
    SecurityGroups,
    SecurityGroupRules,
    NetworkInterfaces,
    /// Groups of instances; what is kept under this key are the instances.
    Reservations,
    Addresses,
    InternetGateways,
    EgressOnlyInternetGateways,
    NatGateways,
    VpcEndpoints,
    /// Of two calls: `describe-managed-prefix-lists` without blocks, `describe-prefix-lists` with them.
    PrefixLists,
    /// Blocks of a prefix list, whose id is elsewhere.
    Entries,
    /// One object, not a list of them.
    VpcBlockPublicAccessOptions,
    VpcBlockPublicAccessExclusions,
}

impl Key {
    const ALL: [Self; 17] = [
        Self::Vpcs,
        Self::Subnets,
        Self::RouteTables,
        Self::NetworkAcls,
        Self::SecurityGroups,
        Self::SecurityGroupRules,
        Self::NetworkInterfaces,
        Self::Reservations,
        Self::Addresses,
        Self::InternetGateways,
        Self::EgressOnlyInternetGateways,
        Self::NatGateways,
        Self::VpcEndpoints,
        Self::PrefixLists,
        Self::Entries,
        Self::VpcBlockPublicAccessOptions,
        Self::VpcBlockPublicAccessExclusions,
    ];

    /// The key with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// Its name in a document.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vpcs => "Vpcs",
            Self::Subnets => "Subnets",
            Self::RouteTables => "RouteTables",
            Self::NetworkAcls => "NetworkAcls",
            Self::SecurityGroups => "SecurityGroups",
            Self::SecurityGroupRules => "SecurityGroupRules",
            Self::NetworkInterfaces => "NetworkInterfaces",
            Self::Reservations => "Reservations",
            Self::Addresses => "Addresses",
            Self::InternetGateways => "InternetGateways",
            Self::EgressOnlyInternetGateways => "EgressOnlyInternetGateways",
            Self::NatGateways => "NatGateways",
            Self::VpcEndpoints => "VpcEndpoints",
            Self::PrefixLists => "PrefixLists",
            Self::Entries => "Entries",
            Self::VpcBlockPublicAccessOptions => "VpcBlockPublicAccessOptions",
            Self::VpcBlockPublicAccessExclusions => "VpcBlockPublicAccessExclusions",
        }
    }

    /// The field with the id of an object.
    pub(crate) fn id_field(self) -> &'static str {
        match self {
            Self::Vpcs => "VpcId",
            Self::Subnets => "SubnetId",
            Self::RouteTables => "RouteTableId",
            Self::NetworkAcls => "NetworkAclId",
            Self::SecurityGroups => "GroupId",
            Self::SecurityGroupRules => "SecurityGroupRuleId",
            Self::NetworkInterfaces => "NetworkInterfaceId",
            Self::Reservations => "InstanceId",
            Self::Addresses => "PublicIp",
            Self::InternetGateways => "InternetGatewayId",
            Self::EgressOnlyInternetGateways => "EgressOnlyInternetGatewayId",
            Self::NatGateways => "NatGatewayId",
            Self::VpcEndpoints => "VpcEndpointId",
            Self::PrefixLists | Self::Entries => "PrefixListId",
            // There is one mode of an account in a region: another mode is another object.
            Self::VpcBlockPublicAccessOptions => "InternetGatewayBlockMode",
            Self::VpcBlockPublicAccessExclusions => "ExclusionId",
        }
    }
}

/// A JSON object with its place.
#[derive(Debug)]
struct Object {
    map: Map<String, Value>,
    file: Arc<str>,
    path: String,
}

impl Object {
    fn node(&self) -> Node<'_> {
        Node { map: &self.map, file: &self.file, path: self.path.clone() }
    }
}

/// Every object that was read, and which keys were there at all.
#[derive(Debug, Default)]
pub(crate) struct Dump {
    objects: HashMap<Key, Vec<Object>>,
    /// Where the object with an id is in its list. Survives [`Dump::keep_only`], so that ids of other VPCs stay known.
    seen: HashMap<(Key, String), usize>,
    entries: Vec<(Id, Object)>,
}

impl Dump {
    /// Remembers that a key was there, even with nothing under it.
    pub(crate) fn note_key(&mut self, key: Key) {
        self.objects.entry(key).or_default();
    }

    /// Whether any document has the key.
    pub(crate) fn has(&self, key: Key) -> bool {
        self.objects.contains_key(&key)
    }

    /// Whether an object with this id was read, even one that is not kept.
    pub(crate) fn saw(&self, key: Key, id: &Id) -> bool {
        self.seen.contains_key(&(key, id.as_str().to_owned()))
    }

    /// The objects under a key, in reading order.
    pub(crate) fn nodes(&self, key: Key) -> impl Iterator<Item = Node<'_>> {
        self.objects.get(&key).into_iter().flatten().map(Object::node)
    }

    /// The documents with the entries of prefix lists.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Id, Node<'_>)> {
        self.entries.iter().map(|(id, object)| (id, object.node()))
    }

    /// Adds an object. The same object in another file is not added again; of differing copies the one with more fields
    /// counts, since other calls list the same resources with fewer.
    pub(crate) fn push(&mut self, key: Key, map: Map<String, Value>, file: &Arc<str>, path: String, notes: &mut Notes) {
        let new = Object { map, file: file.clone(), path };
        let list = self.objects.entry(key).or_default();
        let Ok(Some(id)) = new.node().text(key.id_field()) else {
            let place = format!("{file}: {}", new.path);
            notes.ignore(key.name(), place, format!("it has no {}", key.id_field()));
            return;
        };
        // The two calls for prefix lists tell different things of one list: both copies stay.
        if key == Key::PrefixLists {
            self.seen.insert((key, id), list.len());
            list.push(new);
            return;
        }
        let Some(&at) = self.seen.get(&(key, id.clone())) else {
            self.seen.insert((key, id), list.len());
            list.push(new);
            return;
        };
        let Some(old) = list.get_mut(at) else { return };
        let differing =
            old.map.iter().filter(|(field, value)| new.map.get(*field).is_some_and(|other| other != *value));
        let mut differing: Vec<&str> = differing.map(|(field, _)| field.as_str()).collect();
        differing.sort_unstable();
        let newer_counts = new.map.len() > old.map.len();
        if !differing.is_empty() {
            let counts = if newer_counts { &new.file } else { &old.file };
            let text = format!("{} and {} differ in {}: {counts} counts", old.file, new.file, differing.join(", "));
            notes.assume(codes::CONFLICTING_COPIES, &id, text);
        }
        if newer_counts {
            *old = new;
        }
    }

    /// Adds a document with `Entries`, whose prefix list is known from elsewhere.
    pub(crate) fn push_entries(&mut self, id: Id, map: Map<String, Value>, file: &Arc<str>, path: String) {
        self.note_key(Key::Entries);
        self.entries.push((id, Object { map, file: file.clone(), path }));
    }

    /// Drops what belongs to other VPCs.
    pub(crate) fn keep_only(&mut self, vpc: &Id, path: &Path) -> Result<(), Error> {
        let mut vpcs = Vec::new();
        for node in [Key::Vpcs, Key::Subnets].into_iter().flat_map(|key| self.nodes(key)) {
            if let Some(id) = node.text("VpcId")? {
                vpcs.push(id);
            }
        }
        if !vpcs.iter().any(|known| known == vpc.as_str()) {
            let mut once = HashSet::new();
            vpcs.retain(|id| once.insert(id.clone()));
            let found = if vpcs.is_empty() { "none".to_owned() } else { vpcs.join(", ") };
            return Err(Error::UnknownVpc { path: path.to_owned(), vpc: vpc.to_string(), found });
        }
        for (key, objects) in &mut self.objects {
            objects.retain(|object| belongs(*key, &object.map, vpc));
        }
        Ok(())
    }
}

/// What names no VPC is kept: it belongs to whatever names it.
fn belongs(key: Key, map: &Map<String, Value>, vpc: &Id) -> bool {
    let names = |map: &Map<String, Value>| map.get("VpcId").and_then(Value::as_str).map(|id| id == vpc.as_str());
    match key {
        Key::InternetGateways | Key::EgressOnlyInternetGateways => {
            let attachments = map.get("Attachments").and_then(Value::as_array);
            attachments.into_iter().flatten().filter_map(Value::as_object).any(|it| names(it) == Some(true))
        }
        _ => names(map).unwrap_or(true),
    }
}
