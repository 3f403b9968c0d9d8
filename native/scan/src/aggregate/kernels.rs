//! Adding values to groups.
//!
//! With few groups, neighbouring rows often add to the same cell, and each addition would wait for the one before. So a
//! page is added to four rows of cells in turn, which are added up at its end.

use crate::error::ScanError;

/// Up to so many groups have four cells each on the stack.
const LANE_GROUPS: usize = 64;
const LANES: usize = 4;
/// A shorter run is not worth clearing the cells.
const LANE_ROWS_MIN: usize = 256;

/// A cell that values add up in.
pub trait Cell<T>: Copy + Default {
    fn add(&mut self, value: T);
    fn merge(&mut self, other: Self);
}

/// Rows, whatever their value.
impl<T> Cell<T> for i64 {
    #[inline(always)]
    fn add(&mut self, _: T) {
        *self += 1;
    }

    fn merge(&mut self, other: Self) {
        *self += other;
    }
}

/// A sum of integers that may leave their range on the way: it is `sum` and `carry` times 2^64.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct IntSum {
    sum: i64,
    carry: i32,
    /// Whether there are values.
    any: bool,
}

impl IntSum {
    /// `None` without values; an error where the sum is no int64.
    pub fn value(self) -> Result<Option<i64>, ScanError> {
        if self.carry != 0 {
            let sum = i128::from(self.sum) + (i128::from(self.carry) << 64);
            return Err(ScanError::Overflow(format!("the sum {sum}")));
        }
        Ok(self.any.then_some(self.sum))
    }
}

impl Cell<i64> for IntSum {
    #[inline(always)]
    fn add(&mut self, value: i64) {
        let (sum, overflow) = self.sum.overflowing_add(value);
        self.sum = sum;
        // One more or one less, without a branch.
        self.carry += (value >> 63 | 1) as i32 * i32::from(overflow);
        self.any = true;
    }

    fn merge(&mut self, other: Self) {
        if other.any {
            self.add(other.sum);
            self.carry += other.carry;
        }
    }
}

/// A sum of floats, or of integers each made a float first, and how many.
#[derive(Clone, Copy, Default)]
pub struct FloatSum {
    pub sum: f64,
    pub count: i64,
}

impl Cell<f64> for FloatSum {
    #[inline(always)]
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }
}

impl Cell<i64> for FloatSum {
    #[inline(always)]
    fn add(&mut self, value: i64) {
        self.sum += value as f64;
        self.count += 1;
    }

    fn merge(&mut self, other: Self) {
        Cell::<f64>::merge(self, other);
    }
}

/// Adds each value to the cell of its id; as many ids as values.
pub fn add_each<T: Copy, C: Cell<T>>(cells: &mut [C], ids: &[u32], values: impl Fn(usize) -> T) {
    if cells.len() > LANE_GROUPS || ids.len() < LANE_ROWS_MIN {
        for (row, &id) in ids.iter().enumerate() {
            cells[id as usize].add(values(row));
        }
        return;
    }
    let mut lanes = [[C::default(); LANES]; LANE_GROUPS];
    let (fours, rest) = ids.as_chunks::<LANES>();
    for (four, ids) in fours.iter().enumerate() {
        for lane in 0..LANES {
            lanes[ids[lane] as usize % LANE_GROUPS][lane].add(values(four * LANES + lane));
        }
    }
    for (row, &id) in rest.iter().enumerate() {
        cells[id as usize].add(values(fours.len() * LANES + row));
    }
    for (cell, lanes) in cells.iter_mut().zip(&lanes) {
        lanes.iter().for_each(|lane| cell.merge(*lane));
    }
}

/// Adds all values to one cell.
pub fn add_all<T: Copy, C: Cell<T>>(cell: &mut C, values: &[T]) {
    let mut lanes = [C::default(); 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for (lane, &value) in lanes.iter_mut().zip(eight) {
            lane.add(value);
        }
    }
    rest.iter().for_each(|&value| cell.add(value));
    lanes.iter().for_each(|lane| cell.merge(*lane));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_add_up_to_the_plain_sum() {
        for rows in [0usize, 1, 3, 255, 256, 257, 1000] {
            for groups in [1usize, 3, 64, 65, 300] {
                let ids: Vec<u32> = (0..rows).map(|row| (row * 31 % groups) as u32).collect();
                let mut cells = vec![IntSum::default(); groups];
                cells.iter_mut().for_each(|cell| cell.add(5));
                let mut expected = cells.clone();
                add_each(&mut cells, &ids, |row| row as i64 - 100);
                for (row, &id) in ids.iter().enumerate() {
                    expected[id as usize].add(row as i64 - 100);
                }
                assert_eq!(cells, expected);
            }
            let values: Vec<f64> = (0..rows).map(|row| row as f64 * 0.5).collect();
            let mut cell = FloatSum::default();
            add_all(&mut cell, &values);
            assert_eq!((cell.sum, cell.count), (values.iter().sum(), rows as i64));
        }
    }

    #[test]
    fn a_sum_may_leave_the_range_on_the_way_but_not_at_the_end() {
        for rows in [3usize, 1000] {
            let mut values = vec![i64::MAX; rows];
            values.extend(vec![i64::MIN; rows]);
            let mut cell = IntSum::default();
            add_all(&mut cell, &values);
            assert_eq!(cell.value().ok(), Some(Some(-(rows as i64))));
            add_all(&mut cell, &[i64::MIN, 0]);
            let error = cell.value().expect_err("too small");
            let sum = i128::from(i64::MIN) - rows as i128;
            assert!(error.to_string().contains(&sum.to_string()), "{error}");
        }
        assert_eq!(IntSum::default().value().ok(), Some(None));
    }
}
