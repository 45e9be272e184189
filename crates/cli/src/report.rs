//! The summary of a replay, for people.

use std::fmt::Write;
use std::path::PathBuf;

use vpcemu_replay::Summary;

/// Rows of a list that are shown; the rest is one line.
const ROWS: usize = 12;

/// What each reason means, in words a network engineer needs no manual for.
fn in_words(reason: &str) -> &'static str {
    match reason {
        "ENI_SG_RULES_MISMATCH" => "no security group rule allows it",
        "SG_HAS_NO_RULES" => "the security groups have no rule in that direction",
        "SG_REFERENCES_NOT_PRESERVED" => {
            "a security group reference would match, but the sender's identity was lost on the way"
        }
        "SUBNET_ACL_RESTRICTION" => "denied by the network ACL",
        "ENI_SOURCE_DEST_CHECK_RESTRICTION" => "source/destination check: the address is not the interface's own",
        "GATEWAY_REJECTS_SPOOFED_TRAFFIC" => "the source belongs to no interface of the VPC",
        "NO_ROUTE_TO_DESTINATION" => "no route",
        "BAD_STATE_ROUTE" => "blackhole route",
        "BAD_STATE" => "the gateway is not available",
        "X_NEIGHBOR_UNKNOWN" => "no interface has the destination address",
        "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS" => "the source has no public address",
        "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS" => "nobody has that public address",
        "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS" | "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS" => {
            "a private destination does not leave by the internet gateway"
        }
        "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS" | "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS" => {
            "a private source cannot come from the internet"
        }
        "X_IGW_PRIVATE_IPV6" => "private IPv6 does not pass a gateway to the internet",
        "PROTOCOL_RESTRICTION" => "the NAT gateway carries TCP, UDP and ICMP echo only",
        "X_NAT_NO_SESSION" => "the NAT gateway has no mapping for it",
        "X_NAT_PORT_EXHAUSTED" => "the NAT gateway has no free port to that destination",
        "X_NAT_IDLE_EXPIRED" => "the NAT mapping expired; the inside got a RST",
        "X_NAT_OWN_SUBNET" => "the NAT gateway does not serve its own subnet",
        "NGW_REQUIRES_SOURCE_IN_VPC" => "the NAT gateway serves its own VPC only",
        "X_NAT_FRAGMENT" => "the NAT gateway drops fragments of TCP and ICMP",
        "REGIONAL_NGW_ROUTE_AZ_RESTRICTION" => "the NAT gateway has no address in the client's zone",
        "X_NAT64_UNTRANSLATABLE" => "it has no form in the other IP version",
        "X_CT_INVALID" => "the NAT instance's connection tracking finds it invalid",
        "INGRESS_RTB_NO_PUBLIC_IP" => "the gateway's route table leads to an interface without a public address",
        "INGRESS_RTB_TRAFFIC_REDIRECTION" => "what comes in is redirected, so it cannot leave directly",
        "VPC_BLOCK_PUBLIC_ACCESS_ENABLED" => "Block Public Access",
        "X_EIGW_NO_SESSION" => "nothing inside had opened it: the egress-only gateway lets nothing in",
        "VPCE_GATEWAY_PROTOCOL_RESTRICTION" => "a gateway endpoint carries TCP and ping only",
        "VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION" => "a gateway endpoint brings packets of its service only",
        "VPCE_INTRA_VPC_TRAFFIC" => "an interface endpoint opens no connections",
        "X_VPCE_IDLE_EXPIRED" => "the endpoint had forgotten the connection: it was idle for too long",
        "X_VPCE_NO_SESSION" => "the endpoint never saw the connection begin",
        "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR" => "the peered VPC has no such address",
        "BAD_STATE_ATTACHMENT" => "the attachment is not available",
        "TGW_ROUTE_AZ_RESTRICTION" => "the transit gateway is not attached in that availability zone",
        "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION" => "the attachment has no route table",
        "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT" => "the transit gateway has no route",
        "TGW_RTB_BAD_STATE_ROUTE" => "blackhole route of the transit gateway",
        "VGW_PRIVATE_IP_ASSOCIATION_FOR_EGRESS" => "the source belongs to no interface of the VPC",
        "VGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS" => "no interface of the VPC has the destination address",
        "X_IPV6_UNSUPPORTED" => "no IPv6 on that way",
        "X_MTU" => "too large for the path, and not to be fragmented",
        "X_TTL" => "TTL ran out",
        "X_FRAGMENT" => "the first fragment never came",
        "X_FRAGMENT_OVERLAP" => "fragments of the datagram overlap",
        "X_FRAGMENT_DUPLICATE" => "the fragment had come before",
        "X_FRAGMENT_PPS" => "more fragments a second than an interface may send",
        "X_SERVICE_PPS" => "more packets a second than an interface may send to the VPC's services",
        "X_SMTP_BLOCKED" => "mail to public addresses, which instances may not send",
        "X_TABLE_FULL" => "the instance's connection table is full, or a table of this program is",
        "X_MULTICAST" => "a VPC carries no multicast or broadcast",
        "X_MARTIAN_ADDRESS" => "an address that no packet on a wire has",
        "X_RESERVED_ADDRESS" => "an address that the VPC keeps for itself",
        "X_LINK_SCOPE" => "link-scope IPv6 (neighbour discovery) stays on the link",
        "X_NON_IP" => "not IP (ARP and the like)",
        "X_MALFORMED" => "damaged headers",
        "X_NO_VANTAGE" => "nothing in the configuration has its addresses",
        "X_REANCHOR_NO_PUBLIC" => "a reply for an address that has no public one",
        "X_REANCHOR_NO_MAPPING" => "a reply to something the NAT gateway did not send",
        "X_DIVERGED" => "rest of a flow whose opening packet was denied",
        "X_DUPLICATE" => "second copy of a captured packet",
        _ => "",
    }
}

/// The summary as a short page.
pub(crate) fn text(summary: &Summary, outputs: &[PathBuf]) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = write_page(&mut page, summary, outputs);
    page
}

fn write_page(page: &mut String, summary: &Summary, outputs: &[PathBuf]) -> std::fmt::Result {
    let packets = &summary.packets;
    let share = |count: u64| 100.0 * count as f64 / packets.input.max(1) as f64;
    writeln!(page, "{:>10} packets in   ({} bytes)", packets.input, summary.bytes.input)?;
    writeln!(page, "{:>10} delivered    {:5.1} %", packets.delivered, share(packets.delivered))?;
    writeln!(page, "{:>10} dropped      {:5.1} %", packets.dropped, share(packets.dropped))?;
    for (count, what) in [
        (packets.held, "held         fragments whose first had not come when the input ended"),
        (packets.generated, "made by the VPC and delivered (RST, ICMP errors)"),
        (packets.generated_dropped, "made by the VPC and dropped on their way"),
        (packets.fragmented, "of the delivered left in pieces"),
        (packets.reanchored, "put back in front of the translation they were captured behind"),
        (packets.adopted, "taken for part of connections that began before the capture"),
    ] {
        if count > 0 {
            writeln!(page, "{count:>10} {what}")?;
        }
    }
    if !summary.delivered_to.is_empty() {
        writeln!(page, "\ndelivered to")?;
        let mut rows: Vec<_> = summary.delivered_to.iter().collect();
        rows.sort_by_key(|(place, count)| (std::cmp::Reverse(**count), place.as_str()));
        for (place, count) in rows {
            writeln!(page, "{count:>10} {place}")?;
        }
    }
    if !summary.translated.is_empty() {
        writeln!(page, "\ntranslated")?;
        for row in summary.translated.iter().take(ROWS) {
            writeln!(page, "{:>10} {:<11} {} -> {}", row.packets, row.field, row.from, row.to)?;
        }
        let rest: u64 = summary.translated.iter().skip(ROWS).map(|row| row.packets).sum();
        if rest > 0 {
            writeln!(page, "{rest:>10} between other addresses; --format json has all of them")?;
        }
    }
    if !summary.dropped_at.is_empty() {
        writeln!(page, "\ndropped")?;
        write_dropped(page, summary)?;
    }
    let connections = &summary.connections;
    writeln!(
        page,
        "\nconnections  {} created, {} expired, {} live at the end, {} at the peak",
        connections.created, connections.expired, connections.live, connections.peak
    )?;
    for (id, nat) in &summary.nat {
        writeln!(
            page,
            "{id}  {} packets out, {} back, {} dropped; {} TCP attempts, {} established, {} idle timeouts, {} port \
             allocation errors",
            nat.packets_out_to_destination,
            nat.packets_out_to_source,
            nat.packets_drop_count,
            nat.connection_attempt_count,
            nat.connection_established_count,
            nat.idle_timeout_count,
            nat.error_port_allocation
        )?;
    }
    if !summary.assumptions.is_empty() {
        writeln!(page, "\nassumed")?;
        for assumption in &summary.assumptions {
            writeln!(page, "  {}: {} [{}]", assumption.place, assumption.text, assumption.code)?;
        }
    }
    for output in outputs {
        writeln!(page, "\nwritten: {}", output.display())?;
    }
    let run = &summary.run;
    let seconds = run.elapsed_ns as f64 / 1e9;
    let workers = if run.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", run.workers) };
    writeln!(page, "\n{seconds:.3} s, {} packets a second, {workers}", run.packets_per_second)
}

fn write_dropped(page: &mut String, summary: &Summary) -> std::fmt::Result {
    let rows: Vec<(u64, String, &str)> = summary
        .dropped_at
        .iter()
        .map(|row| {
            let mut place = row.at.clone().unwrap_or_else(|| "-".to_owned());
            if let Some(dir) = row.dir {
                let _ = write!(place, " {dir}");
            }
            match row.rule.as_deref() {
                Some("*") => place.push_str(" (no rule matches)"),
                Some(rule) => {
                    let _ = write!(place, " rule {rule}");
                }
                None => {}
            }
            (row.packets, place, row.reason)
        })
        .collect();
    let width = rows.iter().take(ROWS).map(|(_, place, _)| place.chars().count()).max().unwrap_or(0);
    for (count, place, reason) in rows.iter().take(ROWS) {
        let words = in_words(reason);
        let separator = if words.is_empty() { "" } else { ": " };
        writeln!(page, "{count:>10} {place:<width$}  {reason}{separator}{words}")?;
    }
    let rest: u64 = rows.iter().skip(ROWS).map(|(count, _, _)| count).sum();
    if rest > 0 {
        let kinds = rows.len() - ROWS;
        writeln!(page, "{rest:>10} in {kinds} more kinds; --format json has all of them")?;
    }
    if summary.dropped_by_reason.contains_key("X_NO_VANTAGE") {
        writeln!(
            page,
            "           hint: --bind IP=ENI puts a host of the capture onto an interface; --at or CAPTURE@VANTAGE names where it was taken"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn every_reason_of_the_engine_has_words() {
        for reason in vpcemu_dataplane::DropReason::ALL {
            let code = reason.code();
            assert!(!in_words(code).is_empty(), "{code}");
        }
    }
}
