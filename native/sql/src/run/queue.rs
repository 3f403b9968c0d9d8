//! The queues between the scans, which push answers from outside, and the leaves of a running plan, which take them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use basalt_scan::request::{Literal, ScanRequest};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{RecordBatchStream, SendableRecordBatchStream};
use futures::Stream;

use crate::leaf::LeafExec;

/// Batches that leaves may serve before they yield, so that a run can look at its clock.
const BATCHES_PER_SLICE: u64 = 64;

/// All queues of one run.
#[derive(Debug)]
pub(crate) struct LeafQueues {
    queues: Vec<Arc<LeafQueue>>,
    shared: Arc<Shared>,
}

/// What all leaves of a run count together.
#[derive(Debug, Default)]
struct Shared {
    /// Batches served since the run began: tells whether tasks moved.
    served: AtomicU64,
    /// `served` at which the leaves yield.
    yield_at: AtomicU64,
}

/// The answers to one leaf.
#[derive(Debug)]
pub(crate) struct LeafQueue {
    leaf: LeafExec,
    /// A leaf below the recursive part of a query is read again in each round, so its answers are kept.
    replayed: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Not yet taken, or with `replayed` all that ever came; with the bytes of each.
    batches: VecDeque<(RecordBatch, u64)>,
    queued_bytes: u64,
    kept_bytes: u64,
    finished: bool,
    /// Each group of all answers comes once.
    once: bool,
    opened: bool,
    satisfied: bool,
    waiting: Vec<Waker>,
    /// To be answered next.
    request: Option<ScanRequest>,
}

impl LeafQueues {
    /// `leaves` in the order of the plan's requests; true marks a leaf that is read again.
    pub fn new(leaves: impl IntoIterator<Item = (LeafExec, bool)>) -> Self {
        let queues = leaves
            .into_iter()
            .map(|(leaf, replayed)| {
                Arc::new(LeafQueue {
                    leaf,
                    replayed,
                    state: Mutex::default(),
                })
            })
            .collect();
        LeafQueues {
            queues,
            shared: Arc::default(),
        }
    }

    /// The queues of the run that executes a plan.
    pub fn of(context: &TaskContext) -> Result<Arc<Self>> {
        let queues = context.session_config().get_extension::<Self>();
        queues.ok_or_else(|| DataFusionError::Internal("a leaf was executed outside a run".to_owned()))
    }

    pub fn get(&self, index: usize) -> Option<&LeafQueue> {
        self.queues.get(index).map(Arc::as_ref)
    }

    pub fn iter(&self) -> impl Iterator<Item = &LeafQueue> {
        self.queues.iter().map(Arc::as_ref)
    }

    /// The queue of one leaf.
    pub fn find(&self, leaf: &LeafExec) -> Result<Arc<LeafQueue>> {
        let queue = self.queues.iter().find(|queue| queue.leaf.id() == leaf.id());
        queue
            .cloned()
            .ok_or_else(|| DataFusionError::Internal("a leaf is not one of its run".to_owned()))
    }

    /// The stream of one leaf. Without replay it can be taken once.
    pub fn open(&self, leaf: &LeafExec) -> Result<SendableRecordBatchStream> {
        let queue = self.find(leaf)?;
        let mut state = queue.lock();
        if state.opened && !queue.replayed {
            // Only a join by other conditions than equality does that, when it has no room for one side: its way around is to read
            // it again.
            return Err(DataFusionError::ResourcesExhausted(
                "a join without equal keys has no room for its smaller side".to_owned(),
            ));
        }
        state.opened = true;
        drop(state);
        Ok(Box::pin(LeafStream {
            schema: datafusion::physical_plan::ExecutionPlan::schema(leaf),
            queue,
            shared: Arc::clone(&self.shared),
            next: 0,
            rows_left: leaf.rows_max(),
        }))
    }

    /// Gives the leaves a new share of batches.
    pub fn begin_slice(&self) {
        let served = self.shared.served.load(Ordering::Relaxed);
        self.shared
            .yield_at
            .store(served + BATCHES_PER_SLICE, Ordering::Relaxed);
    }

    pub fn served(&self) -> u64 {
        self.shared.served.load(Ordering::Relaxed)
    }
}

impl LeafQueue {
    pub fn leaf(&self) -> &LeafExec {
        &self.leaf
    }

    /// Adds an answer of `bytes`. Dropped silently when nobody wants it any more.
    pub fn push(&self, batch: RecordBatch, bytes: u64) {
        let mut state = self.lock();
        if state.satisfied || state.finished || batch.num_rows() == 0 {
            return;
        }
        match self.replayed {
            true => state.kept_bytes += bytes,
            false => state.queued_bytes += bytes,
        }
        state.batches.push_back((batch, bytes));
        state.wake();
    }

    /// Tells, before the first answer, that each group of all answers to come comes once.
    pub fn set_once(&self) {
        self.lock().once = true;
    }

    /// Whether each group comes once; not ready before there is an answer, or none to come.
    pub fn poll_once(&self, context: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if state.finished || !state.batches.is_empty() {
            return Poll::Ready(state.once);
        }
        state.wait(context);
        Poll::Pending
    }

    /// Asks for the rows with these keys. Answers come as to any other leaf, up to `finish`.
    pub fn ask(&self, keys: Vec<Literal>) {
        let mut state = self.lock();
        state.finished = false;
        state.request = self.leaf.request_with(keys);
    }

    /// The request that `ask` made, once.
    pub fn take_request(&self) -> Option<ScanRequest> {
        self.lock().request.take()
    }

    /// Bytes that stay until the run ends, because they are read again.
    pub fn kept_bytes(&self) -> u64 {
        self.lock().kept_bytes
    }

    pub fn finish(&self) {
        let mut state = self.lock();
        state.finished = true;
        state.wake();
    }

    pub fn queued_bytes(&self) -> u64 {
        self.lock().queued_bytes
    }

    /// True when no more answers are wanted: the reader has enough or is gone.
    pub fn satisfied(&self) -> bool {
        self.lock().satisfied
    }

    /// Drops all that is queued and refuses the rest.
    pub fn close(&self) {
        let mut state = self.lock();
        state.satisfied = true;
        state.batches.clear();
        state.queued_bytes = 0;
    }

    /// The state is plain data that is consistent between any two statements, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, context: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
    }

    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

struct LeafStream {
    schema: SchemaRef,
    queue: Arc<LeafQueue>,
    shared: Arc<Shared>,
    /// With replay, the batch to read next.
    next: usize,
    rows_left: Option<u64>,
}

impl LeafStream {
    fn take(&mut self, context: &Context<'_>) -> Poll<Option<RecordBatch>> {
        let mut state = self.queue.lock();
        let taken = if self.queue.replayed {
            let batch = state.batches.get(self.next).map(|(batch, _)| batch.clone());
            self.next += usize::from(batch.is_some());
            batch
        } else {
            state.batches.pop_front().map(|(batch, bytes)| {
                state.queued_bytes = state.queued_bytes.saturating_sub(bytes);
                batch
            })
        };
        match taken {
            Some(batch) => Poll::Ready(Some(batch)),
            None if state.finished => Poll::Ready(None),
            None => {
                state.wait(context);
                Poll::Pending
            }
        }
    }
}

impl Stream for LeafStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.rows_left == Some(0) {
            self.queue.close();
            return Poll::Ready(None);
        }
        if self.shared.served.load(Ordering::Relaxed) >= self.shared.yield_at.load(Ordering::Relaxed) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut batch = match self.take(context) {
            Poll::Ready(Some(batch)) => batch,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        self.shared.served.fetch_add(1, Ordering::Relaxed);
        if let Some(left) = self.rows_left.as_mut() {
            let rows = (batch.num_rows() as u64).min(*left);
            *left -= rows;
            batch = batch.slice(0, rows as usize);
        }
        if self.rows_left == Some(0) {
            self.queue.close();
        }
        Poll::Ready(Some(self.queue.leaf.convert(&batch)))
    }
}

impl Drop for LeafStream {
    fn drop(&mut self) {
        if !self.queue.replayed {
            self.queue.close();
        }
    }
}

impl RecordBatchStream for LeafStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
