//! The rows of network interfaces.

use serde::Serialize;
use vpcemu_model::{Forwarding, InterfaceKind, Network};

use super::subnets::ROWS;
use super::{count, named, table, trimmed, word};

#[derive(Serialize)]
pub(super) struct EniRow<'a> {
    pub(super) id: &'a str,
    pub(super) name: Option<&'a str>,
    /// What it serves.
    pub(super) kind: &'static str,
    pub(super) subnet: &'a str,
    pub(super) addresses: Vec<String>,
    /// Delegated to it: their addresses are its own.
    pub(super) prefixes: Vec<String>,
    pub(super) public: Vec<String>,
    pub(super) security_groups: Vec<&'a str>,
    /// What it does with packets that are not for it, where the configuration says so.
    pub(super) forward: Option<Forwarding>,
}

pub(super) fn rows(network: &Network) -> Vec<EniRow<'_>> {
    let rows = network.interfaces.iter().map(|eni| EniRow {
        id: eni.id.as_str(),
        name: eni.name.as_deref(),
        kind: kind(eni.kind),
        subnet: eni.subnet.as_str(),
        addresses: eni.addresses().map(|address| address.to_string()).collect(),
        prefixes: eni.prefixes.iter().map(ToString::to_string).collect(),
        public: eni.ipv4.iter().filter_map(|pair| pair.public).map(|public| public.to_string()).collect(),
        security_groups: eni.security_groups.iter().map(|id| id.as_str()).collect(),
        forward: eni.forward,
    });
    rows.collect()
}

fn kind(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Interface => ORDINARY,
        InterfaceKind::NatGateway => "NAT gateway",
        InterfaceKind::VpcEndpoint => "endpoint",
        InterfaceKind::GatewayLoadBalancerEndpoint => "Gateway Load Balancer endpoint",
        InterfaceKind::TransitGateway => "transit gateway",
        InterfaceKind::Hyperplane => "load balancer or function",
        InterfaceKind::Other => "of AWS",
    }
}

/// What has its own network stack.
const ORDINARY: &str = "host";

/// One a row, or how many there are of each kind.
pub(super) fn text(rows: &[EniRow<'_>], all: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let text = if all || rows.len() <= ROWS { each(rows) } else { kinds(rows) };
    format!("\n{text}\n")
}

fn each(rows: &[EniRow<'_>]) -> String {
    let forwards = rows.iter().any(|row| row.forward.is_some());
    let header = ["interface", "is", "subnet", "addresses", "public", "security groups", "forwards as"];
    // Few configurations have such interfaces.
    let columns = if forwards { header.len() } else { header.len() - 1 };
    let mut enis = table(&header[..columns]);
    for row in rows {
        let cells = [
            named(row.id, row.name),
            row.kind.to_owned(),
            row.subnet.to_owned(),
            row.addresses.iter().chain(&row.prefixes).map(String::as_str).collect::<Vec<_>>().join("\n"),
            row.public.join("\n"),
            row.security_groups.join("\n"),
            row.forward.as_ref().map(word).unwrap_or_default(),
        ];
        enis.add_row(cells.into_iter().take(columns));
    }
    trimmed(&enis)
}

fn kinds(rows: &[EniRow<'_>]) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for row in rows {
        match kinds.iter_mut().find(|(kind, _)| *kind == row.kind) {
            Some((_, number)) => *number += 1,
            None => kinds.push((row.kind, 1)),
        }
    }
    kinds.sort_by_key(|(kind, number)| (*kind != ORDINARY, std::cmp::Reverse(*number)));
    let kinds: Vec<_> = kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
    let public = rows.iter().filter(|row| !row.public.is_empty()).count();
    let all = count(rows.len(), "interface");
    format!("{all}: {}; {public} with a public address (-v lists them)", kinds.join(", "))
}
