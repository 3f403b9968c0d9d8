//! Evaluates a scan request over rows, the plain way.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_scan::Sketch;
use basalt_scan::request::{
    ARRIVAL, Aggregate, Argument, Comparison, Filter, Group, Literal, Output, RequestType, ScanRequest,
};
use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::ipc::writer::StreamWriter;
use regex::RegexBuilder;

use super::{Row, Value};

pub fn answer(request: &ScanRequest, rows: &[Row]) -> Vec<u8> {
    let mut passing: Vec<&Row> = rows.iter().filter(|row| passes(request, row)).collect();
    match &request.output {
        Output::Rows { project, limit } => {
            passing.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
            write_rows(request, project, &passing)
        }
        Output::TopTime {
            project,
            descending,
            limit,
        } => {
            passing.sort_by_key(|row| time(row));
            if *descending {
                passing.reverse();
            }
            passing.truncate(*limit as usize);
            write_rows(request, project, &passing)
        }
        Output::Aggregate { groups, aggregates, .. } => write_groups(request, groups, aggregates, &passing),
    }
}

fn time(row: &Row) -> i64 {
    match row.get("_timestamp") {
        Some(Value::Int(us)) => *us,
        other => panic!("a row without time: {other:?}"),
    }
}

fn passes(request: &ScanRequest, row: &Row) -> bool {
    let us = time(row);
    let in_time = request.time.min.is_none_or(|min| us >= min) && request.time.max.is_none_or(|max| us < max);
    in_time && request.filter.as_ref().is_none_or(|filter| test(filter, row, request))
}

fn cell(row: &Row, column: &str) -> Value {
    row.get(column).cloned().unwrap_or(Value::Null)
}

fn test(filter: &Filter, row: &Row, request: &ScanRequest) -> bool {
    let known = |column: &str| {
        assert!(
            request.columns.iter().any(|known| known.name == column),
            "{column} is not listed: {request:?}"
        );
        cell(row, column)
    };
    let words = |column: &str, negated: bool, matches: &dyn Fn(&str) -> bool| match known(column) {
        Value::Text(text) => matches(&text) != negated,
        Value::Null => false,
        other => panic!("a text test of {other:?}"),
    };
    match filter {
        Filter::And { args } => args.iter().all(|arg| test(arg, row, request)),
        Filter::Or { args } => args.iter().any(|arg| test(arg, row, request)),
        Filter::Constant { value } => *value,
        Filter::IsNull { column, negated } => (known(column) == Value::Null) != *negated,
        Filter::Compare { column, cmp, value } => {
            let Some(order) = order(&known(column), value) else {
                return false;
            };
            match cmp {
                Comparison::Equal => order == Ordering::Equal,
                Comparison::NotEqual => order != Ordering::Equal,
                Comparison::Less => order == Ordering::Less,
                Comparison::LessOrEqual => order != Ordering::Greater,
                Comparison::Greater => order == Ordering::Greater,
                Comparison::GreaterOrEqual => order != Ordering::Less,
            }
        }
        Filter::In {
            column,
            values,
            negated,
        } => {
            let cell = known(column);
            cell != Value::Null && values.iter().any(|value| order(&cell, value) == Some(Ordering::Equal)) != *negated
        }
        Filter::Contains {
            column,
            needle,
            negated,
            ignore_case,
        } => words(column, *negated, &|text| {
            if *ignore_case {
                text.to_lowercase().contains(&needle.to_lowercase())
            } else {
                text.contains(needle.as_str())
            }
        }),
        Filter::Regex {
            column,
            pattern,
            negated,
            ignore_case,
        } => {
            let regex = RegexBuilder::new(pattern)
                .case_insensitive(*ignore_case)
                .build()
                .expect("a valid pattern");
            words(column, *negated, &|text| regex.is_match(text))
        }
        Filter::Like {
            column,
            pattern,
            negated,
            ignore_case,
        } => {
            let regex = RegexBuilder::new(&like_pattern(pattern))
                .case_insensitive(*ignore_case)
                .dot_matches_new_line(true)
                .build()
                .expect("a valid pattern");
            words(column, *negated, &|text| regex.is_match(text))
        }
    }
}

fn like_pattern(pattern: &str) -> String {
    let mut regex = String::from("^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => regex.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push('$');
    regex
}

fn order(value: &Value, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::Null, _) => None,
        (Value::Int(value), Literal::Int64(literal)) => Some(value.cmp(literal)),
        (Value::Float(value), Literal::Float64(literal)) => Some(value.total_cmp(literal)),
        (Value::Bool(value), Literal::Bool(literal)) => Some(value.cmp(literal)),
        (Value::Text(value), Literal::String(literal)) => Some(value.as_str().cmp(literal.as_str())),
        other => panic!("types differ: {other:?}"),
    }
}

fn column_type(request: &ScanRequest, name: &str) -> RequestType {
    let column = request.columns.iter().find(|column| column.name == name);
    column
        .unwrap_or_else(|| panic!("{name} is not listed: {request:?}"))
        .column_type
}

fn write_rows(request: &ScanRequest, project: &[String], rows: &[&Row]) -> Vec<u8> {
    let columns = project
        .iter()
        .map(|name| {
            // Here rows of equal time are all one: nothing is asked that would tell them apart.
            if name == ARRIVAL {
                return (
                    name.clone(),
                    array(RequestType::Int64, &vec![Value::Int(0); rows.len()]),
                );
            }
            (
                name.clone(),
                array(
                    column_type(request, name),
                    &rows.iter().map(|row| cell(row, name)).collect::<Vec<_>>(),
                ),
            )
        })
        .collect();
    write(columns, rows.len())
}

/// Group keys as text, so that they order; their values beside.
type Groups<'a> = BTreeMap<String, (Vec<Value>, Vec<&'a Row>)>;

fn write_groups(request: &ScanRequest, groups: &[Group], aggregates: &[Aggregate], rows: &[&Row]) -> Vec<u8> {
    let mut all: Groups = BTreeMap::new();
    if groups.is_empty() {
        all.insert(String::new(), (Vec::new(), Vec::new()));
    }
    for row in rows {
        let key: Vec<Value> = groups.iter().map(|group| group_value(group, row)).collect();
        all.entry(format!("{key:?}"))
            .or_insert_with(|| (key, Vec::new()))
            .1
            .push(row);
    }
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let column_type = match group {
            Group::Column { column } => column_type(request, column),
            Group::Bucket { .. } => RequestType::Int64,
        };
        let values: Vec<Value> = all.values().map(|(key, _)| key[i].clone()).collect();
        columns.push((format!("group{i}"), array(column_type, &values)));
    }
    for (i, aggregate) in aggregates.iter().enumerate() {
        let members: Vec<&[&Row]> = all.values().map(|(_, rows)| rows.as_slice()).collect();
        if let Aggregate::Sketch { column } = aggregate {
            columns.push((format!("agg{i}_sketch"), sketches(column, &members)));
            continue;
        }
        if let Aggregate::Function { .. } = aggregate {
            let states = function_states(request, aggregate, &members).into_iter().enumerate();
            columns.extend(states.map(|(index, state)| (format!("agg{i}_{index}"), state)));
            continue;
        }
        for (state, column_type, of) in states(request, aggregate) {
            let values: Vec<Value> = members.iter().map(|rows| of(rows)).collect();
            columns.push((format!("agg{i}_{state}"), array(column_type, &values)));
        }
    }
    write(columns, all.len())
}

fn group_value(group: &Group, row: &Row) -> Value {
    match group {
        Group::Column { column } => cell(row, column),
        Group::Bucket { column, width, origin } => match cell(row, column) {
            Value::Int(us) => Value::Int(origin + (us - origin).div_euclid(*width) * width),
            _ => Value::Null,
        },
    }
}

fn sketches(column: &str, members: &[&[&Row]]) -> ArrayRef {
    let sketch = |rows: &&[&Row]| {
        let mut sketch = Sketch::default();
        for row in rows.iter() {
            match cell(row, column) {
                Value::Null => {}
                Value::Int(value) => {
                    sketch.add(value as f64);
                }
                Value::Float(value) => {
                    sketch.add(value);
                }
                other => panic!("no sketch of {other:?}"),
            }
        }
        let mut bytes = Vec::new();
        sketch.write(&mut bytes);
        bytes
    };
    Arc::new(BinaryArray::from_iter_values(members.iter().map(sketch)))
}

/// What the function's own accumulator makes of all rows at once.
fn function_states(request: &ScanRequest, aggregate: &Aggregate, members: &[&[&Row]]) -> Vec<ArrayRef> {
    let Aggregate::Function {
        name,
        arguments,
        distinct,
    } = aggregate
    else {
        panic!("{aggregate:?} is no function")
    };
    let (mut typed, mut columns, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (group, rows) in members.iter().enumerate() {
        ids.extend(rows.iter().map(|_| group));
    }
    for argument in arguments {
        let Argument::Column { column, .. } = argument else {
            typed.push((argument.clone(), None));
            continue;
        };
        let column_type = column_type(request, column);
        typed.push((argument.clone(), Some(column_type)));
        let values: Vec<Value> = members
            .iter()
            .flat_map(|rows| rows.iter())
            .map(|row| cell(row, column))
            .collect();
        columns.push(array(column_type, &values));
    }
    let mut states = basalt_sql::leaf_functions()
        .states(name, &typed, *distinct)
        .expect("a function");
    states.update(&columns, &ids, members.len()).expect("rows");
    states.finish(members.len()).expect("states")
}

type Of = Box<dyn Fn(&[&Row]) -> Value>;

fn states(request: &ScanRequest, aggregate: &Aggregate) -> Vec<(&'static str, RequestType, Of)> {
    let values = |column: &str| {
        let column = column.to_owned();
        move |rows: &[&Row]| -> Vec<Value> {
            rows.iter()
                .map(|row| cell(row, &column))
                .filter(|value| *value != Value::Null)
                .collect()
        }
    };
    match aggregate {
        Aggregate::Sketch { .. } | Aggregate::Function { .. } => panic!("{aggregate:?} has no plain states"),
        Aggregate::CountRows => vec![(
            "count",
            RequestType::Int64,
            Box::new(|rows| Value::Int(rows.len() as i64)),
        )],
        Aggregate::Count { column } => {
            let values = values(column);
            vec![(
                "count",
                RequestType::Int64,
                Box::new(move |rows| Value::Int(values(rows).len() as i64)),
            )]
        }
        Aggregate::Sum { column } => {
            let values = values(column);
            vec![(
                "sum",
                column_type(request, column),
                Box::new(move |rows| sum(&values(rows))),
            )]
        }
        Aggregate::Min { column } => {
            let values = values(column);
            let least = move |rows: &[&Row]| values(rows).into_iter().min_by(compare).unwrap_or(Value::Null);
            vec![("min", column_type(request, column), Box::new(least))]
        }
        Aggregate::Max { column } => {
            let values = values(column);
            let most = move |rows: &[&Row]| values(rows).into_iter().max_by(compare).unwrap_or(Value::Null);
            vec![("max", column_type(request, column), Box::new(most))]
        }
        Aggregate::Average { column } => {
            let (count, total) = (values(column), values(column));
            vec![
                (
                    "count",
                    RequestType::Int64,
                    Box::new(move |rows| Value::Int(count(rows).len() as i64)),
                ),
                (
                    "sum",
                    RequestType::Float64,
                    Box::new(move |rows| as_float(sum(&total(rows)))),
                ),
            ]
        }
    }
}

fn as_float(value: Value) -> Value {
    match value {
        Value::Int(value) => Value::Float(value as f64),
        other => other,
    }
}

fn sum(values: &[Value]) -> Value {
    values.iter().fold(Value::Null, |sum, value| match (sum, value) {
        (Value::Null, value) => value.clone(),
        (Value::Int(sum), Value::Int(value)) => Value::Int(sum.wrapping_add(*value)),
        (Value::Float(sum), Value::Float(value)) => Value::Float(sum + value),
        other => panic!("no sum of {other:?}"),
    })
}

fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Float(left), Value::Float(right)) => left.total_cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        other => panic!("no order of {other:?}"),
    }
}

fn write(columns: Vec<(String, ArrayRef)>, rows: usize) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, array) in columns {
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options).expect("equal lengths");
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a Vec takes all");
    writer.write(&batch).expect("a Vec takes all");
    writer.finish().expect("a Vec takes all");
    writer.into_inner().expect("a Vec takes all")
}

/// The values as the Arrow array that a scan answers.
pub fn array(column_type: RequestType, values: &[Value]) -> ArrayRef {
    let wrong = |value: &Value| -> ! { panic!("{value:?} in a column of {column_type:?}") };
    match column_type {
        RequestType::Int64 => Arc::new(Int64Array::from_iter(values.iter().map(|value| match value {
            Value::Null => None,
            Value::Int(value) => Some(*value),
            other => wrong(other),
        }))),
        RequestType::Float64 => Arc::new(Float64Array::from_iter(values.iter().map(|value| match value {
            Value::Null => None,
            Value::Float(value) => Some(*value),
            other => wrong(other),
        }))),
        RequestType::Bool => Arc::new(BooleanArray::from_iter(values.iter().map(|value| match value {
            Value::Null => None,
            Value::Bool(value) => Some(*value),
            other => wrong(other),
        }))),
        RequestType::String | RequestType::Json => {
            Arc::new(StringArray::from_iter(values.iter().map(|value| match value {
                Value::Null => None,
                Value::Text(value) => Some(value.as_str()),
                other => wrong(other),
            })))
        }
    }
}

/// The Arrow type of a column.
pub fn data_type(column_type: RequestType) -> DataType {
    array(column_type, &[]).data_type().clone()
}
