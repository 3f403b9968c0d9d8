//! Being cancelled in the midst of an operator. What a join filters it may ask for by the million without a word to the run, and a run has
//! no way into it but through the expressions that it evaluates: they look at the query whose run the thread is on.

use std::cell::RefCell;

use basalt_scan::Cancel;
use datafusion::common::Result;

use crate::error::{CANCELLED, SqlError};

thread_local! {
    static CURRENT: RefCell<Option<Cancel>> = const { RefCell::new(None) };
}

/// Does a step of a run of the query that `cancel` belongs to.
pub(super) fn on_behalf_of<T>(cancel: &Cancel, step: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(Some(cancel.clone()));
    let result = step();
    CURRENT.replace(outer);
    result
}

/// An error if the query whose step this thread does was cancelled.
pub(crate) fn check() -> Result<()> {
    let stopped = CURRENT.with_borrow(|cancel| cancel.as_ref().is_some_and(Cancel::is_stopped));
    if stopped { Err(cancelled().into()) } else { Ok(()) }
}

pub(super) fn cancelled() -> SqlError {
    SqlError::new(CANCELLED, "the query was cancelled")
}
