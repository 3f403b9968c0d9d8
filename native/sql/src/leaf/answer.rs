//! What a scan answers for a leaf of aggregates, and how an answer becomes what the plan above expects.

use std::sync::Arc;

use basalt_scan::request::{Aggregate, Group};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::Result;

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
        let states = match aggregate {
            Aggregate::CountRows | Aggregate::Count { .. } => vec![("count", DataType::Int64)],
            Aggregate::Sum { column } => vec![("sum", typed(column)?)],
            Aggregate::Min { column } => vec![("min", typed(column)?)],
            Aggregate::Max { column } => vec![("max", typed(column)?)],
            Aggregate::Average { .. } => vec![("count", DataType::Int64), ("sum", DataType::Float64)],
        };
        for (state, data_type) in states {
            fields.push(Field::new(format!("agg{i}_{state}"), data_type, true));
        }
    }
    Some(Schema::new(fields))
}
