//! What a block's header, or a column's page directory, says of a predicate before any value is read.

use super::{Leaf, NumberTest, Test};
use crate::block_view::BlockView;
use crate::error::ScanError;
use crate::kernels::float_key;
use crate::text::Matcher;
use basalt_block::Bound;

/// `Some(true)`: every row passes; `Some(false)`: none; `None`: rows must be looked at.
pub fn decide(leaf: &Leaf, block: &BlockView, time_slot: usize) -> Option<bool> {
    let nulls = block.null_count(leaf.slot)?;
    if let Test::IsNull { negated } = leaf.test {
        return match nulls {
            0 => Some(negated),
            _ if nulls == block.rows() => Some(!negated),
            _ => None,
        };
    }
    if nulls == block.rows() {
        return Some(false);
    }
    let (min, max) = if leaf.slot == time_slot {
        let (min, max) = block.header().time_range();
        (Bound::Int64(min), Bound::Int64(max))
    } else {
        block.bounds(leaf.slot)?
    };
    value_verdict(&leaf.test, &min, &max).filter(|&passes| !passes || nulls == 0)
}

/// The same of one page, from the column's page directory.
pub fn decide_page(leaf: &Leaf, block: &mut BlockView, page: usize) -> Result<Option<bool>, ScanError> {
    let zone = block.page_zone(leaf.slot, page)?;
    let Some(nulls) = zone.nulls else { return Ok(None) };
    let all_null = nulls == block.page_rows(page);
    if let Test::IsNull { negated } = leaf.test {
        return Ok(if nulls == 0 {
            Some(negated)
        } else {
            all_null.then_some(!negated)
        });
    }
    if all_null {
        return Ok(Some(false));
    }
    let verdict = zone.bounds.and_then(|(min, max)| value_verdict(&leaf.test, &min, &max));
    Ok(verdict.filter(|&passes| !passes || nulls == 0))
}

/// What the test says of all values between the bounds.
fn value_verdict(test: &Test, min: &Bound, max: &Bound) -> Option<bool> {
    match (test, min, max) {
        (Test::Int64(test), Bound::Int64(min), Bound::Int64(max)) => test.decide(*min, *max),
        (Test::Float64(test), Bound::Float64(min), Bound::Float64(max)) => float_verdict(test, *min, *max),
        (Test::Bool { on_false, on_true }, Bound::Bool(min), Bound::Bool(max)) => {
            let seen_false = !min;
            let seen_true = *max;
            match (
                seen_false && *on_false || seen_true && *on_true,
                seen_false && !on_false || seen_true && !on_true,
            ) {
                (true, false) => Some(true),
                (false, _) => Some(false),
                (true, true) => None,
            }
        }
        (
            Test::Text { matcher, negated, .. },
            Bound::Text {
                bytes: min,
                truncated: min_cut,
            },
            Bound::Text {
                bytes: max,
                truncated: max_cut,
            },
        ) => {
            let bounds = TextBounds {
                min,
                min_cut: *min_cut,
                max,
                max_cut: *max_cut,
            };
            bounds.decide(matcher).map(|passes| passes != *negated)
        }
        _ => None,
    }
}

/// A bound of zero stands for both zeros: which one a writer keeps of -0.0 and 0.0 is left open.
fn float_verdict(test: &NumberTest, min: f64, max: f64) -> Option<bool> {
    let min = if min == 0.0 { -0.0 } else { min };
    let max = if max == 0.0 { 0.0 } else { max };
    test.decide(float_key(min), float_key(max))
}

/// Bounds of strings. A cut bound is a proper prefix of the true one.
struct TextBounds<'a> {
    min: &'a [u8],
    min_cut: bool,
    max: &'a [u8],
    max_cut: bool,
}

impl TextBounds<'_> {
    /// Every value is less than `x`. Whatever a cut maximum goes on with, it stays below an `x` that is greater and does
    /// not start with it.
    fn all_below(&self, x: &[u8]) -> bool {
        self.max < x && !(self.max_cut && x.starts_with(self.max))
    }

    fn all_at_most(&self, x: &[u8]) -> bool {
        if self.max_cut { self.all_below(x) } else { self.max <= x }
    }

    /// Every value is greater than `x`: a cut minimum is longer than what is left of it.
    fn all_above(&self, x: &[u8]) -> bool {
        if self.min_cut { self.min >= x } else { self.min > x }
    }

    fn all_at_least(&self, x: &[u8]) -> bool {
        self.min >= x
    }

    fn excludes(&self, x: &[u8]) -> bool {
        self.all_below(x) || self.all_above(x)
    }

    fn single(&self) -> Option<&[u8]> {
        (!self.min_cut && !self.max_cut && self.min == self.max).then_some(self.min)
    }

    fn decide(&self, matcher: &Matcher) -> Option<bool> {
        match matcher {
            Matcher::Any => Some(true),
            Matcher::Never => Some(false),
            Matcher::Equals(x) => match self.single() {
                Some(value) => Some(value == x),
                None => self.excludes(x).then_some(false),
            },
            Matcher::Set(values) => match self.single() {
                Some(value) => Some(values.contains(value)),
                None => values.iter().all(|x| self.excludes(x)).then_some(false),
            },
            Matcher::AtLeast(x) if self.all_at_least(x) => Some(true),
            Matcher::AtLeast(x) if self.all_below(x) => Some(false),
            Matcher::AtMost(x) if self.all_at_most(x) => Some(true),
            Matcher::AtMost(x) if self.all_above(x) => Some(false),
            Matcher::Prefix(x) => self.decide_prefix(x),
            Matcher::Sequence { prefix, .. } => self.decide_prefix(prefix).filter(|passes| !passes),
            _ => None,
        }
    }

    /// Strings with a common prefix lie together, so both ends having it means all have.
    fn decide_prefix(&self, prefix: &[u8]) -> Option<bool> {
        if self.min.starts_with(prefix) && self.max.starts_with(prefix) {
            Some(true)
        } else if self.all_below(prefix) || self.min > prefix && !self.min.starts_with(prefix) {
            Some(false)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All strings over a small alphabet, up to a length: enough to try every relation of bounds and patterns.
    fn words(length: usize) -> Vec<Vec<u8>> {
        let mut all = vec![Vec::new()];
        let mut last = all.clone();
        for _ in 0..length {
            last = last
                .iter()
                .flat_map(|word| [b'a', b'b'].map(|c| [word.as_slice(), &[c]].concat()))
                .collect();
            all.extend(last.clone());
        }
        all
    }

    #[test]
    fn verdicts_of_cut_bounds_hold_for_every_value_between() {
        let values = words(4);
        let mut decided = 0;
        for true_min in &values {
            for true_max in values.iter().filter(|max| *max >= true_min) {
                for cut in [1, 2, 9] {
                    let (min, max) = (
                        &true_min[..true_min.len().min(cut)],
                        &true_max[..true_max.len().min(cut)],
                    );
                    let bounds = TextBounds {
                        min,
                        min_cut: min.len() < true_min.len(),
                        max,
                        max_cut: max.len() < true_max.len(),
                    };
                    let inside: Vec<_> = values.iter().filter(|v| *v >= true_min && *v <= true_max).collect();
                    for x in words(3) {
                        for matcher in [
                            Matcher::Equals(x.clone()),
                            Matcher::AtLeast(x.clone()),
                            Matcher::AtMost(x.clone()),
                            Matcher::Prefix(x.clone()),
                            Matcher::Set([x.clone()].into_iter().collect()),
                        ] {
                            let Some(verdict) = bounds.decide(&matcher) else {
                                continue;
                            };
                            decided += 1;
                            for value in &inside {
                                let passes = matcher.matches(value, &mut Vec::new());
                                assert_eq!(passes, verdict, "{min:?}..{max:?} {x:?} {value:?}");
                            }
                        }
                    }
                }
            }
        }
        assert!(decided > 10_000);
    }

    #[test]
    fn a_zero_bound_stands_for_both_zeros() {
        use crate::request::Comparison::{Equal, Less};
        let equal = NumberTest::compare(Equal, float_key(-0.0));
        assert_eq!(float_verdict(&equal, 0.0, 1.0), None);
        assert_eq!(float_verdict(&equal, 0.0, 0.0), None);
        let less = NumberTest::compare(Less, float_key(0.0));
        assert_eq!(float_verdict(&less, 0.0, 1.0), None);
        assert_eq!(float_verdict(&less, -2.0, -1.0), Some(true));
    }
}
