//! The values of selected, non-null rows laid side by side with their group ids, which is what the kernels take.

use super::grouping::Ids;
use crate::bits::Rows;
use crate::column_builder::is_valid;

/// Buffers that live across pages.
#[derive(Default)]
pub struct Gathered {
    pub int64: Vec<i64>,
    pub float64: Vec<f64>,
    pub bools: Vec<bool>,
    pub rows: Vec<u32>,
    pub ids: Vec<u32>,
}

/// Selected rows that have a value, and their ids; `rows` and `ids` unchanged where there are no nulls.
pub fn present<'a>(
    validity: Option<&[u64]>,
    rows: Rows<'a>,
    ids: Ids<'a>,
    row_buffer: &'a mut Vec<u32>,
    id_buffer: &'a mut Vec<u32>,
) -> (Rows<'a>, Ids<'a>) {
    let Some(words) = validity else { return (rows, ids) };
    row_buffer.clear();
    id_buffer.clear();
    match ids {
        Ids::One(_) => rows.for_each(|_, row| {
            if is_valid(words, row) {
                row_buffer.push(row as u32);
            }
        }),
        Ids::Each(list) => rows.for_each(|position, row| {
            if is_valid(words, row) {
                row_buffer.push(row as u32);
                id_buffer.push(list[position]);
            }
        }),
    }
    let ids = if let Ids::Each(_) = ids {
        Ids::Each(id_buffer)
    } else {
        ids
    };
    (Rows::Some(row_buffer), ids)
}

/// The values of the rows, in place where all are wanted.
pub fn values_of<'a, T: Copy>(values: &'a [T], rows: Rows, buffer: &'a mut Vec<T>) -> &'a [T] {
    match rows {
        Rows::All(count) => &values[..count],
        Rows::Some(list) => {
            buffer.clear();
            buffer.extend(list.iter().map(|&row| values[row as usize]));
            buffer
        }
    }
}
