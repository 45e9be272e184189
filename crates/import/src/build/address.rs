//! Elastic IPs. Interfaces already say which public address is whose; this only fills what they leave open.

use vpcemu_model::Network;

use crate::Error;
use crate::dump::{Dump, Key};

/// Gives interfaces the public addresses that only `Addresses` knows.
pub(super) fn fill(dump: &Dump, network: &mut Network) -> Result<(), Error> {
    for node in dump.nodes(Key::Addresses) {
        let Some(public) = node.ipv4("PublicIp")? else { continue };
        let taken = network.interfaces.iter().flat_map(|it| &it.ipv4).any(|address| address.public == Some(public));
        if taken {
            continue;
        }
        let interface = node.id("NetworkInterfaceId")?;
        let instance = node.id("InstanceId")?;
        let owner = network.interfaces.iter_mut().find(|it| match (&interface, &instance) {
            (Some(interface), _) => it.id == *interface,
            (None, Some(instance)) => it.instance.as_ref() == Some(instance),
            (None, None) => false,
        });
        let Some(owner) = owner else { continue };
        let private = node.ipv4("PrivateIpAddress")?;
        let address = owner.ipv4.iter_mut().find(|address| private.is_none_or(|private| address.private == private));
        if let Some(address) = address
            && address.public.is_none()
        {
            address.public = Some(public);
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
