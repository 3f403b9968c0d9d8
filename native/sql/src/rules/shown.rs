//! Takes the names that `apart` gave to expressions away again. What a node tells keeps them.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use crate::functions::SHOWN;

use super::rewrite::rewrite_expressions;

#[derive(Debug)]
pub(crate) struct ShownRule;

impl AnalyzerRule for ShownRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| rewrite_expressions(node, |expr| Ok(bare(expr))))
            .data()
    }

    fn name(&self) -> &str {
        "ShownRule"
    }
}

fn bare(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::ScalarFunction(mut call) if call.name() == SHOWN && call.args.len() == 2 => {
            Transformed::yes(call.args.swap_remove(0))
        }
        other => Transformed::no(other),
    }
}
