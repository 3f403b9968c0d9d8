//! One member of GROUP BY: the rows of a page to ids of their values.

use super::id_map::{UNSET, WINDOW_CELLS_FREE};
use super::interner::NumberInterner;
use super::tally::{Counted, Tally};
use super::text_interner::TextInterner;
use crate::bits::Rows;
use crate::block_view::{BlockView, PageView, PageZone};
use crate::column_builder::is_valid;
use crate::error::ScanError;
use crate::page_view::{Code, NumberedView, PageValues, with_codes};
use crate::plan::Plan;
use crate::request::{Group, RequestType};
use basalt_block::Bound;
use basalt_block::codec::TextSlice;

pub struct Dimension {
    slot: usize,
    pub(super) values: DimensionValues,
    bucket: Option<Bucket>,
    /// Ids by dictionary code or by bool, of the current block; `UNSET` until a row has the value.
    remap: Vec<u32>,
    /// Rows of the blocks and arrays so far.
    pub(super) rows: usize,
    /// The value of every row of the current block, if the header tells.
    constant: Option<Constant>,
}

pub(super) enum DimensionValues {
    Int64(NumberInterner),
    /// Bit patterns: both zeros and different NaNs are different groups, which a final step may join.
    Float64(NumberInterner),
    Bool(NumberInterner),
    Text(TextInterner),
}

enum Constant {
    Null,
    Number(i64),
    Text(Vec<u8>),
}

struct Bucket {
    width: i64,
    origin: i64,
    /// The bucket of the row before: its first and last value and its id.
    last: Option<(i64, i64, u32)>,
}

/// Ids of the selected rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageIds {
    Same(u32),
    /// In the vector given.
    Each,
}

/// Integers are looked up by index where their range is not more than this many times the rows.
pub(super) const CELLS_PER_ROW: usize = 4;

impl Bucket {
    /// First and last value of the bucket of `value`, saturating at the ends of i64.
    fn range(&self, value: i64) -> (i64, i64) {
        let (width, origin) = (i128::from(self.width), i128::from(self.origin));
        let start = origin + (i128::from(value) - origin).div_euclid(width) * width;
        let clamp = |x: i128| x.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        (clamp(start), clamp(start + width - 1))
    }
}

impl Dimension {
    pub fn new(group: &Group, plan: &Plan) -> Result<Self, ScanError> {
        let (column, bucket) = match group {
            Group::Column { column } => (column, None),
            Group::Bucket { column, width, origin } => (
                column,
                Some(Bucket {
                    width: *width,
                    origin: *origin,
                    last: None,
                }),
            ),
        };
        let slot = plan.slot(column)?;
        let column_type = plan.column_type(slot);
        if let Some(bucket) = &bucket
            && (bucket.width <= 0 || column_type != RequestType::Int64)
        {
            return Err(ScanError::Request(
                "a bucket needs an int64 column and a positive width".to_owned(),
            ));
        }
        let values = match column_type {
            RequestType::Int64 => DimensionValues::Int64(NumberInterner::default()),
            RequestType::Float64 => DimensionValues::Float64(NumberInterner::default()),
            RequestType::Bool => DimensionValues::Bool(NumberInterner::default()),
            RequestType::String | RequestType::Json => DimensionValues::Text(TextInterner::default()),
        };
        Ok(Self {
            slot,
            values,
            bucket,
            remap: Vec::new(),
            rows: 0,
            constant: None,
        })
    }

    /// Distinct values so far.
    pub fn len(&self) -> usize {
        match &self.values {
            DimensionValues::Int64(values) | DimensionValues::Float64(values) | DimensionValues::Bool(values) => {
                values.len()
            }
            DimensionValues::Text(values) => values.len(),
        }
    }

    /// Bytes of the distinct strings so far.
    pub fn text_bytes(&self) -> usize {
        if let DimensionValues::Text(values) = &self.values {
            values.text_bytes()
        } else {
            0
        }
    }

    /// Comes before the pages of a block. True if all rows of the block have one value.
    pub fn begin_block(&mut self, block: &BlockView) -> bool {
        self.remap.clear();
        self.rows += block.rows();
        let bounds = block.bounds(self.slot);
        if let (Some((Bound::Int64(min), Bound::Int64(max))), None, DimensionValues::Int64(values)) =
            (&bounds, &self.bucket, &mut self.values)
        {
            values.reserve(*min, *max, WINDOW_CELLS_FREE.max(self.rows * CELLS_PER_ROW));
        }
        let nulls = block.null_count(self.slot);
        self.constant = match bounds {
            _ if nulls == Some(block.rows()) => Some(Constant::Null),
            Some((min, max)) if nulls == Some(0) => self.constant_between(&min, &max),
            _ => None,
        };
        self.constant.is_some()
    }

    fn constant_between(&self, min: &Bound, max: &Bound) -> Option<Constant> {
        match (min, max, &self.bucket) {
            (Bound::Int64(min), Bound::Int64(max), Some(bucket)) => {
                let (start, end) = bucket.range(*min);
                (min <= max && *max <= end).then_some(Constant::Number(start))
            }
            (Bound::Int64(min), Bound::Int64(max), None) => (min == max).then_some(Constant::Number(*min)),
            (Bound::Bool(min), Bound::Bool(max), _) => (min == max).then_some(Constant::Number(i64::from(*min))),
            (
                Bound::Text {
                    bytes: min,
                    truncated: false,
                },
                Bound::Text {
                    bytes: max,
                    truncated: false,
                },
                _,
            ) => (min == max).then(|| Constant::Text(min.clone())),
            _ => None,
        }
    }

    /// The id of the block's one value; `None` if it has more.
    pub fn constant_id(&mut self) -> Option<u32> {
        let (constant, values) = (self.constant.as_ref()?, &mut self.values);
        Some(match (constant, values) {
            (
                Constant::Number(value),
                DimensionValues::Int64(values) | DimensionValues::Float64(values) | DimensionValues::Bool(values),
            ) => values.id(*value),
            (Constant::Text(value), DimensionValues::Text(values)) => values.id(value),
            (_, DimensionValues::Text(values)) => values.null(),
            (_, DimensionValues::Int64(values) | DimensionValues::Float64(values) | DimensionValues::Bool(values)) => {
                values.null()
            }
        })
    }

    /// Adds the selected rows of a page, of which there is at least one, to the tally; false where `page` has to do it.
    pub fn tally(
        &mut self,
        block: &mut BlockView,
        page: usize,
        rows: Rows,
        tally: &mut Tally,
    ) -> Result<bool, ScanError> {
        let (DimensionValues::Text(interner), None) = (&mut self.values, &self.constant) else {
            return Ok(false);
        };
        let added = block.with_numbered_page(self.slot, page, |view| tally.add(interner, view, rows))?;
        Ok(added.unwrap_or(false))
    }

    /// What the tally has.
    pub fn take_tally(&mut self, tally: &mut Tally) -> Counted {
        match &mut self.values {
            DimensionValues::Text(interner) => tally.take(interner),
            DimensionValues::Int64(_) | DimensionValues::Float64(_) | DimensionValues::Bool(_) => Counted::default(),
        }
    }

    /// Ids of the selected rows of a page, of which there is at least one.
    pub fn page(
        &mut self,
        block: &mut BlockView,
        page: usize,
        rows: Rows,
        ids: &mut Vec<u32>,
    ) -> Result<PageIds, ScanError> {
        if let Some(id) = self.constant_id() {
            return Ok(PageIds::Same(id));
        }
        if let Some(bucket) = &self.bucket
            && let PageZone {
                nulls: Some(0),
                bounds: Some((Bound::Int64(min), Bound::Int64(max))),
            } = block.page_zone(self.slot, page)?
            && let (start, end) = bucket.range(min)
            && min <= max
            && max <= end
            && let DimensionValues::Int64(values) = &mut self.values
        {
            return Ok(PageIds::Same(values.id(start)));
        }
        if let DimensionValues::Text(interner) = &mut self.values {
            let visit = |view: NumberedView| numbered_ids(interner, view, rows, ids);
            if block.with_numbered_page(self.slot, page, visit)?.is_some() {
                return Ok(PageIds::Each);
            }
        }
        block.load(self.slot, page)?;
        let PageView::Values {
            validity,
            values,
            dictionary,
        } = block.view(self.slot)
        else {
            return Err(block.corrupt(self.slot, page, "no values where the header counts some"));
        };
        ids.clear();
        ids.resize(rows.len(), UNSET);
        match (&mut self.values, values) {
            (DimensionValues::Int64(interner), PageValues::Int64(values)) => {
                if let Some(bucket) = &mut self.bucket {
                    bucket_ids(bucket, interner, values, validity, rows, ids);
                } else {
                    number_ids(interner, values, validity, rows, ids);
                }
            }
            (DimensionValues::Float64(interner), PageValues::Float64(values)) => {
                fill(validity, rows, ids, interner, NumberInterner::null, |interner, row| {
                    interner.id(values[row].to_bits() as i64)
                });
            }
            (DimensionValues::Bool(interner), PageValues::Bool(values)) => {
                self.remap.resize(2, UNSET);
                let remap = &mut self.remap;
                fill(validity, rows, ids, interner, NumberInterner::null, |interner, row| {
                    let value = values[row];
                    mapped(&mut remap[usize::from(value)], || interner.id(i64::from(value)))
                });
            }
            (DimensionValues::Text(interner), PageValues::Text(text)) => {
                fill(validity, rows, ids, interner, TextInterner::null, |interner, row| {
                    interner.id(text.get(row))
                });
            }
            (DimensionValues::Text(interner), PageValues::Codes(codes)) => {
                let Some(entries) = dictionary else {
                    return Err(block.corrupt(self.slot, page, "codes without a dictionary"));
                };
                let remap = &mut self.remap;
                with_codes!(codes, codes => code_ids(interner, remap, entries, codes, validity, rows, ids));
            }
            _ => return Err(block.corrupt(self.slot, page, "values of another type than the column's")),
        }
        Ok(PageIds::Each)
    }
}

#[inline(always)]
fn mapped(cell: &mut u32, new: impl FnOnce() -> u32) -> u32 {
    if *cell == UNSET {
        *cell = new();
    }
    *cell
}

/// `ids[i]` of the i-th selected row: the interner's null, or what `id` says of the row.
#[inline(always)]
fn fill<I>(
    validity: Option<&[u64]>,
    rows: Rows,
    ids: &mut [u32],
    interner: &mut I,
    null: fn(&mut I) -> u32,
    mut id: impl FnMut(&mut I, usize) -> u32,
) {
    match validity {
        None => rows.for_each(|position, row| ids[position] = id(interner, row)),
        Some(words) => rows.for_each(|position, row| {
            ids[position] = if is_valid(words, row) {
                id(interner, row)
            } else {
                null(interner)
            };
        }),
    }
}

fn code_ids<T: Code>(
    interner: &mut TextInterner,
    remap: &mut Vec<u32>,
    entries: TextSlice,
    codes: &[T],
    validity: Option<&[u64]>,
    rows: Rows,
    ids: &mut [u32],
) {
    remap.resize(entries.count(), UNSET);
    if validity.is_none() {
        // Mostly every code has been seen before: a pass without a branch finds out.
        let mut complete = true;
        rows.for_each(|position, row| {
            let id = remap[codes[row].index()];
            complete &= id != UNSET;
            ids[position] = id;
        });
        if complete {
            return;
        }
    }
    fill(validity, rows, ids, interner, TextInterner::null, |interner, row| {
        let code = codes[row].index();
        mapped(&mut remap[code], || interner.id(entries.get(code)))
    });
}

/// A stem of a page as the interner has it.
#[derive(Clone, Copy)]
struct KnownStem<'a> {
    /// The id of the stem as a string of its own.
    whole: u32,
    /// By number.
    ids: &'a [u32],
}

fn numbered_ids(interner: &mut TextInterner, view: NumberedView, rows: Rows, ids: &mut Vec<u32>) {
    ids.clear();
    ids.resize(rows.len(), UNSET);
    let NumberedView {
        validity,
        stems,
        codes,
        numbers,
    } = view;
    let texts = || (0..stems.count()).map(|code| stems.get(code));
    let known: Vec<KnownStem> = texts()
        .map(|text| KnownStem {
            whole: interner.find_whole(text),
            ids: interner.find_stem(text).map_or(&[][..], |stem| interner.ids_of(stem)),
        })
        .collect();
    // Mostly a string has been seen before. What is missing is listed without a branch, which nobody could foretell.
    let mut missing: Vec<(u32, u32)> = vec![(0, 0); rows.len()];
    let mut count = 0;
    rows.for_each(|position, row| {
        let (KnownStem { whole, ids: known }, number) = (known[usize::from(codes[row])], numbers[row]);
        let numbered = known.get(number as usize).copied().unwrap_or(UNSET);
        let id = if number == 0 { whole } else { numbered };
        missing[count] = (position as u32, row as u32);
        count += usize::from(id == UNSET);
        ids[position] = id;
    });
    missing.truncate(count);
    if let Some(words) = validity {
        rows.for_each(|position, row| {
            if !is_valid(words, row) {
                ids[position] = interner.null();
            }
        });
        missing.retain(|&(_, row)| is_valid(words, row as usize));
    }
    if missing.is_empty() {
        return;
    }
    let mut new: Vec<NewNumbers> = vec![NewNumbers::default(); stems.count()];
    for &(_, row) in &missing {
        let new = &mut new[usize::from(codes[row as usize])];
        let number = numbers[row as usize];
        new.count += usize::from(number > 0);
        new.max = new.max.max(number);
    }
    for (new, text) in new.iter_mut().zip(texts()).filter(|(new, _)| new.count > 0) {
        new.stem = interner.stem(text);
        if let Some(stem) = new.stem {
            interner.expect(stem, new.count, u64::from(new.max), 1);
        }
    }
    for &(position, row) in &missing {
        let (code, number) = (usize::from(codes[row as usize]), u64::from(numbers[row as usize]));
        ids[position as usize] = match new[code].stem {
            Some(stem) if number > 0 => interner.number_id(stem, number),
            _ => interner.parted_id(stems.get(code), number),
        };
    }
}

/// Of one stem of a page: rows whose number was not found.
#[derive(Clone, Copy, Default)]
struct NewNumbers {
    count: usize,
    max: u32,
    stem: Option<u32>,
}

fn number_ids(interner: &mut NumberInterner, values: &[i64], validity: Option<&[u64]>, rows: Rows, ids: &mut [u32]) {
    if validity.is_none() {
        // As above: once most values are known.
        let mut complete = true;
        rows.for_each(|position, row| {
            let id = interner.known(values[row]);
            complete &= id != UNSET;
            ids[position] = id;
        });
        if complete {
            return;
        }
    }
    let mut last = None;
    fill(validity, rows, ids, interner, NumberInterner::null, |interner, row| {
        let value = values[row];
        match last {
            Some((known, id)) if known == value => id,
            _ => {
                let id = interner.id(value);
                last = Some((value, id));
                id
            }
        }
    });
}

fn bucket_ids(
    bucket: &mut Bucket,
    interner: &mut NumberInterner,
    values: &[i64],
    validity: Option<&[u64]>,
    rows: Rows,
    ids: &mut [u32],
) {
    let mut find = |interner: &mut NumberInterner, value: i64| match bucket.last {
        Some((start, end, id)) if start <= value && value <= end => id,
        _ => {
            let (start, end) = bucket.range(value);
            let id = interner.id(start);
            bucket.last = Some((start, end, id));
            id
        }
    };
    fill(validity, rows, ids, interner, NumberInterner::null, |interner, row| {
        find(interner, values[row])
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_floor_and_saturate() {
        let bucket = |width, origin| Bucket {
            width,
            origin,
            last: None,
        };
        assert_eq!(bucket(10, 0).range(-1), (-10, -1));
        assert_eq!(bucket(10, 3).range(12), (3, 12));
        assert_eq!(bucket(10, 3).range(2), (-7, 2));
        assert_eq!(bucket(7, 0).range(i64::MIN).0, i64::MIN);
        assert_eq!(bucket(i64::MAX, i64::MAX).range(i64::MIN), (i64::MIN, i64::MIN));
        let (start, end) = bucket(1000, i64::MIN).range(i64::MAX);
        assert!(start <= end && end == i64::MAX);
    }
}
