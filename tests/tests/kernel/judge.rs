//! Sends the same packets through both routers and compares.

use std::fmt::Write;

use super::bytes::Datagram;
use super::compare::{Comparison, summary, wrong_checksum};
use super::language::Step;
use super::ours::Emulator;
use super::packets::{Done, Emission, History, Injection, Sender, build};
use super::roles::Role;
use super::router::{OWN, Router};
use super::sequence::Sequences;
use super::wire::Side;

/// A conversation with both routers.
pub(crate) struct Judge<'a> {
    role: &'a Role<'a>,
    router: Router,
    emulator: Emulator<'a>,
    comparison: Comparison,
    sequences: Sequences,
    kernel: History,
    ours: History,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Judgement {
    Same,
    /// It is about a packet that did not come out of both.
    NotSent,
    Different {
        kernel: String,
        ours: String,
        details: String,
    },
}

impl<'a> Judge<'a> {
    pub(crate) fn new(role: &'a Role<'a>) -> Self {
        Self {
            role,
            router: Router::new(&role.setup),
            emulator: Emulator::new(role),
            comparison: Comparison::new(role.nat),
            sequences: Sequences::default(),
            kernel: History::new(),
            ours: History::new(),
        }
    }

    /// Sends the packets of a step, and compares what comes out. What is wrong whatever the other router does is an error.
    pub(crate) fn judge(&mut self, step: &Step) -> Result<Judgement, String> {
        let numbers = self.sequences.next(step);
        let (Some(to_kernel), Some(to_ours)) = (build(step, numbers, &self.kernel), build(step, numbers, &self.ours))
        else {
            self.kernel.push(None);
            self.ours.push(None);
            return Ok(Judgement::NotSent);
        };
        let damaged = step.words.damages() || self.refers_to_damage(step);
        let mut from_kernel = Vec::new();
        for injection in &to_kernel {
            let side = self.side(step, injection);
            let emitted = self.router.inject(side, &injection.bytes).into_iter();
            from_kernel.extend(emitted.map(|(to, bytes)| self.kernel_emission(side, to, bytes)));
        }
        let mut from_ours = Vec::new();
        let mut remarks = Vec::new();
        for injection in &to_ours {
            let side = self.side(step, injection);
            from_ours.extend(self.emulator.inject(injection, step.words.text("as"), side));
            remarks.push(std::mem::take(&mut self.emulator.remark));
        }
        let same = self.comparison.same(&from_kernel, &from_ours);
        let wrong = [("the kernel", &from_kernel), ("ours", &from_ours)].into_iter().find_map(|(who, emitted)| {
            let wrong = emitted.iter().find_map(|emission| wrong_checksum(&emission.bytes))?;
            (!damaged).then(|| format!("{who}: {wrong}{}", details(&from_kernel, &from_ours, &remarks)))
        });
        let judgement = if same {
            Judgement::Same
        } else {
            let details = details(&from_kernel, &from_ours, &remarks);
            Judgement::Different { kernel: summary(&from_kernel), ours: summary(&from_ours), details }
        };
        let emitted = summary(&from_kernel);
        self.kernel.push(Some(Done { sent: to_kernel, emitted: from_kernel, damaged }));
        self.ours.push(Some(Done { sent: to_ours, emitted: from_ours, damaged }));
        if let Some(passes) = step.passes
            && passes == (emitted == "nothing")
        {
            return Err(format!("the kernel lets out {}", emitted));
        }
        wrong.map_or(Ok(judgement), Err)
    }

    /// What came out of both in the last step.
    pub(crate) fn shown(&self) -> String {
        let emitted = |history: &History| {
            let done = history.last().and_then(Option::as_ref);
            done.map_or_else(|| "not sent".to_owned(), |done| summary(&done.emitted))
        };
        format!("kernel: {}; ours: {}", emitted(&self.kernel), emitted(&self.ours))
    }

    /// Whether anything came out of the kernel in the last step.
    pub(crate) fn passed(&self) -> bool {
        self.kernel.last().and_then(Option::as_ref).is_some_and(|done| !done.emitted.is_empty())
    }

    /// The side that a packet comes from.
    fn side(&self, step: &Step, injection: &Injection) -> Side {
        if let Some(side) = step.words.text("via") {
            return if side == "in" { Side::In } else { Side::Out };
        }
        if let Some(instance) = step.words.text("as") {
            return self.role.side_of(instance);
        }
        match &injection.sender {
            Sender::Source(address) => self.role.host(*address).map_or(Side::Out, |host| host.side),
            Sender::Receiver(emission) => emission.side,
        }
    }

    /// An error is the router's own if it has its address. Under the address that it translates to it speaks too, to where
    /// the packet came from.
    fn kernel_emission(&self, from: Side, side: Side, bytes: Vec<u8>) -> Emission {
        let made = Datagram::parse(&bytes).is_some_and(|parts| {
            let src = parts.addresses().0;
            let own = OWN.iter().any(|own| own.parse() == Ok(src));
            parts.is_error() && (own || from == side && Some(src) == self.role.nat)
        });
        Emission { side, interface: None, bytes, made }
    }

    fn refers_to_damage(&self, step: &Step) -> bool {
        let about = step.what.about().and_then(|n| self.kernel[n - 1].as_ref());
        about.is_some_and(|done| done.damaged)
    }
}

fn details(kernel: &[Emission], ours: &[Emission], remarks: &[String]) -> String {
    let mut text = String::new();
    for (who, emitted) in [("kernel", kernel), ("ours", ours)] {
        for emission in emitted {
            let hex: String = emission.bytes.iter().take(100).map(|byte| format!("{byte:02x}")).collect();
            let length = emission.bytes.len();
            write!(text, "\n      {who:6} {:3} {length:4} {hex}", emission.side.name()).unwrap();
        }
    }
    write!(text, "\n      ours says: {}", remarks.join("; ")).unwrap();
    text
}
