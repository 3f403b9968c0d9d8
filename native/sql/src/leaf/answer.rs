//! What a scan answers for a leaf of aggregates, and how an answer becomes what the plan above expects.

use std::sync::Arc;

use basalt_scan::request::{Aggregate, Argument, Group, RequestType};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::Result;

use super::functions::state_types;
use crate::stream_table::Columns;

/// Microseconds become timestamps, counts become unsigned; everything else has its type already.
pub(super) fn convert(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let array = match (array.data_type(), target) {
        (same, target) if same == target => return Ok(Arc::clone(array)),
        (DataType::Int64, DataType::Timestamp(_, zone)) => &cast_with_options(
            array,
            &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
            &strict,
        )?,
        _ => array,
    };
    Ok(cast_with_options(array, target, &strict)?)
}

/// The Arrow schema that the scan gives to an aggregate.
pub(super) fn answer_schema(groups: &[Group], aggregates: &[Aggregate], columns: &Columns) -> Option<Schema> {
    let mut fields = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let data_type = match group {
            Group::Column { column } => Columns::arrow(columns.get(column)?),
            Group::Bucket { .. } => DataType::Int64,
        };
        fields.push(Field::new(format!("group{i}"), data_type, true));
    }
    for (i, aggregate) in aggregates.iter().enumerate() {
        let typed = |column: &String| columns.get(column).map(Columns::arrow);
        let named = |states: &[(&str, DataType)]| {
            let states = states.iter();
            states
                .map(|(name, data_type)| ((*name).to_owned(), data_type.clone()))
                .collect()
        };
        let states: Vec<(String, DataType)> = match aggregate {
            Aggregate::CountRows | Aggregate::Count { .. } => named(&[("count", DataType::Int64)]),
            Aggregate::Sum { column } => named(&[("sum", typed(column)?)]),
            Aggregate::Min { column } => named(&[("min", typed(column)?)]),
            Aggregate::Max { column } => named(&[("max", typed(column)?)]),
            Aggregate::Average { .. } => named(&[("count", DataType::Int64), ("sum", DataType::Float64)]),
            Aggregate::Sketch { .. } => named(&[("sketch", DataType::Binary)]),
            Aggregate::Function {
                name,
                arguments,
                distinct,
            } => {
                let types = state_types(name, &typed_arguments(arguments, columns), *distinct).ok()?;
                let states = types.into_iter().enumerate();
                states
                    .map(|(index, data_type)| (index.to_string(), data_type))
                    .collect()
            }
        };
        for (state, data_type) in states {
            fields.push(Field::new(format!("agg{i}_{state}"), data_type, true));
        }
    }
    Some(Schema::new(fields))
}

/// The arguments with the types of their columns.
pub(crate) fn typed_arguments(arguments: &[Argument], columns: &Columns) -> Vec<(Argument, Option<RequestType>)> {
    let column_type = |argument: &Argument| match argument {
        Argument::Column { column, .. } => columns.get(column),
        Argument::Constant { .. } => None,
    };
    arguments
        .iter()
        .map(|argument| (argument.clone(), column_type(argument)))
        .collect()
}
