//! Text columns among numbers. A column of text may hold numbers beside other values, since a stream keeps every record
//! whatever its type: comparing it with a number must not fail on the others.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Cast, InList, InSubquery};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, in_list, not};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::booleans;
use crate::functions::number_of;

/// Both sides of `left <op> right` where one is a column of text and the other a number; `None` for anything else.
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
    if let Some(pair) = booleans::comparable(left, equality, right, schema) {
        return Some(pair);
    }
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
    if is_text(left, schema) {
        return computed(left, right, equality, schema);
    }
    if is_text(right, schema) {
        return computed(right, left, equality, schema).map(|(text, number)| (number, text));
    }
    None
}

/// The same where the number is no constant: another column, or what is computed from some.
fn computed(subject: &Expr, number: &Expr, equality: bool, schema: &dyn ExprSchema) -> Option<(Expr, Expr)> {
    match number.get_type(schema).ok()? {
        DataType::Int64 if equality => Some((subject.clone(), spelling(number.clone()))),
        DataType::Int64 | DataType::Float64 => Some((parsed(subject), number.clone())),
        _ => None,
    }
}

/// Keys of a join, which are equal if their texts are, where one is text and the other a whole number.
pub(super) fn keys(left: &Expr, right: &Expr, left_schema: &DFSchema, right_schema: &DFSchema) -> Option<(Expr, Expr)> {
    match (left.get_type(left_schema).ok()?, right.get_type(right_schema).ok()?) {
        (DataType::Utf8, DataType::Int64) => Some((left.clone(), spelling(right.clone()))),
        (DataType::Int64, DataType::Utf8) => Some((spelling(left.clone()), right.clone())),
        _ => None,
    }
}

/// `IN (SELECT ...)` where one side is text and the other a whole number.
pub(super) fn found(found: InSubquery, schema: &dyn ExprSchema) -> Result<Transformed<Expr>> {
    let inner = &found.subquery.subquery;
    let types = (
        found.expr.get_type(schema)?,
        inner.schema().field(0).data_type().clone(),
    );
    Ok(match types {
        (DataType::Int64, DataType::Utf8) => {
            let expr = Box::new(spelling(*found.expr));
            Transformed::yes(Expr::InSubquery(InSubquery { expr, ..found }))
        }
        (DataType::Utf8, DataType::Int64) => {
            let number = Expr::Column(Column::from(inner.schema().qualified_field(0)));
            let texts = LogicalPlanBuilder::from(inner.as_ref().clone()).project([spelling(number)])?;
            let subquery = found.subquery.with_plan(Arc::new(texts.build()?));
            Transformed::yes(Expr::InSubquery(InSubquery { subquery, ..found }))
        }
        _ => Transformed::no(Expr::InSubquery(found)),
    })
}

/// A whole number in the form in which it is stored as text.
fn spelling(number: Expr) -> Expr {
    Expr::Cast(Cast::new(Box::new(number), DataType::Utf8))
}

/// A constant of an IN list over text.
pub(super) fn listed(subject: &Expr, value: &Expr, schema: &dyn ExprSchema) -> Option<Expr> {
    match number(value)? {
        ScalarValue::Int64(Some(number)) if is_text(subject, schema) => Some(text(*number)),
        ScalarValue::UInt64(Some(number)) if is_text(subject, schema) => Some(text(*number)),
        _ => None,
    }
}

/// IN over text with fractions in the list: they are looked for among the numbers that the texts spell.
pub(super) fn fractions_listed(list: &InList, schema: &dyn ExprSchema) -> Option<Expr> {
    let is_fraction = |value: &&Expr| matches!(number(value), Some(ScalarValue::Float64(_)));
    if !list.list.iter().any(|value| is_fraction(&value)) || !is_text(&list.expr, schema) {
        return None;
    }
    let (fractions, rest): (Vec<&Expr>, Vec<&Expr>) = list.list.iter().partition(is_fraction);
    let found = in_list(parsed(&list.expr), fractions.into_iter().cloned().collect(), false);
    let rest = rest.into_iter().map(|value| match number(value) {
        Some(ScalarValue::Int64(Some(number))) => text(*number),
        Some(ScalarValue::UInt64(Some(number))) => text(*number),
        _ => value.clone(),
    });
    let rest: Vec<Expr> = rest.collect();
    let found = match rest.is_empty() {
        true => found,
        // The texts first: what is found there need not be a number.
        false => in_list(list.expr.as_ref().clone(), rest, false).or(found),
    };
    Some(if list.negated { not(found) } else { found })
}

/// The number that `subject` spells, where it is text and the bounds of BETWEEN are numbers.
pub(super) fn spelled(subject: &Expr, low: &Expr, high: &Expr, schema: &dyn ExprSchema) -> Option<Expr> {
    let numbers = number(low).is_some() && number(high).is_some();
    (numbers && is_text(subject, schema)).then(|| parsed(subject))
}

fn pair(subject: &Expr, number: &ScalarValue, equality: bool) -> (Expr, Expr) {
    match number {
        ScalarValue::Int64(Some(number)) if equality => (subject.clone(), text(*number)),
        ScalarValue::UInt64(Some(number)) if equality => (subject.clone(), text(*number)),
        number => (parsed(subject), Expr::Literal(number.clone(), None)),
    }
}

fn text(number: impl ToString) -> Expr {
    Expr::Literal(ScalarValue::Utf8(Some(number.to_string())), None)
}

fn parsed(subject: &Expr) -> Expr {
    let field = match subject {
        Expr::Column(column) => column.name.as_str(),
        _ => "",
    };
    number_of(subject.clone(), field)
}

fn number(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => matches!(
            value,
            ScalarValue::Int64(Some(_)) | ScalarValue::UInt64(Some(_)) | ScalarValue::Float64(Some(_))
        )
        .then_some(value),
        _ => None,
    }
}

fn is_text(expr: &Expr, schema: &dyn ExprSchema) -> bool {
    matches!(expr, Expr::Column(_)) && matches!(expr.get_type(schema), Ok(DataType::Utf8))
}
