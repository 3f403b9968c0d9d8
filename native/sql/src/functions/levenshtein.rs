//! `levenshtein(a, b)`: how many characters have to be put in, taken out or changed to make one text of the other. Long texts take a time
//! of the product of their lengths, so it looks at whether the query was cancelled.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use super::docs::wrong_form;
use super::text::answer;
use crate::run::cancel;
use crate::run::charge::charge;

/// Cells of the table that are computed between two looks; a millisecond or so.
const CELLS_BETWEEN_LOOKS: usize = 1 << 20;
/// Of each character: itself on both sides, and a cell.
const BYTES_OF_CHAR: usize = 12;
/// Tables below this are not charged.
const CHARGED_BYTES_MIN: usize = 1 << 20;

/// The function of the planner with another kernel.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Levenshtein(pub Arc<ScalarUDF>);

impl ScalarUDFImpl for Levenshtein {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.0.return_type(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let views = arrays.iter().map(|array| cast(array, &DataType::Utf8View));
        let views = views.collect::<std::result::Result<Vec<_>, _>>()?;
        let [left, right] = views.as_slice() else {
            return Err(wrong_form(self.name()));
        };
        let (left, right) = (left.as_string_view(), right.as_string_view());
        let mut table = Table::default();
        let mut distances: Vec<Option<i64>> = Vec::with_capacity(left.len());
        for row in 0..left.len() {
            distances.push(match left.is_valid(row) && right.is_valid(row) {
                true => Some(table.distance(left.value(row), right.value(row))? as i64),
                false => None,
            });
        }
        let array: ArrayRef = match args.return_field.data_type() {
            DataType::Int32 => Arc::new(Int32Array::from_iter(
                distances.into_iter().map(|distance| distance.map(|d| d as i32)),
            )),
            _ => Arc::new(Int64Array::from(distances)),
        };
        answer(&args.args, array)
    }
}

/// Buffers that the rows of a batch share.
#[derive(Default)]
struct Table {
    left: Vec<char>,
    right: Vec<char>,
    /// Of the characters of the left text so far, to each beginning of the right one.
    cells: Vec<u32>,
    /// Cells computed since the last look.
    computed: usize,
}

impl Table {
    /// Row by row of the table by Wagner and Fischer (1974), of which one row is kept.
    fn distance(&mut self, left: &str, right: &str) -> Result<usize> {
        let bytes = (left.len() + right.len()).saturating_mul(BYTES_OF_CHAR);
        let _charged = match bytes < CHARGED_BYTES_MIN {
            true => None,
            false => charge("levenshtein", bytes)?,
        };
        let (left, right) = differing(left, right);
        self.left.clear();
        self.left.extend(left.chars());
        self.right.clear();
        self.right.extend(right.chars());
        self.cells.clear();
        self.cells.extend(0..=self.right.len() as u32);
        for (row, from) in self.left.iter().enumerate() {
            self.computed += self.right.len();
            if self.computed > CELLS_BETWEEN_LOOKS {
                cancel::check()?;
                self.computed = 0;
            }
            let mut diagonal = row as u32;
            let mut before = row as u32 + 1;
            self.cells[0] = before;
            for (cell, to) in self.cells[1..].iter_mut().zip(&self.right) {
                let changed = diagonal + u32::from(from != to);
                diagonal = *cell;
                before = changed.min(before + 1).min(diagonal + 1);
                *cell = before;
            }
        }
        Ok(self.cells[self.right.len()] as usize)
    }
}

/// What is left of two texts without the beginning and the end that they share.
fn differing<'a>(left: &'a str, right: &'a str) -> (&'a str, &'a str) {
    let same = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
    };
    let start = same(&mut left.chars().zip(right.chars()));
    let (left, right) = (&left[start..], &right[start..]);
    let end = same(&mut left.chars().rev().zip(right.chars().rev()));
    (&left[..left.len() - end], &right[..right.len() - end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_by_characters() {
        let mut table = Table::default();
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("größe", "grosse", 3),
            ("ab", "ba", 2),
            ("aaa", "aaaa", 1),
            ("xabcy", "xacby", 2),
            ("日本語", "日本", 1),
        ] {
            assert_eq!(
                table.distance(left, right).expect("not cancelled"),
                expected,
                "{left} {right}"
            );
            assert_eq!(
                table.distance(right, left).expect("not cancelled"),
                expected,
                "{right} {left}"
            );
        }
    }
}
