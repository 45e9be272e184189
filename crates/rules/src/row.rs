//! What is said of each rule.

use std::collections::HashMap;

use serde::Serialize;
use vpcemu_model::Network;

use crate::Observer;
use crate::observer::{Window, time};
use crate::shadow::{Budget, Says, Standing, acl_standings, group_standings, route_standings};

/// The kinds of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Kind {
    /// A rule of a security group.
    #[serde(rename = "sg")]
    SecurityGroup,
    /// An entry of a network ACL.
    #[serde(rename = "nacl")]
    NetworkAcl,
    /// A route.
    #[serde(rename = "route")]
    Route,
}

/// A rule in outputs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(untagged)]
pub enum RuleName {
    /// A network ACL entry.
    Number(u16),
    /// The id of a security group rule, `*` for the implicit deny, of a route what it is for.
    Text(String),
}

impl std::fmt::Display for RuleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.pad(text),
        }
    }
}

/// A rule with what is known of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// What it is.
    pub kind: Kind,
    /// The security group, network ACL or route table.
    pub owner: String,
    /// Its name, for people.
    pub owner_name: Option<String>,
    /// Its name.
    pub rule: RuleName,
    /// `ingress` or `egress`; a route has none. Of a network ACL it is the subnet's view (7.9).
    pub direction: Option<&'static str>,
    /// What it says.
    pub text: String,
    /// Where it was defined.
    pub origin: String,
    /// Whether AWS made it and nobody can remove it: the implicit deny, local routes.
    pub fixed: bool,
    /// Packets that it decided, replies of connections that it admitted among them; each once, however often it met the rule.
    pub packets: u64,
    /// IP total lengths of those.
    pub bytes: u64,
    /// Flows: different addresses, ports and protocols among the packets that it judged itself.
    pub flows: u64,
    /// Time stamp of the first of those packets: seconds since the epoch, with nine decimals.
    pub first: Option<String>,
    /// Of the last.
    pub last: Option<String>,
    /// The rules that decide in its place whatever comes, named as `rule` names them, but routes as `text` has them, since a
    /// table may have several for one destination; null where it can decide, or where nothing is claimed.
    pub shadowed_by: Option<Vec<RuleName>>,
    /// What those say.
    pub shadowed_says: Option<Says>,
    /// The redundant rules that packets needed and that this one, which none needed, would have to replace; null where
    /// there is none.
    pub stands_in_for: Option<Vec<RuleName>>,
    /// What else is to be said of it.
    pub note: Option<String>,
    /// What was looked at.
    pub window: Window,
}

impl Row {
    /// Whether it could be removed and no packet needed it, not even once what is redundant has been removed.
    pub fn is_unused(&self) -> bool {
        self.packets == 0 && !self.fixed && self.stands_in_for.is_none()
    }
}

/// A row for every rule: security groups, then network ACLs, then route tables, each in the order of the network.
pub fn rows(network: &Network, observer: &Observer) -> Vec<Row> {
    let mut budget = Budget::default();
    let groups = group_standings(network, &mut budget);
    let fragments = network.behavior.network_acl.nacl_fragments;
    let mut acls = HashMap::new();
    for acl in &network.network_acls {
        acls.insert((acl.id.as_str(), "ingress"), acl_standings(&acl.ingress, fragments, &mut budget));
        acls.insert((acl.id.as_str(), "egress"), acl_standings(&acl.egress, fragments, &mut budget));
    }
    let routes = route_standings(network);
    let rows = observer.counted().map(|(listed, hits)| {
        let standing = match (listed.kind, &listed.rule, listed.position) {
            (Kind::SecurityGroup, RuleName::Text(id), _) => groups.get(id.as_str()),
            (Kind::NetworkAcl, _, Some(at)) => {
                acls.get(&(listed.owner.as_str(), listed.direction.unwrap_or_default())).and_then(|all| all.get(at))
            }
            (Kind::Route, _, Some(at)) => routes.get(listed.owner.as_str()).and_then(|all| all.get(at)),
            _ => None,
        };
        let shadow = match standing {
            Some(Standing::Shadowed(shadow)) => Some(shadow),
            _ => None,
        };
        Row {
            kind: listed.kind,
            owner: listed.owner.clone(),
            owner_name: listed.owner_name.clone(),
            rule: listed.rule.clone(),
            direction: listed.direction,
            text: listed.text.clone(),
            origin: listed.origin.to_string(),
            fixed: listed.fixed,
            packets: hits.packets,
            bytes: hits.bytes,
            flows: hits.flows,
            first: hits.window.map(|(first, _)| time(first)),
            last: hits.window.map(|(_, last)| time(last)),
            shadowed_by: shadow.map(|shadow| shadow.by.clone()),
            shadowed_says: shadow.map(|shadow| shadow.says),
            stands_in_for: None,
            note: standing.and_then(note),
            window: observer.window().clone(),
        }
    });
    let mut rows: Vec<_> = rows.collect();
    substitute(&mut rows);
    rows
}

/// Tells rules that no packet needed which redundant ones they would replace. Only rules of security groups are redundant
/// although packets needed them: of others the one that decides has the packets.
fn substitute(rows: &mut [Row]) {
    let places: HashMap<RuleName, usize> =
        rows.iter().enumerate().filter(|(_, row)| is_of_group(row)).map(|(at, row)| (row.rule.clone(), at)).collect();
    let needed = |row: &Row| is_of_group(row) && row.packets > 0 && row.shadowed_by.is_some();
    let mut open: Vec<usize> = (0..rows.len()).filter(|&at| needed(&rows[at])).collect();
    while let Some(at) = open.pop() {
        let goes = rows[at].rule.clone();
        for by in rows[at].shadowed_by.clone().unwrap_or_default() {
            let Some(&place) = places.get(&by) else { continue };
            let row = &mut rows[place];
            if row.packets > 0 {
                continue;
            }
            // What takes its place may be redundant too, where a proof was given up half way.
            if row.stands_in_for.is_none() {
                open.push(place);
            }
            let names = row.stands_in_for.get_or_insert_default();
            if !names.contains(&goes) {
                names.push(goes.clone());
            }
        }
    }
    // In the order of the network, which the work was not done in.
    for names in rows.iter_mut().filter_map(|row| row.stands_in_for.as_mut()) {
        names.sort_by_key(|name| places.get(name).copied());
    }
}

fn is_of_group(row: &Row) -> bool {
    row.kind == Kind::SecurityGroup
}

fn note(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Decides(_) | Standing::Shadowed(_) => None,
        Standing::MatchesNothing(why) => Some(format!("matches nothing: {why}")),
        Standing::OnlyTracks(by) => {
            let by = by.join(", ");
            Some(format!("{by} admit all that it does, but without it flows would be tracked that are not now (6.15)"))
        }
        Standing::Unproven => {
            Some("whether others shadow it takes too much work to prove: nothing is claimed".to_owned())
        }
    }
}
