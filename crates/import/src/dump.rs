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
    /// Which VPCs groups serve besides their own.
    SecurityGroupVpcAssociations,
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
    VpcPeeringConnections,
    VpnGateways,
    FlowLogs,
    TransitGateways,
    /// Of VPCs, with what they are set to.
    TransitGatewayVpcAttachments,
    /// Of everything, with the table that each is associated with.
    TransitGatewayAttachments,
    TransitGatewayRouteTables,
    /// What propagates into a transit gateway's table, whose id is elsewhere.
    TransitGatewayRouteTablePropagations,
    /// What is associated with a transit gateway's table, whose id is elsewhere. Other calls have this key too.
    Associations,
    /// What was found in a transit gateway's table, whose id is elsewhere. Other calls have this key too.
    Routes,
}

impl Key {
    /// Those that make a document a dump: [`Self::Associations`] and [`Self::Routes`] are nothing without their table.
    const ALL: [Self; 26] = [
        Self::Vpcs,
        Self::Subnets,
        Self::RouteTables,
        Self::NetworkAcls,
        Self::SecurityGroups,
        Self::SecurityGroupRules,
        Self::SecurityGroupVpcAssociations,
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
        Self::VpcPeeringConnections,
        Self::VpnGateways,
        Self::FlowLogs,
        Self::TransitGateways,
        Self::TransitGatewayVpcAttachments,
        Self::TransitGatewayAttachments,
        Self::TransitGatewayRouteTables,
        Self::TransitGatewayRouteTablePropagations,
    ];
    /// The keys of documents that tell a part of something, whose id is elsewhere.
    pub(crate) const PARTS: [Self; 4] =
        [Self::Entries, Self::TransitGatewayRouteTablePropagations, Self::Associations, Self::Routes];

    /// Each of them once.
    pub(crate) fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::PARTS.into_iter().filter(|part| !Self::ALL.contains(part)))
    }

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
            Self::SecurityGroupVpcAssociations => "SecurityGroupVpcAssociations",
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
            Self::VpcPeeringConnections => "VpcPeeringConnections",
            Self::VpnGateways => "VpnGateways",
            Self::FlowLogs => "FlowLogs",
            Self::TransitGateways => "TransitGateways",
            Self::TransitGatewayVpcAttachments => "TransitGatewayVpcAttachments",
            Self::TransitGatewayAttachments => "TransitGatewayAttachments",
            Self::TransitGatewayRouteTables => "TransitGatewayRouteTables",
            Self::TransitGatewayRouteTablePropagations => "TransitGatewayRouteTablePropagations",
            Self::Associations => "Associations",
            Self::Routes => "Routes",
        }
    }

    /// The field with the id of an object.
    pub(crate) fn id_field(self) -> &'static str {
        match self {
            Self::Vpcs => "VpcId",
            Self::Subnets => "SubnetId",
            Self::RouteTables => "RouteTableId",
            Self::NetworkAcls => "NetworkAclId",
            // An association has no id of its own; a group has several.
            Self::SecurityGroups | Self::SecurityGroupVpcAssociations => "GroupId",
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
            Self::VpcPeeringConnections => "VpcPeeringConnectionId",
            Self::VpnGateways => "VpnGatewayId",
            Self::FlowLogs => "FlowLogId",
            Self::TransitGateways => "TransitGatewayId",
            Self::TransitGatewayVpcAttachments | Self::TransitGatewayAttachments => "TransitGatewayAttachmentId",
            Self::TransitGatewayRouteTables
            | Self::TransitGatewayRouteTablePropagations
            | Self::Associations
            | Self::Routes => "TransitGatewayRouteTableId",
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
    parts: Vec<(Key, Id, Object)>,
    /// The VPCs that [`Dump::keep_only`] has dropped: what is connected to the kept one has their blocks.
    left_out: Vec<Object>,
    /// Whether it was described from what people write, which does not show what AWS puts beside that.
    of_configuration: bool,
}

impl Dump {
    /// A dump to describe a configuration in. It has every key: what a configuration does not have is not there.
    pub(crate) fn of_configuration() -> Self {
        let mut dump = Self { of_configuration: true, ..Self::default() };
        Key::ALL.into_iter().for_each(|key| dump.note_key(key));
        dump
    }

    /// Whether it was described from a configuration: that AWS's own interfaces are not in it is no surprise.
    pub(crate) fn is_of_configuration(&self) -> bool {
        self.of_configuration
    }

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

    /// The documents that tell a part of something, each with the id of what it is a part of.
    pub(crate) fn parts(&self, key: Key) -> impl Iterator<Item = (&Id, Node<'_>)> {
        self.parts.iter().filter(move |(of, ..)| *of == key).map(|(_, id, object)| (id, object.node()))
    }

    /// The VPCs that are not kept.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = Node<'_>> {
        self.left_out.iter().map(Object::node)
    }

    /// Adds an object. The same object in another file is not added again; of differing copies the one with more fields
    /// counts, since other calls list the same resources with fewer. Two of one list that differ are an error.
    pub(crate) fn push(
        &mut self,
        key: Key,
        map: Map<String, Value>,
        file: &Arc<str>,
        path: String,
        notes: &mut Notes,
    ) -> Result<(), Error> {
        let new = Object { map, file: file.clone(), path };
        let list = self.objects.entry(key).or_default();
        let Ok(Some(id)) = new.node().text(key.id_field()) else {
            let place = format!("{file}: {}", new.path);
            notes.ignore(key.name(), place, format!("it has no {}", key.id_field()));
            return Ok(());
        };
        // The two calls for prefix lists tell different things of one list, and associations of a group are several. So are
        // the regions that have one mode.
        if matches!(key, Key::PrefixLists | Key::SecurityGroupVpcAssociations | Key::VpcBlockPublicAccessOptions) {
            self.seen.insert((key, id), list.len());
            list.push(new);
            return Ok(());
        }
        let Some(&at) = self.seen.get(&(key, id.clone())) else {
            self.seen.insert((key, id), list.len());
            list.push(new);
            return Ok(());
        };
        let Some(old) = list.get_mut(at) else { return Ok(()) };
        let differing =
            old.map.iter().filter(|(field, value)| new.map.get(*field).is_some_and(|other| other != *value));
        let mut differing: Vec<&str> = differing.map(|(field, _)| field.as_str()).collect();
        differing.sort_unstable();
        // Calls may be repeated, but no answer has two things of one id.
        if !differing.is_empty() && old.file == new.file && list_of(&old.path) == list_of(&new.path) {
            let fields = differing.join(", ");
            return Err(Error::Duplicate {
                file: file.to_string(),
                path: new.path,
                id,
                other: old.path.clone(),
                fields,
            });
        }
        let newer_counts = new.map.len() > old.map.len();
        if !differing.is_empty() {
            let counts = if newer_counts { &new.file } else { &old.file };
            let text = format!("{} and {} differ in {}: {counts} counts", old.file, new.file, differing.join(", "));
            notes.assume(codes::CONFLICTING_COPIES, &id, text);
        }
        if newer_counts {
            *old = new;
        }
        Ok(())
    }

    /// Adds a document that tells a part of something, whose id is known from elsewhere.
    pub(crate) fn push_part(&mut self, key: Key, id: Id, map: Map<String, Value>, file: &Arc<str>, path: String) {
        self.note_key(key);
        self.parts.push((key, id, Object { map, file: file.clone(), path }));
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
        let mut shared = HashSet::new();
        for node in self.nodes(Key::SecurityGroupVpcAssociations) {
            if node.id("VpcId")?.as_ref() == Some(vpc) {
                shared.extend(node.text("GroupId")?);
            }
        }
        for (key, objects) in &mut self.objects {
            // A group that is shared with the VPC belongs there too.
            let shares = |map: &Map<String, Value>| {
                let group = map.get("GroupId").and_then(Value::as_str);
                *key == Key::SecurityGroups && group.is_some_and(|group| shared.contains(group))
            };
            let here = |it: &Object| belongs(*key, &it.map, vpc) || shares(&it.map);
            let (kept, others) = std::mem::take(objects).into_iter().partition(here);
            *objects = kept;
            if *key == Key::Vpcs {
                self.left_out = others;
            }
        }
        Ok(())
    }
}

/// The list that an object is in: `Subnets` of `Subnets[3]`.
fn list_of(path: &str) -> &str {
    path.rsplit_once('[').map_or(path, |(list, _)| list)
}

/// What names no VPC is kept: it belongs to whatever names it.
fn belongs(key: Key, map: &Map<String, Value>, vpc: &Id) -> bool {
    let names = |map: &Map<String, Value>| map.get("VpcId").and_then(Value::as_str).map(|id| id == vpc.as_str());
    match key {
        Key::InternetGateways | Key::EgressOnlyInternetGateways => any_in(map, "Attachments", names),
        Key::VpnGateways => any_in(map, "VpcAttachments", names),
        Key::VpcPeeringConnections => {
            let sides = ["RequesterVpcInfo", "AccepterVpcInfo"].map(|side| map.get(side).and_then(Value::as_object));
            sides.into_iter().flatten().any(|side| names(side) == Some(true))
        }
        // The others are what is on the other side of the transit gateway.
        Key::TransitGatewayVpcAttachments => true,
        _ => names(map).unwrap_or(true),
    }
}

fn any_in(map: &Map<String, Value>, list: &str, of_vpc: impl Fn(&Map<String, Value>) -> Option<bool>) -> bool {
    let attachments = map.get(list).and_then(Value::as_array);
    attachments.into_iter().flatten().filter_map(Value::as_object).any(|it| of_vpc(it) == Some(true))
}
