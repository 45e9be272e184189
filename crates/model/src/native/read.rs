//! From text to the file's shape, collecting what is wrong instead of stopping at it.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::finding::Finding;
use crate::{Id, Kind};

use super::file::{File, Named};
use super::keys::Keys;
use super::places::Places;

/// The TOML of a text.
///
/// # Errors
/// Every place where it is none.
pub fn toml<'t>(text: &'t str, places: &Places) -> Result<DeTable<'t>, Vec<Finding>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table.into_inner());
    }
    let mut findings: Vec<Finding> = errors.iter().map(|error| type_error("syntax", error, places)).collect();
    // What follows on the line of a mistake is mostly its consequence.
    findings.sort_by_key(|finding| finding.origin.span);
    findings.dedup_by_key(|finding| finding.origin.line);
    Err(findings)
}

/// What could be read.
pub(crate) struct Read {
    pub(crate) file: File,
    pub(crate) findings: Vec<Finding>,
    /// The resources that could not.
    pub(crate) broken: HashSet<Id>,
}

/// The file's shape; a resource that cannot be read is left out, with a finding.
pub(crate) fn file(table: DeTable<'_>, places: &Places) -> Read {
    let findings = Keys::of_file().unknown(&table, places);
    let mut reader = Reader { places, findings, broken: HashSet::new() };
    let mut file = File::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "vpc" => file.vpc = reader.resources(Kind::Vpc, value),
            "subnet" => file.subnet = reader.resources(Kind::Subnet, value),
            "route_table" => file.route_table = reader.resources(Kind::RouteTable, value),
            "network_acl" => file.network_acl = reader.resources(Kind::NetworkAcl, value),
            "security_group" => file.security_group = reader.resources(Kind::SecurityGroup, value),
            "instance" => file.instance = reader.resources(Kind::Instance, value),
            "eni" => file.eni = reader.resources(Kind::NetworkInterface, value),
            "internet_gateway" => file.internet_gateway = reader.resources(Kind::InternetGateway, value),
            "egress_only_internet_gateway" => {
                file.egress_only_internet_gateway = reader.resources(Kind::EgressOnlyInternetGateway, value);
            }
            "nat_gateway" => file.nat_gateway = reader.resources(Kind::NatGateway, value),
            "prefix_list" => file.prefix_list = reader.resources(Kind::PrefixList, value),
            "vpc_endpoint" => file.vpc_endpoint = reader.resources(Kind::VpcEndpoint, value),
            "vpc_peering_connection" => {
                file.vpc_peering_connection = reader.resources(Kind::VpcPeeringConnection, value);
            }
            "transit_gateway" => file.transit_gateway = reader.resources(Kind::TransitGateway, value),
            "vpn_gateway" => file.vpn_gateway = reader.resources(Kind::VpnGateway, value),
            "gateway_route_table" => file.gateway_route_table = reader.resources(Kind::RouteTable, value),
            "flow_log" => file.flow_log = reader.resources(Kind::FlowLog, value),
            "block_public_access" => file.block_public_access = reader.value(value).unwrap_or_default(),
            "behavior" => file.behavior = reader.value(value).unwrap_or_default(),
            // Every other key is among the unknown ones.
            _ => {}
        }
    }
    Read { file, findings: reader.findings, broken: reader.broken }
}

struct Reader<'a> {
    places: &'a Places,
    findings: Vec<Finding>,
    broken: HashSet<Id>,
}

impl Reader<'_> {
    /// Every resource of one table, each on its own, so that a mistake in one does not hide those in others.
    fn resources<T: DeserializeOwned>(&mut self, kind: Kind, value: Spanned<DeValue<'_>>) -> Named<T> {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            let text = "resources have names: write a table `[KIND.NAME]`";
            self.findings.push(Finding::error("wrong-type", &self.places.at(span), text));
            return Vec::new();
        };
        let mut resources: Named<T> = Vec::new();
        for (name, value) in table {
            let name = Spanned::new(name.span(), name.into_inner().into_owned());
            if name.get_ref().is_empty() {
                self.findings.push(Finding::error("no-name", &self.places.at(name.span()), "a resource needs a name"));
                continue;
            }
            match self.value(value) {
                Some(resource) => resources.push((name, resource)),
                None => _ = self.broken.insert(Id::named(kind, name.get_ref())),
            }
        }
        // The parser's map has the order of names; the model has that of the file.
        resources.sort_by_key(|(name, _)| name.span().start);
        resources
    }

    fn value<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'_>>) -> Option<T> {
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            Err(error) => {
                let mut finding = type_error("wrong-type", &error, self.places);
                if finding.origin.span.is_none() {
                    finding.origin = self.places.at(span);
                }
                self.findings.push(finding);
                None
            }
        }
    }
}

/// What a deserializer did not like, at its place.
pub fn type_error(code: &'static str, error: &toml::de::Error, places: &Places) -> Finding {
    let origin = error.span().map_or_else(|| places.file(), |span| places.at(span));
    Finding::error(code, &origin, error.message().trim())
}
