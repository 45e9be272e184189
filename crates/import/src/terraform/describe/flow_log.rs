//! Definitions of flow logs.

use serde_json::Value;

use super::Describer;
use super::source::renamed;
use crate::Error;
use crate::dump::Key;

/// Describes them.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for log in to.source.managed(&["aws_flow_log"]) {
        let mut described = log.fields(&SAME);
        for (attribute, key) in RESOURCES {
            if let Some(name) = log.text(attribute)? {
                // An interface may have another name: that of its instance.
                described.insert("ResourceId".to_owned(), Value::from(to.objects.id(key, &name)));
            }
        }
        if let Some(options) = log.node().list("destination_options")?.first() {
            described.insert("DestinationOptions".to_owned(), Value::from(renamed(options.map, &OPTIONS)));
        }
        to.objects.add(Key::FlowLogs, &log.id()?, described, log.address());
    }
    Ok(())
}

/// What a flow log may be of.
const RESOURCES: [(&str, Key); 5] = [
    ("vpc_id", Key::Vpcs),
    ("subnet_id", Key::Subnets),
    ("eni_id", Key::NetworkInterfaces),
    ("transit_gateway_id", Key::TransitGateways),
    ("transit_gateway_attachment_id", Key::TransitGatewayVpcAttachments),
];

const SAME: [(&str, &str); 6] = [
    ("traffic_type", "TrafficType"),
    ("log_format", "LogFormat"),
    ("max_aggregation_interval", "MaxAggregationInterval"),
    ("log_destination_type", "LogDestinationType"),
    ("log_destination", "LogDestination"),
    ("log_group_name", "LogGroupName"),
];

const OPTIONS: [(&str, &str); 3] = [
    ("file_format", "FileFormat"),
    ("hive_compatible_partitions", "HiveCompatiblePartitions"),
    ("per_hour_partition", "PerHourPartition"),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::dump::Key;
    use crate::notes::Notes;
    use crate::terraform::describe::dump;
    use crate::terraform::describe::testing::{resource, vpc_and_subnet};

    #[test]
    fn flow_logs_are_of_what_they_name() {
        let mut resources = vpc_and_subnet();
        let instance =
            json!({"subnet_id": "aws_subnet.a", "private_ip": "10.0.1.9", "primary_network_interface_id": "eni-1"});
        resources.extend([
            resource("aws_instance.it", instance),
            resource(
                "aws_flow_log.a",
                json!({"id": "fl-1", "vpc_id": "aws_vpc.main", "subnet_id": null, "traffic_type": "ALL", "max_aggregation_interval": 60,
                    "log_destination_type": "s3", "destination_options": [{"file_format": "parquet", "per_hour_partition": true}]}),
            ),
            resource("aws_flow_log.b", json!({"eni_id": "aws_instance.it.primary_network_interface_id", "traffic_type": "REJECT"})),
        ]);
        let described = dump(&resources, &Arc::from("main.json"), &mut Notes::default()).unwrap();
        let logs: Vec<_> = described.nodes(Key::FlowLogs).collect();
        let text = |at: usize, field: &str| logs[at].text(field).unwrap().unwrap_or_default();
        assert_eq!((text(0, "FlowLogId"), text(0, "ResourceId")), ("fl-1".into(), "aws_vpc.main".into()));
        assert_eq!((text(0, "TrafficType"), text(0, "MaxAggregationInterval")), ("ALL".into(), "60".into()));
        let options = logs[0].object("DestinationOptions").unwrap().unwrap();
        assert_eq!(options.text("FileFormat").unwrap().as_deref(), Some("parquet"));
        assert_eq!(options.flag("PerHourPartition").unwrap(), Some(true));
        assert_eq!((text(1, "ResourceId"), logs[1].path.as_str()), ("eni-1".into(), "aws_flow_log.b"));
    }
}
