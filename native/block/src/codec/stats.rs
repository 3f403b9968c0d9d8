//! What is known of a page's values before a codec is chosen: one pass per kind, written so that it vectorises.

use super::TextSlice;

pub struct IntStats {
    pub min: i64,
    pub max: i64,
    /// Least and greatest step from one value to the next (0 for a single value); `None` when some step does not fit i64.
    pub steps: Option<(i64, i64)>,
    /// Values that differ from the one before.
    pub changes: usize,
}

impl IntStats {
    /// `values` is not empty.
    pub fn collect(values: &[i64]) -> Self {
        let (mut min, mut max) = (values[0], values[0]);
        for &value in values {
            min = min.min(value);
            max = max.max(value);
        }
        let steps = max.checked_sub(min).map(|_| {
            // The whole range fits i64, so no step overflows.
            let (mut least, mut greatest) = (i64::MAX, i64::MIN);
            for pair in values.windows(2) {
                let step = pair[1].wrapping_sub(pair[0]);
                least = least.min(step);
                greatest = greatest.max(step);
            }
            if values.len() == 1 { (0, 0) } else { (least, greatest) }
        });
        let changes = count_changes(values);
        Self {
            min,
            max,
            steps,
            changes,
        }
    }
}

/// Order of `f64::total_cmp` as integers.
pub fn total_order_key(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn from_total_order_key(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

pub struct FloatStats {
    /// By total order, so `-0.0 < 0.0`.
    pub min: f64,
    pub max: f64,
    pub has_nan: bool,
}

impl FloatStats {
    /// `values` is not empty.
    pub fn collect(values: &[f64]) -> Self {
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for &value in values {
            let key = total_order_key(value);
            min = min.min(key);
            max = max.max(key);
        }
        let (min, max) = (from_total_order_key(min), from_total_order_key(max));
        // In total order every NaN is beyond the infinities, so one at either end tells of any.
        Self {
            min,
            max,
            has_nan: min.is_nan() || max.is_nan(),
        }
    }

    /// All values have the same bits.
    pub fn is_constant(&self) -> bool {
        self.min.to_bits() == self.max.to_bits()
    }
}

pub struct BoolStats {
    pub trues: usize,
    pub count: usize,
}

impl BoolStats {
    pub fn collect(values: &[bool]) -> Self {
        Self {
            trues: values.iter().map(|&value| usize::from(value)).sum(),
            count: values.len(),
        }
    }
}

pub struct CodeStats {
    pub min: u32,
    pub max: u32,
    /// Values that differ from the one before.
    pub changes: usize,
}

impl CodeStats {
    /// `values` is not empty.
    pub fn collect(values: &[u32]) -> Self {
        let (mut min, mut max) = (u32::MAX, 0);
        for &value in values {
            min = min.min(value);
            max = max.max(value);
        }
        let changes = count_changes(values);
        Self { min, max, changes }
    }
}

fn count_changes<T: PartialEq>(values: &[T]) -> usize {
    values.windows(2).map(|pair| usize::from(pair[0] != pair[1])).sum()
}

pub struct TextStats {
    pub length_min: u32,
    pub length_max: u32,
    pub all_equal: bool,
}

impl TextStats {
    /// `values` is not empty.
    pub fn collect(values: TextSlice<'_>) -> Self {
        let (mut length_min, mut length_max) = (u32::MAX, 0);
        for pair in values.offsets.windows(2) {
            let length = pair[1] - pair[0];
            length_min = length_min.min(length);
            length_max = length_max.max(length);
        }
        let first = values.get(0);
        let all_equal = length_min == length_max && (1..values.count()).all(|index| values.get(index) == first);
        Self {
            length_min,
            length_max,
            all_equal,
        }
    }
}
