//! Groupings that stop at a number of groups, only where the rows that are asked for are theirs. The planner's rules take a column for
//! another of its name, and look through windows, which would then see only the groups that are kept.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;

#[derive(Debug)]
pub(crate) struct GroupLimits;

impl PhysicalOptimizerRule for GroupLimits {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        checked(plan, Wanted::All)
    }

    fn name(&self) -> &str {
        "GroupLimits"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Which rows of a plan are asked for.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    All,
    /// Some, whichever.
    Any,
    /// The first in the order of a column.
    First(usize),
}

fn checked(plan: Arc<dyn ExecutionPlan>, wanted: Wanted) -> Result<Arc<dyn ExecutionPlan>> {
    let mut plan = plan;
    let mut below = wanted;
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        let key = match sort.expr().as_ref() {
            [key] if sort.fetch().is_some() => key.expr.downcast_ref::<Column>(),
            _ => None,
        };
        below = key.map_or(Wanted::All, |key| Wanted::First(key.index()));
    } else if plan.is::<GlobalLimitExec>() || plan.is::<LocalLimitExec>() {
        below = Wanted::Any;
    } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        if let Wanted::First(index) = wanted {
            let column = projection
                .expr()
                .get(index)
                .and_then(|out| out.expr.downcast_ref::<Column>());
            below = column.map_or(Wanted::All, |column| Wanted::First(column.index()));
        }
    } else if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        if let Some(limit) = aggregate.limit_options() {
            let calls = aggregate.aggr_expr().len();
            let kept = match wanted {
                Wanted::All => false,
                // Of sorted input the planner's operator would ask for a direction.
                Wanted::Any => limit.descending.is_none() && aggregate.is_unordered_unfiltered_group_by_distinct(),
                // The only key, or the only aggregate, which comes behind it.
                Wanted::First(index) => index == calls && calls <= 1,
            };
            if !kept {
                below = Wanted::All;
                plan = Arc::new(aggregate.with_new_limit_options(None));
            }
        } else {
            below = Wanted::All;
        }
    } else if !plan.is::<CoalescePartitionsExec>() {
        below = Wanted::All;
    }
    let children = plan
        .children()
        .into_iter()
        .map(|child| checked(Arc::clone(child), below));
    let children = children.collect::<Result<Vec<_>>>()?;
    replace_children_if_necessary(plan, children)
}
