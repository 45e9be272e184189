use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use toml::Spanned;
use vpcemu_dataplane::Timeline;
use vpcemu_lab::{DropReason, Midstream, select};
use vpcemu_packet::Offloads;
use vpcemu_replay::{At, Binding};

use super::{Checker, counters};
use crate::case::{Capture, Case, What};
use crate::file::{self, CaptureFile, OffloadRules, SummaryFile, Text};
use crate::suite::Error;

/// Keys of a summary, as `replay --format json` has them.
const PACKETS: [&str; 12] = [
    "in",
    "delivered",
    "dropped",
    "held",
    "malformed",
    "fragmented",
    "fragments_made",
    "generated",
    "generated_dropped",
    "reanchored",
    "adopted",
    "duplicates",
];
const BYTES: [&str; 2] = ["in", "delivered"];
const VANTAGE: [&str; 5] = ["leaves", "arrives", "reanchored", "service", "forced"];
const CONNECTIONS: [&str; 4] = ["created", "expired", "live", "peak"];

impl Checker<'_, '_> {
    /// Checks a capture; none if something is wrong with it.
    ///
    /// # Errors
    /// If a configuration that comes into force later cannot be used.
    pub(crate) fn capture(&mut self, file: Spanned<CaptureFile>) -> Result<Option<Case>, Error> {
        let (before, line) = (self.findings.len(), self.line(file.span()));
        let file = file.into_inner();
        let name = self.name(file.name.as_ref().unwrap_or(&file.file));
        if file.golden.is_none() && file.summary.is_none() {
            let help = "give it a `golden`, which `vpcemu test --bless` writes, or a `summary`";
            self.never(file.file.span(), "nothing is expected of the capture", help);
        }
        let mut later = Vec::new();
        for then in &file.then {
            let network = self.context.load(&then.config)?;
            let Some(time) = self.since(&then.at) else { continue };
            if later.last().is_some_and(|(last, _)| *last > time) {
                self.refuse("time-runs-back", then.at.span(), "it comes after a later one", "times of `then` rise");
            }
            later.push((time, network));
        }
        let capture = Capture {
            file: self.readable(&file.file),
            golden: file.golden.map(|golden| self.context.path_of(golden.get_ref())),
            at: file.at.as_ref().map_or(At::Auto, |text| self.vantage(text)),
            bindings: file.bind.iter().filter_map(|text| self.binding(text)).collect(),
            midstream: match file.midstream {
                Some(file::Midstream::Strict) => Midstream::Strict,
                Some(file::Midstream::Adopt) | None => Midstream::Adopt,
            },
            offloads: match file.offloads {
                Some(OffloadRules::Strict) => Offloads::Strict,
                Some(OffloadRules::Tolerate) | None => Offloads::Tolerate,
            },
            dedup: file.dedup,
            summary: file.summary.map(|summary| self.summary(summary, &later)).unwrap_or_default(),
            later,
        };
        self.context.inputs.push(capture.file.clone());
        self.context.inputs.extend(capture.golden.clone());
        let what = What::Capture(Box::new(capture));
        Ok((self.findings.len() == before).then_some(Case { name, line, what }))
    }

    fn readable(&mut self, file: &Text) -> std::path::PathBuf {
        let path = self.context.path_of(file.get_ref());
        if let Err(error) = std::fs::File::open(&path) {
            let told = format!("{}: cannot be read: {error}", path.display());
            self.refuse("no-capture", file.span(), told, "paths are relative to the suite");
        } else if Path::new(&path).is_dir() {
            let told = format!("{} is a directory", path.display());
            self.refuse("no-capture", file.span(), told, "one `[[capture]]` replays one capture");
        }
        path
    }

    fn vantage(&mut self, text: &Text) -> At {
        select::vantage(self.network, self.lab.timeline(), text.get_ref()).unwrap_or_else(|error| {
            self.refuse("bad-vantage", text.span(), error.to_string(), "auto, internet, or an interface");
            At::Auto
        })
    }

    /// `IP=ENI`: the host gets the interface's first address of its family.
    fn binding(&mut self, text: &Text) -> Option<Binding> {
        let help = "as 192.168.1.10=web: a host of the capture, and the interface that it stands for";
        let found =
            text.get_ref().split_once('=').ok_or_else(|| "there is no `=`".to_owned()).and_then(|(host, name)| {
                let host: IpAddr = host.parse().map_err(|_| format!("`{host}` is no IP address"))?;
                let interface = select::interface(self.network, name).map_err(|error| error.to_string())?;
                let becomes = interface.addresses().find(|own| own.is_ipv4() == host.is_ipv4());
                let becomes = becomes.ok_or_else(|| format!("{} has no address of that family", interface.id))?;
                Ok(Binding { host, becomes })
            });
        found.map_err(|told| self.refuse("bad-bind", text.span(), told, help)).ok()
    }

    fn summary(
        &mut self,
        summary: Spanned<SummaryFile>,
        later: &[(std::time::Duration, vpcemu_model::Network)],
    ) -> BTreeMap<Vec<String>, u64> {
        let (before, span) = (self.findings.len(), summary.span());
        let SummaryFile { packets, bytes, dropped_by_reason, delivered_to, vantage, connections, nat } =
            summary.into_inner();
        let mut expected = BTreeMap::new();
        let mut take =
            |path: &[&str], number| _ = expected.insert(path.iter().map(|&key| key.to_owned()).collect(), number);
        let of_counts = [
            ("packets", packets, &PACKETS[..]),
            ("bytes", bytes, &BYTES[..]),
            ("vantage", vantage, &VANTAGE[..]),
            ("connections", connections, &CONNECTIONS[..]),
        ];
        for (section, counts, known) in of_counts {
            for (key, number) in counts {
                self.one_of(&key, key.get_ref(), known);
                take(&[section, key.get_ref()], number);
            }
        }
        for (key, number) in dropped_by_reason {
            if let Some(reason) = self.reason(&key).map(DropReason::code) {
                take(&["dropped_by_reason", reason], number);
            }
        }
        let networks: Vec<_> =
            std::iter::once(self.network).chain(later.iter().map(|(_, network)| network)).cloned().collect();
        let timeline = Timeline::compile(&networks);
        let mut components = crate::components::Components::of(&networks);
        components.add_registry(timeline.registry());
        for (key, number) in delivered_to {
            if key.get_ref() == "internet" {
                take(&["delivered_to", "internet"], number);
            } else if let Some(id) = self.component(&components, &key) {
                take(&["delivered_to", &id], number);
            }
        }
        let gateways: Vec<_> =
            networks.iter().flat_map(|network| &network.nat_gateways).map(|it| it.id.as_str()).collect();
        let known: Vec<_> = counters::NAT.into_iter().chain(["ActiveConnectionCount"]).collect();
        for (gateway, counts) in nat {
            let Some(id) = self.component(&components, &gateway) else { continue };
            if !gateways.contains(&id.as_str()) {
                let told = format!("`{}` is no NAT gateway, and counts nothing", gateway.get_ref());
                self.refuse("unknown-counter", gateway.span(), told, format!("NAT gateways: {}", gateways.join(", ")));
            }
            for (key, number) in counts {
                self.one_of(&key, key.get_ref(), &known);
                take(&["nat", &id, key.get_ref()], number);
            }
        }
        // What is named and means nothing has been refused.
        if expected.is_empty() && self.findings.len() == before {
            self.never(span, "an empty `summary` expects nothing", "name a number, as `packets = { dropped = 0 }`");
        }
        expected
    }
}
