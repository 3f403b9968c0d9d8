//! What is unnested comes with the rest of its row once for each value of the list, so what goes into it is cut by the bytes that come out.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, RecordBatchStream, SendableRecordBatchStream,
};
use futures::Stream;

use super::CUT_BYTES;
use crate::functions::value_sizes;
use crate::run::{cancel, charge};

/// A list that is unnested: its column, and how many levels of lists are taken apart.
type List = (usize, usize);

/// The rows of `input`, few enough in a batch.
#[derive(Debug)]
pub(super) struct ShortListsExec {
    input: Arc<dyn ExecutionPlan>,
    lists: Arc<[List]>,
}

impl ShortListsExec {
    pub fn under(unnest: &UnnestExec) -> Self {
        let lists = unnest.list_column_indices().iter();
        ShortListsExec {
            input: Arc::clone(unnest.input()),
            lists: lists.map(|list| (list.index_in_input_schema, list.depth)).collect(),
        }
    }
}

impl DisplayAs for ShortListsExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ShortListsExec: batches by bytes")
    }
}

impl ExecutionPlan for ShortListsExec {
    fn name(&self) -> &str {
        "ShortListsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
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
        let input = children.pop();
        let input = input.ok_or_else(|| DataFusionError::Internal("an operator lost its input".to_owned()))?;
        let lists = Arc::clone(&self.lists);
        Ok(Arc::new(ShortListsExec { input, lists }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(ShortLists {
            input: self.input.execute(partition, context)?,
            lists: Arc::clone(&self.lists),
            rest: None,
            charged: None,
        }))
    }
}

struct ShortLists {
    input: SendableRecordBatchStream,
    lists: Arc<[List]>,
    /// A batch, what each of its rows becomes in bytes, and the rows of it that are gone.
    rest: Option<(RecordBatch, Vec<u64>, usize)>,
    /// Held until the next rows are asked for.
    charged: Option<MemoryReservation>,
}

impl ShortLists {
    fn next_rows(&mut self) -> Result<Option<RecordBatch>> {
        let Some((batch, bytes, first)) = self.rest.take() else {
            return Ok(None);
        };
        cancel::check()?;
        let (mut sum, mut rows) = (0u64, 0);
        for row in &bytes[first..] {
            if rows > 0 && sum.saturating_add(*row) > CUT_BYTES {
                break;
            }
            sum = sum.saturating_add(*row);
            rows += 1;
        }
        self.charged = charge::charge("unnest", usize::try_from(sum).unwrap_or(usize::MAX))?;
        let part = batch.slice(first, rows);
        if first + rows < bytes.len() {
            self.rest = Some((batch, bytes, first + rows));
        }
        Ok(Some(part))
    }
}

impl Stream for ShortLists {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.charged = None;
        loop {
            match self.next_rows() {
                Ok(Some(part)) => return Poll::Ready(Some(Ok(part))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            match ready!(self.input.as_mut().poll_next(context)) {
                Some(Ok(batch)) => match unnested_bytes(&batch, &self.lists) {
                    Ok(bytes) if batch.num_rows() > 0 => self.rest = Some((batch, bytes, 0)),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                end => return Poll::Ready(end),
            }
        }
    }
}

impl RecordBatchStream for ShortLists {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}

/// What each row takes unnested: its lists, and the rest of it for each of their values.
fn unnested_bytes(batch: &RecordBatch, lists: &[List]) -> Result<Vec<u64>> {
    let rows = batch.num_rows();
    let (mut values, mut once, mut each) = (vec![1u64; rows], vec![0u64; rows], vec![0u64; rows]);
    for (place, column) in batch.columns().iter().enumerate() {
        let sizes = value_sizes(&ColumnarValue::Array(Arc::clone(column)), rows)?;
        let depth = lists.iter().filter(|list| list.0 == place).map(|list| list.1).max();
        if let Some(depth) = depth {
            let counts = counts(column, depth);
            values
                .iter_mut()
                .zip(counts)
                .for_each(|(most, count)| *most = (*most).max(count));
        }
        let sum = if depth.is_some() { &mut once } else { &mut each };
        sum.iter_mut()
            .zip(sizes)
            .for_each(|(sum, size)| *sum = sum.saturating_add(size));
    }
    let rows = once.iter().zip(each).zip(values);
    Ok(rows
        .map(|((once, each), values)| once.saturating_add(each.saturating_mul(values)))
        .collect())
}

/// How many values there are in each list, `depth` levels down.
fn counts(column: &ArrayRef, depth: usize) -> Vec<u64> {
    let mut ends: Vec<usize> = (0..=column.len()).collect();
    let mut level = Arc::clone(column);
    for _ in 0..depth {
        let offsets: Vec<usize> = match level.data_type() {
            DataType::List(_) => level
                .as_list::<i32>()
                .offsets()
                .iter()
                .map(|end| *end as usize)
                .collect(),
            DataType::LargeList(_) => level
                .as_list::<i64>()
                .offsets()
                .iter()
                .map(|end| *end as usize)
                .collect(),
            DataType::FixedSizeList(_, width) => {
                let width = usize::try_from(*width).unwrap_or(0);
                (0..=level.len()).map(|place| place * width).collect()
            }
            _ => break,
        };
        ends.iter_mut().for_each(|end| *end = offsets[*end]);
        level = match level.data_type() {
            DataType::List(_) => Arc::clone(level.as_list::<i32>().values()),
            DataType::LargeList(_) => Arc::clone(level.as_list::<i64>().values()),
            _ => Arc::clone(level.as_fixed_size_list().values()),
        };
    }
    ends.windows(2).map(|pair| (pair[1] - pair[0]) as u64).collect()
}
