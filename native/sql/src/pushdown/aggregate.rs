//! Partial aggregation in the leaf.
//!
//! An aggregate over a leaf becomes a leaf that answers states, below the final step of the same aggregate. The leaf's
//! output has exactly the schema that DataFusion's own partial step would have, so the final step cannot tell.

use std::sync::Arc;

use basalt_scan::request::{Aggregate, Argument, Group, Literal as Constant, RequestType};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use super::bucket::{Bucket, bucket, time_source};
use super::through::{Through, look_through};
use crate::leaf::functions::state_types;
use crate::stream_table::TIME_COLUMN;

pub(super) fn push(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(aggregate) = node.downcast_ref::<AggregateExec>() else {
        return Ok(None);
    };
    let whole = match aggregate.mode() {
        AggregateMode::Single | AggregateMode::SinglePartitioned => true,
        AggregateMode::Partial => false,
        _ => return Ok(None),
    };
    if !aggregate.group_expr().is_single() || aggregate.filter_expr().iter().any(Option::is_some) {
        return Ok(None);
    }
    let Some(through) = look_through(aggregate.input()) else {
        return Ok(None);
    };
    let (Some(groups), Some(aggregates)) = (groups(aggregate, &through)?, aggregates(aggregate, &through)?) else {
        return Ok(None);
    };
    let Some(leaf) = through.leaf.with_aggregate(groups, aggregates, states(aggregate)?) else {
        return Ok(None);
    };
    let leaf: Arc<dyn ExecutionPlan> = Arc::new(leaf);
    if !whole {
        return Ok(Some(leaf));
    }
    let last = AggregateExec::try_new(
        AggregateMode::Final,
        aggregate.group_expr().as_final(),
        aggregate.aggr_expr().to_vec(),
        vec![None; aggregate.aggr_expr().len()],
        leaf,
        aggregate.input_schema(),
    )?;
    Ok((last.schema() == aggregate.schema()).then(|| Arc::new(last) as Arc<dyn ExecutionPlan>))
}

/// The schema of the partial step: groups, then the states of each aggregate.
fn states(aggregate: &AggregateExec) -> Result<SchemaRef> {
    let partial = AggregateExec::try_new(
        AggregateMode::Partial,
        aggregate.group_expr().clone(),
        aggregate.aggr_expr().to_vec(),
        aggregate.filter_expr().to_vec(),
        Arc::clone(aggregate.input()),
        aggregate.input_schema(),
    )?;
    Ok(partial.schema())
}

fn groups(aggregate: &AggregateExec, through: &Through) -> Result<Option<Vec<Group>>> {
    let mut groups = Vec::new();
    for (expr, _) in aggregate.group_expr().expr() {
        match through.resolve(expr)?.and_then(|expr| group(&expr, through)) {
            Some(group) => groups.push(group),
            None => return Ok(None),
        }
    }
    Ok(Some(groups))
}

fn group(expr: &Arc<dyn PhysicalExpr>, through: &Through) -> Option<Group> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Some(Group::Column {
            column: column.name().to_owned(),
        });
    }
    let Bucket { column, steps } = bucket(expr)?;
    // A text that is cast to a timestamp is one too, but no number that a scan could divide.
    if through.leaf.column_type(column) != Some(RequestType::Int64) {
        return None;
    }
    Some(Group::Bucket {
        column: column.to_owned(),
        width: steps.width_us,
        origin: steps.origin_us,
    })
}

fn aggregates(aggregate: &AggregateExec, through: &Through) -> Result<Option<Vec<Aggregate>>> {
    let groups = aggregate.group_expr().expr().len();
    let mut aggregates = Vec::new();
    for function in aggregate.aggr_expr() {
        let arguments = function.expressions();
        let arguments = arguments
            .iter()
            .map(|argument| through.resolve(argument))
            .collect::<Result<Option<Vec<_>>>>()?;
        let Some(arguments) = arguments else {
            return Ok(None);
        };
        // States of `corr` over all rows are others than those of its groups, which are what a leaf keeps.
        if groups == 0 && function.fun().name() == "corr" {
            return Ok(None);
        }
        match one(function, &arguments, through) {
            Some(aggregate) => aggregates.push(aggregate),
            None => return Ok(None),
        }
    }
    Ok(Some(aggregates))
}

fn one(function: &AggregateFunctionExpr, arguments: &[Arc<dyn PhysicalExpr>], through: &Through) -> Option<Aggregate> {
    // States of `approx_distinct` are null where a group had no value, which its own final step refuses. Those of `corr` differ
    // between its accumulators of groups, which the scan uses, and of one value, which the final step without groups does.
    let refused = matches!(function.fun().name(), "approx_distinct" | "corr");
    if function.ignore_nulls() || !function.order_bys().is_empty() || refused {
        return None;
    }
    let known = match arguments {
        _ if function.is_distinct() => None,
        [argument] => known(function.fun().name(), argument, through),
        [argument, ..] if function.fun().name() == "approx_percentile_cont" => sketch(argument, through),
        _ => None,
    };
    known.or_else(|| call(function, arguments, through))
}

/// Aggregates whose states the scan keeps itself.
fn known(name: &str, argument: &Arc<dyn PhysicalExpr>, through: &Through) -> Option<Aggregate> {
    let column = argument.downcast_ref::<Column>().map(Column::name);
    let column_type = |name: &str| through.leaf.column_type(name);
    match name {
        "count" => match (column, argument.downcast_ref::<Literal>()) {
            (Some(TIME_COLUMN), _) => Some(Aggregate::CountRows),
            (Some(name), _) => Some(Aggregate::Count {
                column: name.to_owned(),
            }),
            (None, Some(literal)) if !literal.value().is_null() => Some(Aggregate::CountRows),
            _ => None,
        },
        "sum" => match column_type(column?)? {
            RequestType::Int64 | RequestType::Float64 => Some(Aggregate::Sum {
                column: column?.to_owned(),
            }),
            _ => None,
        },
        "min" => Some(Aggregate::Min {
            column: ordered(argument, through)?,
        }),
        "max" => Some(Aggregate::Max {
            column: ordered(argument, through)?,
        }),
        "avg" => Some(Aggregate::Average {
            column: floats(argument, through)?,
        }),
        "approx_median" => sketch(argument, through),
        _ => None,
    }
}

fn sketch(argument: &Arc<dyn PhysicalExpr>, through: &Through) -> Option<Aggregate> {
    Some(Aggregate::Sketch {
        column: floats(argument, through)?,
    })
}

/// Any function whose states the scan would keep in the form that the final step expects.
fn call(function: &AggregateFunctionExpr, arguments: &[Arc<dyn PhysicalExpr>], through: &Through) -> Option<Aggregate> {
    let typed = arguments
        .iter()
        .map(|argument| typed_argument(argument, through))
        .collect::<Option<Vec<_>>>()?;
    let (name, distinct) = (function.fun().name(), function.is_distinct());
    let wanted = function.state_fields().ok()?;
    let kept = state_types(name, &typed, distinct).ok()?;
    if !wanted.iter().map(|field| field.data_type()).eq(kept.iter()) {
        return None;
    }
    Some(Aggregate::Function {
        name: name.to_owned(),
        arguments: typed.into_iter().map(|(argument, _)| argument).collect(),
        distinct,
    })
}

fn typed_argument(argument: &Arc<dyn PhysicalExpr>, through: &Through) -> Option<(Argument, Option<RequestType>)> {
    if let Some(literal) = argument.downcast_ref::<Literal>() {
        let value = match literal.value() {
            ScalarValue::Int64(Some(value)) => Constant::Int64(*value),
            ScalarValue::Float64(Some(value)) if value.is_finite() => Constant::Float64(*value),
            ScalarValue::Boolean(Some(value)) => Constant::Bool(*value),
            ScalarValue::Utf8(Some(value)) => Constant::String(value.clone()),
            _ => return None,
        };
        return Some((Argument::Constant { value }, None));
    }
    let (column, cast) = match argument.downcast_ref::<CastExpr>() {
        Some(cast) => (cast.expr(), Some(cast.cast_type())),
        None => (argument, None),
    };
    let column = column.downcast_ref::<Column>()?.name().to_owned();
    let column_type = through.leaf.column_type(&column)?;
    // Only casts that cannot fail.
    let cast = match (column_type, cast) {
        (_, None) => None,
        (RequestType::Int64 | RequestType::Bool, Some(DataType::Float64)) => Some(RequestType::Float64),
        (RequestType::Bool, Some(DataType::Int64)) => Some(RequestType::Int64),
        _ => return None,
    };
    Some((Argument::Column { column, cast }, Some(column_type)))
}

/// A column that the leaf can order, itself or as the timestamp of its microseconds.
fn ordered(argument: &Arc<dyn PhysicalExpr>, through: &Through) -> Option<String> {
    match argument.downcast_ref::<Column>() {
        Some(column) => {
            (through.leaf.column_type(column.name())? != RequestType::Json).then(|| column.name().to_owned())
        }
        None => time_source(argument)
            .filter(|name| through.leaf.column_type(name) == Some(RequestType::Int64))
            .map(str::to_owned),
    }
}

/// The column whose values, as floats, are the argument: `column` or `CAST(column AS DOUBLE)`.
fn floats(argument: &Arc<dyn PhysicalExpr>, through: &Through) -> Option<String> {
    let inner = match argument.downcast_ref::<CastExpr>() {
        Some(cast) if *cast.cast_type() == DataType::Float64 => cast.expr(),
        Some(_) => return None,
        None => argument,
    };
    let column = inner.downcast_ref::<Column>()?.name();
    let is_cast = !Arc::ptr_eq(inner, argument);
    match (through.leaf.column_type(column)?, is_cast) {
        (RequestType::Float64, false) | (RequestType::Int64, true) => Some(column.to_owned()),
        _ => None,
    }
}
