//! The summary of a replay, for people.

use std::fmt::Write;

use vpcemu_dataplane::DropReason;
use vpcemu_replay::Summary;

/// Rows of a list that are shown; the rest is one line.
const ROWS: usize = 12;

/// The summary as a short page. Of outputs there is a line each.
pub(crate) fn text(summary: &Summary, outputs: &[String]) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = write_page(&mut page, summary, outputs);
    page
}

fn write_page(page: &mut String, summary: &Summary, outputs: &[String]) -> std::fmt::Result {
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
        writeln!(page, "\n{output}")?;
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
        let words = DropReason::of_code(reason).map_or("", DropReason::in_words);
        writeln!(page, "{count:>10} {place:<width$}  {reason}: {words}")?;
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
