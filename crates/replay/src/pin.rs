//! Threads kept on a processor each, so that a worker's tables stay in its caches.

use crate::Error;

/// What a thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Worker(usize),
    Reader,
    Writer,
}

/// Which processor each thread of a run is kept on; none unless that was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The processors that the program may use.
    processors: Vec<usize>,
    workers: usize,
}

impl Plan {
    /// A plan that keeps threads on processors.
    ///
    /// # Errors
    /// If the system does not tell which there are, or has no way to keep a thread on one.
    pub(crate) fn new(workers: usize) -> Result<Self, Error> {
        let processors = system::processors().map_err(Error::Pin)?;
        Ok(Self { processors, workers })
    }

    /// Keeps the calling thread on its processor until what this returns is dropped. A processor that was taken away
    /// meanwhile is passed over.
    pub(crate) fn pin(&self, role: Role) -> Option<impl Drop> {
        system::pin(self.processor(role)?)
    }

    /// Workers have processors of their own as far as there are enough; reader and writer have the others.
    fn processor(&self, role: Role) -> Option<usize> {
        let (all, workers) = (self.processors.len(), self.workers);
        let others = all.saturating_sub(workers).max(1);
        let position = match role {
            Role::Worker(number) => number,
            Role::Reader => workers,
            Role::Writer => workers + 1 % others,
        };
        self.processors.get(position.checked_rem(all)?).copied()
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// The processors that the calling thread may use.
    pub(super) fn processors() -> io::Result<Vec<usize>> {
        let allowed = sched_getaffinity(None)?;
        Ok((0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).collect())
    }

    /// Gives the thread back what it might use before: it belongs to a pool.
    struct Pinned(CpuSet);

    impl Drop for Pinned {
        fn drop(&mut self) {
            // Nobody minds a thread of a pool that stays where it is.
            let _ = sched_setaffinity(None, &self.0);
        }
    }

    pub(super) fn pin(processor: usize) -> Option<impl Drop> {
        let before = sched_getaffinity(None).ok()?;
        let mut one = CpuSet::new();
        one.set(processor);
        sched_setaffinity(None, &one).ok()?;
        Some(Pinned(before))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    pub(super) fn processors() -> io::Result<Vec<usize>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux keeps threads on processors"))
    }

    struct Pinned;

    impl Drop for Pinned {
        fn drop(&mut self) {}
    }

    pub(super) fn pin(_: usize) -> Option<impl Drop> {
        None::<Pinned>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(processors: usize, workers: usize) -> Vec<Option<usize>> {
        let plan = Plan { processors: (0..processors).map(|index| 10 + index).collect(), workers };
        let roles = (0..workers).map(Role::Worker).chain([Role::Reader, Role::Writer]);
        roles.map(|role| plan.processor(role)).collect()
    }

    #[test]
    fn workers_come_first() {
        assert_eq!(places(8, 2), [10, 11, 12, 13].map(Some));
        // Reader and writer share what is left.
        assert_eq!(places(2, 1), [10, 11, 11].map(Some));
        assert_eq!(places(2, 2), [10, 11, 10, 10].map(Some));
        assert_eq!(places(1, 2), [10; 4].map(Some));
        assert_eq!(places(0, 1), [None; 3]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_is_kept_on_its_processor_and_given_back() {
        std::thread::spawn(|| {
            let before = system::processors().unwrap();
            let plan = Plan::new(1).unwrap();
            let pinned = plan.pin(Role::Worker(0));
            assert!(pinned.is_some());
            assert_eq!(system::processors().unwrap(), before[..1]);
            drop(pinned);
            assert_eq!(system::processors().unwrap(), before);
        })
        .join()
        .unwrap();
    }
}
