//! `FROM stream CROSS JOIN unnest(list of the stream) AS t(x)`, where the list is of each row: the planner resolves it, but has no way to
//! run a join whose one side depends on the other. It is `unnest` over the stream itself.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, JoinType, Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

#[derive(Debug)]
pub(crate) struct UnnestJoinRule;

impl AnalyzerRule for UnnestJoinRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let LogicalPlan::Join(join) = &node else {
                return Ok(Transformed::no(node));
            };
            let inner = join.join_type == JoinType::Inner && join.on.is_empty();
            if !inner || !depends(&join.right)? {
                return Ok(Transformed::no(node));
            }
            let Some(grafted) = graft(&join.right, &join.left)? else {
                return Ok(Transformed::no(node));
            };
            let plan = match &join.filter {
                Some(filter) if *filter != Expr::Literal(ScalarValue::Boolean(Some(true)), None) => {
                    LogicalPlanBuilder::from(grafted).filter(filter.clone())?.build()?
                }
                _ => grafted,
            };
            Ok(Transformed::yes(plan))
        })
        .data()
    }

    fn name(&self) -> &str {
        "UnnestJoinRule"
    }
}

/// Whether it is an `unnest` of columns of the other side.
fn depends(right: &LogicalPlan) -> Result<bool> {
    let (mut unnests, mut outer) = (false, false);
    right.apply_with_subqueries(|node| {
        unnests |= matches!(node, LogicalPlan::Unnest(_));
        outer |= node.contains_outer_reference();
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })?;
    Ok(unnests && outer)
}

/// `right` over the rows of `left` in place of its one empty row, with the columns of `left` before its own; `None` for other plans.
fn graft(right: &LogicalPlan, left: &Arc<LogicalPlan>) -> Result<Option<LogicalPlan>> {
    let width = left.schema().fields().len();
    let of_left = || left.schema().iter().map(|column| Expr::Column(Column::from(column)));
    let over = |input: &LogicalPlan| graft(input, left);
    Ok(match right {
        LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => Some(left.as_ref().clone()),
        LogicalPlan::Subquery(subquery) => over(&subquery.subquery)?,
        LogicalPlan::Projection(projection) => {
            let Some(input) = over(&projection.input)? else {
                return Ok(None);
            };
            let own = projection.expr.iter().map(|expr| inner(expr.clone()));
            let exprs = of_left().map(Ok).chain(own).collect::<Result<Vec<_>>>()?;
            Some(LogicalPlanBuilder::from(input).project(exprs)?.build()?)
        }
        LogicalPlan::Unnest(unnest) => {
            let Some(input) = over(&unnest.input)? else {
                return Ok(None);
            };
            let columns = unnest.exec_columns.clone();
            let builder = LogicalPlanBuilder::from(input);
            Some(
                builder
                    .unnest_columns_with_options(columns, unnest.options.clone())?
                    .build()?,
            )
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let Some(input) = over(&alias.input)? else {
                return Ok(None);
            };
            let names = alias.schema.fields().iter().map(|field| field.name().clone());
            let own: Vec<Expr> = input
                .schema()
                .iter()
                .skip(width)
                .zip(names)
                .map(|(column, name)| {
                    Expr::Column(Column::from(column)).alias_qualified(Some(alias.alias.clone()), name)
                })
                .collect();
            let exprs: Vec<Expr> = of_left().chain(own).collect();
            Some(LogicalPlanBuilder::from(input).project(exprs)?.build()?)
        }
        _ => None,
    })
}

/// Its columns of the query around are columns of its input now.
fn inner(expr: Expr) -> Result<Expr> {
    expr.transform(|expr| {
        Ok(match expr {
            Expr::OuterReferenceColumn(_, column) => Transformed::yes(Expr::Column(column)),
            other => Transformed::no(other),
        })
    })
    .data()
}
