//! Which VPCs a security group serves besides its own (6.14).

use std::collections::BTreeMap;

use vpcemu_model::{Id, Network, Origin};

use super::positions;
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::notes::Notes;

/// States in which an association is in force: one that is being undone is, until it is undone.
const IN_FORCE: [&str; 3] = ["associated", "disassociating", "disassociation-failed"];

/// Further VPCs of the network by group, in reading order, with their places.
#[derive(Debug, Default)]
pub(super) struct Associations {
    by_group: BTreeMap<Id, Vec<(Id, Origin)>>,
}

impl Associations {
    /// Those of the dump that are in force.
    pub(super) fn read(dump: &Dump, network: &Network) -> Result<Self, Error> {
        let mut associations = Self::default();
        for node in dump.nodes(Key::SecurityGroupVpcAssociations) {
            let group = node.required_id("GroupId")?;
            let state = node.state("State")?;
            let Some(vpc) = node.id("VpcId")? else { continue };
            if network.vpc(&vpc).is_none() || state.is_some_and(|state| !IN_FORCE.contains(&state.as_str())) {
                continue;
            }
            let of_group = associations.by_group.entry(group).or_default();
            if of_group.iter().all(|(known, _)| *known != vpc) {
                of_group.push((vpc, node.origin()));
            }
        }
        Ok(associations)
    }

    /// The first VPC that a group serves.
    pub(super) fn first(&self, group: &Id) -> Option<Id> {
        self.by_group.get(group).and_then(|them| them.first()).map(|(vpc, _)| vpc.clone())
    }

    /// The VPCs that a group of `vpc` serves besides.
    pub(super) fn take(&mut self, group: &Id, vpc: &Id) -> Vec<Id> {
        let all = self.by_group.remove(group).unwrap_or_default();
        all.into_iter().map(|(further, _)| further).filter(|further| further != vpc).collect()
    }

    /// Those whose group is not in the dump.
    pub(super) fn note_unknown(self, notes: &mut Notes) {
        for (group, associations) in self.by_group {
            for (vpc, place) in associations {
                notes.ignore(&group, place, format!("its association with {vpc}: the group was not read"));
            }
        }
    }
}

/// A group on an interface of another VPC has to be associated with that VPC, whether the dump tells or not.
pub(super) fn infer(network: &mut Network, notes: &mut Notes) {
    let Network { subnets, interfaces, security_groups, vpcs, .. } = network;
    let at = positions(subnets, |subnet| Some(&subnet.id));
    let groups = positions(security_groups, |group| Some(&group.id));
    for interface in interfaces {
        let Some(subnet) = at.get(&interface.subnet).map(|at| &subnets[*at]) else { continue };
        for id in &interface.security_groups {
            let Some(group) = groups.get(id).map(|at| &mut security_groups[*at]) else { continue };
            // A default group never is: the validation says so.
            let default = vpcs.iter().any(|vpc| vpc.default_security_group == *id);
            if default || group.serves(&subnet.vpc) {
                continue;
            }
            let (owner, vpc) = (&group.vpc, &subnet.vpc);
            let text = format!("{id} of {owner} is on {}: it is taken to be associated with {vpc}", interface.id);
            notes.assume(codes::SECURITY_GROUP_ASSOCIATION, id, text);
            group.further_vpcs.push(subnet.vpc.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::build::testing::{codes, complete, ignored, import_over};
    use crate::{Imported, Options};

    fn group(id: &str, vpc: &str) -> Value {
        json!({"GroupId": id, "GroupName": "shared", "VpcId": vpc,
            "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]})
    }

    /// Two VPCs; `sg-2` is of the second, and an interface of the first has it.
    fn two_vpcs(associations: &Value) -> Value {
        let vpc = |id: &str, block: &str| json!({"VpcId": id, "CidrBlock": block});
        complete(json!({
            "Vpcs": [vpc("vpc-1", "10.0.0.0/16"), vpc("vpc-2", "10.2.0.0/16")],
            "SecurityGroups": [group("sg-2", "vpc-2")],
            "SecurityGroupVpcAssociations": associations,
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-2"}],
                "PrivateIpAddress": "10.0.1.5"}],
        }))
    }

    fn association(vpc: &str, state: &str) -> Value {
        json!({"GroupId": "sg-2", "VpcId": vpc, "VpcOwnerId": "1", "State": state, "GroupOwnerId": "1"})
    }

    fn further(imported: &Imported) -> Vec<&str> {
        let group = imported.network.security_groups.iter().find(|group| group.id.as_str() == "sg-2").unwrap();
        group.further_vpcs.iter().map(Id::as_str).collect()
    }

    #[test]
    fn associations_in_force_are_read() {
        for (state, inferred) in [("associated", false), ("disassociating", false), ("associating", true)] {
            let both =
                json!([association("vpc-1", state), association("vpc-1", state), association("vpc-9", "associated")]);
            let imported = import_over(two_vpcs(&both));
            assert_eq!(further(&imported), ["vpc-1"], "{state}");
            assert_eq!(codes(&imported).contains(&codes::SECURITY_GROUP_ASSOCIATION), inferred, "{state}");
        }
    }

    #[test]
    fn a_group_on_an_interface_elsewhere_is_taken_to_be_associated() {
        let imported = import_over(two_vpcs(&Value::Null));
        assert_eq!(further(&imported), ["vpc-1"]);
        assert!(codes(&imported).contains(&codes::SECURITY_GROUP_ASSOCIATION));
    }

    #[test]
    fn of_one_vpc_the_groups_that_are_shared_with_it_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.json");
        std::fs::write(&path, two_vpcs(&json!([association("vpc-1", "associated")])).to_string()).unwrap();
        let options = Options { vpc: Some("vpc-1".into()), ..Options::default() };
        let imported = crate::load(&path, &options).unwrap();
        let group = imported.network.security_groups.iter().find(|group| group.id.as_str() == "sg-2").unwrap();
        assert_eq!((group.vpc.as_str(), group.ingress.len()), ("vpc-1", 1));
        assert!(!codes(&imported).contains(&codes::UNKNOWN_SECURITY_GROUP));
    }

    #[test]
    fn an_association_of_an_unknown_group_is_told() {
        let mut associations = association("vpc-1", "associated");
        associations["GroupId"] = json!("sg-9");
        let imported = import_over(json!({"SecurityGroupVpcAssociations": [associations]}));
        assert_eq!(ignored(&imported), ["sg-9"]);
    }
}
