//! Minus zero among constants is zero before anything is simplified: the simplifier orders constants by their total order, in which
//! `f > -0.0 AND f >= 0` is `f >= 0` and `f = 0 AND f = -0.0` never holds.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, binary_expr};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite::rewrite_expressions;

/// After types are coerced.
#[derive(Debug)]
pub(crate) struct ZeroLiterals;

impl AnalyzerRule for ZeroLiterals {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            rewrite_expressions(node, |expr| Ok(rewrite(expr, &schema)))
        })
        .data()
    }

    fn name(&self) -> &str {
        "ZeroLiterals"
    }
}

fn rewrite(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let changed = match &mut expr {
        Expr::BinaryExpr(binary) if compares(binary.op) => {
            // Bitwise, so that both are settled.
            settle(&mut binary.left, schema) | settle(&mut binary.right, schema)
        }
        Expr::Between(between) => {
            settle(&mut between.expr, schema) | settle(&mut between.low, schema) | settle(&mut between.high, schema)
        }
        Expr::InList(list) => {
            let subject = settle(&mut list.expr, schema);
            list.list
                .iter_mut()
                .fold(subject, |changed, value| settle(value, schema) | changed)
        }
        _ => false,
    };
    match changed {
        true => Transformed::yes(expr),
        false => Transformed::no(expr),
    }
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(
        op,
        Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom
    )
}

/// A constant that may be minus zero, without its sign.
fn settle(side: &mut Expr, schema: &DFSchema) -> bool {
    match side {
        Expr::Literal(value @ ScalarValue::Float64(Some(_)), _) if *value == ScalarValue::Float64(Some(-0.0)) => {
            *value = ScalarValue::Float64(Some(0.0));
            true
        }
        Expr::Literal(..) => false,
        // It is folded later.
        side if is_constant(side) && matches!(side.get_type(schema), Ok(DataType::Float64)) => {
            let zero = Expr::Literal(ScalarValue::Float64(Some(0.0)), None);
            *side = binary_expr(std::mem::take(side), Operator::Plus, zero);
            true
        }
        _ => false,
    }
}

/// Computed of constants alone.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => true,
        Expr::Negative(inner) => is_constant(inner),
        Expr::Cast(cast) => is_constant(&cast.expr),
        Expr::TryCast(cast) => is_constant(&cast.expr),
        Expr::BinaryExpr(binary) => is_constant(&binary.left) && is_constant(&binary.right),
        _ => false,
    }
}
