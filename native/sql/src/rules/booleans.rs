//! Booleans among texts and numbers: a text constant that is compared with a boolean field is a truth value as PostgreSQL reads them, and
//! `true` is 1 among numbers, since a field that met both holds numbers.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit};

/// Both sides of a comparison where one is such a field and the other a constant of another kind, or a field of numbers; `None` for
/// anything else. `equality`: they are tested for being equal or not.
pub(super) fn comparable(left: &Expr, equality: bool, right: &Expr, schema: &dyn ExprSchema) -> Option<(Expr, Expr)> {
    if let Some((left, right)) = settled(left, right, equality, schema) {
        return Some((left, right));
    }
    settled(right, left, equality, schema).map(|(right, left)| (left, right))
}

fn settled(field: &Expr, other: &Expr, equality: bool, schema: &dyn ExprSchema) -> Option<(Expr, Expr)> {
    let Expr::Column(_) = field else { return None };
    let value = match other {
        Expr::Literal(value, _) => value,
        Expr::Column(_) if is_boolean(field, schema) && is_number(other, schema) => {
            return Some((cast(field.clone(), DataType::Int64), other.clone()));
        }
        _ => return None,
    };
    if is_boolean(field, schema) {
        if let Some(truth) = truth(value).filter(|_| equality || !is_number_value(value)) {
            return Some((field.clone(), lit(truth)));
        }
        return is_number_value(value).then(|| (cast(field.clone(), DataType::Int64), other.clone()));
    }
    let one = one_or_zero(value)?;
    is_number(field, schema).then(|| (field.clone(), lit(one)))
}

/// A list over such a field.
pub(super) fn listed(list: &InList, schema: &dyn ExprSchema) -> Option<InList> {
    let Expr::Column(_) = list.expr.as_ref() else {
        return None;
    };
    let values: Vec<&ScalarValue> = list.list.iter().map(constant).collect::<Option<_>>()?;
    let mut settled = list.clone();
    if is_boolean(&list.expr, schema) {
        if values.iter().all(|value| matches!(value, ScalarValue::Boolean(_))) {
            return None;
        }
        let truths = values
            .iter()
            .map(|value| truth(value).map(lit))
            .collect::<Option<Vec<_>>>();
        match truths {
            Some(truths) => settled.list = truths,
            None if values.iter().all(|value| is_number_value(value)) => {
                *settled.expr = cast(list.expr.as_ref().clone(), DataType::Int64);
            }
            None => return None,
        }
        return Some(settled);
    }
    if !values.iter().any(|value| one_or_zero(value).is_some()) || !is_number(&list.expr, schema) {
        return None;
    }
    for (place, value) in settled.list.iter_mut().zip(values) {
        if let Some(one) = one_or_zero(value) {
            *place = lit(one);
        }
    }
    Some(settled)
}

fn constant(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) if !value.is_null() => Some(value),
        _ => None,
    }
}

/// The truth value of a constant, of texts as PostgreSQL reads them.
fn truth(value: &ScalarValue) -> Option<bool> {
    match value {
        ScalarValue::Boolean(truth) => *truth,
        ScalarValue::Int64(Some(0)) => Some(false),
        ScalarValue::Int64(Some(1)) => Some(true),
        value => match value.try_as_str().flatten()?.trim().to_lowercase().as_str() {
            "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Some(true),
            "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Some(false),
            _ => None,
        },
    }
}

/// Of a boolean constant, or the word for one.
fn one_or_zero(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Boolean(truth) => truth.map(i64::from),
        value => match value.try_as_str().flatten()? {
            "true" => Some(1),
            "false" => Some(0),
            _ => None,
        },
    }
}

fn is_number_value(value: &ScalarValue) -> bool {
    matches!(value, ScalarValue::Int64(Some(_)) | ScalarValue::Float64(Some(_)))
}

fn is_boolean(field: &Expr, schema: &dyn ExprSchema) -> bool {
    matches!(field.get_type(schema), Ok(DataType::Boolean))
}

fn is_number(field: &Expr, schema: &dyn ExprSchema) -> bool {
    field.get_type(schema).is_ok_and(|field| field.is_numeric())
}
