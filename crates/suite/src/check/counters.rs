//! Counts by name.

use std::collections::BTreeMap;

use vpcemu_model::native::mistakes::{listed, nearest};

use super::Checker;
use crate::case::{Counted, Counter};
use crate::components::Components;
use crate::file::Text;

/// What scripts can ask of connections.
const CONNECTIONS: [&str; 3] = ["created", "expired", "live"];
/// A gauge: it is sampled at whole seconds of a capture, and a script has none.
const GAUGE: &str = "ActiveConnectionCount";

/// What a NAT gateway counts, as CloudWatch names it.
pub(crate) const NAT: [&str; 13] = [
    "ConnectionAttemptCount",
    "ConnectionEstablishedCount",
    "ErrorPortAllocation",
    "IdleTimeoutCount",
    "PacketsDropCount",
    "PacketsInFromSource",
    "BytesInFromSource",
    "PacketsOutToDestination",
    "BytesOutToDestination",
    "PacketsInFromDestination",
    "BytesInFromDestination",
    "PacketsOutToSource",
    "BytesOutToSource",
];

impl Checker<'_, '_> {
    /// Checks the counters of a script.
    pub(super) fn counters(&mut self, counters: BTreeMap<Text, u64>, components: &Components) -> Vec<Counter> {
        let checked: Vec<_> =
            counters.into_iter().filter_map(|(key, expected)| self.counter(&key, expected, components)).collect();
        checked
    }

    fn counter(&mut self, key: &Text, expected: u64, components: &Components) -> Option<Counter> {
        let text = key.get_ref();
        let Some((owner, name)) = text.rsplit_once('.') else {
            let help = "write the gateway and what it counts: \"nat-nat.IdleTimeoutCount\"; or \"connections.created\"";
            self.refuse("unknown-counter", key.span(), format!("`{text}` is no counter"), help);
            return None;
        };
        let counter = |of| Some(Counter { text: text.clone(), of, name: name.to_owned(), expected });
        if owner == "connections" {
            self.one_of(key, name, &CONNECTIONS);
            return counter(Counted::Connections);
        }
        let id = match components.find(owner) {
            Ok(id) => id,
            Err((told, help)) => {
                self.refuse("unknown-counter", key.span(), told, help);
                return None;
            }
        };
        if !self.network.nat_gateways.iter().any(|gateway| gateway.id.as_str() == id) {
            let gateways = listed(self.network.nat_gateways.iter().map(|gateway| &gateway.id));
            let help = format!("NAT gateways: {gateways}");
            self.refuse(
                "unknown-counter",
                key.span(),
                format!("`{owner}` is no NAT gateway, and counts nothing"),
                help,
            );
            return None;
        }
        if name == GAUGE {
            let help = "`connections.live` counts what is alive; a capture's `summary` has the gauge's peak";
            self.refuse("unknown-counter", key.span(), format!("{GAUGE} is a gauge, which scripts do not have"), help);
            return None;
        }
        self.one_of(key, name, &NAT);
        counter(Counted::Nat(id))
    }

    /// Refuses a name that is not among those known.
    pub(super) fn one_of(&mut self, key: &Text, name: &str, known: &[&str]) {
        if known.contains(&name) {
            return;
        }
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is {}", listed(known)),
        };
        self.refuse("unknown-counter", key.span(), format!("nothing is counted under `{name}`"), help);
    }
}
