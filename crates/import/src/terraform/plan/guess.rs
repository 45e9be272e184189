//! Guesses: the one resource in reach that fits, by what else is known of both.

use ipnet::IpNet;

use super::resolve::{Candidate, Resolver};
use crate::terraform::kinds::Slot;

/// The candidate that an attribute is taken for, and why. `whence` says where the candidates are all of those that suit.
pub(super) fn narrow(
    resolver: &mut Resolver<'_, '_, '_>,
    at: usize,
    slot: &Slot,
    all: &[Candidate],
    whence: Option<&str>,
) -> Option<(usize, String)> {
    let free = unattached(resolver, slot, all);
    let rules = [only, by_block, by_index, by_name, by_zone];
    rules.iter().find_map(|rule| rule(resolver, at, all, &free, whence))
}

type Guess = Option<(usize, String)>;

/// Addresses that something else has are not a NAT gateway's.
fn unattached(resolver: &Resolver<'_, '_, '_>, slot: &Slot, all: &[Candidate]) -> Vec<usize> {
    let plan = resolver.plan;
    let free = |candidate: &Candidate| {
        let of = &plan.instances[candidate.at];
        let address = &of.address;
        let resource = plan.configuration.resource(&address.modules, address.mode, &address.kind, &address.name);
        let expressions = resource.and_then(|it| it.get("expressions"));
        !["instance", "network_interface"].iter().any(|attribute| {
            of.text_of(attribute).is_some() || expressions.is_some_and(|it| it.get(attribute).is_some())
        })
    };
    let all_of_them = || (0..all.len()).collect();
    if slot.leaf() != "allocation_id" {
        return all_of_them();
    }
    let kept: Vec<_> = (0..all.len()).filter(|&index| free(&all[index])).collect();
    if kept.is_empty() { all_of_them() } else { kept }
}

fn only(
    resolver: &mut Resolver<'_, '_, '_>,
    _: usize,
    all: &[Candidate],
    free: &[usize],
    whence: Option<&str>,
) -> Guess {
    let [one] = free else { return None };
    let kind = resolver.plan.instances[all[*one].at].kind();
    let of = whence.map_or_else(|| "that it may be".to_owned(), |whence| format!("of {whence}"));
    Some((*one, format!("the only {kind} {of}")))
}

/// A subnet is in the VPC whose block holds its own.
fn by_block(
    resolver: &mut Resolver<'_, '_, '_>,
    at: usize,
    all: &[Candidate],
    free: &[usize],
    _: Option<&str>,
) -> Guess {
    let subnet = &resolver.plan.instances[at];
    if subnet.kind() != "aws_subnet" {
        return None;
    }
    let block: IpNet = subnet.text_of("cidr_block")?.parse().ok()?;
    let plan = resolver.plan;
    let further: Vec<_> = (0..plan.instances.len())
        .filter(|&of| plan.instances[of].kind() == "aws_vpc_ipv4_cidr_block_association")
        .collect();
    let mut holds = |candidate: &Candidate| {
        let vpc = &plan.instances[candidate.at];
        let held =
            |text: Option<&str>| text.and_then(|it| it.parse::<IpNet>().ok()).is_some_and(|it| it.contains(&block));
        held(vpc.text_of("cidr_block"))
            || further.iter().any(|&of| {
                held(plan.instances[of].text_of("cidr_block"))
                    && resolver.id_under(of, "vpc_id").as_deref() == Some(&candidate.value)
            })
    };
    let holding: Vec<_> = free.iter().copied().filter(|&index| holds(&all[index])).collect();
    let [one] = holding[..] else { return None };
    Some((one, format!("of {} that it may be in the only one whose blocks hold {block}", free.len())))
}

/// Of resources that are as many, the one with the same index.
fn by_index(
    resolver: &mut Resolver<'_, '_, '_>,
    at: usize,
    all: &[Candidate],
    free: &[usize],
    _: Option<&str>,
) -> Guess {
    let plan = resolver.plan;
    let own = &plan.instances[at].address;
    let index = own.index.as_ref()?;
    let count = plan.siblings(at).len();
    let fitting: Vec<_> = free
        .iter()
        .copied()
        .filter(|&of| {
            let of = all[of].at;
            plan.instances[of].address.index.as_ref() == Some(index) && plan.siblings(of).len() == count
        })
        .collect();
    let same_name = |of: &usize| plan.instances[all[*of].at].address.name == own.name;
    let chosen = match fitting[..] {
        [one] => one,
        // Of several that fit, the one that is called the same.
        _ => fitting.into_iter().find(same_name)?,
    };
    Some((chosen, format!("there are {count} of each, and it has the same index")))
}

/// What is called the same, alone or with the same index.
fn by_name(
    resolver: &mut Resolver<'_, '_, '_>,
    at: usize,
    all: &[Candidate],
    free: &[usize],
    _: Option<&str>,
) -> Guess {
    let plan = resolver.plan;
    let own = &plan.instances[at].address;
    if &*own.name == "this" {
        // What modules call everything tells nothing.
        return None;
    }
    let named: Vec<_> =
        free.iter().copied().filter(|&of| plan.instances[all[of].at].address.name == own.name).collect();
    let same_index = |of: &usize| own.index.is_some() && plan.instances[all[*of].at].address.index == own.index;
    let chosen = match named[..] {
        [one] => one,
        _ => named.into_iter().find(same_index)?,
    };
    Some((chosen, "of those that it may be it is called the same".to_owned()))
}

/// What is in the same availability zone.
fn by_zone(
    resolver: &mut Resolver<'_, '_, '_>,
    at: usize,
    all: &[Candidate],
    free: &[usize],
    _: Option<&str>,
) -> Guess {
    let zone = zone(resolver, at)?;
    let there: Vec<_> =
        free.iter().copied().filter(|&of| self::zone(resolver, all[of].at).as_ref() == Some(&zone)).collect();
    let [one] = there[..] else { return None };
    Some((one, format!("of those that it may be the only one in {zone}")))
}

/// The availability zone of a resource, or of the subnet that it is in.
fn zone(resolver: &mut Resolver<'_, '_, '_>, at: usize) -> Option<String> {
    let instance = &resolver.plan.instances[at];
    if let Some(zone) = instance.text_of("availability_zone") {
        return Some(zone.to_owned());
    }
    let subnet = instance.text_of("subnet_id")?;
    let subnets = resolver.plan.instances.iter().filter(|it| matches!(it.kind(), "aws_subnet" | "aws_default_subnet"));
    let mut subnets = subnets.filter(|it| it.id == subnet);
    subnets.next()?.text_of("availability_zone").map(str::to_owned)
}
