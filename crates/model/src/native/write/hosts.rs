//! Instances, and interfaces that the reader does not make of what they belong to.

use crate::behavior::Span;
use crate::native::file::InterfaceTypeFile;
use crate::native::hosts::is_groupless;
use crate::{Id, Instance, InterfaceKind, Kind, NetworkInterface, PrivateIpv4, instance_type};

use super::Page;
use super::behavior::word;
use super::gateways::short;
use super::toml::{self, Row, text};

impl<'a> Page<'a> {
    pub(super) fn instances(&mut self) {
        let network = self.network;
        for instance in &network.instances {
            self.heading("instance", Kind::Instance, &instance.id, &instance.origin);
            self.name_of(Kind::Instance, &instance.id, instance.name.as_ref());
            let primary = self.owned.primary(instance).filter(|primary| self.owned.is_made(&primary.id));
            let Some(primary) = primary else {
                self.set_text("eni", Some("none"));
                self.instance(instance);
                continue;
            };
            self.note(&format!("assumed of {}", primary.id), &primary.id);
            if primary.id != Id::of(Kind::NetworkInterface, short(Kind::Instance, &instance.id)) {
                self.set_text("eni", Some(&primary.id.as_name(Kind::NetworkInterface)));
            }
            self.refer("subnet", Kind::Subnet, &primary.subnet);
            self.set("addresses", toml::texts(primary.addresses()));
            self.public(primary.ipv4.first());
            self.groups_of(primary);
            self.flag("source_dest_check", primary.source_dest_check, true);
            self.set_text("forward", primary.forward.as_ref().map(word).as_deref());
            self.instance(instance);
            self.timers(primary, Some(instance));
        }
    }

    fn instance(&mut self, instance: &'a Instance) {
        self.flag("running", instance.running, true);
        self.set_text("instance_type", instance.instance_type.as_deref());
    }

    fn public(&mut self, address: Option<&PrivateIpv4>) {
        let public = address.and_then(|pair| pair.public).map(|public| public.to_string());
        self.set_text("public", public.as_deref());
    }

    fn timers(&mut self, interface: &NetworkInterface, instance: Option<&Instance>) {
        let tracking = interface.connection_tracking;
        let of_type = instance.and_then(|instance| instance_type::tcp_established(instance.instance_type.as_deref()?));
        for (key, timer) in [
            ("tcp_established_timeout", tracking.tcp_established.filter(|timer| Some(*timer) != of_type)),
            ("udp_timeout", tracking.udp),
            ("udp_stream_timeout", tracking.udp_stream),
        ] {
            self.set(key, timer.map(|timer| text(&Span(timer).to_string())));
        }
    }

    pub(super) fn interfaces(&mut self) {
        let network = self.network;
        for interface in &network.interfaces {
            if !self.owned.is_made(&interface.id) {
                self.interface(interface);
            }
        }
    }

    fn interface(&mut self, interface: &'a NetworkInterface) {
        self.heading("eni", Kind::NetworkInterface, &interface.id, &interface.origin);
        self.name_of(Kind::NetworkInterface, &interface.id, interface.name.as_ref());
        if interface.kind != InterfaceKind::Interface {
            self.set_text("type", Some(InterfaceTypeFile::word(interface.kind)));
        }
        self.refer("subnet", Kind::Subnet, &interface.subnet);
        let instance = interface.instance.as_ref().and_then(|id| self.owned.instance(id));
        if let Some(instance) = &interface.instance {
            self.refer("instance", Kind::Instance, instance);
        }
        // From the first further address on that has a public one, all are pairs: their order is kept.
        let pairs = interface.ipv4.iter().skip(1).position(|pair| pair.public.is_some());
        let (plain, pairs) = interface.ipv4.split_at(pairs.map_or(interface.ipv4.len(), |at| at + 1));
        let ipv4 = plain.iter().map(|pair| pair.private.to_string());
        let ipv6 = interface.ipv6.iter().map(ToString::to_string);
        self.set("addresses", toml::texts(ipv4.chain(ipv6)));
        self.public(plain.first());
        if !pairs.is_empty() {
            let pair = |pair: &PrivateIpv4| {
                let row = Row::new().set("private", text(&pair.private.to_string()));
                row.set("public", pair.public.map(|public| text(&public.to_string()))).done()
            };
            self.set("secondary", toml::rows(pairs.iter().map(pair).collect()));
        }
        if !interface.prefixes.is_empty() {
            self.set("prefixes", toml::texts(&interface.prefixes));
        }
        let groupless = is_groupless(interface.kind);
        if !(groupless && interface.security_groups.is_empty()) {
            if groupless {
                self.refer_all("security_groups", Kind::SecurityGroup, &interface.security_groups);
            } else {
                self.groups_of(interface);
            }
        }
        self.flag("source_dest_check", interface.source_dest_check, !groupless);
        self.set_text("forward", interface.forward.as_ref().map(word).as_deref());
        self.flag("in_use", interface.in_use, instance.is_none_or(|instance| instance.running));
        self.flag("deny_all_igw_traffic", interface.deny_all_igw_traffic, false);
        self.timers(interface, instance);
    }
}
