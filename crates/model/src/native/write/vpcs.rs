//! VPCs, subnets and prefix lists.

use crate::{Id, Kind};

use super::{Page, toml};

/// The availability zone of subnets that name none.
const ZONE: &str = "a";

impl Page<'_> {
    pub(super) fn vpcs(&mut self) {
        for vpc in &self.network.vpcs {
            self.heading("vpc", Kind::Vpc, &vpc.id, &vpc.origin);
            self.name_of(Kind::Vpc, &vpc.id, vpc.name.as_ref());
            self.set_text("account", vpc.account.as_deref());
            self.set("cidrs", toml::texts(&vpc.cidrs));
            let short = vpc.id.as_str().strip_prefix(Kind::Vpc.prefix()).unwrap_or(vpc.id.as_str());
            for (key, kind, id, what) in [
                ("main_route_table", Kind::RouteTable, &vpc.main_route_table, "main"),
                ("default_network_acl", Kind::NetworkAcl, &vpc.default_network_acl, "default"),
                ("default_security_group", Kind::SecurityGroup, &vpc.default_security_group, "default"),
            ] {
                // One with a table of its own says there that it is the default one.
                let by_itself = *id == Id::of(kind, &format!("{short}-{what}"));
                if self.implied.is_left_out(kind, id) && !by_itself {
                    self.set_text(key, Some(&id.as_name(kind)));
                }
            }
        }
    }

    pub(super) fn subnets(&mut self) {
        for subnet in &self.network.subnets {
            self.heading("subnet", Kind::Subnet, &subnet.id, &subnet.origin);
            self.name_of(Kind::Subnet, &subnet.id, subnet.name.as_ref());
            self.of_vpc(&subnet.vpc);
            if subnet.availability_zone != ZONE {
                self.set_text("az", Some(&subnet.availability_zone));
            }
            self.set_text("az_id", subnet.availability_zone_id.as_deref());
            self.set("cidrs", toml::texts(&subnet.cidrs));
            let vpc = self.network.vpc(&subnet.vpc);
            if vpc.is_none_or(|vpc| vpc.main_route_table != subnet.route_table) {
                self.refer("route_table", Kind::RouteTable, &subnet.route_table);
            }
            if vpc.is_none_or(|vpc| vpc.default_network_acl != subnet.network_acl) {
                self.refer("nacl", Kind::NetworkAcl, &subnet.network_acl);
            }
        }
    }

    pub(super) fn prefix_lists(&mut self) {
        for list in &self.network.prefix_lists {
            self.heading("prefix_list", Kind::PrefixList, &list.id, &list.origin);
            self.name_of(Kind::PrefixList, &list.id, list.name.as_ref());
            self.set("entries", toml::texts(&list.entries));
        }
    }
}
