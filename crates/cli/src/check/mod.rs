//! `vpcemu check`.

mod gateways;
mod neighbors;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;

use comfy_table::{Table, presets};
use serde::Serialize;
use vpcemu_model::{
    Assumption, BlockMode, Destination, ExclusionMode, Forwarding, Network, Route, Subnet, Target, native,
};

use crate::Ending;
use crate::args::{Check, Format};
use crate::config::{IgnoredLine, Loaded, load};
use crate::error::{Error, print};

use gateways::GatewayRow;
use neighbors::TransitTableRow;

pub(crate) fn run(arguments: &Check) -> Result<Ending, Error> {
    let loaded = load(&arguments.path, arguments.vpc.as_deref())?;
    let text = match arguments.format {
        Format::Json => format!("{}\n", serde_json::to_string(&Report::of(&loaded)).map_err(Error::json)?),
        Format::Text => text(&loaded),
    };
    print(&text)?;
    let clean = loaded.findings.is_empty() && loaded.network.assumptions.is_empty();
    Ok(if arguments.strict && !clean { Ending::Failed } else { Ending::Done })
}

#[derive(Serialize)]
struct Report<'a> {
    inventory: Inventory<'a>,
    assumptions: &'a [Assumption],
    ignored: &'a [IgnoredLine],
    findings: &'a [native::Finding],
}

#[derive(Serialize)]
struct Inventory<'a> {
    vpcs: Vec<VpcRow<'a>>,
    subnets: Vec<SubnetRow<'a>>,
    enis: Vec<EniRow<'a>>,
    gateways: Vec<GatewayRow<'a>>,
    gateway_route_tables: Vec<GatewayTableRow<'a>>,
    transit_gateway_route_tables: Vec<TransitTableRow<'a>>,
    block_public_access: BlockRow<'a>,
    route_tables: usize,
    network_acls: usize,
    security_groups: usize,
    prefix_lists: usize,
    instances: usize,
}

#[derive(Serialize)]
struct VpcRow<'a> {
    id: &'a str,
    name: Option<&'a str>,
    cidrs: Vec<String>,
}

#[derive(Serialize)]
struct SubnetRow<'a> {
    id: &'a str,
    name: Option<&'a str>,
    vpc: &'a str,
    cidrs: Vec<String>,
    az: &'a str,
    kind: &'static str,
    routes_to: BTreeMap<String, String>,
    route_table: &'a str,
    network_acl: &'a str,
}

#[derive(Serialize)]
struct EniRow<'a> {
    id: &'a str,
    name: Option<&'a str>,
    subnet: &'a str,
    addresses: Vec<String>,
    public: Vec<String>,
    security_groups: Vec<&'a str>,
    /// What it does with packets that are not for it, where the configuration says so.
    forward: Option<Forwarding>,
}

#[derive(Serialize)]
struct GatewayTableRow<'a> {
    id: &'a str,
    name: Option<&'a str>,
    vpc: &'a str,
    gateway: &'a str,
    routes: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct BlockRow<'a> {
    mode: BlockMode,
    exclusions: Vec<ExclusionRow<'a>>,
}

#[derive(Serialize)]
struct ExclusionRow<'a> {
    scope: &'a str,
    mode: ExclusionMode,
}

impl<'a> Report<'a> {
    fn of(loaded: &'a Loaded) -> Self {
        Self {
            inventory: Inventory::of(&loaded.network),
            assumptions: &loaded.network.assumptions,
            ignored: &loaded.ignored,
            findings: &loaded.findings,
        }
    }
}

impl<'a> Inventory<'a> {
    fn of(network: &'a Network) -> Self {
        let vpcs = network.vpcs.iter().map(|vpc| VpcRow {
            id: vpc.id.as_str(),
            name: vpc.name.as_deref(),
            cidrs: vpc.cidrs.iter().map(ToString::to_string).collect(),
        });
        let enis = network.interfaces.iter().map(|eni| EniRow {
            id: eni.id.as_str(),
            name: eni.name.as_deref(),
            subnet: eni.subnet.as_str(),
            addresses: eni.addresses().map(|address| address.to_string()).collect(),
            public: eni.ipv4.iter().filter_map(|pair| pair.public).map(|public| public.to_string()).collect(),
            security_groups: eni.security_groups.iter().map(|id| id.as_str()).collect(),
            forward: eni.forward,
        });
        let tables = network.gateway_route_tables.iter().map(|table| GatewayTableRow {
            id: table.id.as_str(),
            name: table.name.as_deref(),
            vpc: table.vpc.as_str(),
            gateway: table.gateway.as_str(),
            routes: table.routes.iter().map(shown).collect(),
        });
        let exclusions = network.block_public_access.exclusions.iter();
        let exclusions = exclusions.map(|it| ExclusionRow { scope: it.scope.as_str(), mode: it.allows });
        Self {
            vpcs: vpcs.collect(),
            subnets: network.subnets.iter().map(|subnet| SubnetRow::of(network, subnet)).collect(),
            enis: enis.collect(),
            gateways: gateways::rows(network),
            gateway_route_tables: tables.collect(),
            transit_gateway_route_tables: neighbors::tables(network),
            block_public_access: BlockRow { mode: network.block_public_access.mode, exclusions: exclusions.collect() },
            route_tables: network.route_tables.len(),
            network_acls: network.network_acls.len(),
            security_groups: network.security_groups.len(),
            prefix_lists: network.prefix_lists.len(),
            instances: network.instances.len(),
        }
    }
}

impl<'a> SubnetRow<'a> {
    fn of(network: &'a Network, subnet: &'a Subnet) -> Self {
        let table = network.route_tables.iter().find(|table| table.id == subnet.route_table);
        let mut routes_to = BTreeMap::new();
        let mut public = false;
        for route in table.into_iter().flat_map(|table| &table.routes) {
            let Destination::Cidr(net) = &route.destination else { continue };
            public |= route.active && matches!(route.target, Target::InternetGateway(_));
            if net.prefix_len() == 0 {
                routes_to.extend([shown(route)]);
            }
        }
        Self {
            id: subnet.id.as_str(),
            name: subnet.name.as_deref(),
            vpc: subnet.vpc.as_str(),
            cidrs: subnet.cidrs.iter().map(ToString::to_string).collect(),
            az: &subnet.availability_zone,
            // As AWS's documentation uses the words: a route to an internet gateway makes a subnet public.
            kind: match (public, routes_to.is_empty()) {
                (true, _) => "public",
                (false, false) => "private",
                (false, true) => "isolated",
            },
            routes_to,
            route_table: subnet.route_table.as_str(),
            network_acl: subnet.network_acl.as_str(),
        }
    }
}

/// Where a route leads, by its destination.
fn shown(route: &Route) -> (String, String) {
    let destination = match &route.destination {
        Destination::Cidr(net) => net.to_string(),
        Destination::PrefixList(list) => list.to_string(),
    };
    let target = route.target.id().map_or("local", |id| id.as_str());
    (destination, if route.active { target.to_owned() } else { format!("{target} (blackhole)") })
}

fn text(loaded: &Loaded) -> String {
    let inventory = Inventory::of(&loaded.network);
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(&mut page, loaded, &inventory);
    page
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table
}

fn named(id: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if !id.ends_with(name) => format!("{id} ({name})"),
        _ => id.to_owned(),
    }
}

fn write_text(page: &mut String, loaded: &Loaded, inventory: &Inventory<'_>) -> std::fmt::Result {
    for file in &loaded.files {
        writeln!(page, "read {file}")?;
    }
    writeln!(page)?;
    for vpc in &inventory.vpcs {
        writeln!(page, "{}: {}", named(vpc.id, vpc.name), vpc.cidrs.join(", "))?;
    }
    writeln!(
        page,
        "{} subnets, {} route tables, {} network ACLs, {} security groups, {} interfaces, {} instances, {} prefix lists\n",
        inventory.subnets.len(),
        inventory.route_tables,
        inventory.network_acls,
        inventory.security_groups,
        inventory.enis.len(),
        inventory.instances,
        inventory.prefix_lists
    )?;
    let mut subnets = table(&["subnet", "blocks", "zone", "is", "default routes", "route table", "network ACL"]);
    for row in &inventory.subnets {
        let routes: Vec<_> = row.routes_to.iter().map(|(net, to)| format!("{net} -> {to}")).collect();
        subnets.add_row([
            named(row.id, row.name),
            row.cidrs.join("\n"),
            row.az.to_owned(),
            row.kind.to_owned(),
            routes.join("\n"),
            row.route_table.to_owned(),
            row.network_acl.to_owned(),
        ]);
    }
    writeln!(page, "{}\n", trimmed(&subnets))?;
    let forwards = inventory.enis.iter().any(|row| row.forward.is_some());
    let header = ["interface", "subnet", "addresses", "public", "security groups", "forwards as"];
    // Few configurations have such interfaces.
    let columns = if forwards { header.len() } else { header.len() - 1 };
    let mut enis = table(&header[..columns]);
    for row in &inventory.enis {
        let cells = [
            named(row.id, row.name),
            row.subnet.to_owned(),
            row.addresses.join("\n"),
            row.public.join("\n"),
            row.security_groups.join("\n"),
            row.forward.as_ref().map(word).unwrap_or_default(),
        ];
        enis.add_row(cells.into_iter().take(columns));
    }
    writeln!(page, "{}", trimmed(&enis))?;
    if !inventory.gateways.is_empty() {
        let mut gateways = table(&["gateway", "is", "in", "addresses or service"]);
        for row in &inventory.gateways {
            gateways.add_row([
                named(row.id, row.name),
                row.kind.to_owned(),
                match row.route_table {
                    Some(table) if row.kind == neighbors::ATTACHMENT => {
                        format!("{}\nruled by {table}", row.place.as_deref().unwrap_or_default())
                    }
                    Some(table) => format!("{}\n{table}", row.place.as_deref().unwrap_or_default()),
                    None if row.kind == neighbors::TRANSIT_GATEWAY => String::new(),
                    None if row.kind == neighbors::ATTACHMENT => {
                        format!("{}\nno route table", row.place.as_deref().unwrap_or_default())
                    }
                    None => row.place.as_deref().unwrap_or("not attached").to_owned(),
                },
                row.addresses.join("\n"),
            ]);
        }
        writeln!(page, "\n{}", trimmed(&gateways))?;
    }
    write_edges(page, inventory)?;
    section(page, "assumed", loaded.network.assumptions.iter().map(|a| (&*a.place, &*a.text, &*a.code)))?;
    section(page, "ignored", loaded.ignored.iter().map(|i| (&*i.place, &*i.text, &*i.what)))?;
    if !loaded.findings.is_empty() {
        let color = std::io::stdout().is_terminal();
        writeln!(page, "\n{}", native::render(&loaded.findings, loaded.source.as_ref(), color).trim_end())?;
    }
    Ok(())
}

/// What holds for packets that enter or leave a VPC.
fn write_edges(page: &mut String, inventory: &Inventory<'_>) -> std::fmt::Result {
    if !inventory.gateway_route_tables.is_empty() {
        let mut tables = table(&["route table of a gateway", "gateway", "routes"]);
        for row in &inventory.gateway_route_tables {
            let routes: Vec<_> = row.routes.iter().map(|(net, to)| format!("{net} -> {to}")).collect();
            tables.add_row([named(row.id, row.name), row.gateway.to_owned(), routes.join("\n")]);
        }
        writeln!(page, "\n{}", trimmed(&tables))?;
    }
    if !inventory.transit_gateway_route_tables.is_empty() {
        let mut tables = table(&["route table of a transit gateway", "gateway", "routes"]);
        for row in &inventory.transit_gateway_route_tables {
            let routes: Vec<_> = row.routes.iter().map(|(net, to)| format!("{net} -> {to}")).collect();
            tables.add_row([named(row.id, row.name), row.gateway.to_owned(), routes.join("\n")]);
        }
        writeln!(page, "\n{}", trimmed(&tables))?;
    }
    let BlockRow { mode, exclusions } = &inventory.block_public_access;
    if *mode != BlockMode::Off || !exclusions.is_empty() {
        let exclusions = exclusions.iter().map(|row| format!(", {} {}", row.scope, word(&row.mode)));
        writeln!(page, "\nBlock Public Access: {}{}", word(mode), exclusions.collect::<String>())?;
    }
    Ok(())
}

/// A value as configurations write it.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn section<'a>(
    page: &mut String,
    title: &str,
    rows: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
) -> std::fmt::Result {
    for (index, (place, text, code)) in rows.enumerate() {
        if index == 0 {
            writeln!(page, "\n{title}")?;
        }
        writeln!(page, "  {place}: {text} [{code}]")?;
    }
    Ok(())
}

/// A table without trailing blanks.
fn trimmed(table: &Table) -> String {
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}
