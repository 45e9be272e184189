//! Flow log definitions (9).

use toml::Spanned;

use crate::{FlowLog, Id, Kind, LoggedResource};

use super::build::Builder;
use super::file::{FlowLogFile, Named, Text};
use super::text::help_for_unknown;

impl Builder<'_> {
    pub(crate) fn flow_logs(&mut self, logs: Named<FlowLogFile>) {
        for (name, log) in logs {
            let id = Id::named(Kind::FlowLog, name.get_ref());
            let Some(resource) = self.logged(&name, &log) else {
                self.broken.insert(id);
                continue;
            };
            let interval = log.max_aggregation_interval.map(Spanned::into_inner);
            self.network.flow_logs.push(FlowLog {
                id,
                traffic: log.traffic.unwrap_or_default(),
                format: log.format.unwrap_or_else(|| resource.default_format()),
                max_aggregation_interval: interval.unwrap_or_else(|| resource.default_interval()),
                resource,
                destination_type: log.destination_type.unwrap_or_default(),
                destination: log.destination,
                file_format: log.file_format.unwrap_or_default(),
                hive_compatible: log.hive_compatible,
                per_hour: log.per_hour,
                active: log.active.unwrap_or(true),
                origin: self.at(name.span()),
                name: Self::shown(Kind::FlowLog, &name, log.name),
            });
        }
    }

    /// What a log is of: what it names, or the only VPC.
    fn logged(&mut self, name: &Text, log: &FlowLogFile) -> Option<LoggedResource> {
        let FlowLogFile { vpc, subnet, eni, transit_gateway, transit_gateway_attachment, .. } = log;
        let named = [vpc, subnet, eni, transit_gateway, transit_gateway_attachment];
        if named.iter().filter(|it| it.is_some()).count() > 1 {
            let text = format!("`{}` is of more than one thing", name.get_ref());
            let help = "write one of vpc, subnet, eni, transit_gateway, transit_gateway_attachment";
            self.error_with_help("flow-log-resource", name.span(), text, help);
            return None;
        }
        if let Some(subnet) = subnet {
            return Some(LoggedResource::Subnet(self.reference(Kind::Subnet, subnet, name)));
        }
        if let Some(eni) = eni {
            return Some(LoggedResource::NetworkInterface(self.logged_interface(eni, name)));
        }
        if let Some(gateway) = transit_gateway {
            let known = self.network.transit_gateways.iter().map(|gateway| gateway.id.clone()).collect();
            let id = self.among(known, Kind::TransitGateway, gateway, name);
            return Some(LoggedResource::TransitGateway(id));
        }
        if let Some(attachment) = transit_gateway_attachment {
            let gateways = &self.network.transit_gateways;
            let known = gateways.iter().flat_map(|gateway| &gateway.attachments).map(|it| it.id.clone()).collect();
            let id = self.among(known, Kind::TransitGatewayAttachment, attachment, name);
            return Some(LoggedResource::TransitGatewayAttachment(id));
        }
        self.vpc(vpc.as_ref(), name).map(LoggedResource::Vpc)
    }

    /// An interface of the file, or one that was made for a gateway, endpoint or attachment.
    fn logged_interface(&mut self, named: &Text, by: &Text) -> Id {
        let id = Id::named(Kind::NetworkInterface, named.get_ref());
        let made = self.network.interfaces.iter().any(|interface| interface.id == id);
        if made { id } else { self.reference(Kind::NetworkInterface, named, by) }
    }

    /// The id that a name refers to, which is to be one of those that are known.
    fn among(&mut self, known: Vec<Id>, kind: Kind, named: &Text, by: &Text) -> Id {
        let id = Id::named(kind, named.get_ref());
        if !known.contains(&id) && !self.broken.contains(&id) {
            let help = help_for_unknown(kind, &id, known.iter());
            let text = format!("`{}` names {id}, which does not exist", by.get_ref());
            self.error_with_help("unknown-reference", named.span(), text, help);
            self.missing.insert(id.clone());
        }
        id
    }
}
