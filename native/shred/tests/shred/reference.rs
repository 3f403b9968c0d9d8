//! The rules once more, slowly and on top of serde_json: what the rows of a stream must be.

use crate::cells::{Cell, NOW, Row};
use basalt_block::Spelled;
use basalt_shred::canonical_float;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::{BTreeMap, BTreeSet};

/// The members of an object in order, duplicates included: decoded key and the value's text.
fn members(text: &str) -> Vec<(String, &str)> {
    let mut members = Vec::new();
    let mut rest = text[1..].trim_start();
    while !rest.starts_with('}') {
        let (key, after_key) = first::<String>(rest);
        let value = after_key.trim_start().strip_prefix(':').unwrap().trim_start();
        let (_, after_value) = first::<IgnoredAny>(value);
        members.push((key, &value[..value.len() - after_value.len()]));
        rest = after_value.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    members
}

/// The JSON value that a text starts with, and what follows it.
fn first<T: DeserializeOwned>(text: &str) -> (T, &str) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = values.next().unwrap().unwrap();
    (value, &text[values.byte_offset()..])
}

/// A value of a flat record.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Json(String),
    /// A whole number that fits 64 bits without a sign.
    Digits(String),
    /// A number that fits nothing.
    Number(String),
}

/// Name, value and the value's text, in order.
type Fields = Vec<(String, Value, String)>;

/// A stream as it should come out.
pub struct Stream {
    rows: Vec<(i64, BTreeMap<String, Value>)>,
    columns: BTreeSet<String>,
    columns_max: usize,
}

fn fold(key: &str) -> String {
    let fold_char = |character: char| match character {
        'a'..='z' | '0'..='9' | '_' => character,
        'A'..='Z' => character.to_ascii_lowercase(),
        _ if !character.is_ascii() => character,
        _ => '_',
    };
    if key.is_empty() {
        "_".to_owned()
    } else {
        key.chars().map(fold_char).collect()
    }
}

fn flatten(text: &str, prefix: &str, level: usize, fields: &mut Fields) {
    let members = members(text);
    let last: BTreeMap<&str, usize> = members
        .iter()
        .enumerate()
        .map(|(place, (key, _))| (key.as_str(), place))
        .collect();
    for (place, (key, text)) in members.iter().enumerate() {
        if last[key.as_str()] != place {
            continue;
        }
        let name = format!("{prefix}{}", fold(key));
        let is_object = text.starts_with('{') && !text[1..].trim_start().starts_with('}');
        let is_time = level == 1 && name == "_timestamp";
        if is_object && level < 3 && !is_time {
            flatten(text, &format!("{name}_"), level + 1, fields);
        } else {
            fields.push((name, value_of(text), (*text).to_owned()));
        }
    }
}

fn value_of(text: &str) -> Value {
    match text.as_bytes()[0] {
        b'n' => Value::Null,
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b'"' => Value::Text(serde_json::from_str(text).unwrap()),
        b'{' | b'[' => Value::Json(text.to_owned()),
        _ if text.contains(['.', 'e', 'E']) => match text.parse::<f64>().unwrap() {
            value if value.is_finite() => Value::Float(value),
            _ => Value::Number(text.to_owned()),
        },
        _ => match (text.parse(), text.parse::<u64>()) {
            (Ok(value), _) => Value::Int(value),
            (Err(_), Ok(_)) => Value::Digits(text.to_owned()),
            (Err(_), Err(_)) => Value::Number(text.to_owned()),
        },
    }
}

/// The time a value means, for the forms that the generator makes.
fn time_of(value: &Value) -> Option<i64> {
    let factor = |magnitude: f64| match magnitude {
        magnitude if magnitude < 1e11 => 1e6,
        magnitude if magnitude < 1e14 => 1e3,
        magnitude if magnitude < 1e17 => 1.0,
        _ => 1e-3,
    };
    match value {
        Value::Null => Some(NOW),
        Value::Int(0) => Some(NOW),
        Value::Int(value) => match factor(value.unsigned_abs() as f64) {
            1e-3 => Some(value.div_euclid(1000)),
            factor => Some(value * factor as i64),
        },
        Value::Float(0.0) => Some(NOW),
        Value::Float(value) if factor(value.abs()) < 1.0 => Some((value / 1e3).round() as i64),
        Value::Float(value) => Some((value * factor(value.abs())).round() as i64),
        Value::Text(text) => {
            let text = text.trim_matches(|character: char| character.is_ascii_whitespace());
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            if is_number {
                time_of(&Value::Int(text.parse().ok()?))
            } else {
                None
            }
        }
        Value::Bool(_) | Value::Json(_) | Value::Digits(_) | Value::Number(_) => None,
    }
}

/// Whether it is no time, but does no harm to its record.
fn is_odd_time(value: &Value) -> bool {
    match value {
        Value::Float(value) => value.abs() >= i64::MAX as f64,
        Value::Json(text) => text.starts_with('{') || text[1..].trim_start() == "]",
        _ => false,
    }
}

impl Stream {
    pub fn new(columns_max: usize) -> Self {
        Self {
            rows: Vec::new(),
            columns: BTreeSet::new(),
            columns_max,
        }
    }

    /// Adds a record. Returns false if its time is none.
    pub fn add(&mut self, text: &str) -> bool {
        let mut fields = Fields::new();
        flatten(text, "", 1, &mut fields);
        let mut time = NOW;
        let mut odd = None;
        let mut row = BTreeMap::new();
        let mut overflow: Vec<(String, String)> = Vec::new();
        let mut columns = self.columns.clone();
        let mut new = 0;
        for (name, value, sent) in fields {
            if name == "_timestamp" {
                odd = is_odd_time(&value).then(|| value.clone());
                let Some(value) = odd.as_ref().map(|_| NOW).or_else(|| time_of(&value)) else {
                    return false;
                };
                time = value;
                continue;
            }
            let has_place = name != "_all" && (columns.contains(&name) || new + 1 < self.columns_max);
            match value {
                Value::Null => {
                    row.remove(&name);
                    overflow.retain(|(other, _)| *other != name);
                }
                value if has_place => {
                    new += usize::from(columns.insert(name.clone()));
                    row.insert(name, value);
                }
                _ => {
                    overflow.retain(|(other, _)| *other != name);
                    overflow.push((name, sent));
                }
            }
        }
        if let Some(odd) = odd {
            columns.insert("_timestamp_sent".to_owned());
            row.insert("_timestamp_sent".to_owned(), odd);
        }
        if !overflow.is_empty() {
            let members: Vec<String> = overflow
                .iter()
                .map(|(name, sent)| format!("\"{name}\":{sent}"))
                .collect();
            row.insert("_all".to_owned(), Value::Json(format!("{{{}}}", members.join(","))));
        }
        self.columns = columns;
        self.rows.push((time, row));
        true
    }

    pub fn rows(&self) -> Vec<Row> {
        let mut kinds: BTreeMap<&str, BTreeSet<u8>> = BTreeMap::new();
        for (_, row) in &self.rows {
            for (name, value) in row {
                kinds.entry(name).or_default().insert(match value {
                    Value::Bool(_) => 0,
                    Value::Int(_) => 1,
                    Value::Float(_) => 2,
                    Value::Json(_) => 3,
                    Value::Text(_) | Value::Null => 4,
                    Value::Digits(_) => 5,
                    Value::Number(_) => 6,
                });
            }
        }
        let cells = |(time, row): &(i64, BTreeMap<String, Value>)| {
            let mut cells: Row = row
                .iter()
                .map(|(name, value)| (name.clone(), cell(value, &kinds[name.as_str()])))
                .collect();
            cells.insert("_timestamp".to_owned(), Cell::Int(*time));
            cells
        };
        self.rows.iter().map(cells).collect()
    }
}

fn cell(value: &Value, kinds: &BTreeSet<u8>) -> Cell {
    let has = |wanted: &[u8]| wanted.iter().any(|kind| kinds.contains(kind));
    let written = match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => {
            let mut text = Vec::new();
            canonical_float(*value, &mut text);
            String::from_utf8(text).unwrap()
        }
        Value::Text(text) | Value::Json(text) | Value::Digits(text) | Value::Number(text) => text.clone(),
        Value::Null => String::new(),
    };
    if has(&[3, 4, 6]) {
        return match value {
            _ if has(&[1, 2, 5, 6]) => Cell::Spelled(Spelled::TextNumber, written),
            _ if has(&[0]) => Cell::Spelled(Spelled::TextBool, written),
            _ if has(&[4]) => Cell::String(written),
            _ => Cell::Json(written),
        };
    }
    match value {
        Value::Bool(value) if has(&[2]) => Cell::Float(f64::from(*value)),
        _ if has(&[2]) => Cell::Float(
            written
                .parse()
                .unwrap_or_else(|_| unreachable!("{written} is a number")),
        ),
        _ if has(&[5]) => Cell::Spelled(Spelled::Decimal, written),
        Value::Bool(value) if has(&[1]) => Cell::Int(i64::from(*value)),
        Value::Bool(value) => Cell::Bool(*value),
        Value::Int(value) => Cell::Int(*value),
        _ => unreachable!("{written} has one of the kinds above"),
    }
}
