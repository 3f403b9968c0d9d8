//! One thread against a model, the edges, and the invariants that no caller can see.

use super::*;
use crate::entry::State;
use std::collections::HashMap;

/// Zeroed memory, aligned to 8 bytes and, as shared memory often is, not to 64.
struct Slab(Vec<u64>);

impl Slab {
    fn new(bytes: usize) -> Self {
        Self(vec![0; bytes / 8 + 2])
    }

    fn at(&mut self, now_seconds: u32, ttl_seconds: u32) -> PageCache<'_> {
        let bytes = (self.0.len() - 2) * 8;
        let start = self.0.as_mut_ptr().wrapping_add(1).cast();
        // SAFETY: the memory is this slab's, used by this cache alone while it is borrowed.
        unsafe { PageCache::attach(start, bytes, now_seconds, ttl_seconds).unwrap() }
    }
}

fn key(number: u64) -> Key {
    Key {
        file: number >> 8,
        offset: number & 0xFF,
        column: 1,
        page: 2,
        kind: 3,
    }
}

fn content(number: u64, bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|at| (number.wrapping_mul(31).wrapping_add(at as u64 * 7) >> 1) as u8)
        .collect()
}

fn put(cache: &PageCache, number: u64, bytes: usize) -> bool {
    cache.get(&key(number)).is_none()
        && cache.insert(&key(number), number, bytes, 1, |into| {
            into.copy_from_slice(&content(number, bytes))
        })
}

fn has(cache: &PageCache, number: u64, bytes: usize) -> bool {
    cache.get(&key(number)).is_some_and(|found| {
        assert_eq!((&*found, found.note()), (&*content(number, bytes), number));
        true
    })
}

/// The extents follow each other over the whole area, each entry has one of its own, and the counters say how much that is.
fn check(cache: &PageCache) {
    let (mut at, mut owned, mut lines_used) = (0, 0, 0);
    while at < cache.arena.lines() {
        let (lines, owner) = cache.arena.extent(at).expect("a chain of extents");
        if let Some(entry) = cache.owner_of(at, owner)
            && entry.state() != State::Empty
        {
            assert!(
                cache.lines_of(entry) == lines,
                "an extent of another size than its entry"
            );
            owned += 1;
            lines_used += u64::from(lines);
        }
        at += lines;
    }
    assert_eq!(at, cache.arena.lines());
    let live = cache
        .entries
        .iter()
        .filter(|entry| entry.state() != State::Empty)
        .count();
    assert_eq!((live, live as u64), (owned, cache.header.entries.load(Relaxed)));
    assert_eq!(cache.header.bytes.load(Relaxed), lines_used * LINE_BYTES as u64);
    assert!(
        cache
            .entries
            .iter()
            .all(|entry| matches!(entry.state(), State::Empty | State::Live { pins: 0 }))
    );
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn agrees_with_a_map() {
    for (seed, bytes) in [(1, SLAB_BYTES_MIN), (2, 200 << 10), (3, 1 << 20), (4, 8 << 20)] {
        let (mut slab, mut random) = (Slab::new(bytes), Random(seed));
        // Bytes of each key that was ever taken; a key may go at any time, its content never changes.
        let mut sizes: HashMap<u64, usize> = HashMap::new();
        let (mut hits, mut taken, mut now) = (0, 0, 1);
        for step in 0..60_000 {
            if random.below(5000) == 0 {
                now += 40;
            }
            let cache = slab.at(now, 100);
            // Some keys are asked for far more often than others.
            let number = if random.below(4) > 0 {
                random.below(30)
            } else {
                random.below(3000)
            };
            let known = sizes.get(&number).copied();
            match known {
                Some(bytes) if has(&cache, number, bytes) => hits += 1,
                Some(bytes) => taken += usize::from(put(&cache, number, bytes)),
                None => {
                    assert!(cache.get(&key(number)).is_none(), "found before it was put in");
                    let bytes = match random.below(10) {
                        0 => 0,
                        1 => random.below(bytes as u64 / 4) as usize,
                        _ => random.below(6000) as usize,
                    };
                    sizes.insert(number, bytes);
                    taken += usize::from(put(&cache, number, bytes));
                }
            }
            if step % 500 == 0 {
                check(&cache);
            }
        }
        assert!(
            hits > 10_000 && taken > 100,
            "{hits} hits, {taken} taken of {bytes} bytes"
        );
        check(&slab.at(now, 100));
    }
}

#[test]
fn too_small_or_crooked_memory_is_refused() {
    let mut memory = vec![0u64; SLAB_BYTES_MIN / 8 + 1];
    let start: *mut u8 = memory.as_mut_ptr().cast();
    // SAFETY: nothing is attached to memory that is refused.
    unsafe {
        assert!(PageCache::attach(start, SLAB_BYTES_MIN - 1, 1, 1).is_none());
        assert!(PageCache::attach(start.wrapping_add(4), SLAB_BYTES_MIN, 1, 1).is_none());
        assert!(PageCache::attach(start, SLAB_BYTES_MIN, 1, 1).is_some());
    }
}

#[test]
fn an_entry_larger_than_its_share_is_not_taken() {
    let mut slab = Slab::new(1 << 20);
    let cache = slab.at(1, 100);
    let most = cache.arena.lines() as usize / ENTRY_SHARE * LINE_BYTES - LINE_BYTES;
    assert!(cache.takes(most) && !cache.takes(most + 1) && !cache.takes(usize::MAX));
    assert!(put(&cache, 1, most) && has(&cache, 1, most));
    assert!(!put(&cache, 2, most + 1) && !put(&cache, 3, 2 << 20));
    check(&cache);
}

#[test]
fn entries_expire() {
    let mut slab = Slab::new(1 << 20);
    assert!(put(&slab.at(10, 5), 1, 1000));
    assert!(has(&slab.at(14, 5), 1, 1000));
    assert!(has(&slab.at(9, 5), 1, 1000), "a clock that goes back makes nothing old");
    let cache = slab.at(15, 5);
    let pinned = cache.get(&key(2));
    assert!(pinned.is_none() && !has(&cache, 1, 1000));
    assert_eq!(
        (cache.header.evictions.load(Relaxed), cache.header.bytes.load(Relaxed)),
        (1, 0)
    );
    check(&cache);
    assert!(put(&cache, 1, 1000) && has(&cache, 1, 1000));
}

#[test]
fn what_is_pinned_stays() {
    let mut slab = Slab::new(SLAB_BYTES_MIN);
    let cache = slab.at(1, 100);
    let taken: Vec<u64> = (0..200).filter(|&number| put(&cache, number, 1000)).collect();
    assert!(taken.len() > 10, "{}", taken.len());
    let find = |&number: &u64| cache.get(&key(number)).map(|found| (number, found));
    let pinned: Vec<(u64, Pinned)> = taken.iter().filter_map(find).collect();
    let held = |cache: &PageCache| {
        cache
            .entries
            .iter()
            .filter(|entry| entry.state() == State::Live { pins: 1 })
            .count()
    };
    assert_eq!(
        held(&cache) as u64,
        cache.header.entries.load(Relaxed),
        "all are pinned"
    );
    for number in 1000..1200 {
        // Asked for more often than anything else.
        (0..10).for_each(|_| drop(cache.get(&key(number))));
        assert!(!put(&cache, number, 4000), "no room");
    }
    for (number, pinned) in &pinned {
        assert!(**pinned == *content(*number, 1000));
    }
    drop(pinned);
    for number in 1000..1200 {
        put(&cache, number, 4000);
    }
    assert!(
        (1000..1200).any(|number| has(&cache, number, 4000)),
        "unpinned entries make room"
    );
    check(&cache);
}

#[test]
fn what_is_asked_for_more_often_stays() {
    let mut slab = Slab::new(1 << 20);
    let cache = slab.at(1, 100);
    let wanted = 0..20;
    for number in wanted.clone() {
        assert!(put(&cache, number, 8192));
        (0..6).for_each(|_| assert!(has(&cache, number, 8192)));
    }
    // A long scan, each page once.
    for number in 1000..5000 {
        put(&cache, number, 8192);
    }
    let kept = wanted.filter(|&number| has(&cache, number, 8192)).count();
    assert!(kept >= 15, "{kept} of 20 stayed");
    check(&cache);
}

#[test]
fn a_scan_over_more_than_fits_keeps_a_part() {
    let mut slab = Slab::new(1 << 20);
    let cache = slab.at(1, 100);
    let mut hits = 0;
    for round in 0..10 {
        for number in 0..200 {
            if has(&cache, number, 8192) {
                hits += usize::from(round > 0);
            } else {
                put(&cache, number, 8192);
            }
        }
    }
    // 120 of 200 fit; replacing all would leave no hit.
    assert!(hits > 9 * 200 / 4, "{hits} hits");
    check(&cache);
}

#[test]
fn what_must_be_asked_for_twice_is_taken_the_second_time() {
    let mut slab = Slab::new(1 << 20);
    let cache = slab.at(1, 100);
    let insert = || cache.insert(&key(7), 7, 100, 2, |into| into.copy_from_slice(&content(7, 100)));
    assert!(cache.get(&key(7)).is_none() && !insert());
    assert!(cache.get(&key(7)).is_none() && insert() && has(&cache, 7, 100));
    assert!(!insert(), "it is there");
}

#[test]
fn a_panic_while_filling_leaves_no_trace() {
    let mut slab = Slab::new(SLAB_BYTES_MIN);
    let cache = slab.at(1, 100);
    let fail = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        cache.insert(&key(1), 1, 3000, 0, |_| panic!("on purpose"))
    }));
    assert!(fail.is_err() && cache.get(&key(1)).is_none());
    check(&cache);
    assert!(put(&cache, 1, 3000) && has(&cache, 1, 3000));
}

#[test]
fn a_held_lock_is_a_miss() {
    let mut slab = Slab::new(SLAB_BYTES_MIN);
    let cache = slab.at(1, 100);
    assert!(put(&cache, 1, 100));
    let held = Guard::acquire(&cache.header.lock).unwrap();
    assert!(!put(&cache, 2, 100) && has(&cache, 1, 100), "readers need no lock");
    drop(held);
    assert!(put(&cache, 2, 100));
}

#[test]
fn keys_that_share_a_hash_are_told_apart() {
    let mut slab = Slab::new(SLAB_BYTES_MIN);
    let cache = slab.at(1, 100);
    let (one, other) = (key(1), key(2));
    assert!(cache.insert(&one, 1, 10, 0, |into| into.fill(1)));
    // The place and tag of one, as if the other's hash were the same.
    assert!(cache.find(&one, one.hash()).is_some());
    assert!(cache.find(&other, one.hash()).is_none());
}

#[test]
fn counters_are_where_others_read_them() {
    let mut slab = Slab::new(SLAB_BYTES_MIN);
    assert!(put(&slab.at(1, 100), 1, 1000));
    assert!(has(&slab.at(1, 100), 1, 1000));
    let counters = &slab.0[2..2 + COUNTER_WORDS];
    assert_eq!(
        counters,
        [1, 1, 0, 17 * 64, 1, 1, 0],
        "hits, misses, evictions, bytes, entries, insertions, refusals"
    );
}
