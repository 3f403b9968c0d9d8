//! Text columns among numbers. A column of text may hold numbers beside other values, since a stream keeps every record
//! whatever its type: comparing it with a number must not fail on the others.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::TryCast;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Both sides of `left <op> right` where one is text and the other a constant number; `None` for anything else.
///
/// Equality with an integer compares texts, as whole numbers are stored in one form. All else compares the numbers that
/// the texts spell; a text that spells none is no number, so the comparison is unknown.
pub(super) fn comparable(
    left: &Expr,
    op: &BinaryOperator,
    right: &Expr,
    schema: &dyn ExprSchema,
) -> Option<(Expr, Expr)> {
    let equality = matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq);
    if let Some(number) = number(right)
        && is_text(left, schema)
    {
        return Some(pair(left, number, equality));
    }
    if let Some(number) = number(left)
        && is_text(right, schema)
    {
        let (text, number) = pair(right, number, equality);
        return Some((number, text));
    }
    None
}

/// A constant of an IN list over text.
pub(super) fn listed(subject: &Expr, value: &Expr, schema: &dyn ExprSchema) -> Option<Expr> {
    match number(value)? {
        ScalarValue::Int64(Some(number)) if is_text(subject, schema) => Some(text(*number)),
        _ => None,
    }
}

/// The number that `subject` spells, where it is text and the bounds of BETWEEN are numbers.
pub(super) fn spelled(subject: &Expr, low: &Expr, high: &Expr, schema: &dyn ExprSchema) -> Option<Expr> {
    let numbers = number(low).is_some() && number(high).is_some();
    (numbers && is_text(subject, schema)).then(|| parsed(subject))
}

fn pair(subject: &Expr, number: &ScalarValue, equality: bool) -> (Expr, Expr) {
    match number {
        ScalarValue::Int64(Some(number)) if equality => (subject.clone(), text(*number)),
        number => (parsed(subject), Expr::Literal(number.clone(), None)),
    }
}

fn text(number: i64) -> Expr {
    Expr::Literal(ScalarValue::Utf8(Some(number.to_string())), None)
}

fn parsed(subject: &Expr) -> Expr {
    Expr::TryCast(TryCast::new(Box::new(subject.clone()), DataType::Float64))
}

fn number(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value @ (ScalarValue::Int64(Some(_)) | ScalarValue::Float64(Some(_))), _) => Some(value),
        _ => None,
    }
}

fn is_text(expr: &Expr, schema: &dyn ExprSchema) -> bool {
    matches!(expr, Expr::Column(_)) && matches!(expr.get_type(schema), Ok(DataType::Utf8))
}
