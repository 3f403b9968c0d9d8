//! The side of a comparison that a leaf can evaluate: a column, or a column seen through a cast that keeps its order.

use basalt_scan::request::{Comparison, Filter, Literal, RequestType};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use super::filter::typed;
use crate::stream_table::Columns;

/// Integers of a smaller magnitude are exact as f64.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;
const NS_PER_US: i64 = 1_000;

pub(super) enum Operand<'a> {
    Column {
        name: &'a str,
        column_type: RequestType,
    },
    /// An int64 column as a timestamp; its value times `scale` is compared with the constant's ticks.
    Time {
        name: &'a str,
        scale: i64,
    },
    /// An int64 column cast to float64.
    Float {
        name: &'a str,
    },
}

/// Where a constant falls on the integer axis: on an integer, or between two.
struct Place {
    floor: i64,
    exact: bool,
}

pub(super) fn operand<'a>(expr: &'a Expr, columns: &Columns) -> Option<Operand<'a>> {
    match expr {
        Expr::Alias(alias) => operand(&alias.expr, columns),
        Expr::Column(column) => Some(Operand::Column {
            name: &column.name,
            column_type: columns.get(&column.name)?,
        }),
        Expr::Cast(cast) => match (operand(&cast.expr, columns)?, cast.field.data_type()) {
            (
                Operand::Column {
                    name,
                    column_type: RequestType::Int64,
                },
                DataType::Timestamp(unit, None),
            ) => (*unit == TimeUnit::Microsecond).then_some(Operand::Time { name, scale: 1 }),
            (
                Operand::Column {
                    name,
                    column_type: RequestType::Int64,
                },
                DataType::Float64,
            ) => Some(Operand::Float { name }),
            (Operand::Time { name, scale: 1 }, DataType::Timestamp(unit, zone)) if is_utc(zone.as_deref()) => {
                match unit {
                    TimeUnit::Microsecond => Some(Operand::Time { name, scale: 1 }),
                    TimeUnit::Nanosecond => Some(Operand::Time { name, scale: NS_PER_US }),
                    _ => None,
                }
            }
            _ => None,
        },
        Expr::ScalarFunction(function) if function.name() == "to_timestamp_micros" => match function.args.as_slice() {
            [argument] => match operand(argument, columns)? {
                Operand::Column {
                    name,
                    column_type: RequestType::Int64,
                } => Some(Operand::Time { name, scale: 1 }),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// A zone in which local time and UTC are the same.
pub(super) fn is_utc(zone: Option<&str>) -> bool {
    matches!(zone, None | Some("UTC" | "+00:00" | "+00" | "Z"))
}

impl Operand<'_> {
    /// `self <cmp> value`, or `None` where it has no exact form. A null constant selects nothing.
    pub fn compare(&self, cmp: Comparison, value: &ScalarValue) -> Option<Filter> {
        if value.is_null() {
            return Some(Filter::Constant { value: false });
        }
        match self {
            Operand::Column { name, column_type } => Some(Filter::Compare {
                column: (*name).to_owned(),
                cmp,
                value: typed(value, *column_type)?,
            }),
            Operand::Time { name, scale } => {
                let ticks = match (value, scale) {
                    (ScalarValue::TimestampMicrosecond(Some(ticks), zone), 1) if is_utc(zone.as_deref()) => *ticks,
                    (ScalarValue::TimestampNanosecond(Some(ticks), zone), &NS_PER_US) if is_utc(zone.as_deref()) => {
                        *ticks
                    }
                    _ => return None,
                };
                let place = Place {
                    floor: ticks.div_euclid(*scale),
                    exact: ticks.rem_euclid(*scale) == 0,
                };
                Some(place.compare(name, cmp))
            }
            Operand::Float { name } => match value {
                ScalarValue::Float64(Some(value)) if value.abs() < EXACT_FLOAT_MAX && !is_negative_zero(*value) => {
                    let place = Place {
                        floor: value.floor() as i64,
                        exact: value.fract() == 0.0,
                    };
                    Some(place.compare(name, cmp))
                }
                _ => None,
            },
        }
    }
}

/// The total order of floats puts -0.0 below 0.0, which no integer can express.
fn is_negative_zero(value: f64) -> bool {
    value == 0.0 && value.is_sign_negative()
}

impl Place {
    fn compare(&self, column: &str, cmp: Comparison) -> Filter {
        let test = |cmp| Filter::Compare {
            column: column.to_owned(),
            cmp,
            value: Literal::Int64(self.floor),
        };
        match (self.exact, cmp) {
            (true, cmp) => test(cmp),
            (false, Comparison::Less | Comparison::LessOrEqual) => test(Comparison::LessOrEqual),
            (false, Comparison::Greater | Comparison::GreaterOrEqual) => test(Comparison::Greater),
            (false, Comparison::Equal) => Filter::Constant { value: false },
            (false, Comparison::NotEqual) => Filter::IsNull {
                column: column.to_owned(),
                negated: true,
            },
        }
    }
}
