//! Translates a predicate into the filter of a scan request.
//!
//! A filter selects where the predicate IS TRUE. Under SQL's three-valued logic `NOT p` is true where `p IS FALSE`, so
//! the translation carries which of the two it wants down to the leaves; NOT never appears. What has no exact form is
//! `None` and stays above the leaf.

use basalt_scan::request::{Comparison, Filter, Literal, RequestType};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::combine::{conjunction, disjunction, inverse, mirrored, whether};
use super::operand::{Operand, operand};
use crate::functions::{CONTAINS, CONTAINS_IGNORE_CASE, RE_MATCH, RE_NOT_MATCH, compile};
use crate::stream_table::{Columns, TIME_COLUMN};

/// The filter for `expr IS TRUE`, or `None` where it has no exact form.
pub(crate) fn translate(expr: &Expr, columns: &Columns) -> Option<Filter> {
    holds(expr, true, columns)
}

/// The filter for `expr IS TRUE` (`wanted`) or `expr IS FALSE`.
fn holds(expr: &Expr, wanted: bool, columns: &Columns) -> Option<Filter> {
    match expr {
        Expr::Alias(alias) => holds(&alias.expr, wanted, columns),
        Expr::Literal(ScalarValue::Boolean(Some(value)), _) => Some(Filter::Constant {
            value: *value == wanted,
        }),
        Expr::Literal(value, _) if value.is_null() => Some(Filter::Constant { value: false }),
        Expr::Column(column) => (columns.get(&column.name)? == RequestType::Bool).then(|| Filter::Compare {
            column: column.name.clone(),
            cmp: Comparison::Equal,
            value: Literal::Bool(wanted),
        }),
        Expr::Not(inner) => holds(inner, !wanted, columns),
        Expr::IsTrue(inner) => Some(whether(holds(inner, true, columns)?, wanted)),
        Expr::IsNotTrue(inner) => Some(whether(holds(inner, true, columns)?, !wanted)),
        Expr::IsFalse(inner) => Some(whether(holds(inner, false, columns)?, wanted)),
        Expr::IsNotFalse(inner) => Some(whether(holds(inner, false, columns)?, !wanted)),
        Expr::IsNull(inner) | Expr::IsUnknown(inner) => is_null(inner, !wanted, columns),
        Expr::IsNotNull(inner) | Expr::IsNotUnknown(inner) => is_null(inner, wanted, columns),
        Expr::BinaryExpr(binary) => binary_holds(binary, wanted, columns),
        Expr::Between(between) => {
            let inside = wanted != between.negated;
            let turn = |cmp| if inside { cmp } else { inverse(cmp) };
            let parts = vec![
                compare(&between.expr, turn(Comparison::GreaterOrEqual), &between.low, columns)?,
                compare(&between.expr, turn(Comparison::LessOrEqual), &between.high, columns)?,
            ];
            Some(if inside { conjunction(parts) } else { disjunction(parts) })
        }
        Expr::InList(list) => in_list(list, wanted, columns),
        Expr::Like(like) => like_holds(like, wanted, columns),
        Expr::ScalarFunction(function) => function_holds(function, wanted, columns),
        _ => None,
    }
}

fn binary_holds(binary: &BinaryExpr, wanted: bool, columns: &Columns) -> Option<Filter> {
    let BinaryExpr { left, op, right } = binary;
    match op {
        Operator::And | Operator::Or => {
            let parts = vec![holds(left, wanted, columns)?, holds(right, wanted, columns)?];
            let all = (*op == Operator::And) == wanted;
            Some(if all { conjunction(parts) } else { disjunction(parts) })
        }
        Operator::IsDistinctFrom => distinct_from(left, right, wanted, columns),
        Operator::IsNotDistinctFrom => distinct_from(left, right, !wanted, columns),
        Operator::RegexMatch => regex(left, right, !wanted, false, columns),
        Operator::RegexIMatch => regex(left, right, !wanted, true, columns),
        Operator::RegexNotMatch => regex(left, right, wanted, false, columns),
        Operator::RegexNotIMatch => regex(left, right, wanted, true, columns),
        _ => {
            let cmp = comparison(*op)?;
            compare(left, if wanted { cmp } else { inverse(cmp) }, right, columns)
        }
    }
}

fn comparison(op: Operator) -> Option<Comparison> {
    Some(match op {
        Operator::Eq => Comparison::Equal,
        Operator::NotEq => Comparison::NotEqual,
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::LessOrEqual,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn compare(left: &Expr, cmp: Comparison, right: &Expr, columns: &Columns) -> Option<Filter> {
    match (
        operand(left, columns),
        literal(left),
        operand(right, columns),
        literal(right),
    ) {
        (Some(operand), _, _, Some(value)) => operand.compare(cmp, value),
        (_, Some(value), Some(operand), _) => operand.compare(mirrored(cmp), value),
        _ => None,
    }
}

fn distinct_from(left: &Expr, right: &Expr, distinct: bool, columns: &Columns) -> Option<Filter> {
    let (side, value) = match (literal(left), literal(right)) {
        (_, Some(value)) => (left, value),
        (Some(value), _) => (right, value),
        _ => return None,
    };
    let Some(Operand::Column { name, .. }) = operand(side, columns) else {
        return None;
    };
    if value.is_null() {
        return Some(Filter::IsNull {
            column: name.to_owned(),
            negated: distinct,
        });
    }
    Some(whether(
        operand(side, columns)?.compare(Comparison::Equal, value)?,
        !distinct,
    ))
}

fn in_list(list: &InList, wanted: bool, columns: &Columns) -> Option<Filter> {
    let negated = list.negated == wanted;
    let operand = operand(&list.expr, columns)?;
    let values: Vec<&ScalarValue> = list.list.iter().map(literal).collect::<Option<_>>()?;
    // A null in the list can make the test unknown, never false.
    if negated && values.iter().any(|value| value.is_null()) {
        return Some(Filter::Constant { value: false });
    }
    let present = values.into_iter().filter(|value| !value.is_null());
    if let Operand::Column { name, column_type } = operand {
        let values: Vec<Literal> = present.map(|value| typed(value, column_type)).collect::<Option<_>>()?;
        return Some(match values.is_empty() {
            true => Filter::Constant { value: false },
            false => Filter::In {
                column: name.to_owned(),
                values,
                negated,
            },
        });
    }
    let cmp = if negated {
        Comparison::NotEqual
    } else {
        Comparison::Equal
    };
    let tests: Vec<Filter> = present
        .map(|value| operand.compare(cmp, value))
        .collect::<Option<_>>()?;
    Some(if negated {
        conjunction(tests)
    } else {
        disjunction(tests)
    })
}

fn like_holds(like: &Like, wanted: bool, columns: &Columns) -> Option<Filter> {
    let column = text_column(&like.expr, columns)?;
    if like.escape_char.is_some_and(|escape| escape != '\\') {
        return None;
    }
    let pattern = literal(&like.pattern)?;
    if pattern.is_null() {
        return Some(Filter::Constant { value: false });
    }
    let pattern = text(pattern)?.to_owned();
    let negated = like.negated == wanted;
    Some(Filter::Like {
        column,
        pattern,
        negated,
        ignore_case: like.case_insensitive,
    })
}

fn function_holds(function: &ScalarFunction, wanted: bool, columns: &Columns) -> Option<Filter> {
    let [subject, argument, rest @ ..] = function.args.as_slice() else {
        return None;
    };
    match function.name() {
        CONTAINS | "contains" if rest.is_empty() => contains(subject, argument, !wanted, false, columns),
        CONTAINS_IGNORE_CASE if rest.is_empty() => contains(subject, argument, !wanted, true, columns),
        "starts_with" if rest.is_empty() => placed(subject, argument, !wanted, columns, |text| format!("{text}%")),
        "ends_with" if rest.is_empty() => placed(subject, argument, !wanted, columns, |text| format!("%{text}")),
        RE_MATCH if rest.is_empty() => regex(subject, argument, !wanted, false, columns),
        RE_NOT_MATCH if rest.is_empty() => regex(subject, argument, wanted, false, columns),
        _ => None,
    }
}

/// A text at the start or the end, as a pattern of LIKE.
fn placed(
    subject: &Expr,
    part: &Expr,
    negated: bool,
    columns: &Columns,
    pattern: impl FnOnce(String) -> String,
) -> Option<Filter> {
    let column = text_column(subject, columns)?;
    let part = literal(part)?;
    if part.is_null() {
        return Some(Filter::Constant { value: false });
    }
    let escape = |c: char| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c]);
    Some(Filter::Like {
        column,
        pattern: pattern(text(part)?.chars().flat_map(escape).collect()),
        negated,
        ignore_case: false,
    })
}

fn contains(subject: &Expr, needle: &Expr, negated: bool, ignore_case: bool, columns: &Columns) -> Option<Filter> {
    let column = text_column(subject, columns)?;
    let needle = literal(needle)?;
    if needle.is_null() {
        return Some(Filter::Constant { value: false });
    }
    Some(Filter::Contains {
        column,
        needle: text(needle)?.to_owned(),
        negated,
        ignore_case,
    })
}

fn regex(subject: &Expr, pattern: &Expr, negated: bool, ignore_case: bool, columns: &Columns) -> Option<Filter> {
    let column = text_column(subject, columns)?;
    let pattern = literal(pattern)?;
    if pattern.is_null() {
        return Some(Filter::Constant { value: false });
    }
    let pattern = text(pattern)?.to_owned();
    // An invalid pattern stays above, where its error names the expression.
    compile(&pattern, ignore_case).ok()?;
    Some(Filter::Regex {
        column,
        pattern,
        negated,
        ignore_case,
    })
}

fn is_null(inner: &Expr, negated: bool, columns: &Columns) -> Option<Filter> {
    match operand(inner, columns)? {
        Operand::Column { name, .. } if name == TIME_COLUMN => Some(Filter::Constant { value: negated }),
        Operand::Column { name, .. } => Some(Filter::IsNull {
            column: name.to_owned(),
            negated,
        }),
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        Expr::Alias(alias) => literal(&alias.expr),
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<&str> {
    value.try_as_str().flatten()
}

fn text_column(expr: &Expr, columns: &Columns) -> Option<String> {
    match operand(expr, columns)? {
        Operand::Column {
            name,
            column_type: RequestType::String | RequestType::Json,
        } => Some(name.to_owned()),
        _ => None,
    }
}

/// A non-null constant in the type of its column.
pub(super) fn typed(value: &ScalarValue, column_type: RequestType) -> Option<Literal> {
    match (column_type, value) {
        (RequestType::Int64, ScalarValue::Int64(Some(value))) => Some(Literal::Int64(*value)),
        (RequestType::Float64, ScalarValue::Float64(Some(value))) if value.is_finite() => {
            Some(Literal::Float64(*value))
        }
        (RequestType::Bool, ScalarValue::Boolean(Some(value))) => Some(Literal::Bool(*value)),
        (RequestType::String | RequestType::Json, value) => text(value).map(|text| Literal::String(text.to_owned())),
        _ => None,
    }
}
