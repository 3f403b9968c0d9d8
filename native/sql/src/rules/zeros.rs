//! Minus zero is zero. DataFusion compares floats by their total order, in which it is less; a sum with zero has no minus zero left.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{InList, Sort};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::rewrite::rewrite_expressions;

/// The optimizer's last rule but one: what leaves compare, which know that the zeros are equal, is theirs already.
#[derive(Debug)]
pub(crate) struct OneZero;

impl OptimizerRule for OneZero {
    fn name(&self) -> &str {
        "OneZero"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if matches!(plan, LogicalPlan::TableScan(_)) {
            return Ok(Transformed::no(plan));
        }
        let schema = merge_schema(&plan.inputs());
        if let LogicalPlan::Sort(mut sort) = plan {
            let changed = order(&mut sort.expr, &schema);
            let made = rewrite_expressions(LogicalPlan::Sort(sort), |expr| Ok(rewrite(expr, &schema)))?;
            return Ok(Transformed::new(made.data, made.transformed || changed, made.tnr));
        }
        rewrite_expressions(plan, |expr| Ok(rewrite(expr, &schema)))
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(mut binary) if compares(&binary) => {
            let changed = settle(&mut [&mut binary.left, &mut binary.right], schema);
            of(changed, Expr::BinaryExpr(binary))
        }
        Expr::Between(mut between) => {
            let Between { expr, low, high, .. } = &mut between;
            let changed = settle(&mut [expr, low, high], schema);
            of(changed, Expr::Between(between))
        }
        Expr::InList(mut list) => {
            let InList { expr, list: values, .. } = &mut list;
            let mut sides: Vec<&mut Expr> = values.iter_mut().collect();
            sides.insert(0, expr);
            let changed = settle(&mut sides, schema);
            of(changed, Expr::InList(list))
        }
        Expr::Case(mut case) => {
            let Case {
                expr, when_then_expr, ..
            } = &mut case;
            let Some(subject) = expr else {
                return Transformed::no(Expr::Case(case));
            };
            let mut sides: Vec<&mut Expr> = vec![subject];
            sides.extend(when_then_expr.iter_mut().map(|(when, _)| when.as_mut()));
            let changed = settle(&mut sides, schema);
            of(changed, Expr::Case(case))
        }
        Expr::ScalarFunction(mut call) if call.name() == "nullif" => {
            let mut sides: Vec<&mut Expr> = call.args.iter_mut().collect();
            let changed = settle(&mut sides, schema);
            of(changed, Expr::ScalarFunction(call))
        }
        Expr::WindowFunction(mut call) => {
            let params = &mut call.params;
            let mut changed = order(&mut params.order_by, schema);
            changed |= keys(&mut params.partition_by, schema);
            changed |= params.distinct && keys(&mut params.args, schema);
            of(changed, Expr::WindowFunction(call))
        }
        Expr::AggregateFunction(mut call) => {
            let params = &mut call.params;
            let mut changed = order(&mut params.order_by, schema);
            changed |= params.distinct && keys(&mut params.args, schema);
            of(changed, Expr::AggregateFunction(call))
        }
        other => Transformed::no(other),
    }
}

/// In an order the zeros are equal, so that the next key decides.
fn order(order: &mut [Sort], schema: &DFSchema) -> bool {
    let mut changed = false;
    for key in order {
        changed |= one_zero(&mut key.expr, schema);
    }
    changed
}

fn keys(keys: &mut [Expr], schema: &DFSchema) -> bool {
    let mut changed = false;
    for key in keys {
        changed |= one_zero(key, schema);
    }
    changed
}

fn one_zero(expr: &mut Expr, schema: &DFSchema) -> bool {
    let Some(zero) = zero_of(expr, schema) else {
        return false;
    };
    take_minus(expr, &zero)
}

fn of(changed: bool, expr: Expr) -> Transformed<Expr> {
    if changed {
        Transformed::yes(expr)
    } else {
        Transformed::no(expr)
    }
}

fn compares(binary: &BinaryExpr) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(
        binary.op,
        Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom
    )
}

/// Takes minus zero from all sides of a comparison of floats. Constants that are no zero need none of it, whatever they are
/// compared with.
fn settle(sides: &mut [&mut Expr], schema: &DFSchema) -> bool {
    let decided = |side: &Expr| matches!(side, Expr::Literal(value, _) if !is_zero(value));
    if sides.iter().filter(|side| !decided(side)).count() < 2 {
        return false;
    }
    let Some(zero) = sides.iter().find_map(|side| zero_of(side, schema)) else {
        return false;
    };
    let mut changed = false;
    for side in sides {
        changed |= take_minus(side, &zero);
    }
    changed
}

fn take_minus(side: &mut Expr, zero: &ScalarValue) -> bool {
    match side {
        Expr::Literal(value, _) if is_zero(value) && value != zero => *value = zero.clone(),
        Expr::Literal(..) => return false,
        Expr::BinaryExpr(binary) if is_settled(binary, zero) => return false,
        side => {
            let value = Box::new(std::mem::take(side));
            let zero = Box::new(Expr::Literal(zero.clone(), None));
            *side = Expr::BinaryExpr(BinaryExpr::new(value, Operator::Plus, zero));
        }
    }
    true
}

fn is_settled(binary: &BinaryExpr, zero: &ScalarValue) -> bool {
    binary.op == Operator::Plus && matches!(binary.right.as_ref(), Expr::Literal(value, _) if value == zero)
}

fn is_zero(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float64(Some(value)) => *value == 0.0,
        ScalarValue::Float32(Some(value)) => *value == 0.0,
        _ => false,
    }
}

/// Zero in the type of a float.
fn zero_of(side: &Expr, schema: &DFSchema) -> Option<ScalarValue> {
    let side = side.get_type(schema).ok()?;
    side.is_floating().then(|| ScalarValue::new_zero(&side).ok())?
}
