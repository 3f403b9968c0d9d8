//! Adding values to groups.
//!
//! With few groups, neighbouring rows often add to the same cell, and each addition would wait for the one before. So a
//! page is added to four rows of cells in turn, which are added up at its end.

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

/// A wrapping sum of integers, and how many.
#[derive(Clone, Copy, Default)]
pub struct IntSum {
    pub sum: i64,
    pub count: i64,
}

impl Cell<i64> for IntSum {
    #[inline(always)]
    fn add(&mut self, value: i64) {
        self.sum = self.sum.wrapping_add(value);
        self.count += 1;
    }

    fn merge(&mut self, other: Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.count += other.count;
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
                let mut cells = vec![IntSum { sum: 5, count: 1 }; groups];
                let mut expected = cells.clone();
                add_each(&mut cells, &ids, |row| row as i64 - 100);
                for (row, &id) in ids.iter().enumerate() {
                    expected[id as usize].add(row as i64 - 100);
                }
                let plain = |cells: &[IntSum]| cells.iter().map(|cell| (cell.sum, cell.count)).collect::<Vec<_>>();
                assert_eq!(plain(&cells), plain(&expected));
            }
            let values: Vec<f64> = (0..rows).map(|row| row as f64 * 0.5).collect();
            let mut cell = FloatSum::default();
            add_all(&mut cell, &values);
            assert_eq!((cell.sum, cell.count), (values.iter().sum(), rows as i64));
        }
    }
}
