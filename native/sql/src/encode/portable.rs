//! The column types of Arrow and Parquet files: those that all common readers give back as they went in (docs/API.md, "Types of exported
//! columns"). A column of any other type becomes text, the same text that CSV has.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::EncoderOptions;

use super::json::Column;

/// The zone of all times that have one: a reader may not know others, and the moment is the same.
const UTC: &str = "UTC";

/// The type that a column of `data_type` gets.
pub(super) fn portable_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Utf8
        | DataType::Timestamp(_, None) => data_type.clone(),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some(UTC.into())),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => portable_decimal(*precision, *scale),
        DataType::Dictionary(_, values) => portable_type(values),
        DataType::RunEndEncoded(_, values) => portable_type(values.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => match item.data_type().is_nested() {
            true => DataType::Utf8,
            false => DataType::List(item_of(portable_type(item.data_type()))),
        },
        _ => DataType::Utf8,
    }
}

/// Parquet knows no negative scale, and none above the precision; readers know 38 digits.
fn portable_decimal(precision: u8, scale: i8) -> DataType {
    let digits = match scale {
        ..0 => u16::from(precision) + u16::from(scale.unsigned_abs()),
        _ => u16::from(precision.max(scale.unsigned_abs())),
    };
    match u8::try_from(digits) {
        Ok(digits) if digits <= DECIMAL128_MAX_PRECISION => DataType::Decimal128(digits, scale.max(0)),
        _ => DataType::Utf8,
    }
}

fn item_of(data_type: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(data_type, true))
}

/// The column as `portable_type` has it.
///
/// # Errors
/// A value that does not fit, such as a text past two gigabytes.
pub(super) fn portable(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let from = array.data_type();
    let to = portable_type(from);
    if *from == to {
        return Ok(Arc::clone(array));
    }
    match (from, &to) {
        (DataType::Dictionary(_, values), _) => portable(&cast(array, values)?),
        (DataType::RunEndEncoded(_, values), _) => portable(&cast(array, values.data_type())?),
        (DataType::LargeUtf8 | DataType::Utf8View, _) => cast(array, &to),
        (_, DataType::Utf8) => text(array),
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let values = portable(list.values())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, nulls)?))
        }
        (
            DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::ListView(item)
            | DataType::LargeListView(item),
            DataType::List(_),
        ) => portable(&cast(array, &DataType::List(Arc::clone(item)))?),
        _ => cast(array, &to),
    }
}

fn text(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let field = Arc::new(Field::new("", array.data_type().clone(), true));
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut column = Column::new(array.as_ref(), &field, &options)?;
    let mut texts = StringBuilder::new();
    let mut cell = Vec::new();
    for row in 0..array.len() {
        if column.is_null(row) {
            texts.append_null();
            continue;
        }
        cell.clear();
        column.write_plain(row, &mut cell);
        texts.append_value(String::from_utf8_lossy(&cell));
    }
    Ok(Arc::new(texts.finish()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{
        BinaryViewArray, Decimal256Array, DictionaryArray, DurationMicrosecondArray, FixedSizeListArray, Int64Array,
        NullArray, StringViewArray, StructArray, TimestampNanosecondArray, UInt64Array,
    };
    use datafusion::arrow::datatypes::{Fields, Int32Type, Int64Type, TimeUnit, i256};

    use super::*;

    fn texts(array: &ArrayRef) -> Vec<Option<String>> {
        let array = portable(array).expect("portable");
        array
            .as_string::<i32>()
            .iter()
            .map(|text| text.map(str::to_owned))
            .collect()
    }

    #[test]
    fn what_readers_know_stays() {
        let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]));
        assert_eq!(&portable(&unsigned).expect("stays"), &unsigned);
        let long = "v".repeat(20);
        let views: ArrayRef = Arc::new(StringViewArray::from(vec![Some("short"), None, Some(long.as_str())]));
        assert_eq!(texts(&views), [Some("short".to_owned()), None, Some(long)]);
        let dictionary: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("a"), None, Some("a")]));
        assert_eq!(texts(&dictionary), [Some("a".to_owned()), None, Some("a".to_owned())]);
        let zoned: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![7]).with_timezone("+02:00"));
        let zoned = portable(&zoned).expect("UTC");
        assert_eq!(
            zoned.data_type(),
            &DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
        );
        assert_eq!(zoned.to_data().buffers()[0].typed_data::<i64>(), [7]);
    }

    #[test]
    fn what_some_do_not_know_is_text() {
        let binary: ArrayRef = Arc::new(BinaryViewArray::from(vec![Some(b"\x00\xff".as_slice()), None]));
        assert_eq!(texts(&binary), [Some("00ff".to_owned()), None]);
        let none: ArrayRef = Arc::new(NullArray::new(2));
        assert_eq!(texts(&none), [None, None]);
        let duration: ArrayRef = Arc::new(DurationMicrosecondArray::from(vec![1_500_000]));
        assert_eq!(texts(&duration), [Some("PT1.5S".to_owned())]);
        let wide = Decimal256Array::from(vec![Some(i256::from(125)), None])
            .with_precision_and_scale(50, 2)
            .expect("a decimal");
        assert_eq!(texts(&(Arc::new(wide) as ArrayRef)), [Some("1.25".to_owned()), None]);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let fields = Fields::from(vec![Field::new("a", DataType::Int64, true)]);
        let objects: ArrayRef = Arc::new(StructArray::new(fields, vec![numbers], None));
        assert_eq!(
            texts(&objects),
            [Some(r#"{"a":1}"#.to_owned()), Some(r#"{"a":null}"#.to_owned())]
        );
    }

    #[test]
    fn lists_of_scalars_are_lists_and_others_text() {
        let fixed: ArrayRef = Arc::new(FixedSizeListArray::from_iter_primitive::<Int64Type, _, _>(
            vec![Some(vec![Some(1), None]), None],
            2,
        ));
        let list = portable(&fixed).expect("a list");
        assert_eq!(list.data_type(), &DataType::List(item_of(DataType::Int64)));
        assert!(list.is_null(1));
        let inner = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), None]), None]);
        let outer = ListArray::new(
            Arc::new(Field::new("item", inner.data_type().clone(), true)),
            datafusion::arrow::buffer::OffsetBuffer::from_lengths([2]),
            Arc::new(inner),
            None,
        );
        assert_eq!(
            texts(&(Arc::new(outer) as ArrayRef)),
            [Some("[[1,null],null]".to_owned())]
        );
    }

    #[test]
    fn decimals_keep_their_digits_where_they_fit() {
        for (from, to) in [
            (DataType::Decimal128(5, 2), DataType::Decimal128(5, 2)),
            (DataType::Decimal32(5, 2), DataType::Decimal128(5, 2)),
            (DataType::Decimal128(3, -2), DataType::Decimal128(5, 0)),
            (DataType::Decimal128(2, 5), DataType::Decimal128(5, 5)),
            (DataType::Decimal128(38, -1), DataType::Utf8),
            (DataType::Decimal256(76, 0), DataType::Utf8),
        ] {
            assert_eq!(portable_type(&from), to, "{from}");
        }
    }
}
