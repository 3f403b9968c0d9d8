//! The plain meaning of a request: every row of every block as values, every predicate and aggregate row by row.

use crate::value::Value;
use basalt_block::{Batch, Values};
use basalt_scan::Sketch;
use basalt_scan::request::*;
use std::cmp::Ordering;

pub type Row = Vec<Value>;

/// All rows in storage order, as the columns of the request.
pub fn rows(batches: &[Batch], columns: &[ColumnRef]) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.rows {
            rows.push(columns.iter().map(|column| cell(batch, row, column)).collect());
        }
    }
    rows
}

fn cell(batch: &Batch, row: usize, wanted: &ColumnRef) -> Value {
    let Some(column) = batch.columns.iter().find(|column| column.name == wanted.name) else {
        return Value::Null;
    };
    if column.validity.as_ref().is_some_and(|validity| !validity.is_valid(row)) {
        return Value::Null;
    }
    let text = matches!(wanted.column_type, RequestType::String | RequestType::Json);
    match (&column.values, wanted.column_type) {
        (Values::Int64(values), RequestType::Float64) => Value::Float64(values[row] as f64),
        (Values::Int64(values), _) if text => Value::Text(values[row].to_string()),
        (Values::Int64(values), _) => Value::Int64(values[row]),
        (Values::Float64(values), _) if text => Value::Text(script_number(values[row])),
        (Values::Float64(values), _) => Value::Float64(values[row]),
        (Values::Bool(values), RequestType::Int64) => Value::Int64(values[row] as i64),
        (Values::Bool(values), RequestType::Float64) => Value::Float64(values[row] as i64 as f64),
        (Values::Bool(values), _) if text => Value::Text(values[row].to_string()),
        (Values::Bool(values), _) => Value::Bool(values[row]),
        (Values::String(strings) | Values::Json(strings) | Values::Spelled(_, strings), _) => {
            Value::Text(String::from_utf8(strings.get(row).to_vec()).unwrap())
        }
    }
}

/// JavaScript's text of the numbers that the generator makes.
fn script_number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 {
            "Infinity".into()
        } else {
            "-Infinity".into()
        }
    } else if value == 0.0 {
        "0".into()
    } else {
        value.to_string()
    }
}

pub struct Evaluator<'a> {
    pub request: &'a ScanRequest,
    expressions: std::collections::HashMap<(String, bool), regex::Regex>,
}

impl<'a> Evaluator<'a> {
    pub fn new(request: &'a ScanRequest) -> Self {
        Self {
            request,
            expressions: Default::default(),
        }
    }

    fn column(&self, name: &str) -> usize {
        self.request
            .columns
            .iter()
            .position(|column| column.name == name)
            .unwrap()
    }

    pub fn passes(&mut self, row: &Row) -> bool {
        let Value::Int64(time) = row[self.column("_timestamp")] else {
            return false;
        };
        let range = self.request.time;
        range.min.is_none_or(|min| time >= min)
            && range.max.is_none_or(|max| time < max)
            && self
                .request
                .filter
                .as_ref()
                .is_none_or(|filter| self.filter(filter, row))
    }

    fn filter(&mut self, filter: &Filter, row: &Row) -> bool {
        let (column, negated) = match filter {
            Filter::And { args } => return args.iter().all(|arg| self.filter(arg, row)),
            Filter::Or { args } => return args.iter().any(|arg| self.filter(arg, row)),
            Filter::Constant { value } => return *value,
            Filter::IsNull { column, negated } => {
                return matches!(row[self.column(column)], Value::Null) != *negated;
            }
            Filter::Compare { column, .. } => (column, false),
            Filter::In { column, negated, .. }
            | Filter::Like { column, negated, .. }
            | Filter::Contains { column, negated, .. }
            | Filter::Regex { column, negated, .. } => (column, *negated),
        };
        let value = &row[self.column(column)];
        if matches!(value, Value::Null) {
            return false;
        }
        let passes = match (filter, value) {
            (
                Filter::Compare {
                    cmp, value: literal, ..
                },
                value,
            ) => {
                let order = value.compare(&literal_value(literal));
                match cmp {
                    Comparison::Equal => order == Ordering::Equal,
                    Comparison::NotEqual => order != Ordering::Equal,
                    Comparison::Less => order == Ordering::Less,
                    Comparison::LessOrEqual => order != Ordering::Greater,
                    Comparison::Greater => order == Ordering::Greater,
                    Comparison::GreaterOrEqual => order != Ordering::Less,
                }
            }
            (Filter::In { values, .. }, value) => values
                .iter()
                .any(|literal| value.compare(&literal_value(literal)) == Ordering::Equal),
            (
                Filter::Like {
                    pattern, ignore_case, ..
                },
                Value::Text(text),
            ) => {
                // Simple case folding, as Arrow's ILIKE: a character for a character, and the long s is an s.
                let fold = |text: &str| -> String {
                    let fold = |c: char| match c {
                        _ if !*ignore_case => c,
                        'ſ' => 's',
                        _ => {
                            let mut lower = c.to_lowercase();
                            lower.next().filter(|_| lower.next().is_none()).unwrap_or(c)
                        }
                    };
                    text.chars().map(fold).collect()
                };
                let (text, pattern) = (fold(text), fold(pattern));
                like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())
            }
            (
                Filter::Contains {
                    needle, ignore_case, ..
                },
                Value::Text(text),
            ) => {
                if *ignore_case {
                    text.to_lowercase().contains(&needle.to_lowercase())
                } else {
                    text.contains(needle)
                }
            }
            (
                Filter::Regex {
                    pattern, ignore_case, ..
                },
                Value::Text(text),
            ) => {
                let expression = self
                    .expressions
                    .entry((pattern.clone(), *ignore_case))
                    .or_insert_with(|| {
                        regex::RegexBuilder::new(pattern)
                            .case_insensitive(*ignore_case)
                            .build()
                            .unwrap()
                    });
                expression.is_match(text)
            }
            other => panic!("{other:?}"),
        };
        passes != negated
    }

    pub fn answer(&mut self, rows: &[Row]) -> (Vec<String>, Vec<Row>) {
        let passing: Vec<&Row> = rows.iter().filter(|row| self.passes(row)).collect();
        let request = self.request;
        match &request.output {
            Output::Rows { project, limit } => {
                let limit = limit.map_or(usize::MAX, |limit| limit as usize);
                (
                    project.clone(),
                    passing
                        .iter()
                        .take(limit)
                        .map(|row| self.project(row, project))
                        .collect(),
                )
            }
            Output::TopTime {
                project,
                descending,
                limit,
            } => {
                let time = self.column("_timestamp");
                let mut sorted = passing;
                // A stable sort keeps storage order among ties; descending is the exact reverse.
                sorted.sort_by(|a, b| a[time].order(&b[time]));
                if *descending {
                    sorted.reverse();
                }
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
                (
                    project.clone(),
                    sorted
                        .iter()
                        .take(limit)
                        .map(|row| self.project(row, project))
                        .collect(),
                )
            }
            Output::Aggregate { groups, aggregates, .. } => self.aggregate(&passing, groups, aggregates),
        }
    }

    /// Whether a sum over some of the rows, as parts of an answer tell it, can be no integer.
    pub fn may_overflow(&mut self, rows: &[Row]) -> bool {
        let Output::Aggregate { aggregates, .. } = &self.request.output else {
            return false;
        };
        let passing: Vec<&Row> = rows.iter().filter(|row| self.passes(row)).collect();
        let sums = aggregates.iter().filter_map(|aggregate| match aggregate {
            Aggregate::Sum { column } => Some(self.column(column)),
            _ => None,
        });
        let beyond = |column: usize, wanted: fn(&i128) -> bool| {
            let ints = passing.iter().filter_map(|row| match row[column] {
                Value::Int64(value) => Some(i128::from(value)),
                _ => None,
            });
            i64::try_from(ints.filter(wanted).sum::<i128>()).is_err()
        };
        sums.into_iter()
            .any(|column| beyond(column, |x| *x > 0) || beyond(column, |x| *x < 0))
    }

    fn project(&self, row: &Row, project: &[String]) -> Row {
        project.iter().map(|name| row[self.column(name)].clone()).collect()
    }

    fn aggregate(&self, rows: &[&Row], groups: &[Group], aggregates: &[Aggregate]) -> (Vec<String>, Vec<Row>) {
        let mut names: Vec<String> = (0..groups.len()).map(|index| format!("group{index}")).collect();
        for (index, aggregate) in aggregates.iter().enumerate() {
            let states: &[&str] = match aggregate {
                Aggregate::CountRows | Aggregate::Count { .. } => &["count"],
                Aggregate::Sum { .. } => &["sum"],
                Aggregate::Min { .. } => &["min"],
                Aggregate::Max { .. } => &["max"],
                Aggregate::Average { .. } => &["count", "sum"],
                Aggregate::Sketch { .. } => &["sketch"],
                Aggregate::Function { .. } => &["0"],
            };
            names.extend(states.iter().map(|state| format!("agg{index}_{state}")));
        }
        let mut by_key: std::collections::BTreeMap<String, (Row, Vec<&Row>)> = Default::default();
        for row in rows {
            let key: Row = groups.iter().map(|group| self.key(group, row)).collect();
            by_key
                .entry(format!("{:?}", key.iter().map(exact).collect::<Vec<_>>()))
                .or_insert((key, Vec::new()))
                .1
                .push(row);
        }
        if groups.is_empty() {
            by_key.entry("[]".into()).or_default();
        }
        let answer = by_key.into_values().map(|(mut key, members)| {
            for aggregate in aggregates {
                key.extend(self.states(aggregate, &members));
            }
            key
        });
        (names, answer.collect())
    }

    fn key(&self, group: &Group, row: &Row) -> Value {
        match group {
            Group::Column { column } => row[self.column(column)].clone(),
            Group::Bucket { column, width, origin } => match row[self.column(column)] {
                Value::Int64(value) => {
                    let (width, origin) = (*width as i128, *origin as i128);
                    let steps = (value as i128 - origin).div_euclid(width);
                    Value::Int64((origin + steps * width).clamp(i64::MIN as i128, i64::MAX as i128) as i64)
                }
                _ => Value::Null,
            },
        }
    }

    fn states(&self, aggregate: &Aggregate, rows: &[&Row]) -> Vec<Value> {
        let values = |column: &str| -> Vec<&Value> {
            let column = self.column(column);
            rows.iter()
                .map(|row| &row[column])
                .filter(|value| !matches!(value, Value::Null))
                .collect()
        };
        match aggregate {
            Aggregate::CountRows => vec![Value::Int64(rows.len() as i64)],
            Aggregate::Count { column } => vec![Value::Int64(values(column).len() as i64)],
            Aggregate::Sum { column } => {
                let values = values(column);
                let ints: Option<Vec<i64>> = values
                    .iter()
                    .map(|value| if let Value::Int64(x) = value { Some(*x) } else { None })
                    .collect();
                vec![match ints {
                    _ if values.is_empty() => Value::Null,
                    Some(ints) => {
                        let sum = ints.iter().copied().map(i128::from).sum::<i128>();
                        i64::try_from(sum).map_or(Value::Overflow, Value::Int64)
                    }
                    None => float_sum(&values),
                }]
            }
            Aggregate::Average { column } => {
                let values = values(column);
                if values.is_empty() {
                    vec![Value::Null, Value::Null]
                } else {
                    vec![Value::Int64(values.len() as i64), float_sum(&values)]
                }
            }
            Aggregate::Sketch { column } => {
                let mut sketch = Sketch::default();
                for value in values(column) {
                    sketch.add(as_float(value));
                }
                vec![Value::Sketch(sketch)]
            }
            Aggregate::Function { arguments, .. } => {
                let present = |row: &&&Row, argument: &Argument| match argument {
                    Argument::Column { column, .. } => !matches!(row[self.column(column)], Value::Null),
                    Argument::Constant { .. } => true,
                };
                let pairs = rows
                    .iter()
                    .filter(|row| arguments.iter().all(|argument| present(row, argument)));
                vec![Value::Int64(3 * pairs.count() as i64)]
            }
            Aggregate::Min { column } => {
                vec![
                    values(column)
                        .into_iter()
                        .min_by(|a, b| a.order(b))
                        .cloned()
                        .unwrap_or(Value::Null),
                ]
            }
            Aggregate::Max { column } => {
                vec![
                    values(column)
                        .into_iter()
                        .max_by(|a, b| a.order(b))
                        .cloned()
                        .unwrap_or(Value::Null),
                ]
            }
        }
    }
}

/// Text that tells floats apart by their bits.
pub fn exact(value: &Value) -> String {
    match value {
        Value::Float64(value) => format!("{:016x}", value.to_bits()),
        other => format!("{other:?}"),
    }
}

fn as_float(value: &Value) -> f64 {
    match value {
        Value::Float64(x) => *x,
        Value::Int64(x) => *x as f64,
        other => panic!("{other:?}"),
    }
}

fn float_sum(values: &[&Value]) -> Value {
    let floats = || values.iter().map(|value| as_float(value));
    Value::About(
        floats().sum(),
        floats().map(f64::abs).filter(|x| x.is_finite()).sum::<f64>() * 1e-12,
    )
}

fn literal_value(literal: &Literal) -> Value {
    match literal {
        Literal::Int64(value) => Value::Int64(*value),
        Literal::Float64(value) => Value::Float64(*value),
        Literal::Bool(value) => Value::Bool(*value),
        Literal::String(value) => Value::Text(value.clone()),
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        (['%', rest @ ..], _) => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        (['\\', wanted, rest @ ..], [first, others @ ..]) => first == wanted && like(others, rest),
        (['_', rest @ ..], [_, others @ ..]) => like(others, rest),
        ([wanted, rest @ ..], [first, others @ ..]) => wanted == first && like(others, rest),
        _ => false,
    }
}
