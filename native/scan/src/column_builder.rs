//! Collects selected rows of pages into Arrow arrays.

use crate::bits::Rows;
use crate::block_view::PageView;
use crate::error::ScanError;
use crate::page_view::PageValues;
use crate::request::RequestType;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use basalt_block::codec::TextSlice;
use std::sync::Arc;

/// One column of an answer while it grows.
pub struct ColumnBuilder {
    values: Values,
    nulls: NullBufferBuilder,
    /// Rows before the first that has a value take no place until there is one.
    lazy: bool,
    /// Such rows so far; `None`: there was a value.
    before: Option<usize>,
}

enum Values {
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Bool(BooleanBufferBuilder),
    Text { ends: Vec<i32>, bytes: Vec<u8> },
}

impl ColumnBuilder {
    pub fn new(column_type: RequestType) -> Self {
        let values = match column_type {
            RequestType::Int64 => Values::Int64(Vec::new()),
            RequestType::Float64 => Values::Float64(Vec::new()),
            RequestType::Bool => Values::Bool(BooleanBufferBuilder::new(0)),
            RequestType::String | RequestType::Json => Values::Text {
                ends: vec![0],
                bytes: Vec::new(),
            },
        };
        Self {
            values,
            nulls: NullBufferBuilder::new(0),
            lazy: false,
            before: None,
        }
    }

    /// Takes place only from the first value on; see `finish_lazy`.
    pub fn lazy(column_type: RequestType) -> Self {
        Self {
            lazy: true,
            before: Some(0),
            ..Self::new(column_type)
        }
    }

    /// Whether it has a value so far, or is not lazy.
    pub fn has_values(&self) -> bool {
        self.before.is_none()
    }

    /// Bytes of text collected; numbers are bounded by the rows.
    pub fn text_bytes(&self) -> usize {
        if let Values::Text { bytes, .. } = &self.values {
            bytes.len()
        } else {
            0
        }
    }

    /// Appends the rows. Errors: the page holds another type (`Internal`), more than 2 GiB of text (`Limit`).
    pub fn append(&mut self, view: PageView, rows: Rows) -> Result<(), ScanError> {
        let PageView::Values {
            validity,
            values,
            dictionary,
        } = view
        else {
            match &mut self.before {
                Some(before) => *before += rows.len(),
                None => self.append_nulls(rows.len()),
            }
            return Ok(());
        };
        if let Some(before) = self.before {
            let mut all_null = validity.is_some();
            if let Some(words) = validity {
                rows.for_each(|_, row| all_null &= !is_valid(words, row));
            }
            if all_null {
                self.before = Some(before + rows.len());
                return Ok(());
            }
            self.before = None;
            self.append_nulls(before);
        }
        match validity {
            None => self.nulls.append_n_non_nulls(rows.len()),
            Some(words) => rows.for_each(|_, row| self.nulls.append(is_valid(words, row))),
        }
        match (&mut self.values, values) {
            (Values::Int64(into), PageValues::Int64(values)) => extend(into, values, rows),
            (Values::Float64(into), PageValues::Float64(values)) => extend(into, values, rows),
            (Values::Bool(into), PageValues::Bool(values)) => rows.for_each(|_, row| into.append(values[row])),
            (Values::Text { ends, bytes }, PageValues::Text(text)) => {
                append_text(ends, bytes, rows, |row| valid_text(validity, text, row, row))?;
            }
            (Values::Text { ends, bytes }, PageValues::Codes(codes)) => {
                let Some(entries) = dictionary else {
                    return Err(wrong_type());
                };
                append_text(ends, bytes, rows, |row| {
                    valid_text(validity, entries, row, codes.get(row))
                })?;
            }
            _ => return Err(wrong_type()),
        }
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        self.nulls.append_n_nulls(count);
        match &mut self.values {
            Values::Int64(values) => values.resize(values.len() + count, 0),
            Values::Float64(values) => values.resize(values.len() + count, 0.0),
            Values::Bool(values) => values.append_n(count, false),
            Values::Text { ends, bytes } => ends.resize(ends.len() + count, bytes.len() as i32),
        }
    }

    /// The array so far, `None` where a lazy one has no value; the builder is empty again.
    pub fn finish_lazy(&mut self) -> Result<Option<ArrayRef>, ScanError> {
        if !self.lazy {
            return self.finish().map(Some);
        }
        match self.before.replace(0) {
            Some(_) => Ok(None),
            None => self.finish().map(Some),
        }
    }

    /// The array so far; the builder is empty again.
    pub fn finish(&mut self) -> Result<ArrayRef, ScanError> {
        let nulls = self.nulls.finish();
        Ok(match &mut self.values {
            Values::Int64(values) => Arc::new(Int64Array::new(std::mem::take(values).into(), nulls)),
            Values::Float64(values) => Arc::new(Float64Array::new(std::mem::take(values).into(), nulls)),
            Values::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Text { ends, bytes } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(ends, vec![0])));
                Arc::new(StringArray::try_new(offsets, std::mem::take(bytes).into(), nulls)?)
            }
        })
    }
}

fn wrong_type() -> ScanError {
    ScanError::Internal("a page holds another type than its column".to_owned())
}

pub fn is_valid(words: &[u64], row: usize) -> bool {
    words[row / 64] >> (row % 64) & 1 == 1
}

/// The text at `index` for a row, empty where the row is null: what a null row points at has no meaning.
fn valid_text<'a>(validity: Option<&[u64]>, text: TextSlice<'a>, row: usize, index: usize) -> &'a [u8] {
    if validity.is_none_or(|words| is_valid(words, row)) {
        text.get(index)
    } else {
        b""
    }
}

fn extend<T: Copy>(into: &mut Vec<T>, values: &[T], rows: Rows) {
    match rows {
        Rows::All(count) => into.extend_from_slice(&values[..count]),
        Rows::Some(list) => into.extend(list.iter().map(|&row| values[row as usize])),
    }
}

fn append_text<'a>(
    ends: &mut Vec<i32>,
    bytes: &mut Vec<u8>,
    rows: Rows,
    text: impl Fn(usize) -> &'a [u8],
) -> Result<(), ScanError> {
    let mut fits = true;
    rows.for_each(|_, row| {
        let value = text(row);
        fits &= i32::try_from(bytes.len() + value.len()).is_ok();
        if fits {
            bytes.extend_from_slice(value);
            ends.push(bytes.len() as i32);
        }
    });
    if fits { Ok(()) } else { Err(text_limit()) }
}

/// Arrow's Utf8 arrays address their bytes with 31 bits.
pub fn text_limit() -> ScanError {
    ScanError::Limit("a batch would hold over 2 GiB of text; select fewer columns or fewer rows".to_owned())
}
