//! `approx_topk(field, k [, capacity])` and `approx_topk_distinct(field, counted, k [, capacity])`: the values that occur
//! most often, or that have the most different values of another field, as a list of value and count.
//!
//! A group keeps at most twice `capacity` candidates; when there are more, those with the lowest counts go. So the answer is
//! exact as long as a group has no more different values than that.

mod candidates;
mod distinct;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringBuilder, StructArray};
use datafusion::arrow::array::{Int64Builder, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Expr, Signature, Volatility};

use self::candidates::Candidates;
use self::distinct::Distinct;
use super::constants::{given, invalid, planned};
use super::docs::wrong_form;
use super::text::as_text;

const CAPACITY_MIN: usize = 1_000;
const CAPACITY_MAX: usize = 100_000;

/// What is counted of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    Rows,
    Values,
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct TopValues {
    counted: Counted,
    signature: Signature,
}

impl TopValues {
    pub fn new(counted: Counted) -> Self {
        TopValues {
            counted,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// Arguments that are fields.
    fn fields(&self) -> usize {
        match self.counted {
            Counted::Rows => 1,
            Counted::Values => 2,
        }
    }

    /// `k` and the capacity.
    fn sizes(&self, constants: &[ScalarValue]) -> Result<(usize, usize)> {
        let name = self.name();
        let size = |value: &ScalarValue, what: &str| match value {
            ScalarValue::Int64(Some(size)) if (1..=CAPACITY_MAX as i64).contains(size) => Ok(*size as usize),
            other => Err(invalid(format!(
                "the {what} of {name} is from 1 to {CAPACITY_MAX}, not {other}"
            ))),
        };
        match constants {
            [k] => {
                let k = size(k, "number of values")?;
                Ok((k, (4 * k).max(CAPACITY_MIN)))
            }
            [k, capacity] => {
                let k = size(k, "number of values")?;
                Ok((k, size(capacity, "capacity")?.max(k)))
            }
            _ => Err(wrong_form(name)),
        }
    }
}

impl AggregateUDFImpl for TopValues {
    fn name(&self) -> &str {
        match self.counted {
            Counted::Rows => "approx_topk",
            Counted::Values => "approx_topk_distinct",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let fields = self.fields();
        let sizes = arg_types.get(fields..).unwrap_or(&[]);
        if sizes.is_empty() || sizes.len() > 2 || !sizes.iter().all(DataType::is_integer) {
            return Err(wrong_form(self.name()));
        }
        let mut types = Vec::with_capacity(arg_types.len());
        for field in &arg_types[..fields] {
            types.push(as_text(self.name(), field)?);
        }
        types.resize(arg_types.len(), DataType::Int64);
        Ok(types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let counts = match self.counted {
            Counted::Rows => DataType::Int64,
            Counted::Values => DataType::Binary,
        };
        let list = |part: &str, data_type: DataType| {
            let data_type = DataType::List(Arc::new(Field::new_list_field(data_type, true)));
            Arc::new(Field::new(format_state_name(args.name, part), data_type, true))
        };
        Ok(vec![list("values", DataType::Utf8), list("counts", counts)])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let (k, capacity) = self.sizes(&given(self.name(), &args, self.fields())?)?;
        Ok(match self.counted {
            Counted::Rows => Box::new(Rows {
                k,
                candidates: Candidates::new(capacity),
            }),
            Counted::Values => Box::new(distinct::Values {
                k,
                candidates: Candidates::<Distinct>::new(capacity),
            }),
        })
    }

    /// Nothing to simplify; wrong sizes are told before anything is read.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let (fields, counted) = (self.fields(), self.counted);
        Some(Box::new(move |call, _info| {
            let constants = planned(&call, fields)?;
            TopValues::new(counted).sizes(&constants)?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// One entry of an answer.
fn item() -> FieldRef {
    let fields = Fields::from(vec![
        Field::new("value", DataType::Utf8, true),
        Field::new("count", DataType::Int64, true),
    ]);
    Arc::new(Field::new_list_field(DataType::Struct(fields), true))
}

/// The answer of one group.
fn answer(top: &[(&str, i64)]) -> Result<ScalarValue> {
    let (mut values, mut counts) = (StringBuilder::new(), Int64Builder::new());
    for (value, count) in top {
        values.append_value(value);
        counts.append_value(*count);
    }
    let item = item();
    let DataType::Struct(fields) = item.data_type() else {
        return Err(DataFusionError::Internal("an entry is a struct".to_owned()));
    };
    let columns: Vec<ArrayRef> = vec![Arc::new(values.finish()), Arc::new(counts.finish())];
    let entries = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths([top.len()]);
    let list = ListArray::try_new(item, offsets, Arc::new(entries), None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

/// The values of a state.
fn values_state<'a>(values: impl Iterator<Item = &'a str>) -> ScalarValue {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value(values.map(Some));
    ScalarValue::List(Arc::new(list.finish()))
}

/// The two lists of each state.
fn states(arrays: &[ArrayRef]) -> Result<Vec<(ArrayRef, ArrayRef)>> {
    let [values, counts] = arrays else {
        return Err(DataFusionError::Internal(format!(
            "a state of {} columns",
            arrays.len()
        )));
    };
    let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
    let present = (0..values.len()).filter(|row| values.is_valid(*row) && counts.is_valid(*row));
    Ok(present.map(|row| (values.value(row), counts.value(row))).collect())
}

/// Counts of rows.
#[derive(Debug)]
struct Rows {
    k: usize,
    candidates: Candidates<i64>,
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_string::<i32>().iter().flatten() {
            self.candidates.update(value, |count| {
                *count += 1;
                0
            });
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        answer(&self.candidates.top(self.k))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.candidates.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let kept = self.candidates.top(self.candidates.capacity());
        let mut counts = ListBuilder::new(Int64Builder::new());
        counts.append_value(kept.iter().map(|(_, count)| Some(*count)));
        let values = values_state(kept.iter().map(|(value, _)| *value));
        Ok(vec![values, ScalarValue::List(Arc::new(counts.finish()))])
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        for (values, counts) in states(arrays)? {
            let counts = counts.as_primitive::<datafusion::arrow::datatypes::Int64Type>();
            for (value, more) in values.as_string::<i32>().iter().flatten().zip(counts.values()) {
                self.candidates.update(value, |count| {
                    *count += more;
                    0
                });
            }
        }
        Ok(())
    }
}
