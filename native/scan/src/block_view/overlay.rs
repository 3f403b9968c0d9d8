//! Columns whose values may lie in the overflow column (`_all`): a record that brings very many new fields has the rest of them there, as
//! one JSON object. In a block that has it, a column is its own values with those of the overflow column laid over its nulls.

use super::{BlockView, ColumnView, PageView, resolve};
use crate::cast::Cast;
use crate::error::ScanError;
use crate::page_view::PageValues;
use crate::plan::Slot;
use crate::request::RequestType;
use ahash::AHashMap;
use basalt_block::codec::TextSlice;
use basalt_block::column::TIME_COLUMN;
use basalt_block::{Page, PageValues as DecodedValues, Text, Validity};
use basalt_shred::{OVERFLOW_COLUMN, OverflowValue, canonical_float, overflow_fields};

/// Where the parts of a column are that is laid together: places among the block's columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overlay {
    /// The column's own values.
    pub base: Option<usize>,
}

/// What is laid over columns of a block: by page and slot the rows, rising, and their values in the type of the slot.
pub(super) type Overflow = AHashMap<(usize, usize), Vec<(u32, Cell)>>;

pub(super) enum Cell {
    Int64(i64),
    Float64(f64),
    Bool(bool),
    Text(Vec<u8>),
}

impl BlockView<'_> {
    /// Finds the slots that have values in the overflow column of the block, and has them laid together. The others lose nothing.
    pub(super) fn lay_overflow(&mut self, slots: &[Slot]) -> Result<(), ScanError> {
        let whole = Slot {
            name: OVERFLOW_COLUMN.to_owned(),
            column_type: RequestType::String,
        };
        let (Some(entry), cast) = resolve(&self.header, &whole, self.offset)? else {
            return Ok(());
        };
        let names = slots.iter().map(|slot| slot.name.as_str()).zip(0..);
        let by_name = names.filter(|(name, _)| ![TIME_COLUMN, OVERFLOW_COLUMN].contains(name));
        let by_name: AHashMap<&str, usize> = by_name.collect();
        if by_name.is_empty() {
            return Ok(());
        }
        let column = self.columns.len();
        let view = ColumnView::new(Some(entry), RequestType::String, cast, Default::default());
        self.columns.push(view);
        for page in 0..self.page_count() {
            self.load(column, page)?;
            self.read_overflow(column, page, &by_name);
        }
        for (place, slot) in slots.iter().enumerate() {
            if !(0..self.page_count()).any(|page| self.overflow.contains_key(&(page, place))) {
                continue;
            }
            let laid = ColumnView::new(None, slot.column_type, Cast::Same, Default::default());
            let own = std::mem::replace(&mut self.columns[place], laid);
            let base = own.entry.is_some().then(|| {
                self.columns.push(own);
                self.columns.len() - 1
            });
            self.columns[place].overlay = Some(Overlay { base });
        }
        Ok(())
    }

    /// Takes the objects of the overflow column's current page apart.
    fn read_overflow(&mut self, column: usize, page: usize, by_name: &AHashMap<&str, usize>) {
        let mut found: Overflow = AHashMap::new();
        if let PageView::Values {
            validity,
            values,
            dictionary,
        } = self.view(column)
        {
            for row in (0..self.page_rows(page)).filter(|&row| is_valid(validity, row)) {
                let Some(Ok(text)) = own_text(&values, dictionary, row).map(std::str::from_utf8) else {
                    continue;
                };
                for field in overflow_fields(text) {
                    if let Some(&slot) = by_name.get(field.name)
                        && let Some(cell) = cell(&field.value(), field.sent, self.columns[slot].column_type)
                    {
                        found.entry((page, slot)).or_default().push((row as u32, cell));
                    }
                }
            }
        }
        self.overflow.extend(found);
    }

    /// `load` of a slot that is laid together.
    pub(super) fn load_overlaid(&mut self, slot: usize, page: usize, overlay: Overlay) -> Result<(), ScanError> {
        self.columns[slot].loaded = None;
        if let Some(base) = overlay.base {
            self.load(base, page)?;
        }
        let (rows, column_type) = (self.page_rows(page), self.columns[slot].column_type);
        let mut into = std::mem::take(&mut self.columns[slot].cast_page);
        let base = overlay.base.map_or(PageView::Null, |base| self.view(base));
        let over = self.overflow.get(&(page, slot)).map_or(&[][..], Vec::as_slice);
        let laid = lay(base, over, column_type, rows, &mut into);
        self.columns[slot].cast_page = into;
        if !laid {
            return Err(self.corrupt(slot, page, "values of another type than the column's"));
        }
        self.columns[slot].loaded = Some(page);
        Ok(())
    }
}

fn is_valid(validity: Option<&[u64]>, row: usize) -> bool {
    validity.is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1)
}

/// A value in the type of its column, by the rules of `cast`; `None` where it has none there.
fn cell(value: &OverflowValue, sent: &str, column_type: RequestType) -> Option<Cell> {
    Some(match (column_type, value) {
        (_, OverflowValue::Null) => return None,
        (RequestType::Int64, OverflowValue::Int(value)) => Cell::Int64(*value),
        (RequestType::Int64, OverflowValue::Bool(value)) => Cell::Int64(i64::from(*value)),
        (RequestType::Float64, OverflowValue::Int(value)) => Cell::Float64(*value as f64),
        (RequestType::Float64, OverflowValue::Float(value)) => Cell::Float64(*value),
        (RequestType::Float64, OverflowValue::Bool(value)) => Cell::Float64(f64::from(u8::from(*value))),
        (RequestType::Float64, OverflowValue::Decimal(digits)) => Cell::Float64(digits.parse().ok()?),
        (RequestType::Bool, OverflowValue::Bool(value)) => Cell::Bool(*value),
        (RequestType::Int64 | RequestType::Float64 | RequestType::Bool, _) => return None,
        (_, OverflowValue::Text(text)) => Cell::Text(text.as_bytes().to_vec()),
        (_, OverflowValue::Float(value)) => {
            let mut text = Vec::new();
            canonical_float(*value, &mut text);
            Cell::Text(text)
        }
        (_, OverflowValue::Int(value)) => Cell::Text(itoa::Buffer::new().format(*value).as_bytes().to_vec()),
        (_, OverflowValue::Bool(_) | OverflowValue::Json(_) | OverflowValue::Decimal(_) | OverflowValue::Number(_)) => {
            Cell::Text(sent.as_bytes().to_vec())
        }
    })
}

/// Lays `over` (by rising row) over the nulls of `base`. False if a value is of another type.
fn lay(base: PageView, over: &[(u32, Cell)], column_type: RequestType, rows: usize, into: &mut Page) -> bool {
    into.rows = rows;
    let mut words = vec![0u64; rows.div_ceil(64)];
    let (validity, values, dictionary) = match base {
        PageView::Null => (None, None, None),
        PageView::Values {
            validity,
            values,
            dictionary,
        } => {
            match validity {
                Some(valid) => words.copy_from_slice(&valid[..rows.div_ceil(64)]),
                None => (0..rows).for_each(|row| words[row / 64] |= 1 << (row % 64)),
            }
            (validity, Some(values), dictionary)
        }
    };
    let has_base = |row: usize| values.is_some() && is_valid(validity, row);
    for (row, _) in over {
        words[*row as usize / 64] |= 1 << (row % 64);
    }
    let over = || over.iter().filter(|(row, _)| !has_base(*row as usize));
    into.values = match (column_type, values) {
        (RequestType::Int64, None) => DecodedValues::Int64(laid(vec![0; rows], over(), int64)),
        (RequestType::Int64, Some(PageValues::Int64(base))) => DecodedValues::Int64(laid(base.to_vec(), over(), int64)),
        (RequestType::Float64, None) => DecodedValues::Float64(laid(vec![0.0; rows], over(), float64)),
        (RequestType::Float64, Some(PageValues::Float64(base))) => {
            DecodedValues::Float64(laid(base.to_vec(), over(), float64))
        }
        (RequestType::Bool, None) => DecodedValues::Bool(laid(vec![false; rows], over(), bool)),
        (RequestType::Bool, Some(PageValues::Bool(base))) => DecodedValues::Bool(laid(base.to_vec(), over(), bool)),
        (RequestType::String | RequestType::Json, values) => {
            let mut over = over().peekable();
            let mut text = Text::default();
            for row in 0..rows {
                let laid = over.next_if(|(other, _)| *other as usize == row);
                let own = has_base(row).then(|| values.as_ref().and_then(|values| own_text(values, dictionary, row)));
                text.push(match (own, laid) {
                    (Some(Some(own)), _) => own,
                    (_, Some((_, Cell::Text(text)))) => text,
                    _ => b"",
                });
            }
            DecodedValues::Text(text)
        }
        _ => return false,
    };
    into.validity = Some(Validity { words });
    true
}

fn own_text<'a>(values: &PageValues<'a>, dictionary: Option<TextSlice<'a>>, row: usize) -> Option<&'a [u8]> {
    match (values, dictionary) {
        (PageValues::Text(text), _) => Some(text.get(row)),
        (PageValues::Codes(codes), Some(entries)) => Some(entries.get(codes.get(row))),
        _ => None,
    }
}

fn laid<'c, T>(
    mut values: Vec<T>,
    over: impl Iterator<Item = &'c (u32, Cell)>,
    value: fn(&Cell) -> Option<T>,
) -> Vec<T> {
    for (row, cell) in over {
        if let Some(value) = value(cell) {
            values[*row as usize] = value;
        }
    }
    values
}

fn int64(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int64(value) => Some(*value),
        _ => None,
    }
}

fn float64(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Float64(value) => Some(*value),
        _ => None,
    }
}

fn bool(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Bool(value) => Some(*value),
        _ => None,
    }
}
