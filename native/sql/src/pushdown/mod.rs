//! What moves from the plan into its leaves: filters while the tables are scanned, then, by one rule over the physical
//! plan, partial aggregation and the newest or oldest rows.

mod aggregate;
mod bucket;
pub(crate) mod combine;
pub(crate) mod filter;
mod operand;
mod steps;
mod through;
pub(crate) mod time_range;
mod top_time;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// Moves aggregates and top-k by time into the leaves under them.
#[derive(Debug)]
pub(crate) struct PushIntoLeaf;

impl PhysicalOptimizerRule for PushIntoLeaf {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let replacement = match aggregate::push(&node)? {
                Some(plan) => Some(plan),
                None => top_time::push(&node)?,
            };
            Ok(match replacement {
                Some(plan) => Transformed::yes(plan),
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
