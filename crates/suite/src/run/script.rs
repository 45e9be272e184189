use std::time::Duration;

use vpcemu_lab::{Conversation, Explanation, Lab, Midstream, Options, Sent};
use vpcemu_model::behavior::Span;

use super::{Failure, Outcome, outcome};
use crate::Suite;
use crate::case::{Counted, Counter, Generated, PacketStep, Script, Step};

/// Runs a script, in a laboratory that has forgotten everything or in one of its own.
pub(super) fn run(suite: &Suite, lab: &mut Lab, script: &Script, line: u32) -> Outcome {
    if script.later.is_empty() && script.midstream == Midstream::Adopt {
        lab.forget();
        return play(lab, script, line);
    }
    let networks = std::iter::once(&suite.network).chain(&script.later).cloned().collect();
    let mut own = Lab::of(networks, Options { midstream: script.midstream, ..suite.options });
    play(&mut own, script, line)
}

/// Stops at the first step that is not as expected: what follows depends on it.
fn play(lab: &mut Lab, script: &Script, line: u32) -> Outcome {
    let mut now = Duration::ZERO;
    let mut conversations: Vec<Conversation> = Vec::new();
    let mut past = String::new();
    for (number, step) in (1..).zip(&script.steps) {
        lab.wait(step.time.saturating_sub(now));
        now = step.time;
        if step.switches {
            lab.switch();
        }
        let Some(packet) = &step.packet else { continue };
        let what = format!("step {number}");
        let (sent, told) = match send(lab, &mut conversations, packet) {
            Ok(sent) => sent,
            Err(error) => {
                let messages = vec![format!("{what}: {error}")];
                return Outcome::Failed(Failure { line: step.line, messages, trace: past });
            }
        };
        let messages = differences(&what, packet, &sent, &told);
        if !messages.is_empty() {
            let trace = format!("{past}step {number}{}:\n{told}", when(step));
            return Outcome::Failed(Failure { line: step.line, messages, trace });
        }
        past.push_str(&format!("step {number}{}: {}\n", when(step), told.headline()));
    }
    // Before anything is read: this counts what has expired by now.
    let connections = lab.connections();
    let count = |counter: &Counter| match &counter.of {
        Counted::Connections => Some(match counter.name.as_str() {
            "created" => connections.created,
            "expired" => connections.expired,
            _ => connections.created.saturating_sub(connections.expired),
        }),
        Counted::Nat(gateway) => nat_count(lab, gateway, &counter.name),
    };
    let wrong = |counter: &Counter| {
        let actual = count(counter).unwrap_or(0);
        let Counter { text, expected, .. } = counter;
        (actual != *expected).then(|| format!("{text} should be {expected} after the last step, but is {actual}"))
    };
    outcome(line, script.counters.iter().filter_map(wrong).collect(), || past)
}

fn when(step: &Step) -> String {
    if step.time.is_zero() { String::new() } else { format!(" at +{}", Span(step.time)) }
}

fn send(
    lab: &mut Lab,
    conversations: &mut Vec<Conversation>,
    packet: &PacketStep,
) -> Result<(Sent, Explanation), vpcemu_lab::Error> {
    if let Some(flow) = &packet.opens {
        conversations.push(lab.converse(flow)?);
    }
    // Flows are numbered as they are opened.
    let conversation = &mut conversations[packet.flow];
    let sent = match packet.is_reply {
        true => conversation.answer(lab, packet.flags)?,
        false => conversation.send(lab, packet.flags),
    };
    let told = lab.explain(&sent);
    Ok((sent, told))
}

fn differences(what: &str, packet: &PacketStep, sent: &Sent, told: &Explanation) -> Vec<String> {
    let mut messages = packet.expected.differences(what, told);
    if let Some(expected) = &packet.state {
        let actual = sent.verdict.state.map_or("none", |state| state.name());
        if actual != expected {
            messages.push(format!("{what}: the state should be {expected}, but is {actual}"));
        }
    }
    let made = told.generated.as_deref();
    let kind = made.and_then(|made| made.kind).unwrap_or("none");
    match (&packet.generated, made) {
        (None, _) | (Some(Generated::Nothing), None) => {}
        (Some(Generated::Nothing), Some(_)) => {
            messages.push(format!("{what} should cause no packet, but causes {kind}"));
        }
        (Some(Generated::Kind(expected)), Some(made)) if expected == kind => {
            if let Some(denied) = &made.denied {
                messages.push(format!("{what} causes the {kind}, but that was denied ({})", denied.reason));
            }
        }
        (Some(Generated::Kind(expected)), _) => {
            messages.push(format!("{what} should cause a {expected}, but causes {kind}"));
        }
    }
    messages
}

/// A counter by the name that CloudWatch has for it.
fn nat_count(lab: &Lab, gateway: &str, name: &str) -> Option<u64> {
    let counted = lab.nat_counters(gateway)?;
    Some(match name {
        "ConnectionAttemptCount" => counted.connection_attempt,
        "ConnectionEstablishedCount" => counted.connection_established,
        "ErrorPortAllocation" => counted.error_port_allocation,
        "IdleTimeoutCount" => counted.idle_timeout,
        "PacketsDropCount" => counted.packets_drop,
        "PacketsInFromSource" => counted.in_from_source.packets,
        "BytesInFromSource" => counted.in_from_source.bytes,
        "PacketsOutToDestination" => counted.out_to_destination.packets,
        "BytesOutToDestination" => counted.out_to_destination.bytes,
        "PacketsInFromDestination" => counted.in_from_destination.packets,
        "BytesInFromDestination" => counted.in_from_destination.bytes,
        "PacketsOutToSource" => counted.out_to_source.packets,
        "BytesOutToSource" => counted.out_to_source.bytes,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_that_may_be_asked_for_is_counted() {
        let network = "[vpc.v]\ncidrs = [\"10.0.0.0/16\"]\n[internet_gateway.igw]\n[subnet.s]\ncidrs = [\"10.0.0.0/24\"]\n\
            route_table = \"t\"\n[route_table.t]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]\n\
            [nat_gateway.nat]\nsubnet = \"s\"\naddresses = [{ private = \"10.0.0.200\", public = \"203.0.113.20\" }]\n";
        let lab = Lab::parse(network).unwrap_or_else(|error| panic!("{error}"));
        for name in crate::check::NAT_COUNTERS {
            assert_eq!(nat_count(&lab, "nat-nat", name), Some(0), "{name}");
        }
        assert_eq!(nat_count(&lab, "nat-nat", "ActiveConnectionCount"), None);
    }
}
