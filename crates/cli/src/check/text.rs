//! The page for people: counts first, then VPC by VPC, then what is odd.

use std::fmt::Write;

use vpcemu_model::BlockMode;

use vpcemu_import::Loaded;

use super::inventory::Inventory;
use super::neighbors;
use super::subnets::ROWS;
use super::{count, findings, flow_logs, interfaces, named, subnets, table, trimmed, word};

/// All of it; `all` rows where there are many.
pub(super) fn page(loaded: &Loaded, all: bool) -> String {
    let inventory = Inventory::of(&loaded.network);
    let folder = folder(loaded);
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, loaded, &inventory, &folder, all);
    page
}

fn write(page: &mut String, loaded: &Loaded, inventory: &Inventory<'_>, folder: &str, all: bool) -> std::fmt::Result {
    files(page, loaded, folder, all)?;
    let counts = [
        count(inventory.vpcs.len(), "VPC"),
        subnets::summary(&inventory.subnets),
        count(inventory.route_tables, "route table"),
        count(inventory.network_acls, "network ACL"),
        count(inventory.security_groups, "security group"),
        count(inventory.enis.len(), "interface"),
        count(inventory.instances, "instance"),
        count(inventory.prefix_lists, "prefix list"),
    ];
    writeln!(page, "{}\n{}", counts.join(", "), findings::summary(loaded))?;
    for vpc in &inventory.vpcs {
        writeln!(page, "\n{}: {}", named(vpc.id, vpc.name), vpc.cidrs.join(", "))?;
        page.push_str(&subnets::text(inventory, vpc.id, all));
    }
    page.push_str(&interfaces::text(&inventory.enis, all));
    gateways(page, inventory, all)?;
    edges(page, inventory)?;
    flow_logs::write(page, &inventory.flow_logs)?;
    page.push_str(&findings::notes(loaded, folder, all));
    page.push_str(&findings::text(loaded, folder, all));
    Ok(())
}

/// The folder that all files of a dump are in, with its slash; nothing of a single file.
fn folder(loaded: &Loaded) -> String {
    let mut names = loaded.files.iter().map(|file| file.name.as_str());
    let first = names.next().unwrap_or_default();
    if loaded.files.len() < 2 {
        return String::new();
    }
    let mut common = first;
    for name in names {
        while !name.starts_with(common) {
            // Shorter by a folder each time.
            let inside = common.strip_suffix('/').unwrap_or(common);
            common = inside.rfind('/').map_or("", |slash| &inside[..=slash]);
        }
    }
    common.rfind('/').map_or("", |slash| &common[..=slash]).to_owned()
}

/// What was read: how much of each key, or each file with its own.
fn files(page: &mut String, loaded: &Loaded, folder: &str, all: bool) -> std::fmt::Result {
    /// Where a line of keys ends.
    const WIDTH: usize = 110;
    let read = |keys: &[vpcemu_import::KeyCount]| -> Vec<String> {
        keys.iter().map(|key| format!("{} {}", key.count, key.key)).collect()
    };
    if loaded.source.is_some() {
        return loaded.files.iter().try_for_each(|file| writeln!(page, "read {}", file.name));
    }
    if all {
        for file in &loaded.files {
            let keys = read(&file.keys).join(", ");
            writeln!(
                page,
                "read {}: {}",
                file.name,
                if keys.is_empty() { "nothing that describes a VPC" } else { &keys }
            )?;
        }
        return Ok(());
    }
    let mut sums: Vec<vpcemu_import::KeyCount> = Vec::new();
    for key in loaded.files.iter().flat_map(|file| &file.keys) {
        match sums.iter_mut().find(|sum| sum.key == key.key) {
            Some(sum) => sum.count += key.count,
            None => sums.push(key.clone()),
        }
    }
    match loaded.files.as_slice() {
        [file] => write!(page, "read {}:", file.name)?,
        files => write!(page, "read {} of {}:", count(files.len(), "file"), folder.trim_end_matches('/'))?,
    }
    let mut line = usize::MAX;
    let words = read(&sums);
    for (at, word) in words.iter().enumerate() {
        let comma = if at + 1 < words.len() { "," } else { "" };
        if line.saturating_add(word.len()) > WIDTH {
            write!(page, "\n ")?;
            line = 1;
        }
        write!(page, " {word}{comma}")?;
        line += word.len() + 2;
    }
    writeln!(page)
}

fn gateways(page: &mut String, inventory: &Inventory<'_>, all: bool) -> std::fmt::Result {
    if !all && inventory.gateways.len() > ROWS {
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for row in &inventory.gateways {
            match kinds.iter_mut().find(|(kind, _)| *kind == row.kind) {
                Some((_, number)) => *number += 1,
                None => kinds.push((row.kind, 1)),
            }
        }
        let kinds: Vec<_> = kinds.iter().map(|(kind, number)| count(*number, kind)).collect();
        return writeln!(page, "\n{} (-v lists them)", kinds.join(", "));
    }
    if inventory.gateways.is_empty() {
        return Ok(());
    }
    let mut gateways = table(&["gateway", "is", "in", "addresses or service"]);
    for row in &inventory.gateways {
        let place = row.place.as_deref().unwrap_or_default();
        gateways.add_row([
            named(row.id, row.name),
            row.kind.to_owned(),
            match row.route_table {
                Some(table) if row.kind == neighbors::ATTACHMENT => format!("{place}\nruled by {table}"),
                Some(table) => format!("{place}\n{table}"),
                None if row.kind == neighbors::TRANSIT_GATEWAY => String::new(),
                None if row.kind == neighbors::ATTACHMENT => format!("{place}\nno route table"),
                None => row.place.as_deref().unwrap_or("not attached").to_owned(),
            },
            row.addresses.join("\n"),
        ]);
    }
    writeln!(page, "\n{}", trimmed(&gateways))
}

/// What holds for packets that enter or leave a VPC.
fn edges(page: &mut String, inventory: &Inventory<'_>) -> std::fmt::Result {
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
    let block = &inventory.block_public_access;
    if block.mode != BlockMode::Off || !block.exclusions.is_empty() {
        let exclusions = block.exclusions.iter().map(|row| format!(", {} {}", row.scope, word(&row.mode)));
        writeln!(page, "\nBlock Public Access: {}{}", word(&block.mode), exclusions.collect::<String>())?;
    }
    Ok(())
}
