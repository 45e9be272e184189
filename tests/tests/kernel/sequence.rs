//! TCP sequence numbers that follow the conversation, as a kernel that tracks windows expects them.

use std::net::IpAddr;

use super::language::{Step, What};

/// The conversations of a case. They are told apart by what was sent, so they are the same on both routers.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    conversations: Vec<Conversation>,
    /// Of every step: its conversation, and whether it is of the side that spoke first.
    steps: Vec<Option<(usize, bool)>>,
}

#[derive(Debug)]
struct Conversation {
    ends: [(IpAddr, u16); 2],
    first: [u32; 2],
    next: [u32; 2],
}

impl Sequences {
    /// Sequence and acknowledgement number of the next step.
    pub(crate) fn next(&mut self, step: &Step) -> (u32, u32) {
        let of = match &step.what {
            What::Fresh(fresh) => Some(self.find((fresh.src, fresh.dst))),
            What::Reply(n) => self.steps.get(n - 1).copied().flatten().map(|(which, opener)| (which, !opener)),
            What::Again(n) => self.steps.get(n - 1).copied().flatten(),
            What::Error { .. } | What::Stray { .. } => None,
        };
        self.steps.push(of);
        let Some((which, opener)) = of else { return (0, 0) };
        if matches!(step.what, What::Again(_)) {
            return (0, 0);
        }
        let conversation = &mut self.conversations[which];
        let (own, other) = if opener { (0, 1) } else { (1, 0) };
        let flags = step.words.text("flags").unwrap_or_default();
        let syn = flags.contains('S');
        let expected = if syn { conversation.first[own] } else { conversation.next[own] };
        let mut seq = expected;
        if let Some(given) = step.words.text("seq") {
            seq = match given.strip_prefix('+') {
                Some(ahead) => expected.wrapping_add(ahead.parse().unwrap()),
                None if given.starts_with('-') => expected.wrapping_sub(given[1..].parse().unwrap()),
                None => given.parse().unwrap(),
            };
        }
        let length = step.words.number("len").unwrap_or(0) as u32 + u32::from(syn) + u32::from(flags.contains('F'));
        if syn {
            conversation.first[own] = seq;
        }
        if syn || seq == expected {
            conversation.next[own] = seq.wrapping_add(length);
        }
        let ack = if flags.contains('A') { conversation.next[other] } else { 0 };
        (seq, step.words.number("ack").map_or(ack, |ack| ack as u32))
    }

    fn find(&mut self, (src, dst): ((IpAddr, u16), (IpAddr, u16))) -> (usize, bool) {
        let found = |ends| self.conversations.iter().position(|conversation| conversation.ends == ends);
        if let Some(which) = found([src, dst]) {
            return (which, true);
        }
        if let Some(which) = found([dst, src]) {
            return (which, false);
        }
        let which = self.conversations.len();
        let first = [100_000 * (which as u32 + 1), 3_000_000_000_u32.wrapping_add(70_000 * which as u32)];
        self.conversations.push(Conversation { ends: [src, dst], first, next: first });
        (which, true)
    }
}
