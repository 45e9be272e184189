//! VPCs with what AWS makes with each, subnets, and prefix lists.

use crate::finding::Finding;
use crate::{Id, Kind, PrefixList, Subnet, Vpc};

use super::build::Builder;
use super::defaults;
use super::file::{
    EndpointFile, Named, NetworkAclFile, PrefixListFile, RouteTableFile, SecurityGroupFile, SubnetFile, Text, VpcFile,
};

/// A resource that says whether it is the default one of its VPC.
trait MaybeDefault {
    fn vpc(&self) -> Option<&Text>;
    fn is_default(&self) -> bool;
}

macro_rules! maybe_default {
    ($($file:ty: $flag:ident),*) => {$(
        impl MaybeDefault for $file {
            fn vpc(&self) -> Option<&Text> {
                self.vpc.as_ref()
            }

            fn is_default(&self) -> bool {
                self.$flag
            }
        }
    )*};
}

maybe_default!(RouteTableFile: main, NetworkAclFile: default, SecurityGroupFile: default);

impl Builder<'_> {
    pub(crate) fn vpcs(
        &mut self,
        vpcs: Named<VpcFile>,
        tables: &Named<RouteTableFile>,
        acls: &Named<NetworkAclFile>,
        groups: &Named<SecurityGroupFile>,
    ) {
        if vpcs.is_empty() && self.broken.iter().all(|id| !id.as_str().starts_with(Kind::Vpc.prefix())) {
            let finding = Finding::error("no-vpc", &self.at_file(), "the file has no VPC");
            self.findings.push(finding.help("write [vpc.NAME] with cidrs = [\"10.0.0.0/16\"]"));
        }
        let only = vpcs.len() == 1;
        for (name, vpc) in vpcs {
            let id = Id::named(Kind::Vpc, name.get_ref());
            let short = id.as_str().strip_prefix(Kind::Vpc.prefix()).unwrap_or(id.as_str());
            let table = self.default_of(&id, only, Kind::RouteTable, tables);
            let (table, made_table) =
                self.default_or_made((table, "main"), vpc.main_route_table.as_ref(), Kind::RouteTable, short, &name);
            let acl = self.default_of(&id, only, Kind::NetworkAcl, acls);
            let (acl, made_acl) = self.default_or_made(
                (acl, "default"),
                vpc.default_network_acl.as_ref(),
                Kind::NetworkAcl,
                short,
                &name,
            );
            let group = self.default_of(&id, only, Kind::SecurityGroup, groups);
            let named = vpc.default_security_group.as_ref();
            let (group, made_group) =
                self.default_or_made((group, "default"), named, Kind::SecurityGroup, short, &name);
            let is_account =
                |account: &String| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(account) = vpc.account.as_ref().filter(|account| !is_account(account)) {
                let text = format!("`{account}` is no account: expected twelve digits");
                self.error_with_help("bad-account", name.span(), text, "write account = \"111122223333\"");
            }
            let cidrs = self.blocks(vpc.cidr.iter().chain(&vpc.cidrs));
            if vpc.cidr.is_none() && vpc.cidrs.is_empty() {
                let help = "write cidrs = [\"10.0.0.0/16\"]";
                self.error_with_help("no-cidr", name.span(), format!("{id} has no block"), help);
            }
            let vpc = Vpc {
                name: Self::shown(Kind::Vpc, &name, vpc.name),
                account: vpc.account,
                cidrs,
                main_route_table: table,
                default_network_acl: acl,
                default_security_group: group,
                origin: self.at(name.span()),
                id,
            };
            if made_table {
                self.declare(Kind::RouteTable, &vpc.main_route_table);
                self.network.route_tables.push(defaults::main_route_table(&vpc));
            }
            if made_acl {
                self.declare(Kind::NetworkAcl, &vpc.default_network_acl);
                self.network.network_acls.push(defaults::network_acl(&vpc));
            }
            if made_group {
                self.declare(Kind::SecurityGroup, &vpc.default_security_group);
                self.network.security_groups.push(defaults::security_group(&vpc));
            }
            self.built.vpcs.entry(vpc.id.clone()).or_insert(self.network.vpcs.len());
            self.network.vpcs.push(vpc);
        }
    }

    fn declare(&mut self, kind: Kind, id: &Id) {
        self.declared.entry(kind).or_default().insert(id.clone());
    }

    /// The resource that says it is the VPC's default one; of the only VPC it need not name it.
    fn default_of<T: MaybeDefault>(&mut self, vpc: &Id, only: bool, kind: Kind, of: &Named<T>) -> Option<Id> {
        let here = |named: Option<&Text>| named.map_or(only, |name| Id::named(Kind::Vpc, name.get_ref()) == *vpc);
        let mut defaults = of.iter().filter(|(_, resource)| resource.is_default() && here(resource.vpc()));
        let (first, _) = defaults.next()?;
        for (other, _) in defaults {
            let text = format!("{} is the second default of {vpc}", Id::named(kind, other.get_ref()));
            let finding = Finding::error("two-defaults", &self.at(other.span()), text);
            let finding = finding.related(&self.at(first.span()), "the first one");
            self.findings.push(finding);
        }
        Some(Id::named(kind, first.get_ref()))
    }

    /// The id of a default resource, and whether it has to be made: `says` is the one that says to be it, `named` the one that
    /// the VPC names.
    fn default_or_made(
        &mut self,
        (says, what): (Option<Id>, &str),
        named: Option<&Text>,
        kind: Kind,
        short: &str,
        of: &Text,
    ) -> (Id, bool) {
        let named = named.map(|named| (self.named_or_made(kind, named, of), named.span()));
        match (says, named) {
            (Some(says), Some(((named, _), span))) if says != named => {
                let text = format!("`{}` names {named}, and {says} says to be its default one", of.get_ref());
                self.error_with_help("two-defaults", span, text, "leave out one of the two");
                (says, false)
            }
            (Some(says), _) => (says, false),
            (None, Some((named, _))) => named,
            (None, None) => (Id::of(kind, &format!("{short}-{what}")), true),
        }
    }

    pub(crate) fn subnets(&mut self, subnets: Named<SubnetFile>) {
        for (name, subnet) in subnets {
            let id = Id::named(Kind::Subnet, name.get_ref());
            let vpc = self.vpc(subnet.vpc.as_ref(), &name);
            let table = subnet.route_table.as_ref().map(|table| self.reference(Kind::RouteTable, table, &name));
            let acl = subnet.nacl.as_ref().map(|acl| self.reference(Kind::NetworkAcl, acl, &name));
            let cidrs = self.blocks(subnet.cidr.iter().chain(&subnet.cidrs));
            if subnet.cidr.is_none() && subnet.cidrs.is_empty() {
                let help = "write cidrs = [...] with a part of the VPC's block";
                self.error_with_help("no-cidr", name.span(), format!("{id} has no block"), help);
            }
            let Some(of) = vpc.and_then(|vpc| self.built_vpc(&vpc)) else {
                self.broken.insert(id);
                continue;
            };
            let (main, default) = (of.main_route_table.clone(), of.default_network_acl.clone());
            let vpc = of.id.clone();
            let origin = self.at(name.span());
            self.built.subnets.entry(id.clone()).or_insert(self.network.subnets.len());
            self.network.subnets.push(Subnet {
                id,
                name: Self::shown(Kind::Subnet, &name, subnet.name),
                vpc,
                availability_zone: subnet.az.unwrap_or_else(|| "a".to_owned()),
                availability_zone_id: subnet.az_id,
                cidrs,
                route_table: table.unwrap_or(main),
                network_acl: acl.unwrap_or(default),
                origin,
            });
        }
    }

    pub(crate) fn prefix_lists(&mut self, lists: Named<PrefixListFile>, endpoints: &Named<EndpointFile>) {
        for (name, list) in lists {
            let entries = self.blocks(&list.entries);
            let (id, origin) = (Id::named(Kind::PrefixList, name.get_ref()), self.at(name.span()));
            let name = Self::shown(Kind::PrefixList, &name, list.name);
            self.built.prefix_lists.insert(id.clone());
            self.network.prefix_lists.push(PrefixList { id, name, entries, origin });
        }
        // The list of a service is AWS's: a file has its blocks only where somebody looked them up.
        for list in endpoints.iter().filter_map(|(_, endpoint)| endpoint.prefix_list.as_ref()) {
            let id = Id::named(Kind::PrefixList, list.get_ref());
            if self.built.prefix_lists.contains(&id) || self.broken.contains(&id) {
                continue;
            }
            let text = "the file has no blocks for this list: its routes and rules match nothing";
            self.assume("EMPTY_PREFIX_LIST", &id, text);
            let (name, origin) = (Self::shown(Kind::PrefixList, list, None), self.at(list.span()));
            self.built.prefix_lists.insert(id.clone());
            self.network.prefix_lists.push(PrefixList { id, name, entries: Vec::new(), origin });
        }
    }

    /// A prefix list that a route or rule names. One that is gone matches nothing, as a group that is gone (6.13).
    pub(crate) fn prefix_list(&mut self, name: &str, span: std::ops::Range<usize>) -> Id {
        let id = Id::named(Kind::PrefixList, name);
        if self.built.prefix_lists.contains(&id) {
            return id;
        }
        if !self.broken.contains(&id) {
            let known = super::text::listed(self.network.prefix_lists.iter().map(|list| &list.id));
            let help = format!("there is {known}; define it as [prefix_list.NAME] with entries = [...]");
            let text = format!("there is no prefix list {id}: what names it is stale and matches nothing");
            self.findings.push(Finding::warning("stale-prefix-list", &self.at(span), text).help(help));
            self.missing.insert(id.clone());
        }
        id
    }
}
