//! Interfaces that forward what is not for them (2.13, section 11).

use super::Index;
use crate::finding::Finding;
use crate::{Forwarding, NetworkInterface};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    for NetworkInterface { id, forward, source_dest_check, ipv4, origin, .. } in &index.network.interfaces {
        let Some(forward) = forward else { continue };
        let forward_as = match forward {
            Forwarding::Appliance => "an appliance",
            Forwarding::NatInstance => "a nat-instance",
        };
        if *source_dest_check {
            let text =
                format!("{id} forwards as {forward_as}, and its source/destination check drops what it would forward");
            let finding = Finding::error("forward-with-check", origin, text);
            findings.push(finding.help("write source_dest_check = false beside it"));
        }
        if *forward == Forwarding::NatInstance && ipv4.is_empty() {
            let text = format!("{id} is {forward_as} without an IPv4 address to translate to");
            findings.push(Finding::error("nat-instance-without-ipv4", origin, text).help("give it an IPv4 address"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;
    use crate::validate::sample::{codes, network};

    fn with(change: impl FnOnce(&mut NetworkInterface)) -> Vec<&'static str> {
        let mut network: Network = network();
        // It has an IPv6 block, so it may do without IPv4.
        let interface = &mut network.interfaces[0];
        interface.ipv6.push("2001:db8:0:a::10".parse().unwrap());
        interface.source_dest_check = false;
        change(interface);
        codes(&network)
    }

    #[test]
    fn forwarding_needs_the_check_off() {
        assert_eq!(with(|it| it.forward = Some(Forwarding::Appliance)), [""; 0]);
        assert_eq!(with(|it| it.forward = Some(Forwarding::NatInstance)), [""; 0]);
        let checked = with(|it| {
            it.forward = Some(Forwarding::Appliance);
            it.source_dest_check = true;
        });
        assert_eq!(checked, ["forward-with-check"]);
    }

    #[test]
    fn nat_instances_have_an_ipv4_address() {
        let without = |forward| {
            with(|it| {
                it.forward = Some(forward);
                it.ipv4.clear();
            })
        };
        assert_eq!(without(Forwarding::NatInstance), ["nat-instance-without-ipv4"]);
        assert_eq!(without(Forwarding::Appliance), [""; 0]);
    }
}
