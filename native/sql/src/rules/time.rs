//! `_timestamp` among times: it is an int64 of microseconds, and compares and computes with timestamps, dates and
//! intervals as if it were one of them. The other side is converted, never the column, so a bound on it reaches the leaf.
//! In the same passes texts that are compared with numbers are put right (see `numbers`).

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::{Cast, InList, ScalarFunction, TryCast};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, Case, Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, lit};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::frames;
use super::micros::{as_time, comparable, is_event_time, is_time, timestamp};
use super::rewrite::rewrite_expressions;
use super::spans;
use super::{booleans, drifted, json_numbers, numbers};
use crate::functions::{is_span, span_micros, span_times};
use crate::{distinct_from, functions};

/// Binary operators, while the text is resolved: their types are checked there already.
#[derive(Debug)]
pub(crate) struct TimePlanner;

impl ExprPlanner for TimePlanner {
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        if let Some(computed) = json_numbers::computed(&expr.left, &expr.op, &expr.right, schema) {
            return Ok(PlannerResult::Planned(computed));
        }
        if let Some(operator) = distinct_from::resolve(&expr.op) {
            if let Some(compared) = json_numbers::compared(&expr.left, operator, &expr.right, schema) {
                return Ok(PlannerResult::Planned(compared));
            }
            let (left, right) = numbers::comparable(&expr.left, &BinaryOperator::Eq, &expr.right, schema)
                .unwrap_or((expr.left, expr.right));
            return Ok(PlannerResult::Planned(binary_expr(left, operator, right)));
        }
        match expr.op {
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => {
                if let Some((left, right)) = spans::comparable(&expr.left, &expr.right, schema) {
                    (expr.left, expr.right) = (left, right);
                } else if let Some(right) = comparable(&expr.left, &expr.right, schema)? {
                    expr.right = right;
                } else if let Some(left) = comparable(&expr.right, &expr.left, schema)? {
                    expr.left = left;
                } else if let Some((left, right)) = numbers::comparable(&expr.left, &expr.op, &expr.right, schema) {
                    (expr.left, expr.right) = (left, right);
                }
            }
            // The number of a row less that of another may be below zero.
            BinaryOperator::Minus if [&expr.right, &expr.left].iter().all(|side| counts(side, schema)) => {
                expr.left = signed(expr.left);
                expr.right = signed(expr.right);
            }
            BinaryOperator::Multiply | BinaryOperator::Divide => {
                let divided = expr.op == BinaryOperator::Divide;
                if is_scaled(&expr.left, &expr.right, schema) {
                    return Ok(PlannerResult::Planned(span_times(expr.left, expr.right, divided)));
                }
                if !divided && is_scaled(&expr.right, &expr.left, schema) {
                    return Ok(PlannerResult::Planned(span_times(expr.right, expr.left, divided)));
                }
            }
            BinaryOperator::Plus | BinaryOperator::Minus => {
                if computes_with_time(&expr.left, &expr.right, schema) {
                    expr.left = timestamp(expr.left);
                } else if computes_with_time(&expr.right, &expr.left, schema) {
                    expr.right = timestamp(expr.right);
                }
            }
            _ => {}
        }
        Ok(PlannerResult::Original(expr))
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let call = ScalarFunction::new_udf(functions::date_part(), args);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }
}

/// Whether the one is a span of time and the other a number. A literal alone is looked at first: it is what nearly all chains consist of.
fn is_scaled(span: &Expr, number: &Expr, schema: &DFSchema) -> bool {
    has_time(span, schema)
        && span.get_type(schema).is_ok_and(|span| is_span(&span))
        && number.get_type(schema).is_ok_and(|number| number.is_numeric())
}

fn counts(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::UInt64))
}

fn signed(number: Expr) -> Expr {
    Expr::Cast(Cast::new(Box::new(number), DataType::Int64))
}

/// An int64 that is added to or subtracted from an interval or a timestamp can only be microseconds; beside a date it is days, unless it is
/// an event time. Of a long chain the type is not asked
/// for at each of its operators, where no part of it can be a time.
fn computes_with_time(number: &Expr, other: &Expr, schema: &DFSchema) -> bool {
    !matches!(number, Expr::Literal(..))
        && has_time(other, schema)
        && matches!(number.get_type(schema), Ok(DataType::Int64))
        && other.get_type(schema).is_ok_and(|other| match other {
            DataType::Date32 | DataType::Date64 => is_event_time(number, schema),
            other => is_time_or_interval(&other),
        })
}

/// Whether an operand of the operators at the top is a time or an interval.
fn has_time(mut expr: &Expr, schema: &DFSchema) -> bool {
    while let Expr::BinaryExpr(binary) = expr {
        if has_time(&binary.right, schema) {
            return true;
        }
        expr = &binary.left;
    }
    expr.get_type(schema).is_ok_and(|operand| is_time_or_interval(&operand))
}

fn is_time_or_interval(data_type: &DataType) -> bool {
    is_time(data_type) || is_span(data_type)
}

/// What is not a binary operator: BETWEEN, IN, CASE and casts of the event time.
#[derive(Debug)]
pub(crate) struct TimeRule;

impl AnalyzerRule for TimeRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|mut node| {
            if let LogicalPlan::Join(join) = &mut node {
                for (left, right) in &mut join.on {
                    let (left_schema, right_schema) = (join.left.schema(), join.right.schema());
                    if let Some(keys) = numbers::keys(left, right, left_schema, right_schema) {
                        (*left, *right) = keys;
                    }
                }
            }
            let schema = merge_schema(&node.inputs());
            rewrite_expressions(node, |expr| rewrite(expr, &schema))
        })
        .data()
    }

    fn name(&self) -> &str {
        "TimeRule"
    }
}

fn is_int64_time(expr: &Expr, schema: &DFSchema) -> bool {
    is_event_time(expr, schema) && matches!(expr.get_type(schema), Ok(DataType::Int64))
}

/// `date_part('epoch', span)` with its fraction, which the kernel cuts off.
fn epoch_of_span(call: ScalarFunction, schema: &DFSchema) -> Transformed<Expr> {
    match (call.name(), call.args.as_slice()) {
        ("date_part", [Expr::Literal(part, _), span])
            if part
                .try_as_str()
                .flatten()
                .is_some_and(|part| part.eq_ignore_ascii_case("epoch"))
                && span.get_type(schema).is_ok_and(|span| is_span(&span)) =>
        {
            let micros = Cast::new(Box::new(span_micros(span.clone())), DataType::Float64);
            Transformed::yes(Expr::Cast(micros) / lit(1e6))
        }
        _ => Transformed::no(Expr::ScalarFunction(call)),
    }
}

/// Functions that give a number a meaning of their own (seconds, days), which the event time never has.
const READS_NUMBERS: [&str; 6] = [
    "to_timestamp",
    "to_timestamp_seconds",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_unixtime",
    "to_date",
];

/// `CASE subject WHEN value ...` as the comparisons that it means, where they are others than those of equal types.
fn searched(mut case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some(subject) = case.expr.take() else {
        return Ok(Transformed::no(Expr::Case(case)));
    };
    let mut tests = Vec::with_capacity(case.when_then_expr.len());
    let mut changed = false;
    for (when, _) in &case.when_then_expr {
        let test = match comparable(&subject, when, schema)? {
            Some(when) => Some(subject.as_ref().clone().eq(when)),
            None => numbers::comparable(&subject, &BinaryOperator::Eq, when, schema)
                .map(|(left, right)| left.eq(right))
                .or_else(|| json_numbers::compared(&subject, Operator::Eq, when, schema)),
        };
        changed |= test.is_some();
        tests.push(test.unwrap_or_else(|| subject.as_ref().clone().eq(when.as_ref().clone())));
    }
    if !changed {
        case.expr = Some(subject);
        return Ok(Transformed::no(Expr::Case(case)));
    }
    for ((when, _), test) in case.when_then_expr.iter_mut().zip(tests) {
        **when = test;
    }
    Ok(Transformed::yes(Expr::Case(case)))
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let of_kinds = match &expr {
        Expr::Between(between) => json_numbers::between(between, schema),
        Expr::InList(list) => json_numbers::listed(list, schema)
            .or_else(|| numbers::fractions_listed(list, schema))
            .or_else(|| booleans::listed(list, schema).map(Expr::InList)),
        Expr::ScalarFunction(call) => drifted::needless(call, schema),
        _ => None,
    };
    if let Some(of_kinds) = of_kinds {
        return Ok(Transformed::yes(of_kinds));
    }
    match expr {
        Expr::Between(Between {
            expr,
            negated,
            low,
            high,
        }) => {
            if let (Some((subject, low)), Some((_, high))) = (
                spans::comparable(&expr, &low, schema),
                spans::comparable(&expr, &high, schema),
            ) {
                let between = Between::new(Box::new(subject), negated, Box::new(low), Box::new(high));
                return Ok(Transformed::yes(Expr::Between(between)));
            }
            let new_low = comparable(&expr, &low, schema)?;
            let new_high = comparable(&expr, &high, schema)?;
            let number = numbers::spelled(&expr, &low, &high, schema);
            let changed = new_low.is_some() || new_high.is_some() || number.is_some();
            let expr = number.map_or(expr, Box::new);
            let low = new_low.map_or(low, Box::new);
            let high = new_high.map_or(high, Box::new);
            let between = Expr::Between(Between {
                expr,
                negated,
                low,
                high,
            });
            Ok(if changed {
                Transformed::yes(between)
            } else {
                Transformed::no(between)
            })
        }
        Expr::InList(InList { expr, list, negated }) => {
            let mut changed = false;
            let mut converted = Vec::with_capacity(list.len());
            for value in list {
                let new = comparable(&expr, &value, schema)?.or_else(|| numbers::listed(&expr, &value, schema));
                changed |= new.is_some();
                converted.push(new.unwrap_or(value));
            }
            let in_list = Expr::InList(InList {
                expr,
                list: converted,
                negated,
            });
            Ok(if changed {
                Transformed::yes(in_list)
            } else {
                Transformed::no(in_list)
            })
        }
        Expr::WindowFunction(mut call) => {
            let changed = frames::count_in_micros(&mut call, schema)?;
            let call = Expr::WindowFunction(call);
            Ok(if changed {
                Transformed::yes(call)
            } else {
                Transformed::no(call)
            })
        }
        Expr::InSubquery(found) => numbers::found(found, schema),
        Expr::Case(case) => searched(case, schema),
        Expr::ScalarFunction(mut call) if READS_NUMBERS.contains(&call.name()) => {
            let changed = match call.args.first_mut() {
                Some(time) if is_event_time(time, schema) && matches!(time.get_type(schema), Ok(DataType::Int64)) => {
                    *time = timestamp(time.clone());
                    true
                }
                _ => false,
            };
            let call = Expr::ScalarFunction(call);
            Ok(if changed {
                Transformed::yes(call)
            } else {
                Transformed::no(call)
            })
        }
        Expr::ScalarFunction(call) => Ok(epoch_of_span(call, schema)),
        Expr::Cast(Cast { expr, field }) if is_int64_time(&expr, schema) => {
            let time = as_time(expr.as_ref().clone(), field.data_type());
            Ok(time.map_or_else(|| Transformed::no(Expr::Cast(Cast { expr, field })), Transformed::yes))
        }
        Expr::TryCast(TryCast { expr, field }) if is_int64_time(&expr, schema) => {
            let time = as_time(expr.as_ref().clone(), field.data_type());
            Ok(time.map_or_else(
                || Transformed::no(Expr::TryCast(TryCast { expr, field })),
                Transformed::yes,
            ))
        }
        other => Ok(Transformed::no(other)),
    }
}
