//! Flow log definitions.

use vpcemu_model::{FlowLog, Id, LogDestination, LogFileFormat, LoggedResource, LoggedTraffic, Network};

use crate::Error;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the definitions, of what is part of the network.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    for node in dump.nodes(Key::FlowLogs) {
        let id = node.required_id("FlowLogId")?;
        let Some(of) = node.id("ResourceId")? else {
            notes.ignore(id, node.origin(), "it has no ResourceId");
            continue;
        };
        let Some(resource) = resource(&of, network) else {
            // With one VPC of a dump go the logs of the others.
            if !dump.saw(Key::Vpcs, &of) && !dump.saw(Key::Subnets, &of) && !dump.saw(Key::NetworkInterfaces, &of) {
                notes.ignore(id, node.origin(), format!("{of}, which it is of, is not in the dump"));
            }
            continue;
        };
        let options = node.object("DestinationOptions")?;
        network.flow_logs.push(FlowLog {
            name: node.name()?,
            traffic: traffic(&node)?,
            format: node.text("LogFormat")?.unwrap_or_else(|| resource.default_format()),
            max_aggregation_interval: node
                .number("MaxAggregationInterval", "a number of seconds")?
                .unwrap_or_else(|| resource.default_interval()),
            resource,
            destination_type: destination_type(&node)?,
            destination: match node.text("LogDestination")? {
                Some(destination) => Some(destination),
                None => node.text("LogGroupName")?,
            },
            file_format: match &options {
                Some(options) => file_format(options)?,
                None => LogFileFormat::default(),
            },
            hive_compatible: is_on(options.as_ref(), "HiveCompatiblePartitions")?,
            per_hour: is_on(options.as_ref(), "PerHourPartition")?,
            active: node.state("FlowLogStatus")?.is_none_or(|status| status == "active"),
            origin: node.origin(),
            id,
        });
    }
    Ok(())
}

/// What an id is of: the field is the same for all, and only some ids tell by their form.
fn resource(id: &Id, network: &Network) -> Option<LoggedResource> {
    let transit = &network.transit_gateways;
    if network.vpc(id).is_some() {
        Some(LoggedResource::Vpc(id.clone()))
    } else if network.subnet(id).is_some() {
        Some(LoggedResource::Subnet(id.clone()))
    } else if network.interface(id).is_some() {
        Some(LoggedResource::NetworkInterface(id.clone()))
    } else if transit.iter().any(|gateway| gateway.id == *id) {
        Some(LoggedResource::TransitGateway(id.clone()))
    } else if transit.iter().flat_map(|gateway| &gateway.attachments).any(|it| it.id == *id) {
        Some(LoggedResource::TransitGatewayAttachment(id.clone()))
    } else {
        None
    }
}

fn traffic(node: &Node<'_>) -> Result<LoggedTraffic, Error> {
    Ok(match node.state("TrafficType")?.as_deref() {
        None | Some("all") => LoggedTraffic::All,
        Some("accept") => LoggedTraffic::Accept,
        Some("reject") => LoggedTraffic::Reject,
        Some(_) => return Err(node.invalid("TrafficType", "ACCEPT, REJECT or ALL")),
    })
}

fn destination_type(node: &Node<'_>) -> Result<LogDestination, Error> {
    const FIELD: &str = "LogDestinationType";
    Ok(match node.state(FIELD)?.as_deref() {
        None | Some("cloud-watch-logs") => LogDestination::CloudWatchLogs,
        Some("s3") => LogDestination::S3,
        Some("kinesis-data-firehose") => LogDestination::KinesisDataFirehose,
        Some(_) => return Err(node.invalid(FIELD, "cloud-watch-logs, s3 or kinesis-data-firehose")),
    })
}

fn file_format(options: &Node<'_>) -> Result<LogFileFormat, Error> {
    Ok(match options.state("FileFormat")?.as_deref() {
        None | Some("plain-text") => LogFileFormat::PlainText,
        Some("parquet") => LogFileFormat::Parquet,
        Some(_) => return Err(options.invalid("FileFormat", "plain-text or parquet")),
    })
}

fn is_on(options: Option<&Node<'_>>, field: &str) -> Result<bool, Error> {
    Ok(match options {
        Some(options) => options.flag(field)?.unwrap_or(false),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::build::testing::{codes, complete, ignored, import_over, try_import};

    fn with(logs: Value) -> Value {
        let interfaces = json!([{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}],
            "PrivateIpAddress": "10.0.1.4"}]);
        json!({"FlowLogs": logs, "NetworkInterfaces": interfaces})
    }

    #[test]
    fn everything_that_a_definition_says_is_read() {
        let imported = import_over(with(json!([{
            "FlowLogId": "fl-1", "FlowLogStatus": "ACTIVE", "ResourceId": "eni-1", "TrafficType": "REJECT",
            "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::bucket/logs", "LogFormat": "${version} ${srcaddr}",
            "MaxAggregationInterval": 60, "Tags": [{"Key": "Name", "Value": "rejects"}],
            "DestinationOptions": {"FileFormat": "parquet", "HiveCompatiblePartitions": true, "PerHourPartition": true},
        }])));
        let [log] = imported.network.flow_logs.as_slice() else { panic!() };
        assert_eq!(log.resource, LoggedResource::NetworkInterface("eni-1".into()));
        assert_eq!((log.traffic, log.max_aggregation_interval, log.active), (LoggedTraffic::Reject, 60, true));
        assert_eq!(log.fields(), Ok(vec!["version", "srcaddr"]));
        assert_eq!(log.destination_type, LogDestination::S3);
        assert_eq!(log.destination.as_deref(), Some("arn:aws:s3:::bucket/logs"));
        assert_eq!((log.file_format, log.hive_compatible, log.per_hour), (LogFileFormat::Parquet, true, true));
        assert_eq!(log.name.as_deref(), Some("rejects"));
        assert_eq!(log.origin.path.as_deref(), Some("FlowLogs[0]"));
        assert!(codes(&imported).is_empty() && ignored(&imported).is_empty());
    }

    #[test]
    fn what_is_not_said_is_as_aws_has_it() {
        let imported = import_over(with(json!([{"FlowLogId": "fl-1", "ResourceId": "vpc-1", "LogGroupName": "group",
            "LogDestination": "", "DestinationOptions": null}])));
        let log = &imported.network.flow_logs[0];
        assert_eq!(log.resource, LoggedResource::Vpc("vpc-1".into()));
        assert_eq!((log.traffic, log.max_aggregation_interval, log.active), (LoggedTraffic::All, 600, true));
        assert_eq!(log.format, log.resource.default_format());
        assert_eq!(log.destination.as_deref(), Some("group"));
        assert_eq!(log.destination_type, LogDestination::CloudWatchLogs);
    }

    #[test]
    fn logs_of_what_is_not_there_are_ignored() {
        let imported = import_over(with(json!([
            {"FlowLogId": "fl-1", "ResourceId": "subnet-9"}, {"FlowLogId": "fl-2"}, {"FlowLogId": "fl-3", "ResourceId": "subnet-1"},
        ])));
        assert_eq!(ignored(&imported), ["fl-1", "fl-2"]);
        assert_eq!(imported.network.flow_logs.len(), 1);
    }

    #[test]
    fn words_that_aws_does_not_have_are_errors() {
        for (field, value, expected) in [
            ("TrafficType", json!("some"), "expected ACCEPT, REJECT or ALL"),
            ("LogDestinationType", json!("disk"), "expected cloud-watch-logs"),
            ("DestinationOptions", json!({"FileFormat": "csv"}), "DestinationOptions.FileFormat: expected plain-text"),
        ] {
            let mut log = json!({"FlowLogId": "fl-1", "ResourceId": "vpc-1"});
            log[field] = value;
            let error = try_import(&complete(json!({"FlowLogs": [log]}))).unwrap_err().to_string();
            assert!(error.contains("FlowLogs[0]") && error.contains(expected), "{error}");
        }
    }
}
