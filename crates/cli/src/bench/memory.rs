//! What the engine takes from the heap, counted where it is taken.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Runs `work` and adds what it leaves allocated to the count. Nothing else may allocate meanwhile.
///
/// Bytes are those asked for, free room in tables included; what the allocator itself adds (8 to 16 bytes an allocation)
/// is not.
pub(crate) fn counted<T>(bytes: &mut i64, work: impl FnOnce() -> T) -> T {
    let before = LEFT.load(Ordering::Relaxed);
    COUNTING.store(true, Ordering::Relaxed);
    let result = work();
    COUNTING.store(false, Ordering::Relaxed);
    *bytes += LEFT.load(Ordering::Relaxed) - before;
    result
}

static COUNTING: AtomicBool = AtomicBool::new(false);
static LEFT: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, which counts while somebody asks.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: i64) {
    if COUNTING.load(Ordering::Relaxed) {
        LEFT.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[expect(
    unsafe_code,
    reason = "every call goes to the system's allocator as it came: memory a connection is a promise, and only an allocator sees all of it"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_counted() {
        let mut bytes = 0;
        let kept = counted(&mut bytes, || {
            drop(vec![0u8; 5000]);
            vec![1u8; 1 << 20]
        });
        // Other tests allocate at the same time, but not this much.
        assert!((bytes - kept.len() as i64).abs() < 1 << 19, "{bytes}");
        counted(&mut bytes, || drop(kept));
        assert!(bytes.abs() < 1 << 19, "{bytes}");
    }
}
