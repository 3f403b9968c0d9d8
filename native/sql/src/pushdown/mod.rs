//! What moves from the plan into its leaves: filters while the tables are scanned, then, by one rule over the physical
//! plan, partial aggregation, the newest or oldest rows, the first groups, and joins that only filter. Final steps that are left are
//! passed by where they have nothing to do.

mod aggregate;
mod arrival;
mod bucket;
pub(crate) mod combine;
pub(crate) mod filter;
mod operand;
mod semi_join;
mod steps;
mod through;
pub(crate) mod time_range;
mod top_groups;
mod top_time;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;

use crate::leaf::once::OnceExec;

type Push = fn(&Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>>;

/// Moves joins that only filter, aggregates and top-k by time or of groups into the leaves under them.
#[derive(Debug)]
pub(crate) struct PushIntoLeaf;

impl PhysicalOptimizerRule for PushIntoLeaf {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        // What a recursive query repeats would be opened again and again.
        let repeats = plan.exists(|node| Ok(node.downcast_ref::<RecursiveQueryExec>().is_some()))?;
        let plan = plan.transform_up(|node| {
            let all: [Push; 4] = [aggregate::push, top_time::push, top_groups::push, semi_join::push];
            for push in &all[..if repeats { 3 } else { 4 }] {
                if let Some(plan) = push(&node)? {
                    return Ok(Transformed::yes(plan));
                }
            }
            Ok(Transformed::no(node))
        });
        // Last: until then a sort has one key.
        let plan = plan.data()?.transform_up(|node| {
            Ok(match arrival::push(&node)? {
                Some(plan) => Transformed::yes(plan),
                None => Transformed::no(node),
            })
        });
        let plan = plan.data()?;
        if repeats {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            Ok(match OnceExec::over(&node) {
                Some(once) => Transformed::yes(Arc::new(once)),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "PushIntoLeaf"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
