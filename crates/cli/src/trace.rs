//! `vpcemu trace`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum, ValueHint};
use vpcemu_dataplane::Options;
use vpcemu_lab::{Explainer, Explanation, Flow, Lab, Trace};
use vpcemu_model::Network;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{Listener, ReplayOptions, Report, listen};

use crate::Ending;
use crate::args::{Format, Traffic};
use crate::error::{Error, print};
use crate::progress::execute;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu trace -c net.toml --from app --to 198.51.100.7:443 --proto tcp
  vpcemu trace -c dump/ --from internet --to web:22 --proto tcp --expect deny
  vpcemu trace -c plan.json --from aws_instance.app --to db:5432 --proto tcp --reply --format json
  vpcemu trace -c net.toml --capture traffic.pcap --packet 17")]
pub(crate) struct TraceFlow {
    /// Configuration: native file; directory or file of `aws ec2 describe-*` JSON; Terraform plan or state as JSON
    /// (`PLAN#prior`: the state before it).
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    config: PathBuf,
    /// Where the flow begins: an interface (name, id, instance, Terraform address, or one of its addresses), `internet`, or
    /// ADDRESS@NAME: an address at an interface or at what lies beyond a VPC.
    #[arg(long, value_name = "END", required_unless_present = "capture")]
    from: Option<String>,
    /// Where it goes: the same, an address of nobody in the network, a gateway endpoint, or dns, imds, ntp.
    #[arg(long, value_name = "END[:PORT]", required_unless_present = "capture")]
    to: Option<String>,
    /// Its protocol: tcp, udp, icmp (a ping), or a number.
    #[arg(long, value_name = "PROTOCOL", required_unless_present = "capture")]
    proto: Option<String>,
    /// The port that it comes from, or the identifier of a ping.
    #[arg(long, value_name = "N", requires = "from")]
    sport: Option<u16>,
    /// IPv6, where both ends have addresses of both versions.
    #[arg(short = '6', long, requires = "from")]
    ipv6: bool,
    /// Show the way of the answer too. It is judged in any case, and shown if it is denied.
    #[arg(long, requires = "from")]
    reply: bool,
    /// Explain a packet of this capture, with all the state that the packets before it made.
    #[arg(conflicts_with_all = ["from", "to", "proto", "sport", "ipv6", "reply", "expect_reply"])]
    #[arg(long, value_name = "FILE[@VANTAGE]", requires = "packet", value_hint = ValueHint::FilePath)]
    capture: Option<String>,
    /// Which packet of the capture, counted from 1.
    #[arg(long, value_name = "N", requires = "capture")]
    packet: Option<u64>,
    /// Fail, with exit code 1, unless the packet that opens the flow fares so.
    #[arg(long, value_enum, value_name = "VERDICT")]
    expect: Option<Expected>,
    /// The same of the answer.
    #[arg(long, value_enum, value_name = "VERDICT", requires = "from")]
    expect_reply: Option<Expected>,
    #[command(flatten)]
    traffic: Traffic,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Expected {
    Allow,
    Deny,
}

pub(crate) fn run(arguments: &TraceFlow) -> Result<Ending, Error> {
    let mut networks = arguments.traffic.load(&[&arguments.config])?;
    let network = networks.remove(0); // one for each path
    let trace = match (&arguments.capture, arguments.packet) {
        (Some(capture), Some(packet)) => of_capture(arguments, network, capture, packet)?,
        _ => of_flow(arguments, network)?,
    };
    match arguments.format {
        Format::Text => print(&text(&trace, arguments.reply))?,
        Format::Json => {
            let json = serde_json::to_string_pretty(&trace.report()).map_err(Error::json)?;
            print(&format!("{json}\n"))?;
        }
    }
    // What is held is neither.
    let judged = trace.forward.verdict != "held";
    let forward = arguments.expect.map(|expected| judged && expected.is_met_by(trace.is_allowed()));
    let reply = arguments.expect_reply.map(|expected| match trace.is_answered() {
        Some(answered) => expected.is_met_by(answered),
        // Nothing answers what did not arrive, and no answer is neither allowed nor denied.
        None => false,
    });
    for (met, what, expected) in
        [(forward, "the packet", arguments.expect), (reply, "the answer", arguments.expect_reply)]
    {
        if let (Some(false), Some(expected)) = (met, expected) {
            eprintln!("vpcemu: expected that {what} is {}", expected.in_words());
        }
    }
    Ok(if [forward, reply].contains(&Some(false)) { Ending::Failed } else { Ending::Done })
}

impl Expected {
    fn is_met_by(self, allowed: bool) -> bool {
        (self == Self::Allow) == allowed
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Allow => "allowed",
            Self::Deny => "denied",
        }
    }
}

fn of_flow(arguments: &TraceFlow, network: Network) -> Result<Trace, Error> {
    let TraceFlow { from: Some(from), to: Some(to), proto: Some(proto), .. } = arguments else {
        return Err(Error::Usage("a flow has --from, --to and --proto".to_owned()));
    };
    let traffic = &arguments.traffic;
    let engine = Options { seed: traffic.seed, ..Options::default() };
    let flow = Flow {
        source_port: arguments.sport,
        ipv6: arguments.ipv6.then_some(true),
        ..Flow::of(Flow::protocol(proto)?, from, to)
    };
    Ok(Lab::of(vec![network], engine).trace(&flow)?)
}

/// Waits for one packet of a replay, and has it explained.
struct Spotter {
    network: Network,
    packet: u64,
    progress: Arc<Progress>,
    heard: u64,
    found: Option<Explanation>,
}

impl Listener for Spotter {
    fn packet(&mut self, report: &Report<'_>) {
        self.heard = report.stamp().n;
        if self.heard == self.packet {
            let explainer = Explainer::new(&self.network, report.timeline(), report.stamp().generation);
            self.found = Some(explainer.explain_report(report));
            // What comes after it does not matter.
            self.progress.cancel();
        }
    }
}

fn of_capture(arguments: &TraceFlow, network: Network, capture: &str, packet: u64) -> Result<Trace, Error> {
    let networks = [network];
    let common = arguments.traffic.options(&networks, &[capture.to_owned()])?;
    let options = ReplayOptions { engine: Options { record_steps: true, ..common.engine }, ..common };
    let timeline = Arc::clone(&options.timeline);
    let [network] = networks;
    let replayed = execute(&timeline, true, async |progress| {
        let (heard, found) = (0, None);
        let spotter = Spotter { network, packet, progress: Arc::clone(&progress), heard, found };
        listen(options, progress, spotter).await
    });
    let ((finished, Spotter { network, heard, found, .. }), _) = replayed?;
    if let (Some(damage), None) = (finished.damage.first(), &found) {
        return Err(Error::Usage(format!("{damage}; packet {packet} does not come before that")));
    }
    let Some(forward) = found else {
        return Err(Error::Usage(format!("{capture}: no packet {packet}: there are {heard}, counted from 1")));
    };
    let mut trace = Trace { forward, reply: None, confirmation: None, assumptions: Vec::new() };
    trace.note_assumptions(&network);
    Ok(trace)
}

/// The trace for people. The way of the answer is shown if it is asked for, or if it ended badly.
fn text(trace: &Trace, reply: bool) -> String {
    let mut text = trace.forward.to_string();
    let denied = |it: &&Explanation| it.verdict != "allow";
    let shown = [trace.reply.as_ref().filter(|it| reply || denied(it)), trace.confirmation.as_ref().filter(denied)];
    for explanation in shown.into_iter().flatten() {
        text.push_str(&explanation.to_string());
    }
    text + &trace.conclusion()
}
