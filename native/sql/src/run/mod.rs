//! A running plan: answers are pushed into its leaves from outside, and it runs on the caller's thread until it needs
//! more of them.

pub(crate) mod cancel;
pub(crate) mod charge;
pub(crate) mod left_out;
pub(crate) mod queue;
mod tasks;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use basalt_scan::Cancel;
use basalt_scan::request::ScanRequest;
use datafusion::arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

use crate::encode::{Export, Format, encode};
use crate::error::{EXECUTION, INVALID_PARAMETER, SqlError};
use crate::plan::{Plan, reason};
use crate::resources::Resources;
use left_out::LeftOut;
use queue::LeafQueues;
use tasks::{Woken, let_tasks_run, yield_once};

/// How long a slice runs before it returns although it could go on: the caller's chance to cancel.
const SLICE: Duration = Duration::from_millis(25);
/// Output kept before a slice returns although it could go on.
const OUTPUT_BYTES_MAX: usize = 8 << 20;
/// Rows without columns that are one batch.
const BARE_ROWS_MAX: usize = 1 << 16;
/// With less stack than this a larger one is taken for the run.
const STACK_LOW_BYTES: usize = 1 << 20;
const STACK_BYTES: usize = 16 << 20;

/// One run of a plan. Belongs to one thread at a time.
pub struct Run {
    // Dropped first: the stream and the tasks of the runtime hold the queues.
    stream: SendableRecordBatchStream,
    runtime: Runtime,
    queues: Arc<LeafQueues>,
    physical: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    names: Arc<[String]>,
    output: Vec<RecordBatch>,
    output_memory: MemoryReservation,
    replay_memory: MemoryReservation,
    memory: Arc<dyn MemoryPool>,
    memory_limit_bytes: usize,
    cancel: Cancel,
    woken: Arc<Woken>,
    left_out: LeftOut,
    done: bool,
}

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The result is complete: what is kept now is all that is to come.
    pub done: bool,
    /// The run stopped at the end of a slice and can go on without input. Only `advance_slice` leaves it set.
    pub runnable: bool,
    /// Bytes of answers not yet consumed, for each leaf.
    pub queued_bytes: Vec<u64>,
    /// Rows of output that are kept for `take_rows`.
    pub output_rows: u64,
    /// Requests of leaves that waited for their keys: what to answer these leaves next, in place of what they asked before.
    pub requests: Vec<(usize, ScanRequest)>,
    /// Leaves that want no more answers, for instance because a LIMIT is reached.
    pub leaf_satisfied: Vec<bool>,
    /// What the run left out so far because it was not of the type that the statement asks for, in words.
    pub left_out: Vec<String>,
}

impl Run {
    /// Starts a run whose operators and kept output may hold `memory_limit_bytes`. Queued answers are not counted: the
    /// caller bounds them by `Progress::queued_bytes`. Once `cancel` is stopped, any step fails with 20009.
    ///
    /// # Errors
    /// 20008 when the plan cannot start.
    pub fn start(
        plan: &Plan,
        memory_limit_bytes: usize,
        resources: &Resources,
        cancel: Cancel,
    ) -> Result<Run, SqlError> {
        let failed = |error: DataFusionError| SqlError::execution(&error, memory_limit_bytes);
        let pool = resources.pool(memory_limit_bytes);
        let queues = Arc::new(LeafQueues::new(plan.leaves.iter().cloned()));
        let config = plan.state.config().clone().with_extension(Arc::clone(&queues));
        let context = TaskContext::from(plan.state.as_ref())
            .with_session_config(config)
            .with_runtime(resources.runtime(Arc::clone(&pool)).map_err(failed)?);
        let tokio = Builder::new_current_thread()
            // All ready tasks run before the plan is polled again, so that "nothing is ready" can be told.
            .event_interval(u32::MAX)
            .build()
            .map_err(|error| failed(DataFusionError::IoError(error)))?;
        let mut physical = reset_plan_states(Arc::clone(&plan.physical)).map_err(failed)?;
        if plan.partitions() != 1 {
            physical = Arc::new(CoalescePartitionsExec::new(physical));
        }
        let schema = plan.schema();
        let stream = match &plan.answer {
            Some(answer) => {
                Box::pin(MemoryStream::try_new(vec![answer.clone()], Arc::clone(&schema), None).map_err(failed)?)
            }
            None => {
                let _entered = tokio.enter();
                physical.execute(0, Arc::new(context)).map_err(failed)?
            }
        };
        Ok(Run {
            stream,
            runtime: tokio,
            queues,
            physical,
            schema,
            names: Arc::clone(&plan.names),
            output: Vec::new(),
            output_memory: MemoryConsumer::new("output").register(&pool),
            replay_memory: MemoryConsumer::new("recursive input").register(&pool),
            memory: pool,
            memory_limit_bytes,
            cancel,
            woken: Arc::default(),
            left_out: LeftOut::default(),
            done: false,
        })
    }

    /// Adds an answer of a scan or a combination to a leaf.
    ///
    /// # Errors
    /// 20011 for a leaf that does not exist; 20008 for bytes that are none.
    pub fn push(&mut self, leaf: usize, bytes: &[u8]) -> Result<(), SqlError> {
        let queue = self.queues.get(leaf).ok_or_else(|| no_leaf(leaf))?;
        let damaged = |reason: String| {
            SqlError::new(
                EXECUTION,
                format!("Search SQL execute error: the answer to leaf {leaf} is damaged"),
            )
            .with_detail(reason)
        };
        if queue.satisfied() {
            return Ok(());
        }
        // The decoder panics on some kinds of damage.
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            basalt_scan::decode_answer(bytes, queue.leaf().answer_schema())
        }));
        let answer = match decoded {
            Ok(answer) => answer.map_err(|error| damaged(error.to_string()))?,
            Err(panic) => return Err(damaged(reason(panic.as_ref()))),
        };
        if answer.once {
            queue.set_once();
        }
        for batch in answer.batches {
            let queued_bytes = own_bytes(&batch) as u64;
            queue.push(batch, queued_bytes);
        }
        self.account_replay()
    }

    /// Adds `rows` passing rows to a leaf whose answers hold nothing but their number.
    ///
    /// # Errors
    /// 20011 for a leaf that does not exist or wants columns.
    pub fn push_count(&mut self, leaf: usize, rows: u64) -> Result<(), SqlError> {
        let queue = self.queues.get(leaf).ok_or_else(|| no_leaf(leaf))?;
        if !queue.leaf().is_counted() {
            return Err(SqlError::new(
                INVALID_PARAMETER,
                format!("leaf {leaf} wants columns, not a count of rows"),
            ));
        }
        let schema = queue.leaf().answer_schema();
        let failed = |error: ArrowError| SqlError::execution(&DataFusionError::from(error), self.memory_limit_bytes);
        if schema.fields().is_empty() {
            // What an operator does with a batch it does in one go.
            for first in (0..rows).step_by(BARE_ROWS_MAX) {
                let rows = usize::try_from(rows - first).map_or(BARE_ROWS_MAX, |rest| rest.min(BARE_ROWS_MAX));
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                let batch =
                    RecordBatch::try_new_with_options(Arc::clone(schema), Vec::new(), &options).map_err(failed)?;
                queue.push(batch, 0);
            }
            return Ok(());
        }
        let count = i64::try_from(rows)
            .map_err(|_| SqlError::new(INVALID_PARAMETER, format!("a count of {rows} rows is out of range")))?;
        let columns = schema
            .fields()
            .iter()
            .map(|_| Arc::new(Int64Array::from(vec![count])) as _)
            .collect();
        queue.push(RecordBatch::try_new(Arc::clone(schema), columns).map_err(failed)?, 8);
        Ok(())
    }

    /// Tells that a leaf gets no more answers. Unknown leaves are ignored.
    pub fn finish_leaf(&mut self, leaf: usize) {
        if let Some(queue) = self.queues.get(leaf) {
            queue.finish();
        }
    }

    /// Runs until the plan needs input or is done. Output is kept for `take_rows`.
    ///
    /// # Errors
    /// 20008; the run is over then.
    pub fn advance(&mut self) -> Result<Progress, SqlError> {
        let mut requests = Vec::new();
        loop {
            let mut progress = self.advance_slice()?;
            requests.append(&mut progress.requests);
            if !progress.runnable {
                return Ok(Progress { requests, ..progress });
            }
        }
    }

    /// As `advance`, but also returns after about 25 ms of work or 8 MB of output, with `runnable` set: a caller can
    /// cancel a long computation there, or take its rows.
    ///
    /// # Errors
    /// As `advance`.
    pub fn advance_slice(&mut self) -> Result<Progress, SqlError> {
        if self.done {
            return Ok(self.progress(false));
        }
        let current = self.cancel.clone();
        let memory = Arc::clone(&self.memory);
        let mut counts = std::mem::take(&mut self.left_out);
        let polled = stacker::maybe_grow(STACK_LOW_BYTES, STACK_BYTES, || {
            left_out::counting(&mut counts, || {
                catch_unwind(AssertUnwindSafe(|| {
                    cancel::on_behalf_of(&current, || charge::to_run(&memory, || self.run_slice()))
                }))
            })
        });
        self.left_out = counts;
        let outcome = polled.unwrap_or_else(|panic| {
            Err(SqlError::new(EXECUTION, "Search SQL execute error: an operator failed")
                .with_detail(reason(panic.as_ref())))
        });
        match outcome {
            Ok(runnable) => Ok(self.progress(runnable)),
            Err(error) => {
                self.done = true;
                self.queues.iter().for_each(queue::LeafQueue::close);
                Err(error)
            }
        }
    }

    /// Encodes the output that is kept, forgets it, and answers the bytes with the number of rows in them.
    ///
    /// # Errors
    /// 20008 for a column that the format cannot hold.
    pub fn take_rows(&mut self, format: Format) -> Result<(Vec<u8>, u64), SqlError> {
        let (names, limit) = (Arc::clone(&self.names), self.memory_limit_bytes);
        let failed = |error: ArrowError| SqlError::execution(&DataFusionError::from(error), limit);
        self.take(|batches| encode(batches, &names, format).map_err(failed))
    }

    /// As `take_rows`, as the next part of a file.
    ///
    /// # Errors
    /// As `take_rows`.
    pub fn take_export(&mut self, export: &mut Export) -> Result<(Vec<u8>, u64), SqlError> {
        self.take(|batches| export.write(batches))
    }

    fn take(
        &mut self,
        encode: impl FnOnce(&[RecordBatch]) -> Result<Vec<u8>, SqlError>,
    ) -> Result<(Vec<u8>, u64), SqlError> {
        let batches = std::mem::take(&mut self.output);
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        let bytes = encode(&batches)?;
        drop(batches);
        self.output_memory.free();
        Ok((bytes, rows))
    }

    /// The plan with what each operator counted so far (EXPLAIN ANALYZE).
    pub fn explain_analyze(&self) -> String {
        DisplayableExecutionPlan::with_metrics(self.physical.as_ref())
            .indent(false)
            .to_string()
    }

    /// Polls the plan; true when it could go on at once.
    fn run_slice(&mut self) -> Result<bool, SqlError> {
        let deadline = Instant::now() + SLICE;
        let waker = Waker::from(Arc::clone(&self.woken));
        let Run {
            stream,
            runtime,
            queues,
            output,
            output_memory,
            memory_limit_bytes,
            cancel,
            woken,
            done,
            ..
        } = self;
        let alive = runtime.metrics();
        runtime.block_on(async {
            loop {
                if cancel.is_stopped() {
                    return Err(cancel::cancelled());
                }
                queues.begin_slice();
                woken.clear();
                let served = queues.served();
                let mut context = Context::from_waker(&waker);
                match stream.poll_next_unpin(&mut context) {
                    Poll::Ready(Some(Ok(batch))) => {
                        if batch.num_rows() > 0 {
                            output_memory
                                .try_grow(own_bytes(&batch))
                                .map_err(|error| SqlError::execution(&error, *memory_limit_bytes))?;
                            output.push(batch);
                        }
                        if output_memory.size() >= OUTPUT_BYTES_MAX {
                            return Ok(true);
                        }
                    }
                    // However the operators dressed up what stopped them.
                    Poll::Ready(Some(Err(_))) if cancel.is_stopped() => return Err(cancel::cancelled()),
                    Poll::Ready(Some(Err(error))) => return Err(SqlError::execution(&error, *memory_limit_bytes)),
                    Poll::Ready(None) => {
                        *done = true;
                        return Ok(false);
                    }
                    Poll::Pending => {
                        // The runtime's turn wakes operators that used up their share of the last one, and gives them another.
                        yield_once().await;
                        if !woken.is_set() && alive.num_alive_tasks() > 0 {
                            let_tasks_run(queues, woken).await;
                        }
                        if !woken.is_set() && queues.served() == served {
                            return Ok(false);
                        }
                    }
                }
                if Instant::now() >= deadline {
                    return Ok(true);
                }
            }
        })
    }

    fn progress(&self, runnable: bool) -> Progress {
        Progress {
            done: self.done,
            runnable,
            queued_bytes: self.queues.iter().map(queue::LeafQueue::queued_bytes).collect(),
            output_rows: self.output.iter().map(|batch| batch.num_rows() as u64).sum(),
            requests: self
                .queues
                .iter()
                .enumerate()
                .filter_map(|(leaf, queue)| Some((leaf, queue.take_request()?)))
                .collect(),
            leaf_satisfied: self.queues.iter().map(queue::LeafQueue::satisfied).collect(),
            left_out: self.left_out.told(),
        }
    }

    fn account_replay(&mut self) -> Result<(), SqlError> {
        let kept: u64 = self.queues.iter().map(queue::LeafQueue::kept_bytes).sum();
        self.replay_memory
            .try_resize(usize::try_from(kept).unwrap_or(usize::MAX))
            .map_err(|error| SqlError::execution(&error, self.memory_limit_bytes))
    }

    /// The schema of the result.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// The bytes that a batch takes by itself.
fn own_bytes(batch: &RecordBatch) -> usize {
    // Columns without a value share their memory in a wide answer.
    let with_values = batch
        .columns()
        .iter()
        .filter(|column| column.null_count() < column.len());
    with_values.map(charge::own_bytes).sum()
}

fn no_leaf(leaf: usize) -> SqlError {
    SqlError::new(INVALID_PARAMETER, format!("the plan has no leaf {leaf}"))
}
