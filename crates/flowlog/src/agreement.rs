//! How far what was recorded agrees with what a configuration says of the same flows: counted, and grouped by what decided.
//!
//! Judging is not done here. Who judges hands over each record with its [`Judgement`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;

use serde::Serialize;

use crate::group::{Group, Tally};
use crate::pings::{Pings, Waiting};
use crate::record::Action;
use crate::{Entry, FlowDirection};

/// What a configuration says of a record's flow.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Judgement {
    /// Groups and network ACLs let it pass, or refuse it.
    Decided {
        /// Which.
        action: Action,
        /// By what.
        by: Decision,
    },
    /// So of pings, and of an ICMP error it cannot be told. Records of ICMP do not say which they are of, but pings are answered:
    /// if records of both directions show that, it is decided, and otherwise not.
    OfPings {
        /// Which.
        action: Action,
        /// By what.
        by: Decision,
        /// Why it cannot be judged if nobody answers.
        otherwise: String,
    },
    /// It cannot be judged, and why, in one of a few sentences: `the interface is not in the configuration`.
    Undecided(String),
}

/// What decided on a flow.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize)]
pub struct Decision {
    /// The reason of a refusal, as verdicts have it: `ENI_SG_RULES_MISMATCH`.
    pub reason: Option<String>,
    /// The component: `eni-...`, `acl-...`.
    pub at: Option<String>,
    /// The rule there.
    pub rule: Option<String>,
}

/// How recorded flows and a configuration agree.
///
/// It takes room for each difference, not for each record: what can be judged is of an interface of the configuration, so that
/// there are no more differences than its interfaces have ways to be decided on.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    agreed: Tally,
    differ: BTreeMap<Difference, Group>,
    undecided: BTreeMap<String, Tally>,
    pings: Pings,
}

/// What records that differ have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Difference {
    /// Which way.
    pub kind: DifferenceKind,
    /// The interface that logged, as the record names it.
    pub interface: Option<String>,
    /// Which way the packets went there.
    #[serde(serialize_with = "word")]
    pub direction: Option<FlowDirection>,
    /// What decides now.
    #[serde(flatten)]
    pub by: Decision,
}

/// Which way a configuration differs from a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Recorded as ACCEPT, and refused now.
    NewlyDenied,
    /// Recorded as REJECT, and let pass now.
    NewlyAllowed,
}

impl Agreement {
    /// Counts a record and what was said of it. One that says neither ACCEPT nor REJECT cannot be judged.
    pub fn add(&mut self, entry: &Entry, judgement: Judgement) {
        let record = &entry.record;
        let mut exchange = self.pings.see(record);
        for Waiting { difference, group, .. } in exchange.iter_mut().flat_map(|exchange| exchange.settled()) {
            match self.differ.entry(difference) {
                Slot::Occupied(known) => known.into_mut().join(&group),
                Slot::Vacant(free) => {
                    free.insert(group);
                }
            }
        }
        let (action, by, otherwise) = match judgement {
            Judgement::Decided { action, by } => (action, by, None),
            Judgement::OfPings { action, by, otherwise } => (action, by, Some(otherwise)),
            Judgement::Undecided(why) => return self.undecided.entry(why).or_default().add(record),
        };
        let kind = match (record.action, action) {
            (Some(recorded), now) if recorded == now => return self.agreed.add(record),
            (Some(_), Action::Reject) => DifferenceKind::NewlyDenied,
            (Some(_), Action::Accept) => DifferenceKind::NewlyAllowed,
            (None, _) => {
                return self.undecided.entry("the record has no action".to_owned()).or_default().add(record);
            }
        };
        let interface = record.interface_id.as_deref().or(record.resource_id.as_deref()).map(str::to_owned);
        let difference = Difference { kind, interface, direction: record.flow_direction, by };
        match (otherwise, exchange) {
            (Some(otherwise), Some(exchange)) if !exchange.answered => exchange.wait(difference, entry, otherwise),
            (Some(otherwise), None) => self.undecided.entry(otherwise).or_default().add(record),
            (None, _) | (Some(_), Some(_)) => {
                self.differ.entry(difference).or_insert_with(|| Group::new(entry)).add(record);
            }
        }
    }

    /// Records that agree.
    pub fn agreed(&self) -> Tally {
        self.agreed
    }

    /// Records that differ.
    pub fn differing(&self) -> Tally {
        self.differ.values().map(|group| group.tally).fold(Tally::default(), Tally::plus)
    }

    /// Records that could not be judged.
    pub fn undecided(&self) -> Tally {
        self.reasons().into_values().fold(Tally::default(), Tally::plus)
    }

    /// The differences, those of most records first.
    pub fn differences(&self) -> impl Iterator<Item = (&Difference, Tally)> {
        self.sorted().into_iter().map(|(difference, group)| (difference, group.tally))
    }

    /// The part of the judged records that agree, from 0 to 1; none of no records.
    pub fn share(&self) -> Option<f64> {
        let judged = self.agreed.records + self.differing().records;
        (judged > 0).then(|| self.agreed.records as f64 / judged as f64)
    }

    /// As one JSON object: `agreement`, `agreed`, `differing`, `differences`, `undecided`.
    pub fn to_json(&self) -> serde_json::Value {
        #[derive(Serialize)]
        struct Row<'a> {
            #[serde(flatten)]
            difference: &'a Difference,
            #[serde(flatten)]
            group: &'a Group,
        }
        let rows: Vec<_> = self.sorted().into_iter().map(|(difference, group)| Row { difference, group }).collect();
        let undecided: Vec<_> = self
            .reasons()
            .iter()
            .map(|(why, tally)| serde_json::json!({"why": why, "records": tally.records}))
            .collect();
        serde_json::json!({
            "agreement": self.share(),
            "agreed": self.agreed,
            "differing": self.differing(),
            "differences": rows,
            "undecided": undecided,
        })
    }

    /// Why records could not be judged, with those that wait for an answer that may not come any more.
    fn reasons(&self) -> BTreeMap<&str, Tally> {
        let mut reasons: BTreeMap<_, _> = self.undecided.iter().map(|(why, tally)| (why.as_str(), *tally)).collect();
        for Waiting { group, otherwise, .. } in self.pings.waiting() {
            let tally = reasons.entry(otherwise).or_default();
            *tally = tally.plus(group.tally);
        }
        reasons
    }

    fn sorted(&self) -> Vec<(&Difference, &Group)> {
        let mut groups: Vec<_> = self.differ.iter().collect();
        // Stable, so that equal ones stay in the order of what they are.
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.tally.records));
        groups
    }
}

impl fmt::Display for Agreement {
    /// A line for all, one for each difference with an example, and one for each reason why records could not be judged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let judged = self.agreed.records + self.differing().records;
        match self.share() {
            // Cut off, not rounded: 100 % means all.
            Some(share) => write!(
                f,
                "{:.2} % agree: {} of {judged} records",
                (share * 10_000.0).floor() / 100.0,
                self.agreed.records
            )?,
            None => f.write_str("no record could be judged")?,
        }
        for (difference, group) in self.sorted() {
            let Difference { kind, interface, direction, by } = difference;
            let kind = match kind {
                DifferenceKind::NewlyDenied => "newly denied",
                DifferenceKind::NewlyAllowed => "newly allowed",
            };
            write!(f, "\n{kind}: {} records, {} packets", group.tally.records, group.tally.packets)?;
            if let Some(interface) = interface {
                write!(
                    f,
                    ", {}{interface}",
                    direction.map(|direction| format!("{direction} of ")).unwrap_or_default()
                )?;
            }
            for (name, what) in [("by", &by.at), ("rule", &by.rule), ("for", &by.reason)] {
                if let Some(what) = what {
                    write!(f, ", {name} {what}")?;
                }
            }
            write!(f, "\n  such as {} ({})", group.example, group.place)?;
        }
        for (why, tally) in self.reasons() {
            write!(f, "\nnot judged: {} records, {why}", tally.records)?;
        }
        Ok(())
    }
}

fn word<S: serde::Serializer>(direction: &Option<FlowDirection>, serializer: S) -> Result<S::Ok, S::Error> {
    direction.map(FlowDirection::as_str).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Reader, Record};

    const LOG: &str =
        "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action flow-direction
eni-web 203.0.113.5 10.0.0.10 51514 443 6 9 1240 100 130 ACCEPT ingress
eni-web 203.0.113.5 10.0.0.10 51515 22 6 1 40 90 95 ACCEPT ingress
eni-web 203.0.113.6 10.0.0.10 51515 22 6 2 80 110 115 ACCEPT ingress
eni-app 203.0.113.5 10.0.1.5 0 0 1 1 84 100 100 REJECT ingress
eni-old 2001:db8::1 2001:db8::2 1 2 17 1 84 100 100 REJECT egress
eni-web - - - - - - - 100 160 - -
";

    /// As a configuration would judge that refuses port 22 and lets pings pass.
    fn judge(record: &Record) -> Judgement {
        let by = |at: &str, reason: Option<&str>| Decision {
            at: Some(at.to_owned()),
            reason: reason.map(str::to_owned),
            rule: reason.is_none().then(|| "sgr-1".to_owned()),
        };
        match (record.interface_id.as_deref(), record.dstport) {
            (Some("eni-old"), _) => Judgement::Undecided("the interface is not in the configuration".to_owned()),
            (_, Some(22)) => {
                Judgement::Decided { action: Action::Reject, by: by("eni-web", Some("ENI_SG_RULES_MISMATCH")) }
            }
            _ => Judgement::Decided { action: Action::Accept, by: by("eni-app", None) },
        }
    }

    fn agreement() -> Agreement {
        let mut agreement = Agreement::default();
        for entry in Reader::from_read("a.log", LOG.as_bytes(), Options::default()) {
            let entry = entry.unwrap();
            let judgement = judge(&entry.record);
            agreement.add(&entry, judgement);
        }
        agreement
    }

    #[test]
    fn records_that_differ_are_grouped_by_what_decided() {
        let agreement = agreement();
        assert_eq!(agreement.share(), Some(0.25));
        assert_eq!(agreement.agreed(), Tally { records: 1, packets: 9, bytes: 1240 });
        assert_eq!(agreement.differing(), Tally { records: 3, packets: 4, bytes: 204 });
        assert_eq!(agreement.undecided().records, 2);
        let kinds: Vec<_> =
            agreement.differences().map(|(difference, tally)| (difference.kind, tally.records)).collect();
        assert_eq!(kinds, [(DifferenceKind::NewlyDenied, 2), (DifferenceKind::NewlyAllowed, 1)]);
    }

    #[test]
    fn people_read_it() {
        let expected = "25.00 % agree: 1 of 4 records
newly denied: 2 records, 3 packets, ingress of eni-web, by eni-web, for ENI_SG_RULES_MISMATCH
  such as tcp 203.0.113.5:51515 -> 10.0.0.10:22 (a.log: line 3)
newly allowed: 1 records, 1 packets, ingress of eni-app, by eni-app, rule sgr-1
  such as icmp 203.0.113.5 -> 10.0.1.5 (a.log: line 5)
not judged: 1 records, the interface is not in the configuration
not judged: 1 records, the record has no action";
        assert_eq!(agreement().to_string(), expected);
        assert_eq!(Agreement::default().to_string(), "no record could be judged");
    }

    #[test]
    fn programs_read_it() {
        let json = agreement().to_json();
        assert_eq!((&json["agreement"], &json["agreed"]["records"]), (&0.25.into(), &1.into()));
        let expected = serde_json::json!({
            "kind": "newly_denied", "interface": "eni-web", "direction": "ingress", "reason": "ENI_SG_RULES_MISMATCH",
            "at": "eni-web", "rule": null, "records": 2, "packets": 3, "bytes": 120, "first": 90, "last": 115,
            "example": "tcp 203.0.113.5:51515 -> 10.0.0.10:22", "place": "a.log: line 3",
        });
        assert_eq!(json["differences"][0], expected);
        assert_eq!(json["undecided"][0]["records"], 1);
    }

    #[test]
    fn what_differs_is_never_rounded_away() {
        let mut agreement = agreement();
        agreement.agreed.records = 1_000_000;
        assert!(agreement.to_string().starts_with("99.99 % agree: 1000000 of 1000003 records"));
    }

    #[test]
    fn what_differs_of_pings_waits_for_an_answer() {
        let header = "interface-id srcaddr dstaddr protocol packets bytes start end action";
        let told = |lines: &str| {
            let mut agreement = Agreement::default();
            for entry in Reader::from_bytes("a.log", format!("{header}\n{lines}").into_bytes(), Options::default()) {
                let entry = entry.unwrap();
                // The answer agrees, as one does that no rule is asked for.
                let judgement = match entry.record.srcaddr.is_some_and(|src| src.to_string() == "10.0.0.10") {
                    true => Judgement::Decided { action: Action::Accept, by: Decision::default() },
                    false => Judgement::OfPings {
                        action: Action::Reject,
                        by: Decision::default(),
                        otherwise: "it may be of errors".to_owned(),
                    },
                };
                agreement.add(&entry, judgement);
            }
            (agreement.agreed().records, agreement.differing().records, agreement.undecided().records)
        };
        let (asked, answered) = (
            "eni-web 203.0.113.5 10.0.0.10 1 3 252 100 130 ACCEPT\n",
            "eni-web 10.0.0.10 203.0.113.5 1 3 252 100 130 ACCEPT\n",
        );
        assert_eq!(told(asked), (0, 0, 1));
        assert_eq!(told(&[asked, asked, answered, asked].concat()), (1, 3, 0));
        assert_eq!(told(&[answered, asked].concat()), (1, 1, 0));
        // Larger than what was sent, it is no answer.
        assert_eq!(told(&[asked, &answered.replace("252", "342")].concat()), (1, 0, 1));
    }
}
