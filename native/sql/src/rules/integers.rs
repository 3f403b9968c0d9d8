//! Integers do not wrap around: arithmetic that leaves their range fails, as in PostgreSQL.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{AnalyzerRule, OptimizerConfig, OptimizerRule};

use crate::deadline;
use crate::functions::{checked, checked_negative, is_checked};

/// Among the analyzer's rules it sees to constants, before they are folded; as the optimizer's last rule to all else, so that the
/// rules before it know operators for what they are.
#[derive(Debug)]
pub(crate) struct CheckIntegers;

impl AnalyzerRule for CheckIntegers {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| replace(node, false)).data()
    }

    fn name(&self) -> &str {
        "CheckIntegers"
    }
}

impl OptimizerRule for CheckIntegers {
    fn name(&self) -> &str {
        "CheckIntegers"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        replace(plan, true)
    }
}

/// The arithmetic of a node made checked; without `columns` only that of constants.
fn replace(node: LogicalPlan, columns: bool) -> Result<Transformed<LogicalPlan>> {
    deadline::check();
    let schema = match &node {
        LogicalPlan::TableScan(scan) => {
            DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?
        }
        node => merge_schema(&node.inputs()),
    };
    let integer = |side: &Expr| is_checked(side) || side.get_type(&schema).is_ok_and(|side| side.is_integer());
    let wanted = |side: &Expr| (columns || is_constant(side)) && integer(side);
    // Windows are called by how their expressions are written.
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        let expr = expr.transform_up(|expr| {
            Ok(match expr {
                Expr::BinaryExpr(binary) if wanted(&binary.right) && wanted(&binary.left) => checked(binary),
                Expr::Negative(number) if wanted(&number) => Transformed::yes(checked_negative(*number)),
                other => Transformed::no(other),
            })
        })?;
        Ok(expr.update_data(|expr| name.restore(expr)))
    })
}

/// Of no column. What was made checked is: without `columns` nothing else becomes so.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => true,
        Expr::Cast(cast) => is_constant(&cast.expr),
        other => is_checked(other),
    }
}
