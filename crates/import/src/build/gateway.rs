//! Internet gateways and egress-only internet gateways.

use vpcemu_model::{EgressOnlyInternetGateway, Id, InternetGateway, Network};

use crate::Error;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills both kinds.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    for node in dump.nodes(Key::InternetGateways) {
        let id = node.required_id("InternetGatewayId")?;
        let vpc = attached(&node, "Attachments", network)?;
        network.internet_gateways.push(InternetGateway { id, vpc, origin: node.origin() });
    }
    for node in dump.nodes(Key::EgressOnlyInternetGateways) {
        let id = node.required_id("EgressOnlyInternetGatewayId")?;
        match attached(&node, "Attachments", network)? {
            Some(vpc) => {
                let origin = node.origin();
                network.egress_only_internet_gateways.push(EgressOnlyInternetGateway { id, vpc, origin });
            }
            None => notes.gone(id, node.origin(), "not attached to a VPC that was read"),
        }
    }
    Ok(())
}

/// The VPC that a gateway is attached to. Real answers say `available` where the API's model says `attached`.
pub(super) fn attached(node: &Node<'_>, field: &str, network: &Network) -> Result<Option<Id>, Error> {
    for attachment in node.list(field)? {
        let state = attachment.state("State")?;
        let vpc = attachment.id("VpcId")?.filter(|vpc| network.vpc(vpc).is_some());
        if vpc.is_some() && matches!(state.as_deref(), None | Some("available" | "attached")) {
            return Ok(vpc);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::build::testing::{ignored, import_over};

    #[test]
    fn only_attached_gateways_serve() {
        let attached = |state: &str| json!([{"VpcId": "vpc-1", "State": state}]);
        let imported = import_over(json!({
            "InternetGateways": [
                {"InternetGatewayId": "igw-1", "Attachments": attached("Available")},
                {"InternetGatewayId": "igw-2", "Attachments": []},
                {"InternetGatewayId": "igw-3", "Attachments": attached("detaching")},
            ],
            "EgressOnlyInternetGateways": [
                {"EgressOnlyInternetGatewayId": "eigw-1", "Attachments": attached("attached")},
                {"EgressOnlyInternetGatewayId": "eigw-2", "Attachments": null},
            ],
        }));
        let vpcs: Vec<bool> = imported.network.internet_gateways.iter().map(|it| it.vpc.is_some()).collect();
        assert_eq!(vpcs, [true, false, false]);
        assert_eq!(imported.network.egress_only_internet_gateways.len(), 1);
        assert_eq!(ignored(&imported), ["eigw-2"]);
    }
}
