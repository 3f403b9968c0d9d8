//! `ORDER BY _timestamp LIMIT k` over a leaf: the leaf answers its first k rows, the sort above merges the answers of
//! several scans.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::through::look_through;
use crate::stream_table::TIME_COLUMN;

pub(super) fn push(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else {
        return Ok(None);
    };
    let (Some(limit), [key]) = (sort.fetch(), sort.expr().as_ref()) else {
        return Ok(None);
    };
    let Some(through) = look_through(sort.input()) else {
        return Ok(None);
    };
    let key_expr = through.resolve(&key.expr)?;
    if key_expr
        .downcast_ref::<Column>()
        .is_none_or(|column| column.name() != TIME_COLUMN)
    {
        return Ok(None);
    }
    match through.leaf.with_top_time(key.options.descending, limit as u64) {
        Some(leaf) => {
            let input = through.rebuild(Arc::new(leaf))?;
            Ok(Some(replace_children_if_necessary(Arc::clone(node), vec![input])?))
        }
        None => Ok(None),
    }
}
