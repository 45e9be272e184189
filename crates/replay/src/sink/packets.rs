//! Packets out: pcapng with one interface a place and the verdict as a comment, or pcap with what was delivered.

use std::fs::File;
use std::path::{Path, PathBuf};
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
use crate::verdict::Names;
use crate::{Error, ReplayOptions};

/// Length of an Ethernet header without tags.
const ETHERNET: usize = 14;

/// EtherTypes of IPv4 and IPv6.
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// A file of packets.
pub(crate) struct PacketSink {
    path: PathBuf,
    options: Arc<ReplayOptions>,
    file: Output,
    /// Whether records carry Ethernet headers; else they are bare datagrams.
    ethernet: bool,
    frame: Vec<u8>,
}

enum Output {
    Pcap(PcapWriter<File>),
    Pcapng { writer: PcapngWriter<File>, interfaces: HashMap<String, u32> },
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
        Ok(Self { path: path.to_owned(), options: Arc::clone(options), file, ethernet, frame: Vec::new() })
    }

    /// A packet of the input where it ended, and with taps everywhere it passed.
    pub(crate) fn packet(
        &mut self,
        item: &Item,
        outcome: &Outcome,
        frame: &[u8],
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let timeline = Arc::clone(&self.options.timeline);
        let names = Names::new(&timeline);
        let fate = outcome.verdict.map(|verdict| verdict.outcome);
        let extra = outcome.extra.as_deref();
        let link = &frame[..item.link_len];
        if self.options.taps {
            for (at, datagram) in extra.map_or(&[][..], |extra| &extra.taps) {
                let by = mac(names.component(*at));
                self.record(names.component(*at), item, link, datagram, None, (by, ROUTER), comment)?;
            }
        }
        let from = match outcome.ingress {
            Some(Ingress::Interface(eni)) => mac(timeline.registry().enis.id(eni).as_str()),
            _ => ROUTER,
        };
        match fate {
            Some(Fate::Delivered { at }) => {
                let place = names.place(at);
                let to = if at == Place::Internet { ROUTER } else { mac(place) };
                let from = if at == Place::Internet { from } else { ROUTER };
                let pieces = extra.map_or(&[][..], |extra| &extra.pieces);
                if pieces.is_empty() {
                    let original = item.original_len.saturating_sub(length(item.link_len));
                    let datagram = &frame[item.link_len..];
                    return self.record(place, item, link, datagram, Some(original), (from, to), comment);
                }
                for piece in pieces {
                    self.record(place, item, link, piece, None, (from, to), comment)?;
                }
                Ok(())
            }
            _ => self.dropped(item, outcome, frame, comment),
        }
    }

    /// A packet that was dropped or is held: as it was when that happened.
    fn dropped(&mut self, item: &Item, outcome: &Outcome, frame: &[u8], comment: Option<&str>) -> Result<(), Error> {
        let Output::Pcapng { .. } = self.file else { return Ok(()) };
        let is_datagram = outcome.injected.is_some();
        let as_captured = item.link_type == if self.ethernet { Framing::Ethernet } else { Framing::Raw }.link_type();
        if is_datagram || as_captured {
            let original = item.original_len.saturating_sub(if is_datagram { length(item.link_len) } else { 0 });
            if is_datagram {
                let (link, datagram) = frame.split_at(item.link_len);
                return self.record("dropped", item, link, datagram, Some(original), (ROUTER, ROUTER), comment);
            }
            return self.write("dropped", item, original, frame, comment);
        }
        // What is no datagram can only be shown with the link type it came with.
        let name = format!("dropped-linktype-{}", item.link_type);
        let Output::Pcapng { writer, interfaces } = &mut self.file else { return Ok(()) };
        if !interfaces.contains_key(&name) {
            let description = "not IP, or damaged: as captured";
            let index = writer.add_interface(&name, Some(description), LinkType(item.link_type))?;
            interfaces.insert(name.clone(), index);
        }
        self.write(&name, item, item.original_len, frame, comment)
    }

    /// A packet that the emulator made, after its cause.
    pub(crate) fn generated(&mut self, item: &Item, made: &Generated, comment: Option<&str>) -> Result<(), Error> {
        let timeline = Arc::clone(&self.options.timeline);
        let names = Names::new(&timeline);
        let place = match made.verdict.outcome {
            Fate::Delivered { at } => names.place(at),
            _ => "dropped",
        };
        if self.options.taps
            && let Some(by) = made.by
        {
            self.record(
                names.component(by),
                item,
                &[],
                &made.bytes,
                None,
                (mac(names.component(by)), ROUTER),
                comment,
            )?;
        }
        if place == "dropped" && matches!(self.file, Output::Pcap(_)) {
            return Ok(());
        }
        self.record(place, item, &[], &made.bytes, None, (ROUTER, mac(place)), comment)
    }

    /// Writes a datagram, with the VPC's own Ethernet header and the capture's VLAN tags where the output is Ethernet.
    #[expect(clippy::too_many_arguments, reason = "one call a record; a struct would only rename them")]
    fn record(
        &mut self,
        place: &str,
        item: &Item,
        link: &[u8],
        datagram: &[u8],
        original: Option<u32>,
        (from, to): ([u8; 6], [u8; 6]),
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let original = original.unwrap_or_else(|| length(datagram.len()));
        if !self.ethernet {
            return self.write(place, item, original, datagram, comment);
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        frame.extend_from_slice(&to);
        frame.extend_from_slice(&from);
        let tags_and_type = link
            .get(12..)
            .filter(|rest| item.link_type == Framing::Ethernet.link_type() && rest.len() >= ETHERNET - 12);
        let v6 = datagram.first().is_some_and(|byte| byte >> 4 == 6);
        // The type is that of the datagram, which may be of another version than the captured one.
        if let Some((tags, _)) = tags_and_type.and_then(|rest| rest.split_last_chunk::<2>()) {
            frame.extend_from_slice(tags);
        }
        frame.extend_from_slice(if v6 { &IPV6 } else { &IPV4 });
        let header = length(frame.len());
        frame.extend_from_slice(datagram);
        let written = self.write(place, item, original.saturating_add(header), &frame, comment);
        self.frame = frame;
        written
    }

    fn write(
        &mut self,
        place: &str,
        item: &Item,
        original: u32,
        data: &[u8],
        comment: Option<&str>,
    ) -> Result<(), Error> {
        match &mut self.file {
            Output::Pcap(writer) => writer.write(item.timestamp, original, data)?,
            Output::Pcapng { writer, interfaces } => {
                let interface = interfaces.get(place).copied().unwrap_or(0);
                writer.write(interface, item.timestamp, original, data, comment)?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        let file = match self.file {
            Output::Pcap(writer) => writer.finish()?,
            Output::Pcapng { writer, .. } => writer.finish()?,
        };
        file.sync_all()
            .or_else(|error| {
                // A pipe cannot be synchronised, and need not be.
                if error.kind() == std::io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
            })
            .map_err(Error::output(self.path))
    }
}

/// The interfaces of the output: every place where a packet can be seen.
fn places(registry: &Registry) -> Vec<(String, Option<String>)> {
    let mut places: Vec<(String, Option<String>)> = vec![
        ("internet".to_owned(), Some("delivered to the internet".to_owned())),
        ("dropped".to_owned(), Some("dropped or held; the comment says where and why".to_owned())),
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
