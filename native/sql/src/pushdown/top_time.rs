//! `ORDER BY _timestamp LIMIT k` over a leaf: the leaf answers its first k rows, the sort above merges the answers of
//! several scans. Through UNION ALL each branch gives its own first k.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::union::UnionExec;

use super::through::look_through;
use crate::stream_table::TIME_COLUMN;

pub(super) fn push(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else {
        return Ok(None);
    };
    let (Some(limit), [key]) = (sort.fetch(), sort.expr().as_ref()) else {
        return Ok(None);
    };
    let first = First {
        key: &key.expr,
        descending: key.options.descending,
        limit: limit as u64,
    };
    match first.of(sort.input())? {
        Some(input) => Ok(Some(replace_children_if_necessary(Arc::clone(node), vec![input])?)),
        None => Ok(None),
    }
}

struct First<'a> {
    key: &'a Arc<dyn PhysicalExpr>,
    descending: bool,
    limit: u64,
}

impl First<'_> {
    /// `plan` giving at least its first rows by the key; `None` when it has to give all.
    fn of(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(union) = plan.downcast_ref::<UnionExec>() else {
            return self.of_leaf(plan);
        };
        let mut changed = false;
        let mut branches = Vec::new();
        for branch in union.inputs() {
            // The key names a column by its place, which is the same in every branch.
            let first = self.of(branch)?;
            changed |= first.is_some();
            branches.push(first.unwrap_or_else(|| Arc::clone(branch)));
        }
        match changed {
            true => Ok(Some(replace_children_if_necessary(Arc::clone(plan), branches)?)),
            false => Ok(None),
        }
    }

    fn of_leaf(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(through) = look_through(plan) else {
            return Ok(None);
        };
        let Some(key) = through.resolve(self.key)? else {
            return Ok(None);
        };
        if key
            .downcast_ref::<Column>()
            .is_none_or(|column| column.name() != TIME_COLUMN)
        {
            return Ok(None);
        }
        match through.leaf.with_top_time(self.descending, self.limit) {
            Some(leaf) => Ok(Some(through.rebuild(Arc::new(leaf))?)),
            None => Ok(None),
        }
    }
}
