//! The tables of a transit gateway, and which attachment is associated with which.

use vpcemu_model::{Id, Kind, Network, Origin};

use super::attachment::{Association, Head};
use crate::Error;
use crate::build::suffix;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// The tables of one gateway.
pub(super) struct Tables<'a> {
    pub(super) tables: Vec<Table<'a>>,
    /// The one that attachments are associated with by themselves.
    default: Option<Id>,
    /// Whether the only one is that of [`Self::make_default`].
    made: bool,
}

/// A table before its routes, with what the calls about it gave.
pub(super) struct Table<'a> {
    pub(super) id: Id,
    pub(super) name: Option<String>,
    pub(super) origin: Origin,
    /// Whether attachments propagate into it by themselves.
    pub(super) learns_by_default: bool,
    /// `None` where the call was not made.
    associations: Option<Vec<Node<'a>>>,
    pub(super) propagations: Option<Vec<Node<'a>>>,
    pub(super) routes: Option<Vec<Node<'a>>>,
}

impl<'a> Tables<'a> {
    /// The tables that are listed, and those that attachments say they are associated with.
    pub(super) fn read(
        gateway: &Node<'_>,
        id: &Id,
        heads: &[Head],
        dump: &'a Dump,
        notes: &mut Notes,
    ) -> Result<Self, Error> {
        let (mut association, mut propagation) = (None, None);
        if let Some(options) = gateway.object("Options")? {
            association = options.id("AssociationDefaultRouteTableId")?;
            propagation = options.id("PropagationDefaultRouteTableId")?;
        }
        let mut tables: Vec<Table<'_>> = Vec::new();
        for node in dump.nodes(Key::TransitGatewayRouteTables) {
            if node.id("TransitGatewayId")?.as_ref() != Some(id) {
                continue;
            }
            let table = node.required_id("TransitGatewayRouteTableId")?;
            if let Some(state) = node.state("State")?.filter(|state| matches!(state.as_str(), "deleted" | "deleting")) {
                notes.gone(table, node.origin(), &state);
                continue;
            }
            if node.flag("DefaultAssociationRouteTable")?.unwrap_or(false) {
                association.get_or_insert_with(|| table.clone());
            }
            let by_default =
                node.flag("DefaultPropagationRouteTable")?.unwrap_or(false) || propagation.as_ref() == Some(&table);
            tables.push(Table::new(table, node.name()?, node.origin(), by_default, dump)?);
        }
        for head in heads {
            let Association::With(table) = &head.association else { continue };
            if tables.iter().any(|known| known.id == *table) || notes.is_gone(table) {
                continue;
            }
            let text = format!("{table}, which {} is associated with, is not in TransitGatewayRouteTables", head.id);
            notes.assume(codes::TRANSIT_GATEWAY_ROUTE_TABLE, table, text);
            let by_default = propagation.as_ref() == Some(table);
            tables.push(Table::new(table.clone(), None, head.origin.clone(), by_default, dump)?);
        }
        Ok(Self { tables, default: association, made: false })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The one table that AWS makes with a gateway.
    pub(super) fn make_default(&mut self, gateway: &Id, origin: Origin) {
        let id = Id::of(Kind::TransitGatewayRouteTable, suffix(gateway));
        self.default = Some(id.clone());
        self.made = true;
        self.tables.push(Table {
            id,
            name: None,
            origin,
            learns_by_default: true,
            associations: None,
            propagations: None,
            // One note about the table is enough.
            routes: Some(Vec::new()),
        });
    }

    /// Every object of the tables that names an attachment.
    pub(super) fn named_attachments(&self) -> Result<Vec<Node<'a>>, Error> {
        let mut named = Vec::new();
        for table in &self.tables {
            named.extend(table.associations.iter().flatten().cloned());
            named.extend(table.propagations.iter().flatten().cloned());
            for route in table.routes.iter().flatten() {
                // A black hole names what is no more.
                if route.state("State")?.as_deref() == Some("active") {
                    named.extend(route.list("TransitGatewayAttachments")?);
                }
            }
        }
        Ok(named)
    }

    /// The table that rules what comes in by an attachment. Tables know best, then the attachment itself.
    pub(super) fn associated_with(&self, head: &Head, notes: &mut Notes) -> Option<Id> {
        let listed = self.tables.iter().find(|table| table.is_associated_with(&head.id));
        if let Some(table) = listed {
            return Some(table.id.clone());
        }
        match &head.association {
            Association::With(id) => self.tables.iter().any(|table| table.id == *id).then(|| id.clone()),
            Association::Absent => None,
            Association::Untold if self.made => self.default.clone(),
            Association::Untold => {
                let default = self.tables.iter().find(|table| Some(&table.id) == self.default.as_ref())?;
                if default.associations.is_some() {
                    return None;
                }
                let text = format!(
                    "nothing tells which table {} is associated with: taken to be the default one, {}",
                    head.id, default.id
                );
                notes.assume(codes::TRANSIT_GATEWAY_ASSOCIATION, &head.id, text);
                Some(default.id.clone())
            }
        }
    }
}

impl<'a> Table<'a> {
    fn new(
        id: Id,
        name: Option<String>,
        origin: Origin,
        learns_by_default: bool,
        dump: &'a Dump,
    ) -> Result<Self, Error> {
        Ok(Self {
            name,
            origin,
            learns_by_default,
            associations: parts(Key::Associations, &id, dump)?,
            propagations: parts(Key::TransitGatewayRouteTablePropagations, &id, dump)?,
            routes: parts(Key::Routes, &id, dump)?,
            id,
        })
    }

    fn is_associated_with(&self, attachment: &Id) -> bool {
        // What is no text is no id; the places that need one say so.
        let names = |node: &Node<'_>| node.id("TransitGatewayAttachmentId").ok().flatten().as_ref() == Some(attachment);
        let holds = |node: &Node<'_>| {
            matches!(node.state("State").ok().flatten().as_deref(), None | Some("associated" | "associating"))
        };
        self.associations.iter().flatten().any(|node| names(node) && holds(node))
    }
}

/// All that a call gave about a table, in however many files.
fn parts<'a>(key: Key, table: &Id, dump: &'a Dump) -> Result<Option<Vec<Node<'a>>>, Error> {
    let mut all: Option<Vec<Node<'a>>> = None;
    for (_, node) in dump.parts(key).filter(|(of, _)| *of == table) {
        all.get_or_insert_default().extend(node.list(key.name())?);
    }
    Ok(all)
}

/// Notes what was told of tables that no gateway has.
pub(super) fn note_strangers(dump: &Dump, network: &Network, notes: &mut Notes) {
    for key in [Key::Associations, Key::TransitGatewayRouteTablePropagations, Key::Routes] {
        for (id, node) in dump.parts(key) {
            let tables = network.transit_gateways.iter().flat_map(|gateway| &gateway.route_tables);
            if !tables.into_iter().any(|table| table.id == *id) {
                notes.ignore(key.name(), node.file, format!("{id} is no table of a transit gateway that was read"));
            }
        }
    }
}
