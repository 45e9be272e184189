//! Entries of network ACLs: the first match by number decides (7.3).

use vpcemu_model::AclEntry;
use vpcemu_model::behavior::NaclFragments;

use super::{Budget, Says, Shadow, Standing};
use crate::probe::entry_ports;
use crate::region::{Cell, Region, cells, range};
use crate::row::RuleName;

/// The standing of each entry of one direction, in the order in which they are given, for packets whose ports are known. Are
/// later fragments judged with the ports of the first, every TCP and UDP packet has some, so that 0-65535 are all (7.13).
pub fn acl_standings(entries: &[AclEntry], fragments: NaclFragments, budget: &mut Budget) -> Vec<Standing> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&at| entries[at].number);
    let boxes: Vec<Vec<Cell>> = entries.iter().map(|entry| of_entry(entry, fragments)).collect();
    let mut standings = vec![Standing::Unproven; entries.len()];
    for (place, &at) in order.iter().enumerate() {
        standings[at] = budget.proof(|work| {
            let mut rest = Region::new(boxes[at].clone());
            if rest.is_empty() {
                return Standing::MatchesNothing("its range of ports is empty".to_owned());
            }
            let mut deciding = Vec::new();
            for &before in &order[..place] {
                match rest.subtract(&boxes[before], work) {
                    Ok(true) => deciding.push(&entries[before]),
                    Ok(false) => {}
                    Err(_) => return Standing::Unproven,
                }
                if rest.is_empty() {
                    break;
                }
            }
            match rest.cells().first() {
                Some(cell) => Standing::Decides(cell.probe()),
                None => Standing::Shadowed(Shadow {
                    by: deciding.iter().map(|entry| RuleName::Number(entry.number)).collect(),
                    says: Says::of(deciding.iter().map(|entry| entry.action == entries[at].action)),
                }),
            }
        });
    }
    standings
}

fn of_entry(entry: &AclEntry, fragments: NaclFragments) -> Vec<Cell> {
    let mut boxes = cells(entry.protocol, entry_ports(entry), &[range(&entry.cidr)]);
    if fragments == NaclFragments::Inherit {
        boxes.iter_mut().for_each(Cell::without_unknown);
    }
    boxes
}
