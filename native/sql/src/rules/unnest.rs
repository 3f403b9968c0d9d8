//! Rows that `unnest` makes out of one are several, but the planner believes that a column which told its input's rows apart, like the
//! key of a group, does so still: it leaves other keys of a sort, a group or DISTINCT out. Below and above an `unnest` such columns
//! are made opaque.

use datafusion::common::Column;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::TableFactor;

use crate::functions::opaque;

/// A subquery with an `unnest`, while the text is resolved: grouping by its columns looks at what is known of them there already.
#[derive(Debug)]
pub(crate) struct UnnestPlanner;

impl RelationPlanner for UnnestPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        match relation {
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias: Some(alias),
                sample: None,
            } => {
                // Without an alias it is left to the planner.
                let plan = context.plan(TableFactor::Derived {
                    lateral: false,
                    subquery,
                    alias: None,
                    sample: None,
                })?;
                let plan = if unnests(&plan)? { forgotten(plan)? } else { plan };
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
                    plan,
                    Some(alias),
                ))))
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

/// The same for `unnest` itself.
#[derive(Debug)]
pub(crate) struct UnnestRule;

impl AnalyzerRule for UnnestRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        if !unnests(&plan)? {
            return Ok(plan);
        }
        plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Unnest(mut unnest) => {
                let input = forgotten(unnest.input.as_ref().clone())?;
                unnest.input = input.into();
                Ok(Transformed::yes(LogicalPlan::Unnest(unnest).recompute_schema()?))
            }
            // What the nodes above know of columns comes from below.
            node => Ok(Transformed::yes(node.recompute_schema()?)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "UnnestRule"
    }
}

fn unnests(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Unnest(_));
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// The plan, with nothing known of which of its columns tell its rows apart.
fn forgotten(plan: LogicalPlan) -> Result<LogicalPlan> {
    let schema = plan.schema();
    let known: Vec<usize> = schema
        .functional_dependencies()
        .iter()
        .flat_map(|dependence| dependence.source_indices.iter().copied())
        .collect();
    if known.is_empty() {
        return Ok(plan);
    }
    let columns = schema.iter().enumerate().map(|(place, (qualifier, field))| {
        let column = Expr::Column(Column::from((qualifier, field)));
        if known.contains(&place) {
            opaque(column).alias_qualified(qualifier.cloned(), field.name())
        } else {
            column
        }
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
