//! The percentile of values that are all kept, to the last digit: the original cuts the place between two values to six digits.

use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// The value below which a share of the values lies, between two of them in proportion. Orders the values.
fn percentile(values: &mut [f64], share: f64) -> Option<f64> {
    let place = share * values.len().checked_sub(1)? as f64;
    let below = place.floor() as usize;
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    let part = place - place.floor();
    Some(if part == 0.0 || low == high {
        low
    } else {
        low + (high - low) * part
    })
}

/// The values in the order in which they came, so that those that leave a frame are the first.
#[derive(Debug)]
pub(super) struct One {
    share: f64,
    values: VecDeque<f64>,
}

impl One {
    pub fn new(share: f64) -> Self {
        Self {
            share,
            values: VecDeque::new(),
        }
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values
            .extend(values[0].as_primitive::<Float64Type>().iter().flatten());
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let gone = values[0].len() - values[0].null_count();
        self.values.drain(..gone.min(self.values.len()));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.values.extend(list.as_primitive::<Float64Type>().iter().flatten());
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut values: Vec<f64> = self.values.iter().copied().collect();
        Ok(ScalarValue::Float64(percentile(&mut values, self.share)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<ScalarValue> = self
            .values
            .iter()
            .map(|value| ScalarValue::Float64(Some(*value)))
            .collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(
            &values,
            &DataType::Float64,
        ))])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * size_of::<f64>()
    }
}

/// The original keeps the values of each group; what it tells of them is ours.
pub(super) struct Groups {
    original: Box<dyn GroupsAccumulator>,
    share: f64,
}

impl Groups {
    pub fn new(original: Box<dyn GroupsAccumulator>, share: f64) -> Self {
        Self { original, share }
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.original
            .update_batch(values, group_indices, opt_filter, total_num_groups)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.original.merge_batch(values, group_indices, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let states = self.original.state(emit_to)?;
        let Some(lists) = states.first().and_then(|state| state.as_list_opt::<i32>()) else {
            return Err(DataFusionError::Internal(
                "the state of a percentile is no list".to_owned(),
            ));
        };
        let told = lists.iter().map(|list| {
            let list = list?;
            let mut values: Vec<f64> = list.as_primitive::<Float64Type>().iter().flatten().collect();
            percentile(&mut values, self.share)
        });
        Ok(Arc::new(told.collect::<Float64Array>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.original.state(emit_to)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.original.convert_to_state(values, opt_filter)
    }

    fn size(&self) -> usize {
        self.original.size()
    }
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn the_place_between_two_values_keeps_all_its_digits() {
        let told = |values: &[f64], share| percentile(&mut values.to_vec(), share);
        let near = |told: Option<f64>, right: f64| {
            assert!((told.unwrap_or(f64::NAN) - right).abs() < 1e-9, "{told:?}, not {right}")
        };
        near(told(&[9.0, 100.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 0.95), 59.05);
        near(told(&[1.0, 2.0, 4.0, 1_000_000.0], 0.999), 997_000.012);
        near(told(&[1.0, 2.0], 0.0), 1.0);
        near(told(&[1.0, 2.0], 1.0), 2.0);
        assert_eq!(told(&[], 0.5), None);
    }
}
