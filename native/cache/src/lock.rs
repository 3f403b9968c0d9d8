//! A spin lock that is only tried.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Some microseconds: about as long as the longest holder takes, unless it was interrupted.
const TRIES_MAX: usize = 500;

/// The lock, until dropped (in unwinding, too).
pub struct Guard<'s>(&'s AtomicU32);

impl<'s> Guard<'s> {
    /// `None` if others held the lock all the time.
    pub fn acquire(lock: &'s AtomicU32) -> Option<Self> {
        for _ in 0..TRIES_MAX {
            if lock.load(Relaxed) == FREE && lock.compare_exchange(FREE, HELD, Acquire, Relaxed).is_ok() {
                return Some(Self(lock));
            }
            std::hint::spin_loop();
        }
        None
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.store(FREE, Release);
    }
}
