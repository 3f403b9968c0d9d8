//! OR and AND whose right side may fail, so that it is asked only for rows that the left side leaves undecided: `x = 0 OR 1 / x > 2`.
//! The planner's own evaluate both sides for all rows of a batch, unless one decides every row.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, lit, not};

use crate::deadline;
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

/// The most parts that the conditions of one expression may come to.
const PARTS_MAX: usize = 50_000;

/// Of a plan that no rule changes any more: the rules would make OR and AND of it again.
pub(crate) fn guard(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        if matches!(node, LogicalPlan::TableScan(_)) {
            return Ok(Transformed::no(node));
        }
        deadline::check();
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let mut parts = 0;
            let expr = expr.transform_down(|part| guarded(part, &schema, &mut parts))?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })
    })
    .data()
}

/// A whole chain at once: two by two, each step would repeat all that stands left of it.
fn guarded(expr: Expr, schema: &DFSchema, parts: &mut usize) -> Result<Transformed<Expr>> {
    let op = match &expr {
        Expr::BinaryExpr(binary) if matches!(binary.op, Operator::Or | Operator::And) => binary.op,
        _ => return Ok(Transformed::no(expr)),
    };
    let mut chain = Vec::new();
    flatten(expr, op, &mut chain);
    let mut fails = false;
    for part in chain.iter().skip(1) {
        fails |= may_fail(part, schema)?;
    }
    let chain = chain.into_iter().map(|part| {
        let part = part.transform_down(|part| guarded(part, schema, parts))?;
        Ok(part.data)
    });
    let chain = chain.collect::<Result<Vec<Expr>>>()?;
    let whole = |chain: Vec<Expr>| chain.into_iter().reduce(|left, right| binary_expr(left, op, right));
    if !fails {
        let chain = whole(chain).ok_or_else(no_parts)?;
        return Ok(Transformed::new(chain, true, TreeNodeRecursion::Jump));
    }
    for part in &chain {
        part.apply(|_| {
            *parts += 2;
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    if *parts > PARTS_MAX {
        return Err(DataFusionError::Plan(
            "AND and OR whose parts may fail nest too deep: decide with CASE WHEN what is asked only where it cannot fail".to_owned(),
        ));
    }
    let decides = |part: &Expr| match op {
        Operator::Or => part.clone(),
        _ => not(part.clone()),
    };
    let decided = lit(op == Operator::Or);
    let decisions = chain
        .iter()
        .map(|part| (Box::new(decides(part)), Box::new(decided.clone())));
    let decisions = decisions.collect();
    // Where none decides, each has a value, and what they come to is no error.
    let rest = whole(chain).ok_or_else(no_parts)?;
    let case = Expr::Case(Case::new(None, decisions, Some(Box::new(rest))));
    Ok(Transformed::new(case, true, TreeNodeRecursion::Jump))
}

fn flatten(expr: Expr, chained: Operator, parts: &mut Vec<Expr>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op == chained => {
            flatten(*left, chained, parts);
            flatten(*right, chained, parts);
        }
        part => parts.push(part),
    }
}

fn no_parts() -> DataFusionError {
    DataFusionError::Internal("a chain of conditions has parts".to_owned())
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
