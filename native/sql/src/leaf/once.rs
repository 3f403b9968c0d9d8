//! The final step of an aggregation, left out where nothing is left to do.
//!
//! When there are many groups, the answers to a leaf are combined before the plan sees any: each group comes once then, and
//! where its states are its values already, the final step would only hash it again. Whether that is so is known when the
//! first answer comes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use basalt_scan::request::{Aggregate, Group, Output, RequestType};
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, RecordBatchStream, SendableRecordBatchStream,
};
use futures::Stream;

use super::LeafExec;
use crate::run::queue::{LeafQueue, LeafQueues};

/// Gives what `last` would give of the leaf below it.
#[derive(Debug)]
pub(crate) struct OnceExec {
    last: Arc<dyn ExecutionPlan>,
}

impl OnceExec {
    /// `None` where `last` is no final step over a leaf, or has work to do even if each group comes once.
    pub fn over(last: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let aggregate = last.downcast_ref::<AggregateExec>()?;
        let leaf = aggregate.input().downcast_ref::<LeafExec>()?;
        let same_types = || {
            let (given, wanted) = (leaf.schema(), last.schema());
            let types = given.fields().iter().zip(wanted.fields());
            given.fields().len() == wanted.fields().len()
                && types
                    .into_iter()
                    .all(|(given, wanted)| given.data_type() == wanted.data_type())
        };
        let fits = matches!(aggregate.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned)
            && aggregate.group_expr().is_single()
            && states_are_values(leaf)
            // With keys there may be several requests, none of which has all rows of a group.
            && !leaf.awaits_keys()
            && same_types();
        fits.then(|| Self { last: Arc::clone(last) })
    }

    fn leaf(&self) -> Result<&LeafExec> {
        let leaf = self
            .last
            .children()
            .first()
            .and_then(|leaf| leaf.downcast_ref::<LeafExec>());
        leaf.ok_or_else(|| DataFusionError::Internal("a final step lost its leaf".to_owned()))
    }
}

fn states_are_values(leaf: &LeafExec) -> bool {
    let Output::Aggregate { groups, aggregates, .. } = leaf.output() else {
        return false;
    };
    // The two zeros, and NaNs of all kinds, are one group only in the final step.
    let is_exact = |group: &Group| match group {
        Group::Column { column } => leaf.column_type(column) != Some(RequestType::Float64),
        Group::Bucket { .. } => true,
    };
    let is_value = |aggregate: &Aggregate| {
        matches!(
            aggregate,
            Aggregate::CountRows
                | Aggregate::Count { .. }
                | Aggregate::Sum { .. }
                | Aggregate::Min { .. }
                | Aggregate::Max { .. }
        )
    };
    !groups.is_empty() && groups.iter().all(is_exact) && aggregates.iter().all(is_value)
}

impl DisplayAs for OnceExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "OnceExec: past the next step where each group comes once")
    }
}

impl ExecutionPlan for OnceExec {
    fn name(&self) -> &str {
        "OnceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.last.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.last]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match children.pop() {
            Some(last) => Arc::new(Self { last }),
            None => self,
        })
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let leaf = self.leaf()?.clone();
        let queues = LeafQueues::of(&context)?;
        Ok(Box::pin(OnceStream {
            queue: queues.find(&leaf)?,
            schema: self.last.schema(),
            last: Arc::clone(&self.last),
            leaf,
            partition,
            context,
            chosen: None,
        }))
    }
}

struct OnceStream {
    queue: Arc<LeafQueue>,
    schema: SchemaRef,
    last: Arc<dyn ExecutionPlan>,
    leaf: LeafExec,
    partition: usize,
    context: Arc<TaskContext>,
    /// Of the leaf or of the final step, once an answer has come.
    chosen: Option<SendableRecordBatchStream>,
}

impl Stream for OnceStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.chosen.is_none() {
            let once = ready!(self.queue.poll_once(context));
            let run = Arc::clone(&self.context);
            let stream = if once {
                self.leaf.execute(self.partition, run)
            } else {
                self.last.execute(self.partition, run)
            };
            match stream {
                Ok(stream) => self.chosen = Some(stream),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        let Some(chosen) = &mut self.chosen else {
            return Poll::Ready(None);
        };
        let batch = ready!(chosen.as_mut().poll_next(context));
        Poll::Ready(batch.map(|batch| renamed(batch?, &self.schema)))
    }
}

impl Drop for OnceStream {
    fn drop(&mut self) {
        // Nobody else tells the leaf that its answers are not wanted.
        if self.chosen.is_none() {
            self.queue.close();
        }
    }
}

/// The leaf may call a column otherwise than the final step does.
fn renamed(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        batch.columns().to_vec(),
        &options,
    )?)
}

impl RecordBatchStream for OnceStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
