//! `summary_percentile(value, count, p)`: the percentile of values of which each stands for `count` equal ones, as
//! `percentile_cont` would tell it of all of them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Builder, Int64Builder, ListBuilder};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Expr, Signature, Volatility};

use super::constants::{given, invalid, planned};
use super::docs::wrong_form;
use crate::error::{SqlError, TYPE_MISMATCH};

const NAME: &str = "summary_percentile";
/// Arguments that are fields.
const FIELDS: usize = 2;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct SummaryPercentile {
    signature: Signature,
}

impl SummaryPercentile {
    pub fn new() -> Self {
        SummaryPercentile {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl AggregateUDFImpl for SummaryPercentile {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if arg_types.len() != FIELDS + 1 {
            return Err(wrong_form(NAME));
        }
        if let Some(other) = arg_types
            .iter()
            .find(|data_type| !data_type.is_numeric() && !data_type.is_null())
        {
            let text = format!("no compatible data type: {NAME} needs numbers, not {other}");
            return Err(SqlError::new(TYPE_MISMATCH, text).into());
        }
        Ok(vec![DataType::Float64, DataType::Int64, DataType::Float64])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = |part: &str, data_type: DataType| {
            let data_type = DataType::List(Arc::new(Field::new_list_field(data_type, true)));
            Arc::new(Field::new(format_state_name(args.name, part), data_type, true))
        };
        Ok(vec![list("values", DataType::Float64), list("counts", DataType::Int64)])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Weights {
            share: share(&given(NAME, &args, FIELDS)?)?,
            counts: HashMap::new(),
        }))
    }

    /// Nothing to simplify; a wrong share is told before anything is read.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call, _info| {
            share(&planned(&call, FIELDS)?)?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn share(constants: &[ScalarValue]) -> Result<f64> {
    match constants {
        [ScalarValue::Float64(Some(share))] if (0.0..=1.0).contains(share) => Ok(*share),
        [other] => Err(invalid(format!("the share of {NAME} is from 0 to 1, not {other}"))),
        _ => Err(wrong_form(NAME)),
    }
}

/// How often each value is there, by its bits.
#[derive(Debug)]
struct Weights {
    share: f64,
    counts: HashMap<u64, i64>,
}

impl Weights {
    fn add(&mut self, values: &dyn Array, counts: &dyn Array) {
        let values = values.as_primitive::<Float64Type>().iter();
        for (value, count) in values.zip(counts.as_primitive::<Int64Type>()) {
            if let (Some(value), Some(count)) = (value, count)
                && count > 0
            {
                let total = self.counts.entry(value.to_bits()).or_default();
                *total = total.saturating_add(count);
            }
        }
    }

    fn percentile(&self) -> Option<f64> {
        let mut values: Vec<(f64, i128)> = self
            .counts
            .iter()
            .map(|(bits, count)| (f64::from_bits(*bits), i128::from(*count)))
            .collect();
        values.sort_by(|left, right| left.0.total_cmp(&right.0));
        let total: i128 = values.iter().map(|(_, count)| count).sum();
        let rank = self.share * (total - 1) as f64;
        let at = |rank: i128| {
            let mut before = 0;
            let found = values.iter().find(|(_, count)| {
                before += count;
                before > rank
            });
            found.or(values.last()).map(|(value, _)| *value)
        };
        let (low, high) = (at(rank.floor() as i128)?, at(rank.ceil() as i128)?);
        Some(if low == high {
            low
        } else {
            low + (high - low) * rank.fract()
        })
    }
}

impl Accumulator for Weights {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(values[0].as_ref(), values[1].as_ref());
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.percentile()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * size_of::<(u64, i64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut values = ListBuilder::new(Float64Builder::new());
        let mut counts = ListBuilder::new(Int64Builder::new());
        values.append_value(self.counts.keys().map(|bits| Some(f64::from_bits(*bits))));
        counts.append_value(self.counts.values().map(|count| Some(*count)));
        Ok(vec![
            ScalarValue::List(Arc::new(values.finish())),
            ScalarValue::List(Arc::new(counts.finish())),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts] = states else {
            return Err(DataFusionError::Internal(format!(
                "a state of {} columns",
                states.len()
            )));
        };
        let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
        for row in 0..values.len() {
            if values.is_valid(row) && counts.is_valid(row) {
                self.add(values.value(row).as_ref(), counts.value(row).as_ref());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, Int64Array};

    use super::*;

    #[test]
    fn it_is_the_percentile_of_the_repeated_values() {
        let told = |share: f64, rows: &[(f64, i64)]| {
            let mut weights = Weights {
                share,
                counts: HashMap::new(),
            };
            let values = Float64Array::from_iter_values(rows.iter().map(|row| row.0));
            let counts = Int64Array::from_iter_values(rows.iter().map(|row| row.1));
            weights.add(&values, &counts);
            weights.percentile()
        };
        // 1 1 1 5 9
        let rows = [(5.0, 1), (1.0, 3), (9.0, 1), (7.0, 0), (8.0, -2)];
        assert_eq!(told(0.0, &rows), Some(1.0));
        assert_eq!(told(0.5, &rows), Some(1.0));
        assert_eq!(told(0.625, &rows), Some(3.0));
        assert_eq!(told(0.75, &rows), Some(5.0));
        assert_eq!(told(1.0, &rows), Some(9.0));
        assert_eq!(told(0.5, &[]), None);
    }
}
