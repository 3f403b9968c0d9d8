//! A leaf that wants only rows with certain keys, which another part of the plan finds out first.
//!
//! That part runs when the leaf is opened. Its keys go into the leaf's request, which whoever answers the leaf waits for.
//! Very many keys make several requests, one after the other: a row has one key, so its rows come once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use basalt_scan::request::Literal;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::physical_plan::{ExecutionPlan, RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};

use crate::run::queue::LeafQueue;

/// Keys in one request.
const KEYS_MAX: usize = 1 << 18;
/// Bytes that a key takes here, beside those of a string.
const KEY_BYTES: usize = size_of::<Literal>();

/// Where the keys of a leaf come from.
#[derive(Debug, Clone)]
pub(crate) struct KeySource {
    pub plan: Arc<dyn ExecutionPlan>,
    /// The column of `plan` that holds them.
    pub index: usize,
    /// The column of the leaf that they are for: int64 or string.
    pub column: String,
}

/// The rows of a leaf, after its keys.
pub(crate) struct KeyedStream {
    keys: SendableRecordBatchStream,
    index: usize,
    found: Vec<Literal>,
    memory: MemoryReservation,
    queue: Arc<LeafQueue>,
    rows: SendableRecordBatchStream,
    collected: bool,
}

impl KeyedStream {
    pub fn new(
        keys: SendableRecordBatchStream,
        index: usize,
        queue: Arc<LeafQueue>,
        rows: SendableRecordBatchStream,
        pool: &Arc<dyn MemoryPool>,
    ) -> Self {
        KeyedStream {
            keys,
            index,
            found: Vec::new(),
            memory: MemoryConsumer::new("join keys").register(pool),
            queue,
            rows,
            collected: false,
        }
    }

    fn collect(&mut self, batch: &RecordBatch) -> Result<()> {
        let array = batch.column(self.index);
        let before = self.found.len();
        let mut bytes = 0;
        match array.data_type() {
            DataType::Int64 => {
                let keys = array.as_primitive::<Int64Type>().iter().flatten();
                self.found.extend(keys.map(Literal::Int64));
            }
            DataType::Utf8 => {
                let keys = array.as_string::<i32>().iter().flatten();
                self.found.extend(
                    keys.inspect(|key| bytes += key.len())
                        .map(|key| Literal::String(key.to_owned())),
                );
            }
            other => return Err(DataFusionError::Internal(format!("join keys of type {other}"))),
        }
        self.memory.try_grow((self.found.len() - before) * KEY_BYTES + bytes)
    }

    /// Hands the next keys to the leaf's request; false when there are none left.
    fn next_request(&mut self) -> Result<bool> {
        if self.found.is_empty() {
            self.memory.free();
            return Ok(false);
        }
        let rest = self.found.len().saturating_sub(KEYS_MAX);
        let keys = self.found.split_off(rest);
        self.queue.ask(keys);
        Ok(true)
    }
}

/// Semi joins find a key as often as the other side has it.
fn distinct(keys: &mut Vec<Literal>) {
    let order = |a: &Literal, b: &Literal| match (a, b) {
        (Literal::Int64(a), Literal::Int64(b)) => a.cmp(b),
        (Literal::String(a), Literal::String(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    };
    keys.sort_unstable_by(order);
    keys.dedup();
}

impl Stream for KeyedStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while !this.collected {
            match ready!(this.keys.poll_next_unpin(context)) {
                Some(batch) => {
                    if let Err(error) = batch.and_then(|batch| this.collect(&batch)) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                None => {
                    this.collected = true;
                    distinct(&mut this.found);
                    match this.next_request() {
                        Ok(true) => {}
                        Ok(false) => this.queue.close(),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
        if this.queue.satisfied() {
            return Poll::Ready(None);
        }
        loop {
            match ready!(this.rows.poll_next_unpin(context)) {
                None => match this.next_request() {
                    Ok(true) => {}
                    Ok(false) => return Poll::Ready(None),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                batch => return Poll::Ready(batch),
            }
        }
    }
}

impl RecordBatchStream for KeyedStream {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
