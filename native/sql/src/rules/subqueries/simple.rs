//! Which subqueries the planner's own rules answer rightly, and faster: they make a join of the two sides without the values outside.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::utils::{merge_schema, split_conjunction};
use datafusion::logical_expr::{Aggregate, Expr, JoinType, LogicalPlan, Operator};

/// The subquery of an expression.
pub(super) fn subquery_of(expr: &Expr) -> Option<&LogicalPlan> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(&subquery.subquery),
        Expr::Exists(exists) => Some(&exists.subquery.subquery),
        Expr::InSubquery(found) => Some(&found.subquery.subquery),
        Expr::SetComparison(comparison) => Some(&comparison.subquery.subquery),
        _ => None,
    }
}

/// The columns that a plan reads from outside of it.
pub(super) fn outer_columns(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut found = Vec::new();
    collect(plan, &mut found)?;
    Ok(found)
}

fn collect(plan: &LogicalPlan, found: &mut Vec<Column>) -> Result<()> {
    plan.apply(|node| {
        if let LogicalPlan::Subquery(inner) = node {
            // Of a lateral join. What it reads of the other side is no matter of those outside.
            collect(&inner.subquery, found)?;
            return Ok(TreeNodeRecursion::Jump);
        }
        let mut nested = Vec::new();
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                match part {
                    Expr::OuterReferenceColumn(_, column) => add(column, found),
                    part => {
                        if let Some(inner) = subquery_of(part) {
                            nested.extend(outer_columns(inner)?);
                        }
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        if !nested.is_empty() {
            let schema = merge_schema(&node.inputs());
            for column in nested.iter().filter(|column| !schema.has_column(column)) {
                add(column, found);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn add(column: &Column, found: &mut Vec<Column>) {
    if !found.contains(column) {
        found.push(column.clone());
    }
}

/// Rows that only filters relate to the row outside, none of whose columns is called like one of the plan's own.
pub(super) fn is_filtered(plan: &LogicalPlan, outer: &[Column]) -> Result<bool> {
    let mut simple = true;
    plan.apply(|node| {
        let kind = match node {
            LogicalPlan::Filter(filter) => nests_nothing(&filter.predicate)?,
            // Under another name the planner loses what it moves up.
            LogicalPlan::SubqueryAlias(alias) => outer_columns(&alias.input)?.is_empty(),
            LogicalPlan::Projection(_) | LogicalPlan::TableScan(_) => !reads_outer(node)?,
            LogicalPlan::Join(join) => join.join_type == JoinType::Inner && !reads_outer(node)?,
            _ => false,
        };
        simple &= kind && !outer.iter().any(|column| node.schema().has_column(column));
        Ok(if simple {
            TreeNodeRecursion::Continue
        } else {
            TreeNodeRecursion::Stop
        })
    })?;
    Ok(simple)
}

/// One row of aggregates over rows whose columns equal values outside.
pub(super) fn is_aggregated(plan: &LogicalPlan, outer: &[Column]) -> Result<bool> {
    let mut node = plan;
    loop {
        node = match node {
            LogicalPlan::Projection(projection) => match projection.expr.as_slice() {
                [expr] if matches!(bare(expr), Expr::Column(_)) => &projection.input,
                _ => return Ok(false),
            },
            LogicalPlan::Aggregate(Aggregate { group_expr, input, .. })
                if group_expr.is_empty() && !reads_outer(node)? =>
            {
                return Ok(is_filtered(input, outer)? && compares_equal(input)?);
            }
            _ => return Ok(false),
        };
    }
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other,
    }
}

fn compares_equal(plan: &LogicalPlan) -> Result<bool> {
    let mut equal = true;
    plan.apply(|node| {
        if let LogicalPlan::Filter(filter) = node {
            for part in split_conjunction(&filter.predicate) {
                equal &= !part.contains_outer() || is_equality(part);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(equal)
}

/// Of a column within and a value outside.
fn is_equality(expr: &Expr) -> bool {
    let Expr::BinaryExpr(binary) = expr else { return false };
    let outside = |side: &Expr| matches!(side, Expr::OuterReferenceColumn(..));
    let within = |side: &Expr| matches!(side, Expr::Column(_));
    binary.op == Operator::Eq
        && ((within(&binary.left) && outside(&binary.right)) || (outside(&binary.left) && within(&binary.right)))
}

fn reads_outer(node: &LogicalPlan) -> Result<bool> {
    let mut reads = false;
    node.apply_expressions(|expr| {
        reads |= expr.contains_outer() || !nests_nothing(expr)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(reads)
}

/// Whether no subquery in it reads from outside itself.
fn nests_nothing(expr: &Expr) -> Result<bool> {
    let mut nothing = true;
    expr.apply(|part| {
        if let Some(inner) = subquery_of(part) {
            nothing &= outer_columns(inner)?.is_empty();
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(nothing)
}

/// Whether a plan has at most one row, whatever is stored.
pub(super) fn has_one_row(plan: &LogicalPlan) -> Result<bool> {
    use datafusion::logical_expr::FetchType;
    match plan {
        LogicalPlan::Aggregate(aggregate) => Ok(aggregate.group_expr.is_empty()),
        LogicalPlan::Limit(limit) => match limit.get_fetch_type()? {
            FetchType::Literal(Some(0 | 1)) => Ok(true),
            _ => has_one_row(&limit.input),
        },
        LogicalPlan::Projection(projection) => has_one_row(&projection.input),
        LogicalPlan::Filter(filter) => has_one_row(&filter.input),
        LogicalPlan::Sort(sort) => has_one_row(&sort.input),
        LogicalPlan::SubqueryAlias(alias) => has_one_row(&alias.input),
        LogicalPlan::EmptyRelation(_) => Ok(true),
        LogicalPlan::Values(values) => Ok(values.values.len() <= 1),
        _ => Ok(false),
    }
}

/// Whether a plan has a row, whatever is stored.
pub(super) fn always_has_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => always_has_row(&projection.input),
        LogicalPlan::Sort(sort) => sort.fetch.is_none() && always_has_row(&sort.input),
        LogicalPlan::SubqueryAlias(alias) => always_has_row(&alias.input),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        LogicalPlan::Values(values) => !values.values.is_empty(),
        _ => false,
    }
}
