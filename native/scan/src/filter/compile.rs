//! From the request's filter and time range to tests on slots.

use super::{Leaf, Node, NumberTest, Test};
use crate::block_view::type_name;
use crate::error::ScanError;
use crate::plan::Plan;
use crate::request::{Comparison, Filter, Literal, RequestType, ScanRequest, TimeRange};
use crate::text::{Matcher, Needs, TemplateTest, compile_contains, compile_like, compile_regex};
use ahash::AHashSet;

/// Filters nested deeper than this are refused, so that no walk over one can exhaust the stack.
pub const FILTER_DEPTH_MAX: usize = 1000;

/// The request's time range and filter as one tree. `plan` has its slots already.
pub fn compile(request: &ScanRequest, plan: &Plan) -> Result<Node, ScanError> {
    let mut parts = Vec::new();
    if let Some(node) = time_node(&request.time, plan.time_slot) {
        parts.push(node);
    }
    if let Some(filter) = &request.filter {
        parts.push(node(filter, plan, 1)?);
    }
    Ok(all_of(parts))
}

fn time_node(range: &TimeRange, slot: usize) -> Option<Node> {
    if range.min.is_none() && range.max.is_none() {
        return None;
    }
    let low = range.min.unwrap_or(i64::MIN);
    let Some(high) = range.max.map_or(Some(i64::MAX), |max| max.checked_sub(1)) else {
        return Some(Node::Constant(false));
    };
    Some(Node::Leaf(Box::new(Leaf {
        slot,
        test: Test::Int64(NumberTest::Range {
            low,
            high,
            negated: false,
        }),
    })))
}

fn node(filter: &Filter, plan: &Plan, depth: usize) -> Result<Node, ScanError> {
    if depth > FILTER_DEPTH_MAX {
        return Err(ScanError::Request(format!(
            "the filter is nested deeper than {FILTER_DEPTH_MAX} levels"
        )));
    }
    let children = |args: &[Filter]| {
        args.iter()
            .map(|arg| node(arg, plan, depth + 1))
            .collect::<Result<Vec<_>, _>>()
    };
    match filter {
        Filter::And { args } => Ok(all_of(children(args)?)),
        Filter::Or { args } => Ok(any_of(children(args)?)),
        Filter::Constant { value } => Ok(Node::Constant(*value)),
        leaf => leaf_node(leaf, plan),
    }
}

fn all_of(nodes: Vec<Node>) -> Node {
    let mut list = Vec::new();
    for node in nodes {
        match node {
            Node::Constant(true) => {}
            Node::Constant(false) => return node,
            Node::And(inner) => list.extend(inner),
            other => list.push(other),
        }
    }
    match list.len() {
        0 => Node::Constant(true),
        1 => list.remove(0),
        _ => Node::And(list),
    }
}

fn any_of(nodes: Vec<Node>) -> Node {
    let mut list = Vec::new();
    for node in nodes {
        match node {
            Node::Constant(false) => {}
            Node::Constant(true) => return node,
            Node::Or(inner) => list.extend(inner),
            other => list.push(other),
        }
    }
    match list.len() {
        0 => Node::Constant(false),
        1 => list.remove(0),
        _ => Node::Or(list),
    }
}

#[inline(never)]
fn leaf_node(filter: &Filter, plan: &Plan) -> Result<Node, ScanError> {
    let (column, test) = match filter {
        Filter::IsNull { column, negated } => (column, Test::IsNull { negated: *negated }),
        Filter::Compare { column, cmp, value } => (column, compare(plan, column, *cmp, value)?),
        Filter::In {
            column,
            values,
            negated,
        } => (column, member(plan, column, values, *negated)?),
        Filter::Like {
            column,
            pattern,
            negated,
            ignore_case,
        } => (
            column,
            text(
                plan,
                column,
                compile_like(pattern, *ignore_case)?,
                *negated,
                Needs::of_like(pattern, *ignore_case),
            )?,
        ),
        Filter::Contains {
            column,
            needle,
            negated,
            ignore_case,
        } => (
            column,
            text(
                plan,
                column,
                compile_contains(needle, *ignore_case),
                *negated,
                Needs::of_literal(needle.as_bytes(), *ignore_case),
            )?,
        ),
        Filter::Regex {
            column,
            pattern,
            negated,
            ignore_case,
        } => (
            column,
            text(
                plan,
                column,
                compile_regex(pattern, *ignore_case)?,
                *negated,
                Needs::of_regex(pattern, *ignore_case),
            )?,
        ),
        Filter::And { .. } | Filter::Or { .. } | Filter::Constant { .. } => {
            return Err(ScanError::Internal(
                "a filter list was taken for a predicate".to_owned(),
            ));
        }
    };
    Ok(Node::Leaf(Box::new(Leaf {
        slot: plan.slot(column)?,
        test,
    })))
}

fn text(plan: &Plan, column: &str, matcher: Matcher, negated: bool, needs: Needs) -> Result<Test, ScanError> {
    match plan.column_type(plan.slot(column)?) {
        RequestType::String | RequestType::Json => Ok(text_test(matcher, negated, needs)),
        other => Err(ScanError::Request(format!(
            "a text predicate on {} column {column:?}",
            type_name(other)
        ))),
    }
}

fn text_test(matcher: Matcher, negated: bool, needs: Needs) -> Test {
    Test::Text {
        by_template: TemplateTest::of(&matcher),
        matcher,
        needs,
        negated,
    }
}

fn compare(plan: &Plan, column: &str, cmp: Comparison, value: &Literal) -> Result<Test, ScanError> {
    let column_type = plan.column_type(plan.slot(column)?);
    Ok(match (column_type, value) {
        (RequestType::Int64, Literal::Int64(value)) => Test::Int64(NumberTest::compare(cmp, *value)),
        (RequestType::Float64, Literal::Float64(value)) => Test::Float64(NumberTest::compare_float(cmp, *value)),
        (RequestType::Bool, Literal::Bool(value)) => {
            let passes = |x: bool| match cmp {
                Comparison::Equal => x == *value,
                Comparison::NotEqual => x != *value,
                Comparison::Less => !x & *value,
                Comparison::LessOrEqual => x <= *value,
                Comparison::Greater => x & !*value,
                Comparison::GreaterOrEqual => x >= *value,
            };
            Test::Bool {
                on_false: passes(false),
                on_true: passes(true),
            }
        }
        (RequestType::String | RequestType::Json, Literal::String(value)) => {
            let value = value.clone().into_bytes();
            let needs = match cmp {
                Comparison::Equal => Needs::of_literal(&value, false),
                _ => Needs::nothing(),
            };
            let (matcher, negated) = match cmp {
                Comparison::Equal => (Matcher::Equals(value), false),
                Comparison::NotEqual => (Matcher::Equals(value), true),
                Comparison::Less => (Matcher::AtLeast(value), true),
                Comparison::GreaterOrEqual => (Matcher::AtLeast(value), false),
                Comparison::Greater => (Matcher::AtMost(value), true),
                Comparison::LessOrEqual => (Matcher::AtMost(value), false),
            };
            text_test(matcher, negated, needs)
        }
        _ => return Err(mismatch(column, column_type, value)),
    })
}

fn member(plan: &Plan, column: &str, values: &[Literal], negated: bool) -> Result<Test, ScanError> {
    let column_type = plan.column_type(plan.slot(column)?);
    let number = |value: &Literal| match (column_type, value) {
        (RequestType::Int64, Literal::Int64(x)) => Ok(*x),
        (RequestType::Bool, Literal::Bool(x)) => Ok(i64::from(*x)),
        _ => Err(mismatch(column, column_type, value)),
    };
    let numbers = || values.iter().map(number).collect::<Result<Vec<i64>, _>>();
    Ok(match column_type {
        RequestType::Int64 => Test::Int64(NumberTest::set(numbers()?, negated)),
        RequestType::Float64 => {
            let float = |value: &Literal| match value {
                Literal::Float64(x) => Ok(*x),
                _ => Err(mismatch(column, column_type, value)),
            };
            let values = values.iter().map(float).collect::<Result<Vec<f64>, _>>()?;
            Test::Float64(NumberTest::float_set(&values, negated))
        }
        RequestType::Bool => {
            let flags = numbers()?;
            Test::Bool {
                on_false: flags.contains(&0) != negated,
                on_true: flags.contains(&1) != negated,
            }
        }
        RequestType::String | RequestType::Json => {
            let bytes = |value: &Literal| match value {
                Literal::String(x) => Ok(x.clone().into_bytes()),
                _ => Err(mismatch(column, column_type, value)),
            };
            let values: AHashSet<Vec<u8>> = values.iter().map(bytes).collect::<Result<_, _>>()?;
            let needs = Needs::of_any(values.iter().map(|value| Needs::of_literal(value, false)));
            text_test(Matcher::Set(values), negated, needs)
        }
    })
}

fn mismatch(column: &str, column_type: RequestType, value: &Literal) -> ScanError {
    let found = match value {
        Literal::Int64(_) => "int64",
        Literal::Float64(_) => "float64",
        Literal::Bool(_) => "bool",
        Literal::String(_) => "string",
    };
    ScanError::Request(format!(
        "{} column {column:?} is compared with a {found} literal",
        type_name(column_type)
    ))
}
