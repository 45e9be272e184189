//! Elastic IPs. Interfaces already say which public address is whose; this only fills what they leave open.

use std::collections::HashSet;

use vpcemu_model::Network;

use super::positions;
use crate::Error;
use crate::dump::{Dump, Key};

/// Gives interfaces the public addresses that only `Addresses` knows.
pub(super) fn fill(dump: &Dump, network: &mut Network) -> Result<(), Error> {
    let interfaces = &mut network.interfaces;
    let by_id = positions(interfaces, |interface| Some(&interface.id));
    let by_instance = positions(interfaces, |interface| interface.instance.as_ref());
    let mut taken: HashSet<_> = interfaces.iter().flat_map(|it| &it.ipv4).filter_map(|it| it.public).collect();
    for node in dump.nodes(Key::Addresses) {
        let Some(public) = node.ipv4("PublicIp")? else { continue };
        if taken.contains(&public) {
            continue;
        }
        let owner = match (node.id("NetworkInterfaceId")?, node.id("InstanceId")?) {
            (Some(interface), _) => by_id.get(&interface),
            (None, Some(instance)) => by_instance.get(&instance),
            (None, None) => None,
        };
        let Some(owner) = owner.map(|at| &mut interfaces[*at]) else { continue };
        let private = node.ipv4("PrivateIpAddress")?;
        let address = owner.ipv4.iter_mut().find(|address| private.is_none_or(|private| address.private == private));
        if let Some(address) = address
            && address.public.is_none()
        {
            address.public = Some(public);
            taken.insert(public);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::build::testing::import_over;

    #[test]
    fn addresses_fill_gaps_and_overrule_nothing() {
        let imported = import_over(json!({
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}],
                "PrivateIpAddresses": [
                    {"PrivateIpAddress": "10.0.1.4", "Association": {"PublicIp": "203.0.113.4"}},
                    {"PrivateIpAddress": "10.0.1.5"}, {"PrivateIpAddress": "10.0.1.6"}]}],
            "Addresses": [
                {"PublicIp": "203.0.113.99", "NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.1.4"},
                {"PublicIp": "203.0.113.5", "NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.1.5", "InstanceId": ""},
                {"PublicIp": "203.0.113.4", "NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.1.6"},
                {"PublicIp": "203.0.113.7"},
            ],
        }));
        let public: Vec<_> = imported.network.interfaces[0].ipv4.iter().map(|it| it.public).collect();
        assert_eq!(public, [Some([203, 0, 113, 4].into()), Some([203, 0, 113, 5].into()), None]);
    }
}
