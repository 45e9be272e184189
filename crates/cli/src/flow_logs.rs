//! Which flow logs a replay writes.

use vpcemu_model::flow_log::{LogDestination, LogFileFormat};
use vpcemu_model::{FlowLog, Id, Kind, LoggedResource, LoggedTraffic, Network, Origin, Vpc};
use vpcemu_replay::FlowLogOptions;

use crate::args::{self, Replay};
use crate::error::Error;

/// The flow logs that the arguments ask for: those of the configuration, or of every VPC as the arguments say.
pub(crate) fn options(arguments: &Replay, networks: &[Network]) -> Result<Option<FlowLogOptions>, Error> {
    let Some(directory) = &arguments.flow_logs else { return Ok(None) };
    if let Some(seconds) = arguments.flow_log_interval.filter(|seconds| ![60, 600].contains(seconds)) {
        return Err(Error::Usage(format!("--flow-log-interval {seconds}: AWS sums up 60 or 600 seconds")));
    }
    let told = arguments.flow_log_format.is_some()
        || arguments.flow_log_interval.is_some()
        || arguments.flow_log_traffic.is_some()
        || arguments.flow_log_parquet;
    let network = &networks[0]; // the one that `-c` names
    let active = |log: &&FlowLog| log.active && !log.resource.is_of_transit_gateway();
    let mut definitions: Vec<_> = network.flow_logs.iter().filter(active).cloned().collect();
    if told || definitions.is_empty() {
        definitions = network.vpcs.iter().map(|vpc| of_vpc(vpc, arguments)).collect();
    }
    let silence = arguments.flow_log_nodata;
    Ok(Some(FlowLogOptions { directory: directory.clone(), definitions, networks: networks.to_vec(), silence }))
}

fn of_vpc(vpc: &Vpc, arguments: &Replay) -> FlowLog {
    let resource = LoggedResource::Vpc(vpc.id.clone());
    let short = vpc.id.as_str().strip_prefix(Kind::Vpc.prefix()).unwrap_or(vpc.id.as_str());
    FlowLog {
        id: Id::of(Kind::FlowLog, short),
        name: None,
        traffic: match arguments.flow_log_traffic {
            Some(args::LoggedTraffic::Accept) => LoggedTraffic::Accept,
            Some(args::LoggedTraffic::Reject) => LoggedTraffic::Reject,
            Some(args::LoggedTraffic::All) | None => LoggedTraffic::All,
        },
        format: arguments.flow_log_format.clone().unwrap_or_else(|| resource.default_format()),
        max_aggregation_interval: arguments.flow_log_interval.unwrap_or_else(|| resource.default_interval()),
        resource,
        destination_type: LogDestination::S3,
        destination: None,
        file_format: if arguments.flow_log_parquet { LogFileFormat::Parquet } else { LogFileFormat::PlainText },
        hive_compatible: false,
        per_hour: false,
        active: true,
        origin: Origin::implicit(),
    }
}
