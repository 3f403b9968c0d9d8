//! Joins that only filter: a leaf joined with rows whose keys are distinct, of which nothing but the key is wanted. The leaf
//! gets the keys of the other side as a filter once they are known (see `leaf::keys`), so that only matching rows leave the
//! scan, and what is above the join can move into the leaf as well.

use std::sync::Arc;

use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::through::look_through;

/// A join seen from the side that holds the leaf.
struct Sides<'a> {
    leaf: &'a Arc<dyn ExecutionPlan>,
    other: &'a Arc<dyn ExecutionPlan>,
    leaf_key: usize,
    other_key: usize,
    /// The place of the first column of each side among the columns of both.
    leaf_first: usize,
    other_first: usize,
    /// Rows of the leaf come once, however often the other side has their key.
    once: bool,
}

pub(super) fn push(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(join) = node.downcast_ref::<HashJoinExec>() else {
        return Ok(None);
    };
    for sides in sides(join).into_iter().flatten() {
        if let Some(plan) = filtered(join, &sides)? {
            return Ok(Some(plan));
        }
    }
    Ok(None)
}

fn sides(join: &HashJoinExec) -> [Option<Sides<'_>>; 2] {
    let [(left_key, right_key)] = join.on() else {
        return [None, None];
    };
    let column = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Column>().map(Column::index);
    let (Some(left_key), Some(right_key)) = (column(left_key), column(right_key)) else {
        return [None, None];
    };
    if join.filter().is_some() || join.null_equality() != NullEquality::NullEqualsNothing {
        return [None, None];
    }
    let (left, right) = (join.left(), join.right());
    let width = left.schema().fields().len();
    let of_left = |once| Sides {
        leaf: left,
        other: right,
        leaf_key: left_key,
        other_key: right_key,
        leaf_first: 0,
        other_first: width,
        once,
    };
    let of_right = |once, leaf_first| Sides {
        leaf: right,
        other: left,
        leaf_key: right_key,
        other_key: left_key,
        leaf_first,
        other_first: 0,
        once,
    };
    match join.join_type() {
        JoinType::Inner => [Some(of_left(false)), Some(of_right(false, width))],
        JoinType::LeftSemi => [Some(of_left(true)), None],
        JoinType::RightSemi => [None, Some(of_right(true, 0))],
        _ => [None, None],
    }
}

/// The leaf's side with the keys of the other as a filter, giving the columns of the join; `None` where that is not the same.
fn filtered(join: &HashJoinExec, sides: &Sides) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if !sides.once && !is_distinct(sides.other, sides.other_key) {
        return Ok(None);
    }
    let Some(through) = look_through(sides.leaf) else {
        return Ok(None);
    };
    let leaf_schema = sides.leaf.schema();
    let key: Arc<dyn PhysicalExpr> = Arc::new(Column::new(leaf_schema.field(sides.leaf_key).name(), sides.leaf_key));
    let Some(key) = through.resolve(&key)? else {
        return Ok(None);
    };
    let Some(key) = key.downcast_ref::<Column>() else {
        return Ok(None);
    };
    let Some(exprs) = columns(join, sides) else {
        return Ok(None);
    };
    let Some(leaf) = through
        .leaf
        .with_keys(key.name(), Arc::clone(sides.other), sides.other_key)
    else {
        return Ok(None);
    };
    let plan = ProjectionExec::try_new(exprs, through.rebuild(Arc::new(leaf))?)?;
    let schema = plan.schema();
    let same = schema.fields().iter().zip(join.schema().fields()).all(|(has, wants)| {
        has.name() == wants.name() && has.data_type() == wants.data_type() && has.is_nullable() == wants.is_nullable()
    });
    Ok(same.then(|| Arc::new(plan) as Arc<dyn ExecutionPlan>))
}

/// The columns of the join over the leaf's side; `None` if the other side gives more than its key.
fn columns(join: &HashJoinExec, sides: &Sides) -> Option<Vec<ProjectionExpr>> {
    let schema = join.schema();
    let leaf_schema = sides.leaf.schema();
    let width = leaf_schema.fields().len();
    let mut exprs = Vec::with_capacity(schema.fields().len());
    for (place, field) in schema.fields().iter().enumerate() {
        let place = match &join.projection {
            Some(projection) => *projection.get(place)?,
            None => place,
        };
        let index = match place.checked_sub(sides.leaf_first) {
            Some(index) if index < width => index,
            // Equal to the leaf's key, in every row that has a match.
            _ if place == sides.other_first + sides.other_key && !sides.once => sides.leaf_key,
            _ => return None,
        };
        exprs.push(ProjectionExpr {
            expr: Arc::new(Column::new(leaf_schema.field(index).name(), index)),
            alias: field.name().clone(),
        });
    }
    Some(exprs)
}

/// No two rows of the plan have the same value in this column.
fn is_distinct(plan: &Arc<dyn ExecutionPlan>, column: usize) -> bool {
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let last = !matches!(aggregate.mode(), AggregateMode::Partial | AggregateMode::PartialReduce);
        return last && column == 0 && aggregate.group_expr().is_single() && aggregate.group_expr().expr().len() == 1;
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let inner = projection
            .expr()
            .get(column)
            .and_then(|expr| expr.expr.downcast_ref::<Column>());
        return inner.is_some_and(|inner| is_distinct(projection.input(), inner.index()));
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let inner = match filter.projection() {
            Some(projection) => projection.get(column).copied(),
            None => Some(column),
        };
        return inner.is_some_and(|inner| is_distinct(filter.input(), inner));
    }
    plan.downcast_ref::<CooperativeExec>()
        .is_some_and(|wrapper| is_distinct(wrapper.input(), column))
}
