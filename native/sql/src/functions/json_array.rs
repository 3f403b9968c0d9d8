//! Functions over JSON texts that hold arrays, which is how a stream keeps the arrays of its records. Null where the text
//! holds none.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;

use super::exact_json;
use super::row_function::Kind::{Int, Text};
use super::row_function::{Call, Row, RowFunction};

/// All of them.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        RowFunction::udf("arrcount", &[Text], 1, Call::Int(count)),
        RowFunction::udf("arrindex", &[Text, Int, Int], 2, Call::Text(index)),
        RowFunction::udf("arrjoin", &[Text, Text], 2, Call::Text(join)),
        RowFunction::udf("arrsort", &[Text], 1, Call::Text(|row| sorted(row, false))),
        RowFunction::udf("arr_descending", &[Text], 1, Call::Text(|row| sorted(row, true))),
        RowFunction::udf("arrzip", &[Text, Text, Text], 3, Call::Text(zip)),
        RowFunction::udf("cast_to_arr", &[Text], 1, Call::Texts(cast)),
        RowFunction::udf("string_to_array_v2", &[Text, Text], 2, Call::Texts(split)),
    ]
}

fn items(text: &str) -> Option<Vec<Value>> {
    match exact_json::parse(text)? {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

/// Text as it is, any other value as JSON.
fn shown(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn count(row: &Row) -> Option<i64> {
    i64::try_from(items(row.text(0))?.len()).ok()
}

/// With an end the items up to and with it, as an array; without one the item. Negative places count from the end.
fn index(row: &Row) -> Option<String> {
    let mut items = items(row.text(0))?;
    let length = i64::try_from(items.len()).ok()?;
    let place = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    let start = place(row.int(1)?);
    let Some(end) = row.int(2).map(place) else {
        let at = usize::try_from(start).ok().filter(|at| *at < items.len())?;
        return Some(shown(items.swap_remove(at)));
    };
    let (from, to) = (start.clamp(0, length), end.saturating_add(1).clamp(0, length));
    let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
    let wanted = items.get(from..to).unwrap_or(&[]).to_vec();
    Some(Value::Array(wanted).to_string())
}

fn join(row: &Row) -> Option<String> {
    let texts: Vec<String> = items(row.text(0))?.into_iter().map(shown).collect();
    Some(texts.join(row.text(1)))
}

fn sorted(row: &Row, descending: bool) -> Option<String> {
    let mut items = items(row.text(0))?;
    items.sort_by(|left, right| match descending {
        false => compare(left, right),
        true => compare(right, left),
    });
    Some(Value::Array(items).to_string())
}

/// Numbers by value and texts by their bytes; of different kinds: null, booleans, numbers, texts, all others.
fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => {
                let float = |number: &serde_json::Number| number.as_f64().unwrap_or(f64::NAN);
                float(left).total_cmp(&float(right))
            }
        },
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _ => rank(left).cmp(&rank(right)).then_with(|| match rank(left) {
            OTHERS => left.to_string().cmp(&right.to_string()),
            _ => Ordering::Equal,
        }),
    }
}

const OTHERS: u8 = 4;

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => OTHERS,
    }
}

/// As many pairs as the shorter array has items.
fn zip(row: &Row) -> Option<String> {
    let (left, right, between) = (items(row.text(0))?, items(row.text(1))?, row.text(2));
    let pairs = left.into_iter().zip(right);
    let pairs = pairs.map(|(left, right)| Value::String(format!("{}{between}{}", shown(left), shown(right))));
    Some(Value::Array(pairs.collect()).to_string())
}

fn cast(row: &Row) -> Option<Vec<String>> {
    Some(items(row.text(0))?.into_iter().map(shown).collect())
}

/// The parts between any of the characters; there are no empty parts.
fn split(row: &Row) -> Option<Vec<String>> {
    let at = row.text(1);
    let parts = row.text(0).split(|c| at.contains(c)).filter(|part| !part.is_empty());
    Some(parts.map(str::to_owned).collect())
}
