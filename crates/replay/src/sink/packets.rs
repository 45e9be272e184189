//! Packets out: pcapng with one interface a place and the verdict as a comment, or pcap with what was delivered.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use vpcemu_capture::{LinkType, PcapWriter, PcapngWriter};
use vpcemu_dataplane::index::Registry;
use vpcemu_dataplane::outcome::{Outcome as Fate, Service};
use vpcemu_dataplane::output::Generated;
use vpcemu_dataplane::shard::hash::Mix;
use vpcemu_dataplane::{Ingress, Place};
use vpcemu_packet::Framing;

use crate::batch::{Item, Outcome};
use crate::places::Places;
use crate::verdict::Names;
use crate::{Error, ReplayOptions};

/// Length of an Ethernet header with as many tags as the parser follows.
const LONGEST_LINK: usize = 22;

/// The interface of what was dropped or is held.
const DROPPED: &str = "dropped";

/// EtherTypes of IPv4 and IPv6.
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// A file of packets.
pub(crate) struct PacketSink {
    options: Arc<ReplayOptions>,
    file: Output,
    /// Whether records carry Ethernet headers; else they are bare datagrams.
    ethernet: bool,
    places: Places,
    /// By the number of the place.
    shown: Vec<Shown>,
}

/// How a place is shown.
#[derive(Clone, Copy)]
struct Shown {
    interface: u32,
    mac: [u8; 6],
}

/// How packets that end at one place, and come from one, are shown.
#[derive(Clone, Copy)]
pub(crate) struct Delivery {
    at: Shown,
    from: [u8; 6],
}

enum Output {
    Pcap(PcapWriter<File>),
    Pcapng { writer: PcapngWriter<File>, interfaces: HashMap<String, u32> },
}

impl Output {
    /// The interface of a place. A pcap has one.
    fn interface(&self, place: &str) -> u32 {
        match self {
            Self::Pcap(_) => 0,
            Self::Pcapng { interfaces, .. } => interfaces.get(place).copied().unwrap_or(0),
        }
    }
}

impl PacketSink {
    pub(crate) fn create(path: &Path, options: &Arc<ReplayOptions>, ethernet: bool) -> Result<Self, Error> {
        let link_type = if ethernet { LinkType::ETHERNET } else { LinkType::RAW };
        let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
        let open = || File::create(path).map_err(Error::output(path));
        let file = match suffix {
            "pcap" => Output::Pcap(PcapWriter::new(open()?, link_type)?),
            "pcapng" => {
                let mut writer = PcapngWriter::new(open()?)?;
                let mut interfaces = HashMap::new();
                for (name, description) in places(options.timeline.registry()) {
                    let index = writer.add_interface(&name, description.as_deref(), link_type)?;
                    interfaces.insert(name, index);
                }
                Output::Pcapng { writer, interfaces }
            }
            _ => return Err(Error::OutputFormat { path: path.to_owned() }),
        };
        let names = Names::new(&options.timeline);
        let places = Places::new(options.timeline.registry());
        let shown = places.iter().map(|place| {
            let name = names.place(place);
            let mac = if place == Place::Internet { ROUTER } else { mac(name) };
            Shown { interface: file.interface(name), mac }
        });
        let shown = shown.collect();
        Ok(Self { options: Arc::clone(options), file, ethernet, places, shown })
    }

    /// Whether its packets may have comments.
    pub(crate) fn takes_comments(&self) -> bool {
        matches!(self.file, Output::Pcapng { .. })
    }

    /// A packet of the input where it ended, and with taps everywhere it passed.
    pub(crate) fn packet(
        &mut self,
        item: &Item,
        outcome: &Outcome,
        frame: &[u8],
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let extra = outcome.extra.as_deref();
        let link_len = usize::from(item.link_len);
        let (link, datagram) = frame.split_at(link_len);
        if self.options.taps {
            let timeline = Arc::clone(&self.options.timeline);
            let names = Names::new(&timeline);
            for (at, datagram) in extra.map_or(&[][..], |extra| &extra.taps) {
                let name = names.component(*at);
                let at = Shown { interface: self.file.interface(name), mac: ROUTER };
                self.record(at, mac(name), item, link, datagram, None, comment)?;
            }
        }
        let Some(Fate::Delivered { at: place }) = outcome.verdict.as_ref().map(|verdict| verdict.outcome) else {
            return self.dropped(item, outcome, frame, comment);
        };
        let Delivery { at, from } = self.delivery(place, outcome.ingress);
        let pieces = extra.map_or(&[][..], |extra| &extra.pieces);
        if pieces.is_empty() {
            let original = item.original_len.saturating_sub(length(link_len));
            return self.record(at, from, item, link, datagram, Some(original), comment);
        }
        for piece in pieces {
            self.record(at, from, item, link, piece, None, comment)?;
        }
        Ok(())
    }

    /// How packets of one path are shown.
    pub(crate) fn delivery(&self, place: Place, ingress: Option<Ingress>) -> Delivery {
        let at = self.shown[self.places.number(place)];
        let from = match ingress {
            Some(Ingress::Interface(eni)) if place == Place::Internet => {
                self.shown[self.places.number(Place::Interface(eni))].mac
            }
            _ => ROUTER,
        };
        Delivery { at, from }
    }

    /// A packet that went, whole, where many others went. An Ethernet header is overwritten, which saves building another.
    #[inline]
    pub(crate) fn passed(
        &mut self,
        delivery: Delivery,
        item: &Item,
        frame: &mut [u8],
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let Delivery { at, from } = delivery;
        let link_len = usize::from(item.link_len);
        let as_captured = self.ethernet && u32::from(item.link_type) == Framing::Ethernet.link_type();
        if as_captured
            && let Some((link, datagram)) = frame.split_at_mut_checked(link_len)
            && let Some((to, rest)) = link.split_first_chunk_mut::<6>()
            && let Some((by, tags)) = rest.split_first_chunk_mut::<6>()
            && let Some((_, kind)) = tags.split_last_chunk_mut::<2>()
        {
            (*to, *by) = (at.mac, from);
            *kind = ether_type(datagram);
            return self.write(at.interface, item, item.original_len, &[], frame, comment);
        }
        let (link, datagram) = frame.split_at(link_len);
        let original = item.original_len.saturating_sub(length(link_len));
        self.record(at, from, item, link, datagram, Some(original), comment)
    }

    /// A packet that was dropped or is held: as it was when that happened.
    fn dropped(&mut self, item: &Item, outcome: &Outcome, frame: &[u8], comment: Option<&str>) -> Result<(), Error> {
        let Output::Pcapng { interfaces, .. } = &self.file else { return Ok(()) };
        let is_datagram = outcome.injected.is_some();
        let link_type = u32::from(item.link_type);
        let as_captured = link_type == if self.ethernet { Framing::Ethernet } else { Framing::Raw }.link_type();
        if is_datagram {
            let original = item.original_len.saturating_sub(item.link_len.into());
            let (link, datagram) = frame.split_at(item.link_len.into());
            let at = Shown { interface: self.file.interface(DROPPED), mac: ROUTER };
            return self.record(at, ROUTER, item, link, datagram, Some(original), comment);
        }
        if as_captured {
            return self.write(self.file.interface(DROPPED), item, item.original_len, &[], frame, comment);
        }
        // What is no datagram can only be shown with the link type it came with.
        let name = format!("dropped-linktype-{link_type}");
        let known = interfaces.get(&name).copied();
        let interface = match (known, &mut self.file) {
            (Some(interface), _) => interface,
            (None, Output::Pcapng { writer, interfaces }) => {
                let description = "not IP, or damaged: as captured";
                let index = writer.add_interface(&name, Some(description), LinkType(link_type))?;
                interfaces.insert(name, index);
                index
            }
            (None, Output::Pcap(_)) => 0,
        };
        self.write(interface, item, item.original_len, &[], frame, comment)
    }

    /// A packet that the emulator made, after its cause.
    pub(crate) fn generated(&mut self, item: &Item, made: &Generated, comment: Option<&str>) -> Result<(), Error> {
        let timeline = Arc::clone(&self.options.timeline);
        let names = Names::new(&timeline);
        if self.options.taps
            && let Some(by) = made.by
        {
            let name = names.component(by);
            let at = Shown { interface: self.file.interface(name), mac: ROUTER };
            self.record(at, mac(name), item, &[], &made.bytes, None, comment)?;
        }
        let name = match made.verdict.outcome {
            Fate::Delivered { at } => names.place(at),
            _ => DROPPED,
        };
        if name == DROPPED && matches!(self.file, Output::Pcap(_)) {
            return Ok(());
        }
        let at = Shown { interface: self.file.interface(name), mac: mac(name) };
        self.record(at, ROUTER, item, &[], &made.bytes, None, comment)
    }

    /// Writes a datagram, with the VPC's own Ethernet header and the capture's VLAN tags where the output is Ethernet.
    #[expect(clippy::too_many_arguments, reason = "one call a record; a struct would only rename them")]
    #[inline]
    fn record(
        &mut self,
        at: Shown,
        from: [u8; 6],
        item: &Item,
        link: &[u8],
        datagram: &[u8],
        original: Option<u32>,
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let original = original.unwrap_or_else(|| length(datagram.len()));
        if !self.ethernet {
            return self.write(at.interface, item, original, &[], datagram, comment);
        }
        let mut header = [0; LONGEST_LINK];
        header[..6].copy_from_slice(&at.mac);
        header[6..12].copy_from_slice(&from);
        let mut tags: &[u8] = &[];
        if u32::from(item.link_type) == Framing::Ethernet.link_type()
            && let Some(rest) = link.get(12..)
            && let Some((behind, _)) = rest.split_last_chunk::<2>()
        {
            tags = behind;
        }
        let end = 12 + tags.len();
        header[12..end].copy_from_slice(tags);
        header[end..end + 2].copy_from_slice(&ether_type(datagram));
        let link = &header[..end + 2];
        self.write(at.interface, item, original.saturating_add(length(link.len())), link, datagram, comment)
    }

    #[inline]
    fn write(
        &mut self,
        interface: u32,
        item: &Item,
        original: u32,
        link: &[u8],
        data: &[u8],
        comment: Option<&str>,
    ) -> Result<(), Error> {
        match &mut self.file {
            Output::Pcap(writer) => writer.write_framed(item.timestamp, original, link, data)?,
            Output::Pcapng { writer, .. } => {
                writer.write_framed(interface, item.timestamp, original, link, data, comment)?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        // As verdicts are, and what other tools write, they are left to the system to bring to the disk: waiting for that takes
        // a third of the time of a replay, whose outputs can be made again.
        match self.file {
            Output::Pcap(writer) => writer.finish().map(drop)?,
            Output::Pcapng { writer, .. } => writer.finish().map(drop)?,
        }
        Ok(())
    }
}

/// The interfaces of the output: every place where a packet can be seen.
fn places(registry: &Registry) -> Vec<(String, Option<String>)> {
    let mut places: Vec<(String, Option<String>)> = vec![
        ("internet".to_owned(), Some("delivered to the internet".to_owned())),
        (DROPPED.to_owned(), Some("dropped or held; the comment says where and why".to_owned())),
    ];
    let mut add = |id: &str, description: Option<&str>| places.push((id.to_owned(), description.map(str::to_owned)));
    for (_, id) in registry.igws.iter() {
        add(id.as_str(), Some("internet gateway"));
    }
    for (_, id) in registry.eigws.iter() {
        add(id.as_str(), Some("egress-only internet gateway"));
    }
    for (_, id) in registry.nats.iter() {
        add(id.as_str(), Some("NAT gateway"));
    }
    for (_, id) in registry.endpoints.iter() {
        add(id.as_str(), Some("gateway endpoint"));
    }
    for (eni, id) in registry.enis.iter() {
        add(id.as_str(), registry.eni_names.get(&eni).map(AsRef::as_ref));
    }
    for (_, id) in registry.edges.iter() {
        add(id.as_str(), Some("way out of the model"));
    }
    for service in [Service::Dns, Service::Imds, Service::Ntp, Service::Dhcp, Service::Kms] {
        add(service.name(), Some("service of the VPC"));
    }
    places
}

/// The VPC router's MAC address, and that of everything behind it.
const ROUTER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];

/// A locally administered MAC address for a place, from its id alone, so that it is the same in every run.
fn mac(place: &str) -> [u8; 6] {
    let mut mix = Mix::new(0);
    for byte in place.bytes() {
        mix = mix.word(u64::from(byte));
    }
    let [a, b, c, d, e, ..] = mix.finish().to_be_bytes();
    [0x02, a, b, c, d, e]
}

/// The type is that of the datagram, which may be of another version than the captured one.
fn ether_type(datagram: &[u8]) -> [u8; 2] {
    if datagram.first().is_some_and(|byte| byte >> 4 == 6) { IPV6 } else { IPV4 }
}

fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_local_and_differ() {
        assert_eq!(mac("eni-web")[0], 0x02);
        assert_ne!(mac("eni-web"), mac("eni-app"));
    }
}
