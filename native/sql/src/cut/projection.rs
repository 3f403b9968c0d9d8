//! A projection whose functions may answer much: of a batch as many rows at a time as are not too large.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, RecordBatchStream, SendableRecordBatchStream,
};
use futures::Stream;

use super::{Attempt, attempt, check, parts};
use crate::functions::scalar_bytes;
use crate::run::cancel;

/// Gives what the projection below it would give, in smaller batches.
#[derive(Debug)]
pub(super) struct CutExec {
    projection: Arc<dyn ExecutionPlan>,
}

impl CutExec {
    pub fn over(projection: Arc<dyn ExecutionPlan>) -> Self {
        CutExec { projection }
    }
}

impl DisplayAs for CutExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CutExec: batches by bytes")
    }
}

impl ExecutionPlan for CutExec {
    fn name(&self) -> &str {
        "CutExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.projection.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.projection]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match children.pop() {
            Some(projection) => Arc::new(CutExec { projection }),
            None => self,
        })
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(projection) = self.projection.downcast_ref::<ProjectionExec>() else {
            return Err(DataFusionError::Internal("what is cut is no projection".to_owned()));
        };
        Ok(Box::pin(Cut {
            input: projection.input().execute(partition, context)?,
            expressions: projection.expr().iter().map(|one| Arc::clone(&one.expr)).collect(),
            schema: self.projection.schema(),
            waiting: VecDeque::new(),
        }))
    }
}

struct Cut {
    input: SendableRecordBatchStream,
    expressions: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
    /// Parts of a batch that are not projected yet.
    waiting: VecDeque<RecordBatch>,
}

impl Cut {
    fn project(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.expressions.len());
        for expression in &self.expressions {
            let value = expression.evaluate(batch)?;
            // One value stands in every row.
            if let ColumnarValue::Scalar(value) = &value {
                check(scalar_bytes(value).saturating_mul(rows as u64))?;
            }
            columns.push(value.into_array(rows)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

impl Stream for Cut {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let batch = match self.waiting.pop_front() {
                Some(batch) => batch,
                None => match ready!(self.input.as_mut().poll_next(context)) {
                    Some(Ok(batch)) => batch,
                    end => return Poll::Ready(end),
                },
            };
            if let Err(stopped) = cancel::check() {
                return Poll::Ready(Some(Err(stopped)));
            }
            match attempt(&batch, |batch| self.project(batch)) {
                Ok(Attempt::Done(projected)) => return Poll::Ready(Some(Ok(projected))),
                Ok(Attempt::Rows(rows)) => {
                    for (place, part) in parts(&batch, rows).enumerate() {
                        self.waiting.insert(place, part);
                    }
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl RecordBatchStream for Cut {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
