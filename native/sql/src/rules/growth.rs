//! Functions that can answer more than they are given do it under the memory of the run.

use datafusion::common::Result;
use datafusion::common::tree_node::TransformedResult;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::AnalyzerRule;

use super::rewrite::rewrite_expressions;
use crate::functions::bounded;

/// After types are coerced, before constants are folded.
#[derive(Debug)]
pub(crate) struct BoundGrowth;

impl AnalyzerRule for BoundGrowth {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| rewrite_expressions(node, bounded))
            .data()
    }

    fn name(&self) -> &str {
        "BoundGrowth"
    }
}
