//! What can decide about a packet, by id and by the names that people gave it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vpcemu_model::native::mistakes::{listed, nearest};
use vpcemu_model::{Id, Kind, Network, NetworkInterface};

/// Everything that a verdict can name, of all configurations of a case.
#[derive(Debug)]
pub(crate) struct Components {
    /// The ids behind each id and name.
    ids: BTreeMap<String, BTreeSet<String>>,
    /// Rules that can deny: ids of those of security groups, numbers of network ACL entries, and `*` for none of them.
    rules: BTreeSet<String>,
}

/// The services of every VPC.
const SERVICES: [&str; 5] = ["dns", "imds", "ntp", "dhcp", "kms"];

impl Components {
    pub(crate) fn of<'n>(networks: impl IntoIterator<Item = &'n Network>) -> Self {
        let mut components = Self { ids: BTreeMap::new(), rules: BTreeSet::from(["*".to_owned()]) };
        for service in SERVICES {
            components.know(Kind::Vpc, &Id::new(service), None);
        }
        for network in networks {
            components.add(network);
        }
        components
    }

    fn add(&mut self, network: &Network) {
        let mut of_instance: HashMap<&Id, Vec<&NetworkInterface>> = HashMap::new();
        for it in &network.interfaces {
            self.know(Kind::NetworkInterface, &it.id, it.name.as_deref());
            if let Some(path) = &it.origin.path {
                self.alias(path, &it.id);
            }
            if let Some(instance) = &it.instance {
                of_instance.entry(instance).or_default().push(it);
            }
        }
        // An instance's name means its only interface, or the one that comes with it and has the same name.
        for instance in &network.instances {
            let own = of_instance.get(&instance.id).map_or(&[][..], Vec::as_slice);
            for name in [Some(instance.id.as_str()), instance.name.as_deref()].into_iter().flatten() {
                let same_name = || own.iter().find(|it| it.name.is_some() && it.name == instance.name);
                let meant = if let [only] = own { Some(only) } else { same_name() };
                if let Some(meant) = meant {
                    self.alias(name, &meant.id);
                }
            }
        }
        let of_groups = network.security_groups.iter().flat_map(|it| it.ingress.iter().chain(&it.egress));
        self.rules.extend(of_groups.map(|rule| rule.id.to_string()));
        for it in &network.network_acls {
            let entries = it.ingress.iter().chain(&it.egress);
            self.rules.extend(entries.map(|entry| entry.number.to_string()));
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
        // These have no names, but in a native file: what is `igw` there is `igw-igw` everywhere else.
        if matches!(kind, Kind::InternetGateway | Kind::EgressOnlyInternetGateway) {
            self.alias(id.as_str().strip_prefix(kind.prefix()).unwrap_or(id.as_str()), id);
        }
        if let Some(name) = name {
            self.alias(name, id);
        }
    }

    fn alias(&mut self, name: &str, id: &Id) {
        self.ids.entry(name.to_owned()).or_default().insert(id.to_string());
    }

    /// A rule that can deny.
    ///
    /// # Errors
    /// If no security group and no network ACL has it: what is wrong, and what to do.
    pub(crate) fn rule(&self, text: &str) -> Result<String, (String, String)> {
        if self.rules.contains(text) {
            return Ok(text.to_owned());
        }
        let help = match nearest(text, self.rules.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is {}", listed(&self.rules)),
        };
        Err((
            format!("no security group and no network ACL has a rule `{text}`, so that nothing is ever denied by it"),
            help,
        ))
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
