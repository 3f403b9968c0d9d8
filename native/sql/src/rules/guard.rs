//! OR and AND whose right side may fail, so that it is asked only for rows that the left side leaves undecided: `x = 0 OR 1 / x > 2`.
//! The planner's own evaluate both sides for all rows of a batch, unless one decides every row.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, lit, not, when};

use crate::functions::is_checked;

/// Functions that fail for some values of their arguments.
const FAILING: [&str; 16] = [
    "abs",
    "arrow_cast",
    "chr",
    "factorial",
    "gcd",
    "lcm",
    "make_date",
    "make_time",
    "single row",
    "to_date",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "to_unixtime",
];

/// Of a plan that no rule changes any more: the rules would make OR and AND of it again.
pub(crate) fn guard(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        if matches!(node, LogicalPlan::TableScan(_)) {
            return Ok(Transformed::no(node));
        }
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|part| guarded(part, &schema))?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })
    })
    .data()
}

fn guarded(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
        return Ok(Transformed::no(expr));
    };
    let decides = match op {
        Operator::Or => left.as_ref().clone(),
        Operator::And => not(left.as_ref().clone()),
        _ => return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
    };
    if !may_fail(&right, schema)? {
        return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
    }
    let rest = Expr::BinaryExpr(BinaryExpr { left, op, right });
    Ok(Transformed::yes(
        when(decides, lit(op == Operator::Or)).otherwise(rest)?,
    ))
}

/// Whether there are values of which it is an error.
fn may_fail(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    expr.exists(|part| {
        Ok(match part {
            Expr::BinaryExpr(binary) if matches!(binary.op, Operator::Divide | Operator::Modulo) => {
                !matches!(binary.right.as_ref(), Expr::Literal(value, _) if !value.is_null() && !is_zero(value))
            }
            Expr::Cast(cast) => match cast.expr.get_type(schema) {
                Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => !cast.field.data_type().is_string(),
                Ok(_) => !matches!(cast.expr.as_ref(), Expr::Literal(..)),
                Err(_) => true,
            },
            Expr::ScalarFunction(call) => is_checked(part) || FAILING.contains(&call.name()),
            _ => false,
        })
    })
}

fn is_zero(value: &ScalarValue) -> bool {
    ScalarValue::new_zero(&value.data_type()).is_ok_and(|zero| zero == *value)
}
