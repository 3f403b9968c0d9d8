//! Batches cut by bytes: where a function would answer too much for all rows of a batch, or large constants would stand in each of them,
//! the rows are taken some at a time. A function asks by `check`; whoever evaluates it asked for the answer by `attempt` and can do with
//! fewer rows.

mod expression;
mod few_rows;
mod projection;
mod rule;
mod unnest;

use std::cell::Cell;
use std::fmt;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};

pub(crate) use rule::CutByBytes;

/// What the functions over one batch may answer, if it has more than one row.
const CUT_BYTES: u64 = 8 << 20;

thread_local! {
    /// Whether whoever evaluates functions now can do with fewer rows.
    static CUTTING: Cell<bool> = const { Cell::new(false) };
}

/// Why a batch has to be cut: what one function would answer for all of its rows.
#[derive(Debug)]
struct TooLarge {
    bytes: u64,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes for one batch", self.bytes)
    }
}

impl std::error::Error for TooLarge {}

/// An error for `attempt` where a function would answer `bytes` for all rows, and fewer rows will do.
pub(crate) fn check(bytes: u64) -> Result<()> {
    if bytes > CUT_BYTES && CUTTING.get() {
        return Err(DataFusionError::External(Box::new(TooLarge { bytes })));
    }
    Ok(())
}

/// What an evaluation came to.
enum Attempt<T> {
    Done(T),
    /// So many rows at a time, fewer than the batch has.
    Rows(usize),
}

/// Evaluates something over all rows of `batch`, unless that would answer too much.
fn attempt<T>(batch: &RecordBatch, evaluate: impl FnOnce(&RecordBatch) -> Result<T>) -> Result<Attempt<T>> {
    let rows = batch.num_rows();
    let outer = CUTTING.replace(rows > 1);
    let result = evaluate(batch);
    CUTTING.set(outer);
    match result {
        Ok(value) => Ok(Attempt::Done(value)),
        Err(error) => match too_large(&error) {
            Some(bytes) if rows > 1 => Ok(Attempt::Rows(rows_of(bytes, rows))),
            _ => Err(error),
        },
    }
}

/// How many of `rows` that would answer `bytes` together are answered at a time; at most half of them.
fn rows_of(bytes: u64, rows: usize) -> usize {
    let share = rows as u128 * u128::from(CUT_BYTES) / u128::from(bytes.max(1));
    usize::try_from(share).unwrap_or(rows).clamp(1, (rows / 2).max(1))
}

fn too_large(error: &DataFusionError) -> Option<u64> {
    match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<TooLarge>() {
            Some(reason) => Some(reason.bytes),
            None => inner.downcast_ref::<DataFusionError>().and_then(too_large),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => too_large(inner),
        DataFusionError::Shared(inner) => too_large(inner),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            datafusion::arrow::error::ArrowError::ExternalError(inner) => {
                inner.downcast_ref::<DataFusionError>().and_then(too_large)
            }
            _ => None,
        },
        _ => None,
    }
}

/// The batch in parts of so many rows.
fn parts(batch: &RecordBatch, rows: usize) -> impl Iterator<Item = RecordBatch> + '_ {
    let all = batch.num_rows();
    (0..all)
        .step_by(rows.max(1))
        .map(move |first| batch.slice(first, rows.max(1).min(all - first)))
}
