//! What can decide about a packet, by id and by the names that people gave it.

use std::collections::{BTreeMap, BTreeSet};

use vpcemu_lab::select;
use vpcemu_model::native::mistakes::{listed, nearest};
use vpcemu_model::{Id, Kind, Network};

/// Everything that a verdict can name, of all configurations of a case.
#[derive(Debug)]
pub(crate) struct Components {
    /// The ids behind each id and name.
    ids: BTreeMap<String, BTreeSet<String>>,
}

/// The services of every VPC.
const SERVICES: [&str; 5] = ["dns", "imds", "ntp", "dhcp", "kms"];

impl Components {
    pub(crate) fn of<'n>(networks: impl IntoIterator<Item = &'n Network>) -> Self {
        let mut components = Self { ids: BTreeMap::new() };
        for service in SERVICES {
            components.know(Kind::Vpc, &Id::new(service), None);
        }
        for network in networks {
            components.add(network);
        }
        components
    }

    fn add(&mut self, network: &Network) {
        for it in &network.interfaces {
            self.know(Kind::NetworkInterface, &it.id, it.name.as_deref());
            // An instance's name, and its Terraform address, mean the interface that comes with it.
            let instance = it.instance.as_ref().and_then(|id| network.instances.iter().find(|of| of.id == *id));
            let names = instance.into_iter().flat_map(|of| [Some(of.id.as_str()), of.name.as_deref()]);
            for name in names.chain([it.origin.path.as_deref()]).flatten() {
                if select::interface(network, name).is_ok_and(|meant| meant.id == it.id) {
                    self.alias(name, &it.id);
                }
            }
        }
        for it in &network.network_acls {
            self.know(Kind::NetworkAcl, &it.id, it.name.as_deref());
        }
        for it in &network.route_tables {
            self.know(Kind::RouteTable, &it.id, it.name.as_deref());
        }
        for it in &network.gateway_route_tables {
            self.know(Kind::RouteTable, &it.id, it.name.as_deref());
        }
        for it in &network.internet_gateways {
            self.know(Kind::InternetGateway, &it.id, None);
        }
        for it in &network.egress_only_internet_gateways {
            self.know(Kind::EgressOnlyInternetGateway, &it.id, None);
        }
        for it in &network.nat_gateways {
            self.know(Kind::NatGateway, &it.id, it.name.as_deref());
        }
        for it in &network.vpc_endpoints {
            self.know(Kind::VpcEndpoint, &it.id, it.name.as_deref());
        }
        for it in &network.vpc_peering_connections {
            self.know(Kind::VpcPeeringConnection, &it.id, it.name.as_deref());
        }
        for it in &network.vpn_gateways {
            self.know(Kind::VpnGateway, &it.id, it.name.as_deref());
        }
        for it in &network.transit_gateways {
            self.know(Kind::TransitGateway, &it.id, it.name.as_deref());
        }
    }

    /// What the engine knows beyond what is described: edges that routes only name, tables of transit gateways.
    pub(crate) fn add_registry(&mut self, registry: &vpcemu_dataplane::Registry) {
        for (_, id) in registry.edges.iter() {
            self.know(Kind::TransitGatewayAttachment, id, None);
        }
        for (_, id) in registry.tables.iter() {
            self.know(Kind::RouteTable, id, None);
        }
        for (_, id) in registry.enis.iter() {
            self.know(Kind::NetworkInterface, id, None);
        }
    }

    fn know(&mut self, kind: Kind, id: &Id, name: Option<&str>) {
        self.alias(id.as_str(), id);
        self.alias(&id.as_name(kind), id);
        if let Some(name) = name {
            self.alias(name, id);
        }
    }

    fn alias(&mut self, name: &str, id: &Id) {
        self.ids.entry(name.to_owned()).or_default().insert(id.to_string());
    }

    /// The id that `text` means.
    ///
    /// # Errors
    /// If there is none, or several have the name: what is wrong, and what to do.
    pub(crate) fn find(&self, text: &str) -> Result<String, (String, String)> {
        // An id is never ambiguous.
        let Some(ids) = self.ids.get(text) else {
            let help = match nearest(text, self.ids.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is {}", listed(self.ids.values().flatten().collect::<BTreeSet<_>>())),
            };
            return Err((format!("`{text}` names no component of the network"), help));
        };
        if let Some(id) = ids.get(text) {
            return Ok(id.clone());
        }
        match ids.iter().collect::<Vec<_>>().as_slice() {
            [one] => Ok((*one).clone()),
            several => {
                let candidates: Vec<_> = several.iter().map(|id| id.as_str()).collect();
                Err((format!("`{text}` is ambiguous"), format!("write one of {}", candidates.join(", "))))
            }
        }
    }
}
