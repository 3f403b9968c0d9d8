//! Decimals of a negative scale, hundreds or thousands of something, are whole numbers to a reader of text: zero is `0`, not `000`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Schema,
};
use datafusion::arrow::error::ArrowError;

/// The batch with such columns as decimals of scale 0.
pub(super) fn whole(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema_ref();
    if !schema
        .fields()
        .iter()
        .any(|field| has_negative_scale(field.data_type()))
    {
        return Ok(batch.clone());
    }
    let mut fields: Vec<FieldRef> = Vec::with_capacity(batch.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (array, field) in batch.columns().iter().zip(schema.fields()) {
        let wanted = scaled(field.data_type());
        columns.push(match wanted == *array.data_type() {
            true => Arc::clone(array),
            false => cast(array, &wanted)?,
        });
        fields.push(Arc::new(field.as_ref().clone().with_data_type(wanted)));
    }
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &rows)
}

fn has_negative_scale(data_type: &DataType) -> bool {
    scaled(data_type) != *data_type
}

/// The type with scale 0 for each negative one; as wide as the digits then are.
fn scaled(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| -> FieldRef {
        let inner = scaled(field.data_type());
        Arc::new(Field::clone(field).with_data_type(inner))
    };
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale < 0 =>
        {
            let digits = precision.saturating_add(scale.unsigned_abs());
            match digits <= DECIMAL128_MAX_PRECISION {
                true => DataType::Decimal128(digits, 0),
                false => DataType::Decimal256(digits.min(DECIMAL256_MAX_PRECISION), 0),
            }
        }
        DataType::List(item) => DataType::List(field(item)),
        DataType::LargeList(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(field(item), *length),
        DataType::Struct(members) => DataType::Struct(members.iter().map(field).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{Format, encode};
    use datafusion::arrow::array::{Decimal128Array, Decimal256Array, ListArray};
    use datafusion::arrow::buffer::OffsetBuffer;
    use datafusion::arrow::datatypes::i256;

    #[test]
    fn zeros_and_others_are_numbers_in_every_form() {
        let decimals = Decimal128Array::from(vec![Some(0), Some(4), Some(-12), None])
            .with_precision_and_scale(10, -2)
            .expect("a decimal");
        let wide = Decimal256Array::from(vec![Some(i256::ZERO), Some(i256::from_i128(7)), None, None])
            .with_precision_and_scale(40, -3)
            .expect("a decimal");
        let item = Arc::new(Field::new("item", decimals.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([2, 0, 2, 0]);
        let lists = ListArray::new(item, offsets, Arc::new(decimals.clone()), None);
        let columns: Vec<(&str, ArrayRef)> =
            vec![("a", Arc::new(decimals)), ("b", Arc::new(wide)), ("c", Arc::new(lists))];
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
                .expect("a batch");
        let names = ["a", "b", "c"].map(str::to_owned);
        let text = |format| {
            String::from_utf8(encode(std::slice::from_ref(&batch), &names, format).expect("rows")).expect("text")
        };
        assert_eq!(
            text(Format::JsonArrays),
            "[0,0,[0,400]],[400,7000,[]],[-1200,null,[-1200,null]],[null,null,[]]"
        );
        assert_eq!(
            text(Format::Csv),
            "0,0,\"[0,400]\"\n400,7000,[]\n-1200,,\"[-1200,null]\"\n,,[]\n"
        );
        assert!(text(Format::Ndjson).starts_with("{\"a\":0,\"b\":0,\"c\":[0,400]}\n"));
    }
}
