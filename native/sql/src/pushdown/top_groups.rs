//! `GROUP BY .. ORDER BY count(*) DESC LIMIT k`: of all groups only those that a sort puts first, and those equal to the last
//! of them, need to reach the final step. The leaf says so in its request; whoever combines the answers leaves out the rest.

use std::sync::Arc;

use basalt_scan::request::{Aggregate, Output, Top};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::leaf::LeafExec;

pub(super) fn push(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else {
        return Ok(None);
    };
    let Some(limit) = sort.fetch() else { return Ok(None) };
    let key = sort.expr().first();
    let mut chain = vec![Arc::clone(node)];
    let (mut below, mut expr) = (Arc::clone(sort.input()), Arc::clone(&key.expr));
    // A float's minus zero is made zero for the order. Sums begin with zero, so they have none to begin with.
    let settled = settled(&expr);
    let sums_only = settled.is_some();
    if let Some(number) = settled {
        expr = number;
    }
    while let Some(projection) = below.downcast_ref::<ProjectionExec>() {
        let Some(inner) = expr
            .downcast_ref::<Column>()
            .and_then(|column| projection.expr().get(column.index()))
        else {
            return Ok(None);
        };
        expr = Arc::clone(&inner.expr);
        let input = Arc::clone(projection.input());
        chain.push(below);
        below = input;
    }
    let Some(leaf) = with_top(&below, &expr, sums_only, |column| Top {
        column,
        descending: key.options.descending,
        nulls_first: key.options.nulls_first,
        limit: limit as u64,
    }) else {
        return Ok(None);
    };
    let mut plan = replace_children_if_necessary(below, vec![Arc::new(leaf)])?;
    for above in chain.into_iter().rev() {
        plan = replace_children_if_necessary(above, vec![plan])?;
    }
    Ok(Some(plan))
}

/// `number` of `number + 0.0`.
fn settled(expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    let sum = expr
        .downcast_ref::<BinaryExpr>()
        .filter(|sum| *sum.op() == Operator::Plus)?;
    let zero = sum.right().downcast_ref::<Literal>()?;
    matches!(zero.value(), ScalarValue::Float64(Some(value)) if *value == 0.0).then(|| Arc::clone(sum.left()))
}

/// The leaf under a final step, with a top by what `expr` is over the step's output.
fn with_top(
    plan: &Arc<dyn ExecutionPlan>,
    expr: &Arc<dyn PhysicalExpr>,
    sums_only: bool,
    top: impl FnOnce(usize) -> Top,
) -> Option<LeafExec> {
    let last = plan.downcast_ref::<AggregateExec>()?;
    if !matches!(last.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned) || !last.group_expr().is_single()
    {
        return None;
    }
    let leaf = last.input().downcast_ref::<LeafExec>()?;
    let Output::Aggregate { groups, aggregates, .. } = leaf.output() else {
        return None;
    };
    let index = expr.downcast_ref::<Column>()?.index();
    match index.checked_sub(groups.len()) {
        None if sums_only => None,
        Some(aggregate) if sums_only && !matches!(aggregates.get(aggregate), Some(Aggregate::Sum { .. })) => None,
        None => leaf.with_top(top(index)),
        Some(aggregate) => leaf.with_top(top(groups.len() + state(aggregates, aggregate)?)),
    }
}

/// The place among all state columns of the one that is the value of an aggregate.
fn state(aggregates: &[Aggregate], index: usize) -> Option<usize> {
    let width = |aggregate: &Aggregate| match aggregate {
        Aggregate::CountRows
        | Aggregate::Count { .. }
        | Aggregate::Sum { .. }
        | Aggregate::Min { .. }
        | Aggregate::Max { .. }
        | Aggregate::Sketch { .. } => Some(1),
        Aggregate::Average { .. } => Some(2),
        Aggregate::Function { .. } => None,
    };
    let is_value = !matches!(
        aggregates.get(index)?,
        Aggregate::Sketch { .. } | Aggregate::Average { .. } | Aggregate::Function { .. }
    );
    let before = aggregates[..index].iter().map(width).sum::<Option<usize>>()?;
    is_value.then_some(before)
}
