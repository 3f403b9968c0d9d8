//! Planning ends in time: where the planner comes by, between its rules and at some nodes, it looks at the clock and is left by unwinding,
//! since it asks nobody itself. What it does between two looks is bounded by the limits on a statement (`statement_size`).

use std::any::Any;
use std::cell::Cell;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use crate::error::{INVALID_SQL, SqlError};

/// How long a statement may be planned.
pub const PLANNING_MAX: Duration = Duration::from_secs(5);

thread_local! {
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// What is thrown when the time is over.
struct Late;

/// Does a step that ends when `limit` is over. A step that unwinds leaves nothing behind.
pub(crate) fn within<T>(limit: Duration, step: impl FnOnce() -> T) -> T {
    struct Restore(Option<Instant>);
    impl Drop for Restore {
        fn drop(&mut self) {
            UNTIL.set(self.0);
        }
    }
    let _restore = Restore(UNTIL.replace(Instant::now().checked_add(limit)));
    step()
}

/// Unwinds out of `within` when the time is over; whoever called that catches it.
pub(crate) fn check() {
    if UNTIL.get().is_some_and(|until| Instant::now() > until) {
        resume_unwind(Box::new(Late));
    }
}

/// The error of what was thrown, where that was by `check`.
pub(crate) fn error_of(thrown: &(dyn Any + Send)) -> Option<SqlError> {
    thrown.is::<Late>().then(|| {
        let text = format!(
            "Search SQL not valid: it takes more than {} s to plan: write it in simpler parts, or fewer",
            PLANNING_MAX.as_secs()
        );
        SqlError::new(INVALID_SQL, text)
    })
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_step_is_left_when_its_time_is_over() {
        let looped = || {
            within(Duration::from_millis(1), || {
                loop {
                    check();
                }
            })
        };
        let error = catch_unwind(looped).map_err(|thrown: Box<dyn Any + Send>| error_of(thrown.as_ref()));
        assert!(matches!(error, Err(Some(_))));
        check();
    }
}
