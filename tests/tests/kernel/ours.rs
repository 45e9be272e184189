//! The emulator in the place of the router.

use vpcemu_dataplane::{Ingress, Midstream, Options};
use vpcemu_model::native;
use vpcemu_tests::{Lab, Sent};

use super::bytes::{Datagram, seal_header};
use super::packets::{Emission, Injection, Sender};
use super::roles::Role;
use super::wire::Side;

/// The emulator with a role's configuration.
pub(crate) struct Emulator<'a> {
    role: &'a Role<'a>,
    lab: Lab,
    /// What became of the packet last injected, for messages.
    pub(crate) remark: String,
}

impl<'a> Emulator<'a> {
    pub(crate) fn new(role: &'a Role<'a>) -> Self {
        let network = native::parse(role.name, role.network).unwrap_or_else(|error| panic!("{error}")).network;
        // A router knows nothing of captures: neither what began before, nor what the network card puts together.
        let options = Options { midstream: Midstream::Strict, coalesced_tcp: false, ..Options::default() };
        Self { role, lab: Lab::of(&[network], options), remark: String::new() }
    }

    /// Everything that comes out because of a packet. `instance` says who sends it, whatever its source.
    pub(crate) fn inject(&mut self, injection: &Injection, instance: Option<&str>, side: Side) -> Vec<Emission> {
        let instance = instance.map(str::to_owned).or_else(|| match &injection.sender {
            Sender::Source(address) => self.role.host(*address).and_then(|host| host.instance).map(str::to_owned),
            Sender::Receiver(emission) => emission.interface.clone(),
        });
        // A source inside may be a lie of somebody outside.
        let instance = instance.filter(|instance| self.role.side_of(instance) == side);
        let ingress = match instance {
            Some(instance) => Ingress::Interface(self.lab.eni(&instance)),
            None if side == Side::Out => Ingress::Internet,
            None => panic!("who sends it? say as="),
        };
        self.lab.wait(0.001);
        self.remark = "held or lost".to_owned();
        self.lab.offloads(self.role.offloads);
        let mut sent = vec![self.lab.enter(ingress, injection.bytes.clone())];
        sent.extend(self.lab.take_later());
        sent.iter().flat_map(|sent| self.emissions(sent)).collect()
    }

    fn emissions(&mut self, sent: &Sent) -> Vec<Emission> {
        self.remark = match (sent.reason(), &sent.place) {
            _ if sent.malformed.is_some() => sent.malformed.map(|damage| damage.to_string()).unwrap_or_default(),
            (Some(reason), _) => format!("{} at {}", reason.code(), sent.at.as_deref().unwrap_or("-")),
            (None, place) => format!("delivered to {}", place.as_deref().unwrap_or("-")),
        };
        let mut emissions = Vec::new();
        let itself = self.role.itself.map(|instance| format!("eni-{instance}"));
        if let Some(place) = sent.place.as_ref().filter(|place| itself.as_ref() != Some(place)) {
            let whole = std::slice::from_ref(&sent.bytes);
            let pieces = if sent.pieces.is_empty() { whole } else { &sent.pieces };
            emissions.extend(pieces.iter().map(|bytes| self.emission(place, bytes, false)));
        }
        if let Some((_, bytes, Some(place))) = &sent.generated {
            emissions.push(self.emission(place, bytes, true));
        }
        emissions
    }

    fn emission(&self, place: &str, bytes: &[u8], made: bool) -> Emission {
        let interface = place.strip_prefix("eni-").map(str::to_owned);
        let side = interface.as_deref().map_or(Side::Out, |instance| self.role.side_of(instance));
        // What is behind the datagram's end belongs to the frame.
        let mut bytes = Datagram::parse(bytes).map_or(bytes, |parts| parts.bytes).to_vec();
        if !made {
            self.age(&mut bytes);
        }
        Emission { side, interface, bytes, made }
    }

    /// Takes off the TTL what a kernel takes in this role and we do not (1.25), as if a router of no other effect followed.
    fn age(&self, bytes: &mut [u8]) {
        let Some(parts) = Datagram::parse(bytes) else { return };
        let (right, at) = (parts.header_is_right(), if parts.v6 { 7 } else { 8 });
        bytes[at] = bytes[at].saturating_sub(self.role.ttl_gap);
        if right {
            seal_header(bytes);
        }
    }
}
