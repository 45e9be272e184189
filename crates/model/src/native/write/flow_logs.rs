//! Flow log definitions.

use crate::{Kind, LogDestination, LogFileFormat, LoggedResource, LoggedTraffic};

use super::Page;
use super::behavior::word;

impl Page<'_> {
    pub(super) fn flow_logs(&mut self) {
        let network = self.network;
        for log in &network.flow_logs {
            self.heading("flow_log", Kind::FlowLog, &log.id, &log.origin);
            self.name_of(Kind::FlowLog, &log.id, log.name.as_ref());
            match &log.resource {
                LoggedResource::Vpc(id) => self.of_vpc(id),
                LoggedResource::Subnet(id) => self.refer("subnet", Kind::Subnet, id),
                // Made ones have no other name.
                LoggedResource::NetworkInterface(id) => {
                    self.set_text("eni", Some(&id.as_name(Kind::NetworkInterface)));
                }
                LoggedResource::TransitGateway(id) => self.refer("transit_gateway", Kind::TransitGateway, id),
                LoggedResource::TransitGatewayAttachment(id) => {
                    self.refer("transit_gateway_attachment", Kind::TransitGatewayAttachment, id);
                }
            }
            if log.traffic != LoggedTraffic::default() {
                self.set_text("traffic", Some(&word(&log.traffic)));
            }
            if log.format != log.resource.default_format() {
                self.set_text("format", Some(&log.format));
            }
            if log.max_aggregation_interval != log.resource.default_interval() {
                self.set("max_aggregation_interval", log.max_aggregation_interval.to_string());
            }
            if log.destination_type != LogDestination::default() {
                self.set_text("destination_type", Some(&word(&log.destination_type)));
            }
            self.set_text("destination", log.destination.as_deref());
            if log.file_format != LogFileFormat::default() {
                self.set_text("file_format", Some(&word(&log.file_format)));
            }
            self.flag("hive_compatible", log.hive_compatible, false);
            self.flag("per_hour", log.per_hour, false);
            self.flag("active", log.active, true);
        }
    }
}
