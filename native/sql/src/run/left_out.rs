//! Values that a run left out since they are not of the type that the statement asks for: how many, by field. Functions note them for the
//! run whose step their thread does.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// What a statement asks of a field that came with several types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wanted {
    Number,
    Truth,
}

/// Values by what was wanted of which field.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(BTreeMap<(Wanted, String), u64>);

thread_local! {
    static CURRENT: RefCell<Option<LeftOut>> = const { RefCell::new(None) };
}

/// Does a step of the run that counts in `counts`.
pub(super) fn counting<T>(counts: &mut LeftOut, step: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(Some(std::mem::take(counts)));
    let result = step();
    if let Some(counted) = CURRENT.replace(outer) {
        *counts = counted;
    }
    result
}

/// Counts values of a field; outside of a run, where constants are folded, nobody is told.
pub(crate) fn note(wanted: Wanted, field: &str, values: u64) {
    if values == 0 || field.is_empty() {
        return;
    }
    CURRENT.with_borrow_mut(|counts| {
        if let Some(LeftOut(counts)) = counts {
            match counts.get_mut(&(wanted, field.to_owned())) {
                Some(count) => *count += values,
                None => {
                    counts.insert((wanted, field.to_owned()), values);
                }
            }
        }
    });
}

impl LeftOut {
    /// A sentence for each field.
    pub fn told(&self) -> Vec<String> {
        let sentence = |((wanted, field), count): (&(Wanted, String), &u64)| {
            let what = match (wanted, count) {
                (Wanted::Number, 1) => "value that is no number",
                (Wanted::Number, _) => "values that are no numbers",
                (Wanted::Truth, 1) => "value that is neither true nor false",
                (Wanted::Truth, _) => "values that are neither true nor false",
            };
            format!("'{field}' came with several types: {count} {what} left out")
        };
        self.0.iter().map(sentence).collect()
    }
}
