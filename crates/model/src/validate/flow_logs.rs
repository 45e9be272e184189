//! Flow log definitions (9.1-9b). None of them changes what becomes of a packet, so that only a reference to nothing is an
//! error.

use super::Index;
use super::references::known;
use crate::finding::{Finding, Severity};
use crate::{FlowLog, LogDestination, LogFileFormat, LoggedResource};

/// The intervals that AWS takes, in seconds (9.3); of a transit gateway it takes the first only.
const INTERVALS: [u32; 2] = [60, 600];

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    for log in &index.network.flow_logs {
        resource(index, log, findings);
        interval(log, findings);
        format(log, findings);
        options(log, findings);
    }
}

fn resource(index: &Index<'_>, log: &FlowLog, findings: &mut Vec<Finding>) {
    let mut attachments = index.network.transit_gateways.iter().flat_map(|gateway| &gateway.attachments);
    let (what, exists) = match &log.resource {
        LoggedResource::Vpc(id) => ("VPC", index.vpcs.contains_key(id)),
        LoggedResource::Subnet(id) => ("subnet", index.subnets.contains_key(id)),
        LoggedResource::NetworkInterface(id) => ("interface", index.interfaces.contains_key(id)),
        LoggedResource::TransitGateway(id) => ("transit gateway", index.transit_gateways.contains_key(id)),
        LoggedResource::TransitGatewayAttachment(id) => ("attachment", attachments.any(|it| it.id == *id)),
    };
    known(exists, &log.id, what, log.resource.id(), &log.origin, findings);
}

fn interval(log: &FlowLog, findings: &mut Vec<Finding>) {
    let allowed = if log.resource.is_of_transit_gateway() { &INTERVALS[..1] } else { &INTERVALS[..] };
    if !allowed.contains(&log.max_aggregation_interval) {
        let seconds = log.max_aggregation_interval;
        let text = format!("{}: no flow log has a max_aggregation_interval of {seconds} s", log.id);
        let of = if allowed.len() == 1 { "60, the only one of transit gateways" } else { "60 or 600" };
        findings.push(Finding::warning("flow-log-interval", &log.origin, text).help(format!("write {of}")));
    }
}

fn format(log: &FlowLog, findings: &mut Vec<Finding>) {
    let (named, allowed) = match log.fields() {
        Ok(named) => (named, log.resource.fields()),
        Err(piece) => {
            let text = format!("{}: `{piece}` of its format is no field", log.id);
            let help = "write fields as ${srcaddr}, one space apart";
            findings.push(Finding::warning("flow-log-format", &log.origin, text).help(help));
            return;
        }
    };
    if named.is_empty() {
        let text = format!("{}: its format has no field", log.id);
        findings.push(Finding::warning("flow-log-format", &log.origin, text).help("leave it out for the default one"));
    }
    for name in named.into_iter().filter(|name| !allowed.contains(name)) {
        let of = if log.resource.is_of_transit_gateway() { "transit gateways" } else { "VPCs, subnets and interfaces" };
        let text = format!("{}: flow logs of {of} have no field ${{{name}}}", log.id);
        let finding = Finding::warning("flow-log-field", &log.origin, text);
        findings.push(match crate::native::nearest(name, allowed.iter().copied()) {
            Some(nearest) => finding.help(format!("did you mean ${{{nearest}}}?")),
            None => finding.help(format!("there is {}", allowed.join(", "))),
        });
    }
}

/// What only files in a bucket have.
fn options(log: &FlowLog, findings: &mut Vec<Finding>) {
    let has_options = log.file_format != LogFileFormat::default() || log.hive_compatible || log.per_hour;
    if has_options && log.destination_type != LogDestination::S3 {
        let text = format!("{}: file format and folders are of logs in a bucket, and this one goes elsewhere", log.id);
        let help = "write destination_type = \"s3\", or leave them out";
        findings.push(Finding::new(Severity::Warning, "flow-log-options", &log.origin, text).help(help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{Error, Warning};
    use crate::validate::sample::{attachment, network, transit_gateway};
    use crate::validate::validate;
    use crate::{LoggedTraffic, Origin};

    fn log(resource: LoggedResource) -> FlowLog {
        FlowLog {
            id: "fl-1".into(),
            name: None,
            traffic: LoggedTraffic::All,
            format: resource.default_format(),
            max_aggregation_interval: resource.default_interval(),
            resource,
            destination_type: LogDestination::CloudWatchLogs,
            destination: None,
            file_format: LogFileFormat::PlainText,
            hive_compatible: false,
            per_hour: false,
            active: true,
            origin: Origin::implicit(),
        }
    }

    fn found(log: FlowLog) -> Vec<(&'static str, Severity)> {
        let mut network = network();
        network.transit_gateways.push(transit_gateway(vec![attachment("tgw-attach-1", &["10.9.0.0/16"])]));
        network.flow_logs.push(log);
        validate(&network).iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn what_is_logged_exists() {
        for (right, wrong) in [
            (LoggedResource::Vpc("vpc-1".into()), LoggedResource::Vpc("subnet-a".into())),
            (LoggedResource::Subnet("subnet-a".into()), LoggedResource::Subnet("vpc-1".into())),
            (LoggedResource::NetworkInterface("eni-web".into()), LoggedResource::NetworkInterface("eni-9".into())),
            (LoggedResource::TransitGateway("tgw-1".into()), LoggedResource::TransitGateway("tgw-9".into())),
            (
                LoggedResource::TransitGatewayAttachment("tgw-attach-1".into()),
                LoggedResource::TransitGatewayAttachment("tgw-1".into()),
            ),
        ] {
            assert_eq!(found(log(right)), []);
            assert_eq!(found(log(wrong)), [("unknown-reference", Error)]);
        }
    }

    #[test]
    fn intervals_are_those_of_aws() {
        let of = |resource, max_aggregation_interval| found(FlowLog { max_aggregation_interval, ..log(resource) });
        let (vpc, transit) = (LoggedResource::Vpc("vpc-1".into()), LoggedResource::TransitGateway("tgw-1".into()));
        assert_eq!(of(vpc.clone(), 60), []);
        assert_eq!(of(vpc, 300), [("flow-log-interval", Warning)]);
        assert_eq!(of(transit, 600), [("flow-log-interval", Warning)]);
    }

    #[test]
    fn formats_have_fields_of_their_kind() {
        let of = |resource, format: &str| found(FlowLog { format: format.to_owned(), ..log(resource) });
        let (vpc, transit) = (LoggedResource::Vpc("vpc-1".into()), LoggedResource::TransitGateway("tgw-1".into()));
        assert_eq!(of(vpc.clone(), "${version} ${pkt-srcaddr} ${next-hop-interface-type}"), []);
        assert_eq!(of(transit, "${version} ${tgw-id}"), []);
        assert_eq!(of(vpc.clone(), "${tgw-id} ${srcadr}"), [("flow-log-field", Warning); 2]);
        for wrong in ["", "version", "${version", "${version}${srcaddr}"] {
            assert_eq!(of(vpc.clone(), wrong), [("flow-log-format", Warning)], "{wrong}");
        }
    }

    #[test]
    fn only_buckets_have_files() {
        let parquet = FlowLog { file_format: LogFileFormat::Parquet, ..log(LoggedResource::Vpc("vpc-1".into())) };
        assert_eq!(found(parquet.clone()), [("flow-log-options", Warning)]);
        assert_eq!(found(FlowLog { destination_type: LogDestination::S3, per_hour: true, ..parquet }), []);
    }
}
