//! `vpcemu flowlogs`: recorded flows, judged by a configuration, or made into packets again.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_flowlog::{Agreement, Format as LogFormat, Options, Reader};
use vpcemu_import::Choice;
use vpcemu_model::Network;
use vpcemu_recorded::{Judge, Rewinder, Rewound};

use crate::args::Format;
use crate::error::{Error, print};
use crate::{Ending, config, outputs};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu flowlogs compare -c planned.toml AWSLogs/
  vpcemu flowlogs compare -c dump/ vpc.log --format-string '${srcaddr} ${dstaddr} ${action}'
  vpcemu flowlogs replay -c net.toml AWSLogs/ -w recorded.pcap")]
pub(crate) struct FlowLogs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Judge recorded flows by a configuration: where it would accept what was rejected, or reject what was accepted, and by
    /// which rule. Exit code 1 if it would.
    Compare(Compare),
    /// Make packets of recorded flows, for `diff`, `rules` and `replay`.
    Replay(Replay),
}

/// Where records come from.
#[derive(Args, Debug)]
struct Logs {
    /// Configuration: native file; directory or file of `aws ec2 describe-*` JSON; Terraform plan or state as JSON.
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    config: PathBuf,
    /// Flow logs: files as a bucket has them (text, gzip, Parquet), whole directories of them, what CloudWatch Logs exports, what
    /// Logs Insights answers (JSON, CSV), `-` for standard input.
    #[arg(required = true, value_name = "LOG", value_hint = ValueHint::AnyPath)]
    logs: Vec<PathBuf>,
    /// The fields of files without a header line, as '${version} ${srcaddr} ...'; the default format if it is not said.
    #[arg(long, value_name = "FORMAT")]
    format_string: Option<String>,
    /// Count and pass over damaged records, instead of ending with the first.
    #[arg(long)]
    lenient: bool,
    /// Keep this VPC only.
    #[arg(long, value_name = "ID")]
    vpc: Option<String>,
    /// An attribute that a Terraform plan leaves open: aws_nat_gateway.a.allocation_id=aws_eip.a. Repeatable.
    #[arg(long, value_name = "ADDRESS.ATTRIBUTE=VALUE")]
    bind: Vec<String>,
}

#[derive(Args, Debug)]
struct Compare {
    #[command(flatten)]
    logs: Logs,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct Replay {
    #[command(flatten)]
    logs: Logs,
    /// The capture to write, in bare IP packets.
    #[arg(short = 'w', value_name = "OUT.pcap", value_hint = ValueHint::FilePath)]
    output: PathBuf,
    /// Packets of one record at most; what more it counted is left out, with its bytes.
    #[arg(long, value_name = "N", default_value_t = 10)]
    packets: u64,
}

pub(crate) fn run(arguments: &FlowLogs) -> Result<Ending, Error> {
    match &arguments.verb {
        Verb::Compare(compare) => self::compare(compare),
        Verb::Replay(replay) => self::replay(replay),
    }
}

impl Logs {
    fn network(&self) -> Result<Network, Error> {
        config::refuse_hosts(&self.bind)?;
        Ok(config::load(&self.config, Choice { vpc: self.vpc.as_deref(), binds: &self.bind })?.network)
    }

    fn reader(&self) -> Result<Reader, Error> {
        let format = self.format_string.as_deref().map(str::parse::<LogFormat>).transpose();
        let format = format.map_err(|error| Error::Usage(format!("--format-string: {error}")))?;
        Ok(Reader::open(&self.logs, Options { format, lenient: self.lenient, ..Options::default() }))
    }
}

/// What was passed over, on stderr; with nothing left to look at, an error.
fn tell_of(reader: &Reader, records: u64) -> Result<(), Error> {
    for (kind, count, example) in reader.report().all_skipped() {
        eprintln!("vpcemu: warning: {count} passed over, {kind}: {example}");
    }
    match records {
        0 => Err(Error::Usage("there is no record in it".to_owned())),
        _ => Ok(()),
    }
}

fn compare(arguments: &Compare) -> Result<Ending, Error> {
    let mut judge = Judge::new(arguments.logs.network()?);
    let mut reader = arguments.logs.reader()?;
    let (mut agreement, mut records, mut damage) = (Agreement::default(), 0, None);
    for entry in &mut reader {
        match entry {
            Ok(entry) => {
                records += 1;
                let judgement = judge.judge(&entry);
                agreement.add(&entry, judgement);
            }
            Err(error) => {
                damage = Some(error);
                break;
            }
        }
    }
    if records > 0 {
        match arguments.format {
            Format::Text => print(&format!("{agreement}\n"))?,
            Format::Json => {
                let json = serde_json::to_string_pretty(&agreement.to_json()).map_err(Error::json)?;
                print(&format!("{json}\n"))?;
            }
        }
    }
    finish(&reader, records, damage)?;
    Ok(if agreement.differing().records > 0 { Ending::Failed } else { Ending::Done })
}

/// What ends a run after its result has been printed.
fn finish(reader: &Reader, records: u64, damage: Option<vpcemu_flowlog::Error>) -> Result<(), Error> {
    if let Some(error) = damage {
        eprintln!("vpcemu: the {records} records before the damage were used");
        return Err(error.into());
    }
    tell_of(reader, records)
}

fn replay(arguments: &Replay) -> Result<Ending, Error> {
    if arguments.packets == 0 {
        return Err(Error::Usage("--packets 0: at least one packet a record is needed".to_owned()));
    }
    let read = || arguments.logs.logs.iter().map(PathBuf::as_path);
    outputs::refuse_inputs([&*arguments.output], read().chain([&*arguments.logs.config]))?;
    outputs::refuse_within(&arguments.output, read())?;
    let mut rewinder = Rewinder::new(arguments.logs.network()?, arguments.packets);
    let mut reader = arguments.logs.reader()?;
    let mut tape = Tape { path: &arguments.output, writer: None, packets: 0 };
    let (mut records, mut told, mut damage) = (0, 0, None);
    for entry in &mut reader {
        match entry {
            Ok(entry) => {
                records += 1;
                told += u64::from(rewinder.add(&entry));
                tape.write_what_is_due(&mut rewinder)?;
            }
            Err(error) => {
                damage = Some(error);
                break;
            }
        }
    }
    rewinder.end();
    tape.write_what_is_due(&mut rewinder)?;
    let packets = tape.finish()?;
    let path = arguments.output.display();
    let written = if packets > 0 { "written:" } else { "no packets: nothing written to" };
    print(&format!("{packets} packets of {told} records, of {records} that were read\n{written} {path}\n"))?;
    match rewinder.late() {
        0 => {}
        late => eprintln!(
            "vpcemu: warning: {late} records began more than 20 minutes before others that came first; their packets are out \
             of order"
        ),
    }
    finish(&reader, records, damage)?;
    Ok(Ending::Done)
}

/// A capture in the making. It is created with its first packet: what is there already is not lost to logs that cannot be read.
struct Tape<'a> {
    path: &'a Path,
    writer: Option<PcapWriter<File>>,
    packets: u64,
}

impl Tape<'_> {
    fn write_what_is_due(&mut self, rewinder: &mut Rewinder) -> Result<(), Error> {
        while let Some(Rewound { time, datagram }) = rewinder.next_packet() {
            let length = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
            let writer = match &mut self.writer {
                Some(writer) => writer,
                none => none.insert(Self::create(self.path)?),
            };
            writer
                .write(time, length, &datagram)
                .map_err(|source| Error::Capture { path: self.path.to_owned(), source })?;
            self.packets += 1;
        }
        Ok(())
    }

    fn create(path: &Path) -> Result<PcapWriter<File>, Error> {
        let file = File::create(path).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        PcapWriter::new(file, LinkType::RAW).map_err(|source| Error::Capture { path: path.to_owned(), source })
    }

    fn finish(self) -> Result<u64, Error> {
        if let Some(writer) = self.writer {
            writer.finish().map_err(|source| Error::Capture { path: self.path.to_owned(), source })?;
        }
        Ok(self.packets)
    }
}
