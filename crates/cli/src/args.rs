use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Push real packets through an AWS-style VPC as a real configuration describes it.
#[derive(Parser, Debug)]
#[command(name = "vpcemu", version, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Load and validate a configuration; say what is in it, what was assumed and what was ignored.
    Check(Check),
    /// Push captures through the VPC: packets in, packets and verdicts out.
    Replay(Box<Replay>),
    /// Print the JSON Schema of the native configuration file.
    Schema,
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

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Native file, or directory or file of `aws ec2 describe-*` JSON.
    pub(crate) path: PathBuf,
    /// Keep this VPC only.
    #[arg(long, value_name = "ID")]
    pub(crate) vpc: Option<String>,
    /// Findings and assumptions make the exit code 1.
    #[arg(long)]
    pub(crate) strict: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Examples:
///   vpcemu replay -c net.toml traffic.pcap -w out.pcapng
///   vpcemu replay -c net.toml inside.pcap outside.pcap@internet --verdicts verdicts.ndjson
///   tcpdump -w - | vpcemu replay -c net.toml - --format json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Replay {
    /// Configuration: native file, or directory or file of `aws ec2 describe-*` JSON.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) config: PathBuf,
    /// Captures, pcap or pcapng, also .gz and .zst, `-` for standard input; `@VANTAGE` says where one was taken:
    /// auto, internet, or an interface.
    #[arg(required = true, value_name = "CAPTURE[@VANTAGE]")]
    pub(crate) captures: Vec<String>,
    /// Write packets: .pcapng has one interface a place and the verdict as a comment, .pcap delivered packets only.
    #[arg(short = 'w', value_name = "OUT")]
    pub(crate) packets: Option<PathBuf>,
    /// In the packets written, show each packet at every place it passed.
    #[arg(long, requires = "packets")]
    pub(crate) taps: bool,
    /// In the packets written, leave the comments out.
    #[arg(long, requires = "packets")]
    pub(crate) no_annotate: bool,
    /// Write one JSON object a packet.
    #[arg(long, value_name = "OUT.ndjson")]
    pub(crate) verdicts: Option<PathBuf>,
    /// Worker tasks; outputs are the same for any number.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Keep reader, workers and writer on a processor each (Linux).
    #[arg(long)]
    pub(crate) pin: bool,
    /// Where captures were taken that say nothing themselves: auto, internet, or an interface.
    #[arg(long, value_name = "VANTAGE", default_value = "auto")]
    pub(crate) at: String,
    /// A host of the captures stands for an interface: 192.168.1.10=web. Repeatable.
    #[arg(long, value_name = "IP=ENI")]
    pub(crate) bind: Vec<String>,
    /// Another configuration for packets from this time on: epoch seconds, or +s after the first packet. Repeatable.
    #[arg(long, value_name = "TIME=PATH")]
    pub(crate) then: Vec<String>,
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
    /// How to print the summary.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// No summary, no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Verdicts hold every step of the packet's way.
    #[arg(short, long)]
    pub(crate) verbose: bool,
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
