use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

/// Push real packets through an AWS-style VPC as a real configuration describes it.
//
// Every verb ends its help with examples: `after_help`, "Examples:", and lines that begin with two spaces. Man pages take them
// from there, and a test parses each. A doc comment on the verb's own structure would not be shown: the verb's line replaces it.
// Paths are `ValueHint::FilePath`, also where a folder will do: bash then goes on into folders, which it does not for `AnyPath`.
#[derive(Parser, Debug)]
#[command(name = "vpcemu", version, max_term_width = 110)]
#[command(after_help = "\
Examples:
  vpcemu check net.toml
  vpcemu replay -c net.toml traffic.pcap -w out.pcapng
  vpcemu help replay

Exit status:
  0 done; 1 an expectation failed or a difference was found; 2 bad configuration, input or usage")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Load and validate a configuration; say what is in it, what was assumed and what was ignored.
    Check(Check),
    /// Write any readable configuration as a native file, with where each resource comes from.
    Convert(Convert),
    /// Push captures through the VPC: packets in, packets and verdicts out.
    Replay(Box<Replay>),
    /// Follow one flow, or one packet of a capture, hop by hop: what each component did to it, and which rule decided.
    Trace(Box<crate::trace::TraceFlow>),
    /// Say what each rule did for the traffic of captures, which can never decide, and which would be enough.
    Rules(Box<crate::rules::Rules>),
    /// Run assertion files: flows, scripts over time and captures with golden verdicts.
    Test(crate::suite::Test),
    /// Push the same packets through two configurations, and say what became of them differently.
    Diff(Box<crate::diff::Diff>),
    /// Judge what flow logs recorded by a configuration, or make packets of it.
    Flowlogs(Box<crate::flowlogs::FlowLogs>),
    /// Measure throughput, latency and memory: of built-in networks, or of your own with your own packets.
    Bench(Bench),
    /// Print the AWS CLI commands that make a dump, as a shell script. Nothing is run, and no credentials are read.
    #[command(after_help = "\
Examples:
  vpcemu collect > collect.sh && REGION=eu-west-1 sh collect.sh")]
    Collect,
    /// Print the JSON Schema of the native configuration file, or of assertion files.
    Schema(Schema),
    /// Print a script that completes verbs, flags and paths in a shell.
    Completions(Completions),
    /// Print the manual pages, or write them to a folder: one page a verb.
    Man(Man),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu schema > vpcemu.schema.json
  vpcemu schema suite > suite.schema.json")]
pub(crate) struct Schema {
    /// The file that is described.
    #[arg(value_enum, default_value_t)]
    pub(crate) of: Described,
}

/// A file that has a JSON Schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Described {
    /// The native configuration file.
    #[default]
    Config,
    /// The assertion file of `test`.
    Suite,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// A configuration, for verbs that look at one and push nothing through it.
#[derive(Args, Debug)]
pub(crate) struct Configuration {
    /// Native file; directory or file of `aws ec2 describe-*` JSON; Terraform plan or state as JSON (`PLAN#prior`: before it).
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) path: PathBuf,
    /// Keep this VPC only.
    #[arg(long, value_name = "ID")]
    pub(crate) vpc: Option<String>,
    /// An attribute that a Terraform plan leaves open, or another value of one: aws_nat_gateway.a.allocation_id=aws_eip.a.
    /// Repeatable.
    #[arg(long, value_name = "ADDRESS.ATTRIBUTE=VALUE")]
    pub(crate) bind: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu check net.toml
  vpcemu check dump/ --vpc vpc-0a11d0c0ffee00001 --format json
  vpcemu check plan.json --bind aws_nat_gateway.a.allocation_id=aws_eip.a --strict")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Findings and assumptions make the exit code 1.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Every file, row, guess and finding, where there are many of a kind.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu convert dump/ -o net.toml
  vpcemu convert dump/ --vpc vpc-0a11d0c0ffee00001
  vpcemu convert plan.json -o planned.toml")]
pub(crate) struct Convert {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Where to write it; standard output by default.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Assumptions are errors.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu replay -c net.toml traffic.pcap -w out.pcapng
  vpcemu replay -c net.toml inside.pcap outside.pcap@internet --verdicts verdicts.ndjson
  vpcemu replay -c net.toml traffic.pcap --report report.html
  tcpdump -w - | vpcemu replay -c net.toml - --format json")]
pub(crate) struct Replay {
    /// Configuration: native file; directory or file of `aws ec2 describe-*` JSON; Terraform plan or state as JSON
    /// (`PLAN#prior`: the state before it).
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) config: PathBuf,
    /// Captures, pcap or pcapng, also .gz and .zst, `-` for standard input; `@VANTAGE` says where one was taken:
    /// auto, internet, or an interface.
    #[arg(required = true, value_name = "CAPTURE[@VANTAGE]", value_hint = ValueHint::FilePath)]
    pub(crate) captures: Vec<String>,
    /// Write packets: .pcapng has one interface a place and the verdict as a comment, .pcap delivered packets only.
    #[arg(short = 'w', value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) packets: Option<PathBuf>,
    /// In the packets written, show each packet at every place it passed.
    #[arg(long, requires = "packets")]
    pub(crate) taps: bool,
    /// In the packets written, leave the comments out.
    #[arg(long, requires = "packets")]
    pub(crate) no_annotate: bool,
    /// Write one JSON object a packet.
    #[arg(long, value_name = "OUT.ndjson", value_hint = ValueHint::FilePath)]
    pub(crate) verdicts: Option<PathBuf>,
    /// Write one JSON object a connection that is alive at the end: its ends before and after translation, how far it has
    /// come, who remembers it, when it was seen first and last, and when it expires.
    #[arg(long, value_name = "OUT.ndjson", value_hint = ValueHint::FilePath)]
    pub(crate) sessions: Option<PathBuf>,
    /// Write the flow logs that AWS would have: those that the configuration defines, or of every VPC in the default format.
    /// The directory gets what a bucket would.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) flow_logs: Option<PathBuf>,
    /// The fields of their records, as '${version} ${srcaddr} ${dstaddr} ${action}': one flow log of every VPC, whatever the
    /// configuration defines.
    #[arg(long, value_name = "FORMAT", requires = "flow_logs")]
    pub(crate) flow_log_format: Option<String>,
    /// Seconds that a record sums up: 60 or 600. Likewise.
    #[arg(long, value_name = "SECONDS", requires = "flow_logs")]
    pub(crate) flow_log_interval: Option<u32>,
    /// Which packets are logged. Likewise.
    #[arg(long, value_enum, value_name = "WHICH", requires = "flow_logs")]
    pub(crate) flow_log_traffic: Option<LoggedTraffic>,
    /// Whole files of Parquet. Likewise.
    #[arg(long, requires = "flow_logs")]
    pub(crate) flow_log_parquet: bool,
    /// Records also of windows in which nothing passed an interface that had logged before: NODATA.
    #[arg(long, requires = "flow_logs")]
    pub(crate) flow_log_nodata: bool,
    /// Write what was counted: `.csv` a row a minute of capture time, anything else the totals as OpenMetrics text.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) metrics: Option<PathBuf>,
    /// Serve what has been counted in windows of 65,536 packets that are over as OpenMetrics text at http://ADDRESS/metrics while
    /// the replay runs. ADDRESS is a loopback address with a port, 0 for any: 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics_listen: Option<std::net::SocketAddr>,
    /// Write a page for people: the network drawn, the traffic on it, drops with their rules, NAT gateways. It needs nothing but
    /// itself.
    #[arg(long, value_name = "OUT.html", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    /// Keep reader, workers and writer on a processor each (Linux).
    #[arg(long)]
    pub(crate) pin: bool,
    /// Another configuration for packets from this time on: epoch seconds, or +s after the first packet. Repeatable.
    #[arg(long, value_name = "TIME=PATH")]
    pub(crate) then: Vec<String>,
    #[command(flatten)]
    pub(crate) traffic: Traffic,
    /// How to print the summary.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// No summary, no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Verdicts hold every step of the packet's way, comments its components and the rules that decided.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// How captures are read, for every verb that replays them.
#[derive(Args, Debug)]
pub(crate) struct Traffic {
    /// Worker tasks; outputs are the same for any number.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Where captures were taken that say nothing themselves: auto, internet, or an interface.
    #[arg(long, value_name = "VANTAGE", default_value = "auto")]
    pub(crate) at: String,
    /// A host of the captures stands for an interface: 192.168.1.10=web. With an attribute of a Terraform resource on the
    /// left, what it is: aws_nat_gateway.a.allocation_id=aws_eip.a. Repeatable.
    #[arg(long, value_name = "IP=ENI")]
    pub(crate) bind: Vec<String>,
    /// TCP that began before the capture: taken for established where rules allow it, or treated as AWS would.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) midstream: Midstream,
    /// What capturing hosts leave wrong (checksums, lengths): tolerated, or malformed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) offloads: OffloadRules,
    /// Drop the second copy of a packet that a capture saw at two places.
    #[arg(long)]
    pub(crate) dedup: bool,
    /// Behind every choice that AWS makes at random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Keep this VPC only.
    #[arg(long, value_name = "ID")]
    pub(crate) vpc: Option<String>,
    /// Assumptions are errors.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Which packets a flow log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoggedTraffic {
    /// What security groups and network ACLs let pass.
    Accept,
    /// What they refused.
    Reject,
    All,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Midstream {
    #[default]
    Adopt,
    Strict,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OffloadRules {
    #[default]
    Tolerate,
    Strict,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu bench vpc-path nat-new --flows 1000,100000 --seconds 2
  vpcemu bench --html bench.html
  vpcemu bench -c net.toml --capture traffic.pcap --remotes 1000")]
pub(crate) struct Bench {
    /// What to measure; everything by default.
    #[arg(value_enum, value_name = "SCENARIO", conflicts_with = "config")]
    pub(crate) scenarios: Vec<Scenario>,
    /// Live flows, one row each.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,1000,100000,1000000")]
    #[arg(conflicts_with = "config")]
    pub(crate) flows: Vec<u32>,
    /// Workers, one row each: packets are handed out beforehand, by shard.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1")]
    pub(crate) workers: Vec<usize>,
    /// Length of packets, in bytes of IP, or the mix of the internet.
    #[arg(long, value_enum, default_value_t, conflicts_with = "config")]
    pub(crate) size: PacketSize,
    /// Entries of each network ACL and rules of each security group that has any, the last of which match.
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "config")]
    pub(crate) rules: u16,
    /// Remotes that flows are spread over; 1000 by default, with --capture those of the capture.
    #[arg(long, value_name = "N")]
    pub(crate) remotes: Option<u32>,
    /// How long to measure each row, in seconds; preparing comes on top.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// Your own network: native file; directory or file of `aws ec2 describe-*` JSON; Terraform plan or state as JSON.
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath, requires = "capture")]
    pub(crate) config: Option<PathBuf>,
    /// An attribute that a Terraform plan leaves open, or another value of one: aws_nat_gateway.a.allocation_id=aws_eip.a.
    /// Repeatable.
    #[arg(long, requires = "config", value_name = "ADDRESS.ATTRIBUTE=VALUE")]
    pub(crate) bind: Vec<String>,
    /// Your own packets, looped in memory through your own network.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "config")]
    pub(crate) capture: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Write a page with plots; it needs nothing but itself.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) html: Option<PathBuf>,
}

/// What the bench measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Internet to a public instance and back, tracked by its security group.
    Igw,
    /// Private instance through a NAT gateway and back.
    NatEstablished,
    /// Every packet opens a flow through the NAT gateway, as many as die of old age.
    NatNew,
    /// Between instances of one subnet, tracked by the security groups of both.
    SgEstablished,
    /// Between subnets whose network ACLs have rules, untracked: of many such flows not all are remembered.
    Nacl,
    /// IPv6 out of an egress-only internet gateway and back.
    Eigw,
    /// Private instance, NAT gateway, internet gateway and back, with rules at every NACL and security group.
    VpcPath,
    /// The same while flow logs are counted.
    FlowLogs,
    /// The same with one packet in ten opening a flow: for latency while flows come and go.
    Churn,
    /// The same path from file to file: pcap in, pcap out.
    Replay,
}

/// How long packets of a bench are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PacketSize {
    #[default]
    #[value(name = "64")]
    Small,
    /// 46, 552 and 1500 bytes, 7 : 4 : 1.
    Imix,
    #[value(name = "1500")]
    Full,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu completions bash > ~/.local/share/bash-completion/completions/vpcemu
  vpcemu completions zsh > ~/.zfunc/_vpcemu
  vpcemu completions fish > ~/.config/fish/completions/vpcemu.fish")]
pub(crate) struct Completions {
    /// For which shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu man replay | man -l -
  vpcemu man --out ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The page of this verb only; by default that of vpcemu and all verbs, one after another.
    #[arg(value_name = "VERB")]
    pub(crate) verb: Option<String>,
    /// Write each page to a file of its own here; the folder is made where it is not there.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
}

#[cfg(test)]
mod tests;
