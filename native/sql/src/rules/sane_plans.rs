//! The planner's last check of a plan, which fails where it should not: asked whether rows sorted by `length(s) > 3` are in the order of
//! `length(s) > 3`, it looks for the ranges of both sides, knows none of the function's, and gives up before it compares the two.

use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::{LexRequirement, PhysicalSortRequirement};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::sanity_checker::check_plan_sanity;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// In place of `SanityCheckPlan`: an order that is required as it is there, expression by expression, is met.
#[derive(Debug)]
pub(crate) struct SanePlans;

impl PhysicalOptimizerRule for SanePlans {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        check(&plan, config)?;
        Ok(plan)
    }

    fn name(&self) -> &str {
        "SanePlans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn check(plan: &Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<()> {
    for child in plan.children() {
        check(child, config)?;
    }
    match check_plan_sanity(plan, &config.optimizer) {
        Err(DataFusionError::Plan(_)) if is_sorted_as_written(plan) => Ok(()),
        checked => checked,
    }
}

/// Whether a node wants an order at all, and each child that has to have one has just that.
fn is_sorted_as_written(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let required = plan.required_input_ordering();
    required.iter().any(Option::is_some)
        && plan
            .children()
            .into_iter()
            .zip(required)
            .all(|(child, required)| required.is_none_or(|required| starts_with(child, &required.into_single())))
}

fn starts_with(child: &Arc<dyn ExecutionPlan>, required: &LexRequirement) -> bool {
    let Some(order) = child.output_ordering() else {
        return false;
    };
    let meets = |requirement: &PhysicalSortRequirement, at: usize| {
        order.get(at).is_some_and(|sorted| {
            sorted.expr.eq(&requirement.expr) && requirement.options.is_none_or(|options| options == sorted.options)
        })
    };
    required
        .iter()
        .enumerate()
        .all(|(at, requirement)| meets(requirement, at))
}
