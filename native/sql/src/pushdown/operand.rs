//! The side of a comparison that a leaf can evaluate: a column, or a column seen through a cast or a cut into time steps
//! that keeps its order.

use basalt_scan::request::{Comparison, Filter, Literal, RequestType};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Cast, Expr};

use super::combine::{conjunction, disjunction};
use super::filter::typed;
use super::steps::{NS_PER_US, Steps, is_utc};
use crate::stream_table::Columns;

/// Integers of a smaller magnitude are exact as f64.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

#[derive(Clone, Copy)]
pub(super) enum Operand<'a> {
    Column {
        name: &'a str,
        column_type: RequestType,
    },
    Time(Time<'a>),
    /// A time cut into steps.
    Stepped(Time<'a>, Steps),
    /// An int64 column cast to float64.
    Float {
        name: &'a str,
    },
}

/// An int64 column as a timestamp of microseconds (`scale` 1) or nanoseconds (`scale` 1000).
#[derive(Clone, Copy)]
pub(super) struct Time<'a> {
    name: &'a str,
    scale: i64,
}

/// Where a constant falls on the integer axis: on `floor`, or between it and the next integer.
struct Place {
    floor: i64,
    exact: bool,
}

pub(super) fn operand<'a>(expr: &'a Expr, columns: &Columns) -> Option<Operand<'a>> {
    match expr {
        Expr::Alias(alias) => operand(&alias.expr, columns),
        Expr::Column(column) => {
            let column_type = columns.get(&column.name)?;
            Some(Operand::Column {
                name: &column.name,
                column_type,
            })
        }
        Expr::Cast(cast) => cast_operand(cast, columns),
        Expr::ScalarFunction(function) => function_operand(function, columns),
        _ => None,
    }
}

fn cast_operand<'a>(cast: &'a Cast, columns: &Columns) -> Option<Operand<'a>> {
    use RequestType::Int64;
    use TimeUnit::{Microsecond, Nanosecond};
    let inner = operand(&cast.expr, columns)?;
    match (inner, cast.field.data_type()) {
        (
            Operand::Column {
                name,
                column_type: Int64,
            },
            DataType::Timestamp(Microsecond, None),
        ) => Some(Operand::Time(Time { name, scale: 1 })),
        (
            Operand::Column {
                name,
                column_type: Int64,
            },
            DataType::Float64,
        ) => Some(Operand::Float { name }),
        (Operand::Time(time), DataType::Timestamp(unit, zone)) if time.scale == 1 && is_utc(zone.as_deref()) => {
            match unit {
                Microsecond => Some(Operand::Time(time)),
                Nanosecond => Some(Operand::Time(Time {
                    scale: NS_PER_US,
                    ..time
                })),
                _ => None,
            }
        }
        _ => None,
    }
}

fn function_operand<'a>(function: &'a ScalarFunction, columns: &Columns) -> Option<Operand<'a>> {
    let (source, steps) = match (function.name(), function.args.as_slice()) {
        ("to_timestamp_micros", [argument]) => {
            return match operand(argument, columns)? {
                Operand::Column {
                    name,
                    column_type: RequestType::Int64,
                } => Some(Operand::Time(Time { name, scale: 1 })),
                _ => None,
            };
        }
        ("date_bin", [width, source]) => (source, Steps::of_bin(constant(width)?, None)?),
        ("date_bin", [width, source, origin]) => (source, Steps::of_bin(constant(width)?, Some(constant(origin)?))?),
        ("date_trunc", [unit, source]) => (source, Steps::of_trunc(constant(unit)?)?),
        _ => return None,
    };
    match operand(source, columns)? {
        Operand::Time(time) => Some(Operand::Stepped(time, steps)),
        _ => None,
    }
}

fn constant(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

impl Operand<'_> {
    /// `self <cmp> value`, or `None` where it has no exact form. A null constant selects nothing.
    pub fn compare(&self, cmp: Comparison, value: &ScalarValue) -> Option<Filter> {
        if value.is_null() {
            return Some(Filter::Constant { value: false });
        }
        match self {
            Operand::Column { name, column_type } => {
                let value = typed(value, *column_type)?;
                Some(Filter::Compare {
                    column: (*name).to_owned(),
                    cmp,
                    value,
                })
            }
            Operand::Time(time) => Some(time.place(value)?.compare(time.name, cmp)),
            Operand::Stepped(time, steps) => step_compare(time.name, *steps, cmp, &time.place(value)?),
            Operand::Float { name } => match value {
                ScalarValue::Float64(Some(value)) if value.abs() < EXACT_FLOAT_MAX => {
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

impl Time<'_> {
    /// The place of a timestamp in microseconds, if it has the unit of this one.
    fn place(&self, value: &ScalarValue) -> Option<Place> {
        let ticks = match (value, self.scale) {
            (ScalarValue::TimestampMicrosecond(Some(ticks), zone), 1) if is_utc(zone.as_deref()) => *ticks,
            (ScalarValue::TimestampNanosecond(Some(ticks), zone), NS_PER_US) if is_utc(zone.as_deref()) => *ticks,
            _ => return None,
        };
        Some(Place {
            floor: ticks.div_euclid(self.scale),
            exact: ticks.rem_euclid(self.scale) == 0,
        })
    }
}

/// The times whose step begins `<cmp>` the place.
fn step_compare(column: &str, steps: Steps, cmp: Comparison, place: &Place) -> Option<Filter> {
    let (start, next) = steps.around(place.floor)?;
    let begins = place.exact && start == place.floor;
    let test = |cmp, us| Filter::Compare {
        column: column.to_owned(),
        cmp,
        value: Literal::Int64(us),
    };
    let (below, from) = (
        |us| test(Comparison::Less, us),
        |us| test(Comparison::GreaterOrEqual, us),
    );
    Some(match cmp {
        Comparison::GreaterOrEqual if begins => from(start),
        Comparison::GreaterOrEqual | Comparison::Greater => from(next),
        Comparison::Less if begins => below(start),
        Comparison::Less | Comparison::LessOrEqual => below(next),
        Comparison::Equal if begins => conjunction(vec![from(start), below(next)]),
        Comparison::Equal => Filter::Constant { value: false },
        Comparison::NotEqual if begins => disjunction(vec![below(start), from(next)]),
        Comparison::NotEqual => Filter::IsNull {
            column: column.to_owned(),
            negated: true,
        },
    })
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
