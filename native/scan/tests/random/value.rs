//! One value of one row, and how answers are read back into rows of them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_schema::DataType;
use basalt_scan::Sketch;
use std::cmp::Ordering;

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Int64(i64),
    Float64(f64),
    Bool(bool),
    Text(String),
    /// A sum whose last bits depend on the order of additions: the value and how far off it may be.
    About(f64, f64),
    Sketch(Sketch),
    /// A sum of integers that is none: only an error is right.
    Overflow,
}

impl Value {
    /// As filters compare: the two zeros are equal.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Float64(a), Self::Float64(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
            _ => self.order(other),
        }
    }

    /// A total order for sorting groups; only within one type.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Int64(a), Self::Int64(b)) => a.cmp(b),
            (Self::Float64(a), Self::Float64(b)) => a.total_cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            _ => panic!("{self:?} and {other:?} are of two types"),
        }
    }

    /// `self` is the expected one.
    pub fn matches(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::About(a, off), Self::Float64(b)) => a.is_nan() && b.is_nan() || a == b || (a - b).abs() <= *off,
            (Self::Float64(a), Self::Float64(b)) => a.to_bits() == b.to_bits(),
            (Self::Int64(a), Self::Int64(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Null, Self::Null) => true,
            (Self::Sketch(a), Self::Sketch(b)) => {
                let tells = |sketch: &Sketch| {
                    let told = [0.0, 0.1, 0.5, 0.77, 0.99, 1.0].map(|q| sketch.quantile(q).map(f64::to_bits));
                    (sketch.count(), told)
                };
                tells(a) == tells(b)
            }
            _ => false,
        }
    }
}

pub struct Decoded {
    pub names: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

/// All batches of an IPC stream; checks that every batch says how many rows it has, columns or not.
pub fn decode(ipc: &[u8]) -> Decoded {
    let reader = StreamReader::try_new(ipc, None).unwrap();
    let names = reader
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let mut rows = Vec::new();
    for batch in reader {
        let batch: RecordBatch = batch.unwrap();
        for row in 0..batch.num_rows() {
            rows.push(
                batch
                    .columns()
                    .iter()
                    .map(|column| value_at(column.as_ref(), row))
                    .collect(),
            );
        }
    }
    Decoded { names, rows }
}

fn value_at(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Int64 => Value::Int64(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Float64(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Utf8 => Value::Text(column.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => {
            let mut sketch = Sketch::default();
            sketch
                .merge_bytes(column.as_binary::<i32>().value(row))
                .expect("a sketch");
            Value::Sketch(sketch)
        }
        other => panic!("unexpected type {other}"),
    }
}
