//! Partial aggregation in the leaf.
//!
//! An aggregate over a leaf becomes a leaf that answers states, below the final step of the same aggregate. The leaf's
//! output has exactly the schema that DataFusion's own partial step would have, so the final step cannot tell.

use std::sync::Arc;

use basalt_scan::request::{Aggregate, Group, RequestType};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use super::bucket::{Bucket, bucket, time_source};
use super::through::{Through, look_through};
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
        match group(&through.resolve(expr)?) {
            Some(group) => groups.push(group),
            None => return Ok(None),
        }
    }
    Ok(Some(groups))
}

fn group(expr: &Arc<dyn PhysicalExpr>) -> Option<Group> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Some(Group::Column {
            column: column.name().to_owned(),
        });
    }
    let Bucket { column, steps } = bucket(expr)?;
    Some(Group::Bucket {
        column: column.to_owned(),
        width: steps.width_us,
        origin: steps.origin_us,
    })
}

fn aggregates(aggregate: &AggregateExec, through: &Through) -> Result<Option<Vec<Aggregate>>> {
    let mut aggregates = Vec::new();
    for function in aggregate.aggr_expr() {
        let arguments = function.expressions();
        let [argument] = arguments.as_slice() else {
            return Ok(None);
        };
        match one(function, &through.resolve(argument)?, through) {
            Some(aggregate) => aggregates.push(aggregate),
            None => return Ok(None),
        }
    }
    Ok(Some(aggregates))
}

fn one(function: &AggregateFunctionExpr, argument: &Arc<dyn PhysicalExpr>, through: &Through) -> Option<Aggregate> {
    if function.is_distinct() || function.ignore_nulls() || !function.order_bys().is_empty() {
        return None;
    }
    let column = argument.downcast_ref::<Column>().map(Column::name);
    let column_type = |name: &str| through.leaf.column_type(name);
    match function.fun().name() {
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
        "avg" => {
            let name = averaged(argument)?;
            match (column_type(name)?, column.is_some()) {
                (RequestType::Float64, true) | (RequestType::Int64, false) => Some(Aggregate::Average {
                    column: name.to_owned(),
                }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A column that the leaf can order, itself or as the timestamp of its microseconds.
fn ordered(argument: &Arc<dyn PhysicalExpr>, through: &Through) -> Option<String> {
    match argument.downcast_ref::<Column>() {
        Some(column) => {
            (through.leaf.column_type(column.name())? != RequestType::Json).then(|| column.name().to_owned())
        }
        None => time_source(argument).map(str::to_owned),
    }
}

/// The column of `avg(column)` or `avg(CAST(column AS DOUBLE))`.
fn averaged(argument: &Arc<dyn PhysicalExpr>) -> Option<&str> {
    let inner = match argument.downcast_ref::<CastExpr>() {
        Some(cast) if *cast.cast_type() == DataType::Float64 => cast.expr(),
        Some(_) => return None,
        None => argument,
    };
    inner.downcast_ref::<Column>().map(Column::name)
}
