//! Records judged by a configuration: each flow is sent through the engine, and what would be recorded of it is compared.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use vpcemu_dataplane::flow_log::LoggedAt;
use vpcemu_dataplane::{Midstream, Options};
use vpcemu_flowlog::{Action, Decision, Entry, Judgement};
use vpcemu_lab::Lab;
use vpcemu_model::Network;

use crate::question::Question;

/// Judgements that are remembered: the same flow is recorded window after window. As many as half a million buckets take without
/// growing (7 of 8), of 70 bytes each: 36 MB.
const REMEMBERED: usize = 458_752;

/// Says of records what a configuration would have recorded.
///
/// What a record leaves open is tried, and whatever explains it will do: so that what is called a difference is one.
#[derive(Debug)]
pub struct Judge {
    pub(crate) lab: Lab,
    remembered: HashMap<Question, Arc<Judgement>, foldhash::fast::FixedState>,
    /// What was said of those, once each: there are as many as ways to be decided on, whereas flows are millions.
    said: HashSet<Arc<Judgement>, foldhash::fast::FixedState>,
}

impl Judge {
    /// A judge who goes by one network.
    pub fn new(network: Network) -> Self {
        // What is sent without an opening is meant to belong to nothing.
        let options = Options { midstream: Midstream::Strict, ..Options::default() };
        let lab = Lab::of(vec![network], options);
        Self { lab, remembered: HashMap::default(), said: HashSet::default() }
    }

    /// What the configuration says of a record's flow at the interface that recorded it.
    pub fn judge(&mut self, entry: &Entry) -> Judgement {
        let question = match Question::of(&self.lab, entry) {
            Ok(question) => question,
            Err(why) => return undecided(why),
        };
        if let Some(known) = self.remembered.get(&question) {
            return Judgement::clone(known);
        }
        let judgement = self.decide(&question);
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        let said = match self.said.get(&judgement) {
            Some(said) => Arc::clone(said),
            None => {
                let said = Arc::new(judgement.clone());
                self.said.insert(Arc::clone(&said));
                said
            }
        };
        self.remembered.insert(question, said);
        judgement
    }

    fn decide(&mut self, question: &Question) -> Judgement {
        let eni = match question.at {
            LoggedAt::RegionalNat(nat) => return self.at_gateway(nat, question),
            LoggedAt::Interface(eni) => eni,
        };
        let Some(of) = self.lab.fabric().eni(eni) else { return not_passing() };
        match of.nat {
            Some(nat) => self.at_gateway(nat, question),
            None if !of.filtered => self.by_acl(eni, question),
            // Its own address may stand for anybody's (9.10).
            None if !of.source_dest_check && !question.own_side_told => undecided(
                "its interface forwards, and without pkt-srcaddr and pkt-dstaddr it does not tell whose packets",
            ),
            None => self.at_interface(eni, question),
        }
    }
}

pub(crate) fn decided(action: Action, by: Decision) -> Judgement {
    Judgement::Decided { action, by }
}

pub(crate) fn undecided(why: &str) -> Judgement {
    Judgement::Undecided(why.to_owned())
}

pub(crate) fn not_passing() -> Judgement {
    undecided("its packets would not pass the interface that recorded it")
}
