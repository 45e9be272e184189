//! The directory of live sessions: what a replay shows of its connections while it runs.
//!
//! Workers publish at the end of a window, and only when a [`Watch`] has asked since they did so last; nothing that produces
//! output reads it back. Whoever watches decides what that costs: a million connections take longer to list than a window
//! takes to walk. While nobody watches, it is one relaxed load a window.
//!
//! ```
//! use std::sync::Arc;
//! use vpcemu_replay::progress::Progress;
//!
//! let progress = Arc::new(Progress::default());
//! let watch = progress.watch_sessions();
//! // ... while a replay with this progress runs elsewhere:
//! watch.refresh();
//! for session in watch.sessions() {
//!     println!("{}: {} since {:?}", session.live.n, session.live.opened, session.first_seen);
//! }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use vpcemu_dataplane::Component;

use crate::Session;

/// Live sessions, by n of the packet that created them.
#[derive(Debug, Default)]
pub struct Directory {
    sessions: DashMap<u64, Session, foldhash::fast::FixedState>,
    watchers: AtomicUsize,
    /// How often somebody asked.
    requests: AtomicU64,
}

impl Directory {
    /// Attaches an observer, and asks for a first publication.
    pub fn watch(self: &Arc<Self>) -> Watch {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        let watch = Watch { directory: Arc::clone(self) };
        watch.refresh();
        watch
    }

    /// The number of the last request; none while nobody watches.
    pub(crate) fn request(&self) -> Option<u64> {
        (self.watchers.load(Ordering::Relaxed) > 0).then(|| self.requests.load(Ordering::Relaxed))
    }

    /// Publishes what a worker has: `sessions` come into the directory, or take the place of what was known of them, and what it
    /// had published before and has no more goes. `published` is in order, before and after.
    pub(crate) fn publish(&self, sessions: Vec<Session>, published: &mut Vec<u64>) {
        let mut numbers: Vec<u64> = sessions.iter().map(|session| session.live.n).collect();
        numbers.sort_unstable();
        for gone in published.iter().filter(|n| numbers.binary_search(n).is_err()) {
            self.sessions.remove(gone);
        }
        for session in sessions {
            self.sessions.insert(session.live.n, session);
        }
        *published = numbers;
    }
}

/// Somebody who looks at the directory. Every worker publishes what it has at the end of a window of its own: sessions are
/// whole, but those of different workers may be of different moments.
#[derive(Debug)]
pub struct Watch {
    directory: Arc<Directory>,
}

impl Watch {
    /// Asks the workers to publish anew, each at the end of the window that it has in hand. At the end of the run they do so
    /// unasked.
    pub fn refresh(&self) {
        self.directory.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.directory.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.directory.sessions.is_empty()
    }

    /// The session that a packet created.
    pub fn session(&self, n: u64) -> Option<Session> {
        self.directory.sessions.get(&n).map(|session| session.clone())
    }

    /// All sessions, in the order in which they were created.
    pub fn sessions(&self) -> Vec<Session> {
        let mut sessions: Vec<Session> = self.directory.sessions.iter().map(|session| session.clone()).collect();
        sessions.sort_unstable_by_key(|session| session.live.n);
        sessions
    }

    /// How many sessions each component has.
    pub fn by_component(&self) -> BTreeMap<Component, usize> {
        let mut counts = BTreeMap::new();
        for session in &self.directory.sessions {
            for component in &session.live.components {
                *counts.entry(*component).or_default() += 1;
            }
        }
        counts
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.directory.watchers.fetch_sub(1, Ordering::Relaxed) == 1 {
            // What a worker publishes at this very moment stays, and goes when it publishes again.
            self.directory.sessions.clear();
            self.directory.sessions.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use vpcemu_dataplane::Timestamp;
    use vpcemu_dataplane::conntrack::LiveConnection;
    use vpcemu_dataplane::index::{EniIx, NatIx};
    use vpcemu_packet::FlowKey;

    use super::*;

    fn session(n: u64, last_seen: u64, components: &[Component]) -> Session {
        let address = [10, 0, 0, 1].into();
        let opened = FlowKey { src: address, dst: address, src_port: 1, dst_port: 2, protocol: 17, icmp_type: 0 };
        let live = LiveConnection {
            n,
            accepted: true,
            opened,
            translated: None,
            state: "one-way",
            last_seen: Timestamp(last_seen),
            expires: Timestamp::MAX,
            components: components.iter().copied().collect(),
        };
        Session { live, first_seen: None }
    }

    #[test]
    fn what_is_not_published_again_is_gone() {
        let directory = Arc::new(Directory::default());
        assert_eq!(directory.request(), None);
        let watch = directory.watch();
        let (first, second) = (Component::Interface(EniIx(0)), Component::NatGateway(NatIx(0)));
        let (mut one, mut other) = (Vec::new(), Vec::new());
        directory.publish(vec![session(5, 1, &[first, second]), session(2, 1, &[first])], &mut one);
        directory.publish(vec![session(3, 1, &[second])], &mut other);
        let numbers = || watch.sessions().iter().map(|session| session.live.n).collect::<Vec<_>>();
        assert_eq!(numbers(), [2, 3, 5]);
        assert_eq!(watch.by_component(), [(first, 2), (second, 2)].into());
        directory.publish(vec![session(5, 9, &[first])], &mut one);
        assert_eq!((numbers(), watch.len()), (vec![3, 5], 2));
        assert_eq!(watch.session(5).map(|session| session.live.last_seen), Some(Timestamp(9)));
    }

    #[test]
    fn only_who_watches_is_published_for() {
        let directory = Arc::new(Directory::default());
        let (one, other) = (directory.watch(), directory.watch());
        let asked = directory.request();
        one.refresh();
        assert!(asked.is_some() && directory.request() > asked);
        directory.publish(vec![session(1, 1, &[])], &mut Vec::new());
        drop(one);
        assert_eq!(other.len(), 1);
        drop(other);
        assert_eq!((directory.request(), directory.watch().is_empty()), (None, true));
    }
}
