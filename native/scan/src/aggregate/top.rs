//! The groups that come first by one column of the answer, with all that are equal to the last of them.

use super::Aggregation;
use crate::error::ScanError;
use crate::kernels::float_key;
use crate::request::Top;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// A smaller one comes first: whether it comes after all values, then the order among values.
type Key = (bool, i64);

pub fn choose(aggregation: &mut Aggregation, top: &Top) -> Result<Vec<u32>, ScanError> {
    let groups: Vec<u32> = (0..aggregation.grouping.len() as u32).collect();
    let limit = usize::try_from(top.limit).unwrap_or(usize::MAX);
    if limit >= groups.len() {
        return Ok(groups);
    }
    let Some(last) = limit.checked_sub(1) else {
        return Ok(Vec::new());
    };
    let keys = keys(&aggregation.column(top.column, &groups)?, top)?;
    let mut sorted = keys.clone();
    let (_, border, _) = sorted.select_nth_unstable(last);
    let border = *border;
    Ok(groups
        .into_iter()
        .zip(keys)
        .filter(|(_, key)| *key <= border)
        .map(|(group, _)| group)
        .collect())
}

impl Aggregation {
    /// One column of the answer for these groups.
    fn column(&mut self, mut column: usize, groups: &[u32]) -> Result<ArrayRef, ScanError> {
        if let Some(found) = self.grouping.column(column, groups)? {
            return Ok(found);
        }
        column -= self.grouping.members();
        for (state, &width) in self.states.iter_mut().zip(&self.widths) {
            if column < width {
                return Ok(state.columns(groups)?.swap_remove(column));
            }
            column -= width;
        }
        Err(ScanError::Request(
            "the order is by a column that the answer does not have".to_owned(),
        ))
    }
}

fn keys(column: &ArrayRef, top: &Top) -> Result<Vec<Key>, ScanError> {
    let flip = if top.descending { -1 } else { 0 };
    let value_of: &dyn Fn(usize) -> i64 = match column.data_type() {
        DataType::Int64 => &|row| column.as_primitive::<Int64Type>().value(row),
        DataType::Float64 => &|row| float_key(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => &|row| i64::from(column.as_boolean().value(row)),
        other => {
            return Err(ScanError::Request(format!(
                "the order of groups by a column of type {other}"
            )));
        }
    };
    let key = |row| {
        if column.is_null(row) {
            (!top.nulls_first, if top.nulls_first { i64::MIN } else { i64::MAX })
        } else {
            (top.nulls_first, value_of(row) ^ flip)
        }
    };
    Ok((0..column.len()).map(key).collect())
}
