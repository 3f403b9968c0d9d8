//! Memory of runs: a limit for each run, a limit for all of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
};

/// What all runs of a process may hold together.
#[derive(Debug)]
pub(super) struct SharedMemory {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

impl SharedMemory {
    pub fn new(limit_bytes: usize) -> Self {
        SharedMemory {
            limit_bytes,
            used_bytes: AtomicUsize::new(0),
        }
    }

    pub fn used(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// False when that would pass the limit: then nothing is taken.
    fn try_take(&self, bytes: usize) -> bool {
        let taken = self
            .used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit_bytes)
            });
        taken.is_ok()
    }

    fn take(&self, bytes: usize) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The memory of one run. Operators that can spill share evenly what the others leave; an operator that is refused spills, if it can.
#[derive(Debug)]
pub(super) struct RunMemory {
    limit_bytes: usize,
    own: FairSpillPool,
    shared: Arc<SharedMemory>,
}

impl RunMemory {
    pub fn new(limit_bytes: usize, shared: Arc<SharedMemory>) -> Self {
        RunMemory {
            limit_bytes,
            own: FairSpillPool::new(limit_bytes),
            shared,
        }
    }
}

impl MemoryPool for RunMemory {
    fn name(&self) -> &str {
        "run"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shared.take(additional);
        self.own.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.shared.give_back(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let wanted = || {
            format!(
                "{} holds {} and needs {} more",
                who(reservation.consumer().name()),
                human_readable_size(reservation.size()),
                human_readable_size(additional)
            )
        };
        if !self.shared.try_take(additional) {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{}, but all queries together hold {} of {}",
                wanted(),
                human_readable_size(self.shared.used()),
                human_readable_size(self.shared.limit_bytes)
            )));
        }
        if self.own.try_grow(reservation, additional).is_err() {
            self.shared.give_back(additional);
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{}, but the query holds {} of {}",
                wanted(),
                human_readable_size(self.own.reserved()),
                human_readable_size(self.limit_bytes)
            )));
        }
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit_bytes)
    }
}

/// Who holds memory, in words of SQL; functions have their own names.
fn who(consumer: &str) -> &str {
    let known = [
        ("TopK", "ORDER BY with LIMIT"),
        ("Sort", "ORDER BY"),
        ("HashAggregate", "GROUP BY"),
        ("OrderedPartial", "GROUP BY"),
        ("OrderedFinal", "GROUP BY"),
        ("AggregateStream", "an aggregate"),
        ("Join", "a join"),
        ("SMJStream", "a join"),
        ("WindowAgg", "a window"),
        ("RecursiveQuery", "WITH RECURSIVE"),
    ];
    let words = known.iter().find(|(part, _)| consumer.contains(part));
    words.map_or(consumer, |(_, words)| words)
}

impl fmt::Display for RunMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run of {}", human_readable_size(self.limit_bytes))
    }
}
