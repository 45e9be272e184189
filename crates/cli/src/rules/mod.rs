//! `vpcemu rules`.

mod text;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum, ValueHint};
use vpcemu_model::Network;
use vpcemu_replay::{Finished, ReplayOptions, listen};
use vpcemu_rules::tighten::{aws, terraform, tighten, toml};
use vpcemu_rules::{Observer, Window, rows};

use crate::Ending;
use crate::args::{Format, Traffic};
use crate::error::{Error, print};
use crate::progress::execute;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu rules -c dump/ --unused monday.pcap tuesday.pcap
  vpcemu rules -c net.toml traffic.pcap --format json | jq '.[] | select(.shadowed_by)'
  vpcemu rules -c net.toml traffic.pcap --tighten toml
  vpcemu rules -c plan.json traffic.pcap --tighten terraform > rules.tf

What counts:
  A packet counts for every rule that judged it on its way, once for each. What a security group lets pass
  because it knows the connection counts for the rule that admitted the connection at that
  interface, replies and errors about it too. Flows are what a rule judged itself: different
  addresses, ports and protocols. Unused is what no packet met in the time that was looked at.
  Shadowed is proved, whatever the traffic: other rules decide for every packet that the rule
  matches. What would take the place of a redundant rule that packets met is not
  called unused, but needed if that goes.")]
pub(crate) struct Rules {
    /// Configuration: native file; directory or file of `aws ec2 describe-*` JSON; Terraform plan or state as JSON
    /// (`PLAN#prior`: the state before it).
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    config: PathBuf,
    /// Captures, pcap or pcapng, also .gz and .zst, `-` for standard input; `@VANTAGE` says where one was taken:
    /// auto, internet, or an interface.
    #[arg(required = true, value_name = "CAPTURE[@VANTAGE]", value_hint = ValueHint::FilePath)]
    captures: Vec<String>,
    /// Only rules that no packet needed or that others shadow.
    #[arg(long)]
    unused: bool,
    /// Instead of all that, print the tightest security group rules that would still admit this traffic, proved by replaying it
    /// through them: tables of the native file, AWS CLI commands, or Terraform resources.
    #[arg(long, value_enum, value_name = "FORM", conflicts_with_all = ["unused", "format"])]
    tighten: Option<Form>,
    #[command(flatten)]
    traffic: Traffic,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// No progress.
    #[arg(short, long)]
    quiet: bool,
}

/// How tightened rules are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// `[security_group...]` tables, ready to paste into a native file.
    Toml,
    /// `aws ec2 authorize-security-group-...` and `revoke-security-group-...`.
    Aws,
    /// `aws_vpc_security_group_ingress_rule` and `..._egress_rule` resources.
    Terraform,
}

pub(crate) fn run(arguments: &Rules) -> Result<Ending, Error> {
    let mut networks = arguments.traffic.load(&[&arguments.config])?;
    let options = arguments.traffic.options(&networks, &arguments.captures)?;
    let network = networks.swap_remove(0); // one configuration was loaded
    match arguments.tighten {
        None => tell(arguments, &network, options),
        Some(form) => narrow(arguments, form, &network, &options),
    }
}

fn tell(arguments: &Rules, network: &Network, mut options: ReplayOptions) -> Result<Ending, Error> {
    options.engine.record_steps = true;
    let timeline = Arc::clone(&options.timeline);
    let observer = Observer::new(network, &timeline);
    let run = execute(&timeline, arguments.quiet, async |progress| listen(options, progress, observer).await);
    let ((finished, observer), interrupted) = run?;
    something(observer.window(), &finished)?;
    let mut rows = rows(network, &observer);
    if rows.iter().all(|row| row.packets == 0) {
        unmet(observer.window());
    }
    if arguments.unused {
        rows.retain(|row| row.is_unused() || row.shadowed_by.is_some());
    }
    let text = match arguments.format {
        Format::Json => format!("{}\n", serde_json::to_string(&rows).map_err(Error::json)?),
        Format::Text => text::page(&rows, observer.window(), arguments.unused),
    };
    print(&text)?;
    ended(&finished, interrupted)
}

fn narrow(arguments: &Rules, form: Form, network: &Network, options: &ReplayOptions) -> Result<Ending, Error> {
    // The captures are read again and again.
    let read_once = |path: &PathBuf| path.as_os_str() == "-" || std::fs::metadata(path).is_ok_and(|it| !it.is_file());
    if let Some(capture) = options.captures.iter().find(|capture| read_once(&capture.path)) {
        let path = capture.path.display();
        return Err(Error::Usage(format!(
            "--tighten replays its captures several times, and {path} can be read only once"
        )));
    }
    let run = execute(&options.timeline, arguments.quiet, async |progress| tighten(network, options, &progress).await);
    let (tightened, interrupted) = run?;
    let Some(tightened) = tightened else { return Ok(Ending::Interrupted) };
    something(&tightened.window, &tightened.finished)?;
    let mut groups = tightened.network.security_groups.iter();
    if groups.all(|group| group.ingress.is_empty() && group.egress.is_empty()) {
        eprintln!("vpcemu: warning: no security group had to admit anything, so that no rule is left");
    }
    let text = match form {
        Form::Toml => {
            // It would not be read again.
            if let Some(why) = tightened.too_many() {
                return Err(Error::Usage(format!(
                    "{why}; --tighten aws and --tighten terraform print it all the same"
                )));
            }
            let path = arguments.config.clone();
            toml(&tightened).map_err(|source| Error::Convert { path, source })?
        }
        Form::Aws => aws(network, &tightened),
        Form::Terraform => terraform(network, &tightened),
    };
    print(&text)?;
    if let Some((n, before, now)) = &tightened.difference {
        let count = tightened.differing;
        eprintln!(
            "vpcemu: warning: {count} packets have another verdict with these rules: packet {n} had \"{before}\", now \"{now}\""
        );
    }
    ended(&tightened.finished, interrupted)
}

/// Traffic of another network leaves every rule unused.
fn unmet(window: &Window) {
    let packets = window.packets;
    eprintln!(
        "vpcemu: warning: no rule decided for any of the {packets} packets; `vpcemu replay` says what became of them"
    );
}

/// Captures without a packet say nothing of rules.
fn something(window: &Window, finished: &Finished) -> Result<(), Error> {
    if window.packets > 0 {
        return Ok(());
    }
    // Damage before the first packet is why there is none.
    ended(finished, false)?;
    Err(Error::Usage("the captures hold no packet, so nothing can be said of any rule".to_owned()))
}

fn ended(finished: &Finished, interrupted: bool) -> Result<Ending, Error> {
    for warning in &finished.warnings {
        eprintln!("vpcemu: warning: {warning}");
    }
    if interrupted {
        return Ok(Ending::Interrupted);
    }
    if finished.damage.is_empty() {
        return Ok(Ending::Done);
    }
    for error in &finished.damage {
        eprintln!("vpcemu: error: {error}");
    }
    let kept = finished.summary.packets.input;
    eprintln!("vpcemu: what is printed is about the {kept} packets before the damage");
    Err(Error::Usage("the input is damaged, see above".to_owned()))
}
