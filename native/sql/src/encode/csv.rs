//! Rows as CSV by arrow-csv; nested values, which it refuses, become JSON first.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::csv::WriterBuilder;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::EncoderOptions;

use super::json::Column;

pub(super) fn encode(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = WriterBuilder::new().with_header(false).build(Vec::new());
    for batch in batches {
        writer.write(&flat(batch)?)?;
    }
    Ok(writer.into_inner())
}

/// The header line.
pub(super) fn header(names: &[String]) -> Result<Vec<u8>, ArrowError> {
    let fields: Vec<Field> = names
        .iter()
        .map(|name| Field::new(name, DataType::Null, true))
        .collect();
    let empty = RecordBatch::new_empty(Arc::new(Schema::new(fields)));
    let mut writer = WriterBuilder::new().with_header(true).build(Vec::new());
    writer.write(&empty)?;
    Ok(writer.into_inner())
}

fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema_ref();
    if !schema.fields().iter().any(|field| field.data_type().is_nested()) {
        return Ok(batch.clone());
    }
    let mut fields: Vec<FieldRef> = Vec::with_capacity(batch.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (array, field) in batch.columns().iter().zip(schema.fields()) {
        if field.data_type().is_nested() {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(as_json(array.as_ref(), field)?));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(array));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn as_json(array: &dyn Array, field: &FieldRef) -> Result<StringArray, ArrowError> {
    let options = EncoderOptions::default();
    let mut column = Column::new(array, field, &options)?;
    let texts = (0..array.len()).map(|row| {
        (!column.is_null(row)).then(|| {
            let mut text = Vec::new();
            column.write(row, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    Ok(texts.collect())
}
