//! Tests on integers; floats use them through their total-order keys.

use crate::kernels::{self, float_key};
use crate::request::Comparison;
use ahash::AHashSet;

pub enum NumberTest {
    /// In `low..=high`, or outside it. Empty if `low > high`.
    Range { low: i64, high: i64, negated: bool },
    /// One of `values` (sorted), or none of them. `hashed` is filled if there are many.
    Set {
        values: Vec<i64>,
        hashed: AHashSet<i64>,
        negated: bool,
    },
}

/// More members than this are looked up by hash.
const SET_LINEAR_MAX: usize = 8;

impl NumberTest {
    pub fn compare(cmp: Comparison, value: i64) -> Self {
        let range = |low, high, negated| Self::Range { low, high, negated };
        match cmp {
            Comparison::Equal => range(value, value, false),
            Comparison::NotEqual => range(value, value, true),
            Comparison::LessOrEqual => range(i64::MIN, value, false),
            Comparison::GreaterOrEqual => range(value, i64::MAX, false),
            Comparison::Less => range(value, i64::MAX, true),
            Comparison::Greater => range(i64::MIN, value, true),
        }
    }

    /// On the keys of floats. The two zeros are one value, though not one key.
    pub fn compare_float(cmp: Comparison, value: f64) -> Self {
        if value != 0.0 {
            return Self::compare(cmp, float_key(value));
        }
        let (low, high) = (float_key(-0.0), float_key(0.0));
        match cmp {
            Comparison::Equal | Comparison::NotEqual => Self::Range {
                low,
                high,
                negated: cmp == Comparison::NotEqual,
            },
            Comparison::Less | Comparison::GreaterOrEqual => Self::compare(cmp, low),
            Comparison::Greater | Comparison::LessOrEqual => Self::compare(cmp, high),
        }
    }

    /// Likewise.
    pub fn float_set(values: &[f64], negated: bool) -> Self {
        let zero = values.contains(&0.0);
        let zeros = if zero { [0.0, -0.0].as_slice() } else { &[] };
        Self::set(
            values.iter().chain(zeros).map(|&value| float_key(value)).collect(),
            negated,
        )
    }

    pub fn set(mut values: Vec<i64>, negated: bool) -> Self {
        values.sort_unstable();
        values.dedup();
        let hashed = if values.len() > SET_LINEAR_MAX {
            values.iter().copied().collect()
        } else {
            AHashSet::new()
        };
        Self::Set {
            values,
            hashed,
            negated,
        }
    }

    /// What the test says of every value in `min..=max`, if it says the same of all.
    pub fn decide(&self, min: i64, max: i64) -> Option<bool> {
        match self {
            Self::Range { low, high, negated } => {
                if low > high || max < *low || min > *high {
                    Some(*negated)
                } else if *low <= min && max <= *high {
                    Some(!negated)
                } else {
                    None
                }
            }
            Self::Set { values, negated, .. } => {
                let next = values.partition_point(|&value| value < min);
                match values.get(next) {
                    Some(&value) if value <= max => (min == max).then_some(!negated),
                    _ => Some(*negated),
                }
            }
        }
    }

    fn contains(values: &[i64], hashed: &AHashSet<i64>, value: i64) -> bool {
        if hashed.is_empty() {
            values.contains(&value)
        } else {
            hashed.contains(&value)
        }
    }

    pub fn and_int64(&self, page: &[i64], words: &mut [u64]) {
        match self {
            Self::Range { low, high, negated } => kernels::and_int_range(page, words, *low, *high, *negated),
            Self::Set {
                values,
                hashed,
                negated,
            } => {
                kernels::and_test(page, words, |value| Self::contains(values, hashed, value) != *negated);
            }
        }
    }

    pub fn and_float64(&self, page: &[f64], words: &mut [u64]) {
        match self {
            Self::Range { low, high, negated } => kernels::and_float_range(page, words, *low, *high, *negated),
            Self::Set {
                values,
                hashed,
                negated,
            } => kernels::and_test(page, words, |value| {
                Self::contains(values, hashed, float_key(value)) != *negated
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_at_the_extremes() {
        use Comparison::*;
        for value in [i64::MIN, -1, 0, i64::MAX] {
            for x in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
                let expected = [x == value, x != value, x < value, x <= value, x > value, x >= value];
                for (cmp, expected) in [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]
                    .into_iter()
                    .zip(expected)
                {
                    let test = NumberTest::compare(cmp, value);
                    let mut words = [1];
                    test.and_int64(&[x], &mut words);
                    assert_eq!(words[0] == 1, expected, "{x} {cmp:?} {value}");
                    assert_eq!(test.decide(x, x), Some(expected));
                }
            }
        }
    }

    #[test]
    fn both_zeros_are_one_value() {
        use Comparison::*;
        for value in [0.0, -0.0, 1.0, -1.0] {
            for x in [-2.0, -1.0, -0.0, 0.0, 1.0, 2.0] {
                let expected = [x == value, x != value, x < value, x <= value, x > value, x >= value];
                let compared = [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual];
                let compared = compared.map(|cmp| NumberTest::compare_float(cmp, value));
                let sets = [false, true].map(|negated| NumberTest::float_set(&[value, 7.0], negated));
                let expected = expected.into_iter().chain([x == value, x != value]);
                for (test, expected) in compared.into_iter().chain(sets).zip(expected) {
                    let mut words = [1];
                    test.and_float64(&[x], &mut words);
                    assert_eq!(words[0] == 1, expected, "{x} {value}");
                }
            }
        }
    }

    #[test]
    fn sets_decide_by_bounds() {
        for negated in [false, true] {
            let test = NumberTest::set(vec![9, 5, 5], negated);
            assert_eq!(test.decide(6, 8), Some(negated));
            assert_eq!(test.decide(5, 5), Some(!negated));
            assert_eq!(test.decide(5, 6), None);
            assert_eq!(NumberTest::set(Vec::new(), negated).decide(0, 9), Some(negated));
        }
    }
}
