//! `Output::Rows`: columns of passing rows in storage order.

use crate::answer::ScanOutput;
use crate::bits::Rows;
use crate::block_view::BlockView;
use crate::column_builder::ColumnBuilder;
use crate::error::ScanError;
use crate::plan::Plan;
use crate::scan::{Resume, Scanner, Selection};
use crate::wide::{self, RowsAnswer};
use arrow_array::Int64Array;
use basalt_block::PAGE_ROWS;
use std::sync::Arc;

/// A batch is written once it has so many rows...
pub const BATCH_ROWS: usize = 8192;
/// ...or so many bytes in one text column.
pub const BATCH_TEXT_BYTES: usize = 16 << 20;

struct Collector<'p> {
    project: &'p [usize],
    builders: Vec<ColumnBuilder>,
    /// Where they are wanted, of the pending rows.
    arrivals: Option<Vec<i64>>,
    answer: RowsAnswer,
    is_wide: bool,
    pending: usize,
    /// Rows still wanted.
    left: u64,
}

pub fn run(
    plan: &Plan,
    scanner: &mut Scanner,
    project: &[String],
    limit: Option<u64>,
) -> Result<ScanOutput, ScanError> {
    let (slots, with_arrival) = plan.projected(project)?;
    let is_wide = slots.len() > wide::COLUMNS_MIN;
    let mut collector = Collector {
        project: &slots,
        builders: builders(plan, &slots),
        arrivals: with_arrival.then(Vec::new),
        answer: RowsAnswer::new(plan.fields(&slots, with_arrival))?,
        is_wide,
        pending: 0,
        left: limit.unwrap_or(u64::MAX),
    };
    let mut resume = None;
    for part in 0..scanner.parts() {
        if collector.left == 0 {
            break;
        }
        if part > 0 && scanner.is_enough(collector.bytes()) {
            resume = Some(Resume { part, page: 0 });
            break;
        }
        let (first_page, options, arrival) = (scanner.first_page(part), scanner.options(), scanner.arrival(part));
        scanner.with_block(part, |block, filter, work| {
            if slots.is_empty()
                && !with_arrival
                && first_page == 0
                && let Some(count) = filter.count(block)?
            {
                work.stats.rows_scanned += block.rows() as u64;
                work.stats.rows_matched += count;
                return collector.count_only(count as usize);
            }
            for page in first_page..block.page_count() {
                if collector.left == 0 {
                    break;
                }
                if page > first_page && collector.bytes() > options.bytes_max {
                    resume = Some(Resume { part, page });
                    break;
                }
                let selection = work.select(block, filter, page)?;
                collector.page(block, page, selection, arrival)?;
            }
            Ok(())
        })?;
        if resume.is_some() {
            break;
        }
    }
    collector.flush()?;
    let output = collector.answer.finish(scanner.finish())?;
    Ok(ScanOutput { resume, ..output })
}

/// One for each slot: where there are very many, only what has values takes place.
pub fn builders(plan: &Plan, slots: &[usize]) -> Vec<ColumnBuilder> {
    let builder = match slots.len() > wide::COLUMNS_MIN {
        true => ColumnBuilder::lazy,
        false => ColumnBuilder::new,
    };
    slots.iter().map(|&slot| builder(plan.column_type(slot))).collect()
}

impl Collector<'_> {
    /// Of what is answered and of the texts that are about to be.
    fn bytes(&self) -> usize {
        let texts: usize = self.builders.iter().map(ColumnBuilder::text_bytes).sum();
        self.answer.bytes() + texts
    }

    fn count_only(&mut self, rows: usize) -> Result<(), ScanError> {
        let rows = self.left.min(rows as u64);
        self.left -= rows;
        self.pending += rows as usize;
        Ok(())
    }

    /// `arrival`: of the block's first row.
    fn page(
        &mut self,
        block: &mut BlockView,
        page: usize,
        selection: &mut Selection,
        arrival: i64,
    ) -> Result<(), ScanError> {
        if selection.count() == 0 {
            return Ok(());
        }
        if self.project.is_empty() && self.arrivals.is_none() {
            return self.count_only(selection.count());
        }
        let rows: Rows = selection.rows().first(usize::try_from(self.left).unwrap_or(usize::MAX));
        if !self.is_wide {
            return self.append(block, page, rows, arrival);
        }
        let mut list = Vec::with_capacity(rows.len());
        rows.for_each(|_, row| list.push(row as u32));
        for some in list.chunks(wide::batch_rows(block.present_slots(), BATCH_ROWS)) {
            self.append(block, page, Rows::Some(some), arrival)?;
        }
        Ok(())
    }

    fn append(&mut self, block: &mut BlockView, page: usize, rows: Rows, arrival: i64) -> Result<(), ScanError> {
        let rows_max = match self.is_wide {
            true => {
                let columns = self.builders.iter().filter(|builder| builder.has_values()).count();
                wide::batch_rows(columns + block.present_slots(), BATCH_ROWS)
            }
            false => BATCH_ROWS,
        };
        let holds = !self.is_wide || wide::may_hold_pages(block.present_slots(), block.page_rows(page));
        if self.pending + rows.len() > rows_max
            || self
                .builders
                .iter()
                .any(|builder| builder.text_bytes() > BATCH_TEXT_BYTES)
        {
            self.flush()?;
        }
        for (builder, &slot) in self.builders.iter_mut().zip(self.project) {
            block.load(slot, page)?;
            builder.append(block.view(slot), rows)?;
            if !holds {
                block.unload(slot);
            }
        }
        if let Some(arrivals) = &mut self.arrivals {
            let first = arrival + (page * PAGE_ROWS) as i64;
            rows.for_each(|_, row| arrivals.push(first + row as i64));
        }
        self.pending += rows.len();
        self.left -= rows.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ScanError> {
        if self.pending == 0 {
            return Ok(());
        }
        let mut columns = self
            .builders
            .iter_mut()
            .map(ColumnBuilder::finish_lazy)
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(arrivals) = &mut self.arrivals {
            columns.push(Some(Arc::new(Int64Array::from(std::mem::take(arrivals)))));
        }
        self.answer.write(self.pending, columns)?;
        self.pending = 0;
        Ok(())
    }
}
