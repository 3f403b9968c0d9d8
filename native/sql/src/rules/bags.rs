//! Tells the windows that `bags` wrote which columns they number equal rows by.

use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use crate::bags::ALL_COLUMNS;
use crate::functions::SHOWN;

use super::rewrite::rewrite_expressions;

#[derive(Debug)]
pub(crate) struct BagRule;

impl AnalyzerRule for BagRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let LogicalPlan::Window(window) = &node else {
                return Ok(Transformed::no(node));
            };
            let columns: Vec<Expr> = window
                .input
                .schema()
                .iter()
                .map(|field| Expr::Column(Column::from(field)))
                .collect();
            rewrite_expressions(node, |expr| Ok(by_all(expr, &columns)))
        })
        .data()
    }

    fn name(&self) -> &str {
        "BagRule"
    }
}

fn by_all(expr: Expr, columns: &[Expr]) -> Transformed<Expr> {
    match expr {
        Expr::WindowFunction(mut call) if is_marked(&call.params.partition_by) => {
            call.params.partition_by = columns.to_vec();
            Transformed::yes(Expr::WindowFunction(call))
        }
        other => Transformed::no(other),
    }
}

fn is_marked(keys: &[Expr]) -> bool {
    let [Expr::ScalarFunction(call)] = keys else {
        return false;
    };
    call.name() == SHOWN
        && matches!(call.args.as_slice(), [_, Expr::Literal(ScalarValue::Utf8(Some(name)), _)] if name == ALL_COLUMNS)
}
