//! Everything that a network has, as rows.

use std::collections::BTreeMap;

use serde::Serialize;
use vpcemu_model::{BlockMode, ExclusionMode, Network};

use super::flow_logs::{self, FlowLogRow};
use super::gateways::{self, GatewayRow};
use super::interfaces::{self, EniRow};
use super::neighbors::{self, TransitTableRow};
use super::shown;
use super::subnets::{self, SubnetRow};

/// The rows, as JSON has them.
#[derive(Serialize)]
pub(super) struct Inventory<'a> {
    pub(super) vpcs: Vec<VpcRow<'a>>,
    pub(super) subnets: Vec<SubnetRow<'a>>,
    pub(super) enis: Vec<EniRow<'a>>,
    pub(super) gateways: Vec<GatewayRow<'a>>,
    pub(super) gateway_route_tables: Vec<GatewayTableRow<'a>>,
    pub(super) transit_gateway_route_tables: Vec<TransitTableRow<'a>>,
    pub(super) flow_logs: Vec<FlowLogRow<'a>>,
    pub(super) block_public_access: BlockRow<'a>,
    pub(super) route_tables: usize,
    pub(super) network_acls: usize,
    pub(super) security_groups: usize,
    pub(super) prefix_lists: usize,
    pub(super) instances: usize,
}

#[derive(Serialize)]
pub(super) struct VpcRow<'a> {
    pub(super) id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) cidrs: Vec<String>,
}

/// The route table of a gateway.
#[derive(Serialize)]
pub(super) struct GatewayTableRow<'a> {
    pub(super) id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) vpc: &'a str,
    pub(super) gateway: &'a str,
    pub(super) routes: BTreeMap<String, String>,
}

/// Block Public Access.
#[derive(Serialize)]
pub(super) struct BlockRow<'a> {
    pub(super) mode: BlockMode,
    pub(super) exclusions: Vec<ExclusionRow<'a>>,
}

#[derive(Serialize)]
pub(super) struct ExclusionRow<'a> {
    pub(super) scope: &'a str,
    pub(super) mode: ExclusionMode,
}

impl<'a> Inventory<'a> {
    pub(super) fn of(network: &'a Network) -> Self {
        let vpcs = network.vpcs.iter().map(|vpc| VpcRow {
            id: vpc.id.as_str(),
            name: vpc.name.as_deref(),
            cidrs: vpc.cidrs.iter().map(ToString::to_string).collect(),
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
            subnets: subnets::rows(network),
            enis: interfaces::rows(network),
            gateways: gateways::rows(network),
            gateway_route_tables: tables.collect(),
            transit_gateway_route_tables: neighbors::tables(network),
            flow_logs: flow_logs::rows(network),
            block_public_access: BlockRow { mode: network.block_public_access.mode, exclusions: exclusions.collect() },
            route_tables: network.route_tables.len(),
            network_acls: network.network_acls.len(),
            security_groups: network.security_groups.len(),
            prefix_lists: network.prefix_lists.len(),
            instances: network.instances.len(),
        }
    }
}
