//! Many threads on one slab. Every content is derived from its key, so any byte that is torn, misfiled or overwritten under a
//! reader is found.

use basalt_cache::{COUNTER_WORDS, Key, PageCache, Pinned};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const THREADS: u64 = 4;

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

fn key(number: u64) -> Key {
    Key {
        file: number / 100,
        offset: number % 100 * 4096,
        column: (number % 3) as u32,
        page: (number % 7) as u32,
        kind: (number % 2) as u32,
    }
}

fn words(number: u64) -> usize {
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    if number.is_multiple_of(50) {
        4000
    } else {
        (spread % 300) as usize
    }
}

fn word(number: u64, at: usize) -> u64 {
    (number << 32 | at as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

fn verify(found: &Pinned, number: u64) {
    assert_eq!((found.note(), found.len()), (number, words(number) * 8));
    for (at, bytes) in found.as_chunks::<8>().0.iter().enumerate() {
        assert_eq!(
            u64::from_ne_bytes(*bytes),
            word(number, at),
            "word {at} of entry {number}"
        );
    }
}

fn fill(into: &mut [u8], number: u64) {
    for (at, bytes) in into.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *bytes = word(number, at).to_ne_bytes();
    }
}

/// Operations of one thread: mostly reads; up to eight entries stay pinned and are verified again when they are let go.
fn work(slab: usize, bytes: usize, thread: u64, operations: u64, keys: u64, panics: bool) -> (u64, u64) {
    let mut random = Random(thread * 77 + 1);
    let (mut hits, mut insertions) = (0, 0);
    for call in 0..operations / 1000 {
        // SAFETY: the slab outlives the threads and only caches touch it.
        let cache = unsafe { PageCache::attach(slab as *mut u8, bytes, 1 + (call / 50) as u32, 3) }.unwrap();
        let mut held: Vec<(u64, Pinned)> = Vec::new();
        for _ in 0..1000 {
            let number = if random.below(3) > 0 {
                random.below(keys / 10)
            } else {
                random.below(keys)
            };
            match cache.get(&key(number)) {
                Some(found) => {
                    verify(&found, number);
                    hits += 1;
                    held.push((number, found));
                }
                None if panics && random.below(500) == 0 => {
                    let fail = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        cache.insert(&key(number), number, words(number) * 8, 1, |into| {
                            fill(into, !number);
                            std::panic::resume_unwind(Box::new(()));
                        })
                    }));
                    drop(fail);
                }
                None => {
                    let taken = cache.insert(&key(number), number, words(number) * 8, 1, |into| fill(into, number));
                    insertions += u64::from(taken);
                }
            }
            if held.len() > 8 {
                let (number, found) = held.swap_remove(random.below(9) as usize);
                verify(&found, number);
            }
        }
        held.iter().for_each(|(number, found)| verify(found, *number));
    }
    (hits, insertions)
}

fn stress(bytes: usize, operations: u64, keys: u64, panics: bool) {
    let mut slab = vec![0u64; bytes / 8];
    let start = slab.as_mut_ptr() as usize;
    let (hits, insertions) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (hits, insertions) = (&hits, &insertions);
            scope.spawn(move || {
                let (found, taken) = work(start, bytes, thread, operations / THREADS, keys, panics);
                hits.fetch_add(found, Relaxed);
                insertions.fetch_add(taken, Relaxed);
            });
        }
    });
    let counters = &slab[1..=COUNTER_WORDS];
    let (hits, insertions) = (hits.into_inner(), insertions.into_inner());
    println!("{bytes} bytes: {hits} hits, {insertions} insertions, counters {counters:?}");
    assert_eq!((counters[0], counters[0] + counters[1]), (hits, operations));
    assert_eq!(counters[5], insertions);
    // Evictions by age or for room; what was abandoned in a panic is neither.
    assert_eq!(
        insertions,
        counters[2] + counters[4],
        "what went in was evicted or is there"
    );
    assert!(hits > operations / 50 && counters[2] > 100 && counters[3] as usize <= bytes);
    // Whatever happened, the slab still takes new entries.
    // SAFETY: the threads have ended.
    let cache = unsafe { PageCache::attach(start as *mut u8, bytes, 1_000_000, 3) }.unwrap();
    let taken = (keys..keys + 20).filter(|&number| {
        cache.get(&key(number)).is_none()
            && cache.insert(&key(number), number, words(number) * 8, 1, |into| fill(into, number))
    });
    assert!(taken.count() > 15);
}

#[test]
fn all_fits() {
    stress(32 << 20, 2_000_000, 5_000, false);
}

#[test]
fn constant_eviction() {
    stress(2 << 20, 2_000_000, 20_000, false);
}

#[test]
fn hardly_any_room() {
    stress(64 << 10, 1_000_000, 2_000, false);
}

#[test]
fn threads_that_panic_do_not_wedge_others() {
    stress(1 << 20, 1_000_000, 5_000, true);
}
