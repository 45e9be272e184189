//! What a worker tells of its connections: to the directory while somebody watches it, and at the end of the run.

use std::sync::Arc;

use vpcemu_dataplane::{Engine, Shard, Timestamp};

use crate::Session;
use crate::batch::{Batch, Content, Handled};
use crate::directory::Directory;
use crate::source::WINDOW;

/// The worker's side of the directory.
pub(crate) struct Observer {
    directory: Arc<Directory>,
    /// Whether the sessions of the end of the run are asked for.
    lists: bool,
    /// The request that was answered last.
    answered: Option<u64>,
    /// What the worker has in the directory, in order.
    published: Vec<u64>,
    births: Births,
}

impl Observer {
    pub(crate) fn new(directory: Arc<Directory>, lists: bool) -> Self {
        Self { directory, lists, answered: None, published: Vec::new(), births: Births::default() }
    }

    /// The end of a window. `is_held` tells of packets that have not walked yet.
    pub(crate) fn window(&mut self, engine: &Engine, batch: &Batch, is_held: impl Fn(u64) -> bool) {
        let request = self.directory.request();
        if request.is_none() && !self.lists {
            self.births = Births::default();
            return;
        }
        self.births.note(batch);
        if self.births.are_many() {
            self.births.keep_those_of(engine, batch.end, is_held);
        }
        if request.is_some() && request != self.answered {
            self.answered = request;
            self.directory.publish(self.sessions(engine, batch.end), &mut self.published);
        }
    }

    /// The end of the run: the sessions that are left, in no order, if they are asked for.
    pub(crate) fn finish(mut self, engine: &Engine, now: Timestamp) -> Vec<Session> {
        if self.directory.request().is_some() {
            self.directory.publish(self.sessions(engine, now), &mut self.published);
        }
        if self.lists { self.sessions(engine, now) } else { Vec::new() }
    }

    fn sessions(&self, engine: &Engine, now: Timestamp) -> Vec<Session> {
        let live = engine.shards().iter().flat_map(|shard: &Shard| shard.live_connections(now));
        live.filter(|live| live.accepted)
            .map(|live| {
                let first_seen = self.births.time(live.n);
                Session { live, first_seen }
            })
            .collect()
    }
}

/// When packets came that may have created a connection: the engine remembers their number, but has no room for the time.
#[derive(Debug, Default)]
struct Births {
    /// In order of their numbers.
    times: Vec<(u64, Timestamp)>,
    /// How many were of connections when that was last looked at.
    kept: usize,
}

impl Births {
    /// Notes those of a window.
    fn note(&mut self, batch: &Batch) {
        for (item, handled) in batch.items.iter().zip(&batch.handled) {
            let n = item.stamp.n;
            let creates = match handled {
                Handled::Hit { connection, .. } => connection.is_some_and(|creator| creator.get() == n),
                Handled::Walked { .. } => item.content == Content::Packet,
            };
            if creates {
                self.times.push((n, item.stamp.now));
            }
        }
    }

    /// Whether it is worth while to look which of them nobody will ask for: as many came since as were kept, and a window more.
    fn are_many(&self) -> bool {
        self.times.len() > 2 * self.kept + WINDOW
    }

    fn keep_those_of(&mut self, engine: &Engine, now: Timestamp, is_held: impl Fn(u64) -> bool) {
        let mut live: Vec<u64> =
            engine.shards().iter().flat_map(|shard| shard.live_connections(now)).map(|live| live.n).collect();
        live.sort_unstable();
        self.times.retain(|(n, _)| live.binary_search(n).is_ok() || is_held(*n));
        self.kept = self.times.len();
    }

    fn time(&self, n: u64) -> Option<Timestamp> {
        let place = self.times.binary_search_by_key(&n, |(of, _)| *of).ok()?;
        Some(self.times[place].1)
    }
}
