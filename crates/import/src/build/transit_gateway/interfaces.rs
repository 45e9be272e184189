//! The interfaces of attachments: AWS puts one into each subnet that is attached (semantics 10.21).

use std::collections::HashMap;

use vpcemu_model::{Id, InterfaceKind, Kind, Network, Origin};

use crate::Error;
use crate::build::interface::attachment_of;
use crate::build::made_interface::made;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::notes::Notes;

/// The interfaces of transit gateways that are no attachment's yet.
pub(super) struct Interfaces {
    free: Vec<Free>,
}

struct Free {
    id: Id,
    subnet: Id,
    /// The attachment that its description names.
    named: Option<Id>,
}

impl Interfaces {
    pub(super) fn read(dump: &Dump, network: &Network) -> Result<Self, Error> {
        let mut named = HashMap::new();
        for node in dump.nodes(Key::NetworkInterfaces) {
            if let (Some(id), Some(attachment)) = (node.id("NetworkInterfaceId")?, attachment_of(&node)?) {
                named.insert(id, attachment);
            }
        }
        let of_gateways = network.interfaces.iter().filter(|it| it.kind == InterfaceKind::TransitGateway);
        let free = of_gateways.map(|it| Free {
            named: named.get(&it.id).cloned(),
            id: it.id.clone(),
            subnet: it.subnet.clone(),
        });
        Ok(Self { free: free.collect() })
    }

    /// The interfaces of an attachment, one in each of its subnets; what the dump does not list is made.
    #[expect(clippy::too_many_arguments, reason = "what there is, what is wanted, and where notes go")]
    pub(super) fn of(
        &mut self,
        attachment: &Id,
        vpc: &Id,
        subnets: &[Id],
        origin: &Origin,
        dump: &Dump,
        network: &mut Network,
        notes: &mut Notes,
    ) -> Vec<Id> {
        if subnets.is_empty() {
            let claimed = self.without_subnets(attachment, vpc, network);
            if claimed.is_empty() {
                let text = format!("neither subnets nor interfaces of {attachment} were read: it reaches nothing");
                notes.assume(codes::TRANSIT_GATEWAY_INTERFACE, attachment, text);
            }
            return claimed;
        }
        let mut interfaces = Vec::new();
        for subnet in subnets {
            if network.subnet(subnet).is_none_or(|it| it.vpc != *vpc) {
                let text =
                    format!("{attachment} is in {subnet}, which {vpc} does not have here: nothing is reached by it");
                notes.assume(codes::TRANSIT_GATEWAY_INTERFACE, subnet, text);
                continue;
            }
            interfaces.push(self.claim(attachment, subnet).unwrap_or_else(|| {
                let id = Id::of(Kind::NetworkInterface, &format!("{attachment}-{}", interfaces.len() + 1));
                if dump.has(Key::NetworkInterfaces) && !dump.is_of_configuration() {
                    let text = format!("{attachment} has no interface in {subnet} here: {id} was made");
                    notes.assume(codes::TRANSIT_GATEWAY_INTERFACE, &id, text);
                }
                let made = made(id.clone(), subnet, InterfaceKind::TransitGateway, network, origin.clone());
                network.interfaces.push(made);
                id
            }));
        }
        interfaces
    }

    /// One in a subnet that names the attachment, or that names none.
    fn claim(&mut self, attachment: &Id, subnet: &Id) -> Option<Id> {
        let find =
            |named: Option<&Id>| self.free.iter().position(|it| it.subnet == *subnet && it.named.as_ref() == named);
        let at = find(Some(attachment)).or_else(|| find(None))?;
        Some(self.free.remove(at).id)
    }

    /// Those of the VPC that name the attachment; if there are none, those that name none.
    fn without_subnets(&mut self, attachment: &Id, vpc: &Id, network: &Network) -> Vec<Id> {
        let of_vpc = |it: &Free| network.subnet(&it.subnet).is_some_and(|subnet| subnet.vpc == *vpc);
        for named in [Some(attachment), None] {
            let (claimed, free): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.free).into_iter().partition(|it| of_vpc(it) && it.named.as_ref() == named);
            self.free = free;
            if !claimed.is_empty() {
                return claimed.into_iter().map(|it| it.id).collect();
            }
        }
        Vec::new()
    }
}
