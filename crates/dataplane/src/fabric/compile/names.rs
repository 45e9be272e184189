//! What is looked up once for each of many resources, by its name.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;
use vpcemu_model::{ExclusionMode, Id, Network, Vpc};

use crate::fabric::Zone;

/// The resources of one network by id; of duplicates the first counts. Nothing is iterated.
pub(super) struct Names<'a> {
    vpcs: HashMap<&'a Id, &'a Vpc>,
    zones: HashMap<&'a str, Zone>,
    prefix_lists: HashMap<&'a Id, Arc<[IpNet]>>,
    /// What stands for a list that is not there.
    nothing: Arc<[IpNet]>,
    exclusions: HashMap<&'a Id, ExclusionMode>,
    /// By VPC.
    internet_gateways: HashMap<&'a Id, &'a Id>,
}

impl<'a> Names<'a> {
    pub(super) fn of(network: &'a Network) -> Self {
        let mut names = Self {
            vpcs: HashMap::new(),
            zones: HashMap::new(),
            prefix_lists: HashMap::new(),
            nothing: Arc::default(),
            exclusions: HashMap::new(),
            internet_gateways: HashMap::new(),
        };
        for vpc in &network.vpcs {
            names.vpcs.entry(&vpc.id).or_insert(vpc);
        }
        let of_subnets = network.subnets.iter().map(|subnet| subnet.availability_zone.as_str());
        // A regional NAT gateway may have addresses where no subnet is (4.4): they are another zone's, and not every zone's.
        let addresses = network.nat_gateways.iter().flat_map(|gateway| &gateway.addresses);
        for zone in of_subnets.chain(addresses.filter_map(|address| address.zone.as_deref())) {
            // In the order of the source.
            let next = Zone(u16::try_from(names.zones.len()).unwrap_or(u16::MAX));
            names.zones.entry(zone).or_insert(next);
        }
        for list in &network.prefix_lists {
            names.prefix_lists.entry(&list.id).or_insert_with(|| list.entries.as_slice().into());
        }
        for exclusion in &network.block_public_access.exclusions {
            names.exclusions.entry(&exclusion.scope).or_insert(exclusion.allows);
        }
        for gateway in &network.internet_gateways {
            if let Some(vpc) = &gateway.vpc {
                names.internet_gateways.entry(vpc).or_insert(&gateway.id);
            }
        }
        names
    }

    pub(super) fn vpc(&self, id: &Id) -> Option<&'a Vpc> {
        self.vpcs.get(id).copied()
    }

    pub(super) fn zone(&self, name: &str) -> Option<Zone> {
        self.zones.get(name).copied()
    }

    /// The blocks of a list; of one that is not there, none.
    pub(super) fn prefix_list(&self, id: &Id) -> &Arc<[IpNet]> {
        self.prefix_lists.get(id).unwrap_or(&self.nothing)
    }

    pub(super) fn exclusion(&self, scope: &Id) -> Option<ExclusionMode> {
        self.exclusions.get(scope).copied()
    }

    pub(super) fn internet_gateway(&self, vpc: &Id) -> Option<&'a Id> {
        self.internet_gateways.get(vpc).copied()
    }
}
