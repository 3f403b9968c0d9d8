//! `Output::TopTime`: the first or last rows by `_timestamp`.
//!
//! Rows are ordered by (time, place in storage), ascending or exactly reversed, so the order is total and ties need no
//! rule of their own. First only keys are collected, blocks with the most promising times first, until no other block can
//! improve on the rows kept; then the projected columns of just these rows are read.

use crate::answer::ScanOutput;
use crate::bits::{Bits, Rows};
use crate::block_view::{BlockView, PageView};
use crate::column_builder::ColumnBuilder;
use crate::error::ScanError;
use crate::filter::BlockFilter;
use crate::page_view::PageValues;
use crate::plan::Plan;
use crate::rows::{BATCH_ROWS, builders};
use crate::scan::{Scanner, Work};
use crate::wide::{self, RowsAnswer};
use arrow_array::{ArrayRef, Int64Array, UInt64Array};
use basalt_block::{Bound, PAGE_ROWS};
use std::sync::Arc;

/// Smaller is better: (time, part * 2^32 + row), both complemented when descending.
type Key = (i64, u64);

struct Best {
    keys: Vec<Key>,
    limit: usize,
    descending: bool,
    /// The last key that is kept, once `limit` keys were seen: whatever is not less cannot improve.
    worst: Option<Key>,
}

impl Best {
    fn key(&self, time: i64, place: u64) -> Key {
        if self.descending {
            (!time, !place)
        } else {
            (time, place)
        }
    }

    fn place(&self, key: Key) -> u64 {
        if self.descending { !key.1 } else { key.1 }
    }

    fn improves(&self, key: Key) -> bool {
        self.worst.is_none_or(|worst| key < worst)
    }

    /// Drops what cannot be in the answer, once that is worth a pass.
    fn trim(&mut self) {
        let due = if self.worst.is_none() {
            self.limit
        } else {
            self.limit.saturating_mul(2).max(PAGE_ROWS)
        };
        if self.keys.len() >= due {
            self.trim_now();
        }
    }

    fn trim_now(&mut self) {
        if self.limit > 0 && self.keys.len() >= self.limit {
            let (_, worst, _) = self.keys.select_nth_unstable(self.limit - 1);
            self.worst = Some(*worst);
            self.keys.truncate(self.limit);
        }
    }
}

pub fn run(
    plan: &Plan,
    scanner: &mut Scanner,
    project: &[String],
    descending: bool,
    limit: u64,
) -> Result<ScanOutput, ScanError> {
    let (slots, with_arrival) = plan.projected(project)?;
    let mut answer = RowsAnswer::new(plan.fields(&slots, with_arrival))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut best = Best {
        keys: Vec::new(),
        limit,
        descending,
        worst: None,
    };
    if limit > 0 {
        collect(plan, scanner, &mut best)?;
    }
    best.trim_now();
    best.keys.sort_unstable();
    let places: Vec<u64> = best.keys.iter().map(|&key| best.place(key)).collect();
    let rows_max = match slots.len() > wide::COLUMNS_MIN {
        true => wide::batch_rows(slots.len(), BATCH_ROWS),
        false => BATCH_ROWS,
    };
    for chunk in places.chunks(rows_max) {
        let mut columns = gather(plan, scanner, &slots, chunk)?;
        if with_arrival {
            let arrival = |&place: &u64| scanner.arrival((place >> 32) as usize) + i64::from(place as u32);
            columns.push(Some(Arc::new(chunk.iter().map(arrival).collect::<Int64Array>())));
        }
        answer.write(chunk.len(), columns)?;
    }
    answer.finish(scanner.finish())
}

/// Fills `best` with the keys of the answer.
fn collect(plan: &Plan, scanner: &mut Scanner, best: &mut Best) -> Result<(), ScanError> {
    // Each part's least possible key.
    let mut order = Vec::with_capacity(scanner.parts());
    for part in 0..scanner.parts() {
        let header = scanner.header(part)?;
        let first = (part as u64) << 32;
        if let Some(last) = header.rows().checked_sub(1) {
            let last = first + last as u64;
            let (min, max) = header.time_range();
            order.push((
                if best.descending {
                    best.key(max, last)
                } else {
                    best.key(min, first)
                },
                part,
            ));
        }
    }
    order.sort_unstable();
    for (least, part) in order {
        if !best.improves(least) {
            break;
        }
        scanner.with_block(part, |block, filter, work| {
            collect_block(plan, block, filter, work, part, best)
        })?;
    }
    Ok(())
}

fn collect_block(
    plan: &Plan,
    block: &mut BlockView,
    filter: &BlockFilter,
    work: &mut Work,
    part: usize,
    best: &mut Best,
) -> Result<(), ScanError> {
    let (pages, sorted) = (block.page_count(), block.header().sorted_by_time());
    for step in 0..pages {
        let page = if best.descending { pages - 1 - step } else { step };
        let base = ((part as u64) << 32) + (page * PAGE_ROWS) as u64;
        if best.worst.is_some()
            && let Some((Bound::Int64(min), Bound::Int64(max))) = block.page_zone(plan.time_slot, page)?.bounds
        {
            let last = base + block.page_rows(page).saturating_sub(1) as u64;
            let least = if best.descending {
                best.key(max, last)
            } else {
                best.key(min, base)
            };
            match (best.improves(least), sorted) {
                (false, true) => break,
                (false, false) => continue,
                (true, _) => {}
            }
        }
        let selection = work.select_within(block, filter, page, |block, bits| {
            if best.worst.is_some() {
                block.load(plan.time_slot, page)?;
                keep_improving(times(block, plan)?, base, best, bits);
            }
            Ok(())
        })?;
        if selection.count() == 0 {
            continue;
        }
        block.load(plan.time_slot, page)?;
        let times = times(block, plan)?;
        selection.rows().for_each(|_, row| {
            let key = best.key(times[row], base + row as u64);
            best.keys.push(key);
        });
        best.trim();
    }
    Ok(())
}

fn keep_improving(times: &[i64], base: u64, best: &Best, bits: &mut Bits) {
    bits.retain(|row| best.improves(best.key(times[row], base + row as u64)));
}

fn times<'b>(block: &'b BlockView, plan: &Plan) -> Result<&'b [i64], ScanError> {
    match block.view(plan.time_slot) {
        PageView::Values {
            values: PageValues::Int64(times),
            validity: None,
            ..
        } => Ok(times),
        _ => Err(block.corrupt(plan.time_slot, 0, "_timestamp is missing or null")),
    }
}

/// Columns of the rows at `places`, in that order. Pages are read in storage order, each once.
fn gather(
    plan: &Plan,
    scanner: &mut Scanner,
    slots: &[usize],
    places: &[u64],
) -> Result<Vec<Option<ArrayRef>>, ScanError> {
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let mut order: Vec<(u64, u64)> = places
        .iter()
        .enumerate()
        .map(|(index, &place)| (place, index as u64))
        .collect();
    order.sort_unstable();
    let mut builders = builders(plan, slots);
    let mut rows = Vec::new();
    for group in order.chunk_by(|a, b| a.0 >> 32 == b.0 >> 32) {
        scanner.with_columns((group[0].0 >> 32) as usize, |block, _| {
            let page_of = |place: u64| place as u32 as usize / PAGE_ROWS;
            let holds = slots.len() <= wide::COLUMNS_MIN || wide::may_hold_pages(block.present_slots(), PAGE_ROWS);
            for of_page in group.chunk_by(|a, b| page_of(a.0) == page_of(b.0)) {
                let page = page_of(of_page[0].0);
                rows.clear();
                rows.extend(of_page.iter().map(|(place, _)| *place as u32 % PAGE_ROWS as u32));
                for (builder, &slot) in builders.iter_mut().zip(slots) {
                    block.load(slot, page)?;
                    builder.append(block.view(slot), Rows::Some(&rows))?;
                    if !holds {
                        block.unload(slot);
                    }
                }
            }
            Ok(())
        })?;
    }
    let mut position = vec![0; order.len()];
    for (stored, (_, index)) in order.iter().enumerate() {
        position[*index as usize] = stored as u64;
    }
    let position = UInt64Array::from(position);
    let take = |builder: &mut ColumnBuilder| {
        let column = builder.finish_lazy()?;
        Ok(column
            .map(|column| arrow_select::take::take(&column, &position, None))
            .transpose()?)
    };
    builders.iter_mut().map(take).collect()
}
