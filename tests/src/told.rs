//! Packets that the emulator makes (P22): what they are, where they go and how, and what denies them on their way.

use std::collections::BTreeSet;

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::CtState;

use crate::path::{but, denying};
use crate::{Lab, Made, Sent, headers};

/// A packet of which somebody makes another.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The configuration.
    pub text: &'a str,
    /// What goes before.
    pub before: fn(&mut Lab),
    /// The packet that is answered.
    pub of: fn(&mut Lab) -> Sent,
    /// What is made, as in outputs.
    pub kind: &'a str,
    /// The address that it comes from.
    pub from: &'a str,
    /// Where it arrives.
    pub place: &'a str,
    /// Its steps.
    pub steps: &'a [&'a str],
    /// What the last groups on its way think of it.
    pub state: Option<CtState>,
}

/// What goes before most packets.
pub fn nothing(_: &mut Lab) {}

impl Told<'_> {
    /// It is made, and goes its way.
    #[track_caller]
    pub fn walk(&self) {
        let (sent, made) = self.made(self.text);
        let (kind, bytes, place) = sent.generated.unwrap_or_else(|| panic!("nobody says anything"));
        assert_eq!((kind.name(), headers(&bytes).src.to_string().as_str()), (self.kind, self.from));
        assert_eq!(made.steps, self.steps);
        assert_eq!((place.as_deref(), made.state), (Some(self.place), self.state));
    }

    /// An entry that denies a block in one list of a network ACL, from the packet on that is answered. The cases are all
    /// there are, one for each network ACL on its way.
    #[track_caller]
    pub fn denied(&self, cases: &[(&str, &str, &str)]) {
        let mut hit = BTreeSet::new();
        for case @ (acl, list, block) in cases {
            let (_, made) = self.made(&denying(self.text, acl, list, "all", block));
            let last = made.steps.len() - 1;
            assert_eq!(made.steps[..last], self.steps[..last], "{case:?}");
            assert_eq!(made.steps[last], format!("nacl acl-{acl} {list} DENY"), "{case:?}");
            assert_eq!(made.dropped, Some((DropReason::NetworkAcl, format!("acl-{acl}"))));
            hit.insert(last);
        }
        let acls = self.steps.iter().enumerate().filter(|(_, step)| step.starts_with("nacl "));
        assert_eq!(hit, acls.map(|(index, _)| index).collect(), "which crossings were denied");
    }

    /// With something else in the text, from the packet on that is answered, it dies.
    #[track_caller]
    pub fn dies(&self, old: &str, new: &str, reason: DropReason, at: &str) {
        let (_, made) = self.made(&but(self.text, old, new));
        assert_eq!(made.dropped, Some((reason, at.to_owned())), "{:?}", made.steps);
    }

    #[track_caller]
    fn made(&self, then: &str) -> (Sent, Made) {
        let mut lab = Lab::then(&[self.text, then]);
        (self.before)(&mut lab);
        lab.switch();
        let mut sent = (self.of)(&mut lab);
        let made = sent.made.take().unwrap_or_else(|| panic!("nobody says anything: {:?} {:?}", sent.steps, sent.at));
        (sent, made)
    }
}
