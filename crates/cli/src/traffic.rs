//! Captures and how they are read: what `replay` has in common with the verbs that look at a replay.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vpcemu_dataplane::{Options, Timeline};
use vpcemu_lab::select;
use vpcemu_model::{Assumption, Network};
use vpcemu_packet::Offloads;
use vpcemu_replay::{At, Binding, CaptureInput, ReplayOptions};

use crate::args::{Midstream, OffloadRules, Traffic};
use crate::config;
use crate::error::Error;

impl Traffic {
    /// Loads the configurations that captures are replayed through. `--bind` of attributes is followed, `--strict` obeyed.
    pub(crate) fn load(&self, paths: &[&Path]) -> Result<Vec<Network>, Error> {
        let attributes: Vec<_> = self.bind.iter().filter(|bind| !config::binds_host(bind)).cloned().collect();
        let choice = vpcemu_import::Choice { vpc: self.vpc.as_deref(), binds: &attributes };
        let networks: Vec<_> = config::load_all(paths, choice)?.into_iter().map(|loaded| loaded.network).collect();
        if self.strict {
            config::refuse_assumptions(&assumptions(&networks))?;
        }
        Ok(networks)
    }

    /// A replay of captures through configurations that follow each other, without outputs. Names are those of the first.
    pub(crate) fn options(&self, networks: &[Network], captures: &[String]) -> Result<ReplayOptions, Error> {
        let mut assumptions = assumptions(networks);
        let timeline = Arc::new(Timeline::compile(networks));
        if let Some(knob) = timeline.serial() {
            let text =
                "with this knob connections towards different remotes depend on each other: one worker does it all";
            let (code, place) = ("ONE_SHARD".to_owned(), format!("behavior.{knob}"));
            assumptions.push(Assumption { code, place, text: text.to_owned() });
        }
        let network = &networks[0]; // the one that `-c` names
        let default_at = select::vantage(network, &timeline, &self.at)?;
        let captures = captures.iter().map(|text| capture(network, &timeline, text, default_at));
        let captures = captures.collect::<Result<_, Error>>()?;
        let hosts = self.bind.iter().filter(|bind| config::binds_host(bind));
        let bindings = hosts.map(|text| binding(network, text)).collect::<Result<_, Error>>()?;
        let workers = self.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        if workers == 0 {
            return Err(Error::Usage("--workers 0: at least one worker is needed".to_owned()));
        }
        Ok(ReplayOptions {
            captures,
            bindings,
            engine: Options {
                seed: self.seed,
                midstream: match self.midstream {
                    Midstream::Adopt => vpcemu_dataplane::Midstream::Adopt,
                    Midstream::Strict => vpcemu_dataplane::Midstream::Strict,
                },
                coalesced_tcp: self.offloads == OffloadRules::Tolerate,
                ..Options::default()
            },
            offloads: match self.offloads {
                OffloadRules::Tolerate => Offloads::Tolerate,
                OffloadRules::Strict => Offloads::Strict,
            },
            dedup: self.dedup,
            workers,
            assumptions,
            ..ReplayOptions::new(timeline)
        })
    }
}

/// What was assumed in any of them, each once.
fn assumptions(networks: &[Network]) -> Vec<Assumption> {
    let mut assumptions: Vec<Assumption> = Vec::new();
    for assumption in networks.iter().flat_map(|network| &network.assumptions) {
        if !assumptions.contains(assumption) {
            assumptions.push(assumption.clone());
        }
    }
    assumptions
}

fn capture(network: &Network, timeline: &Timeline, text: &str, default: At) -> Result<CaptureInput, Error> {
    // A file whose name holds an @ is still a file.
    if let Some((path, vantage)) = text.rsplit_once('@')
        && !Path::new(text).exists()
    {
        let at = select::vantage(network, timeline, vantage)?;
        return Ok(CaptureInput { path: PathBuf::from(path), at });
    }
    Ok(CaptureInput { path: PathBuf::from(text), at: default })
}

/// `IP=ENI`: the host gets the interface's first address of its family.
fn binding(network: &Network, text: &str) -> Result<Binding, Error> {
    let bad = |why: &str| Error::Usage(format!("--bind {text}: {why}"));
    let (host, name) = text.split_once('=').ok_or_else(|| bad("expected IP=ENI, as 192.168.1.10=web"))?;
    let host: std::net::IpAddr = host.parse().map_err(|_| bad("the left side is not an IP address"))?;
    let interface = select::interface(network, name)?;
    let becomes = interface.addresses().find(|own| own.is_ipv4() == host.is_ipv4());
    let becomes = becomes.ok_or_else(|| bad(&format!("{} has no address of that family", interface.id)))?;
    Ok(Binding { host, becomes })
}
