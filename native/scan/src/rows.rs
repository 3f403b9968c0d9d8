//! `Output::Rows`: columns of passing rows in storage order.

use crate::answer::{Answer, ScanOutput, arrow_type};
use crate::bits::Rows;
use crate::block_view::BlockView;
use crate::column_builder::ColumnBuilder;
use crate::error::ScanError;
use crate::plan::Plan;
use crate::scan::{Resume, Scanner, Selection};

/// A batch is written once it has so many rows...
pub const BATCH_ROWS: usize = 8192;
/// ...or so many bytes in one text column.
pub const BATCH_TEXT_BYTES: usize = 16 << 20;

struct Collector<'p> {
    project: &'p [usize],
    builders: Vec<ColumnBuilder>,
    answer: Answer,
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
    let slots = plan.slots_of(project)?;
    let fields = project
        .iter()
        .zip(&slots)
        .map(|(name, &slot)| (name.clone(), arrow_type(plan.column_type(slot))));
    let mut collector = Collector {
        project: &slots,
        builders: slots
            .iter()
            .map(|&slot| ColumnBuilder::new(plan.column_type(slot)))
            .collect(),
        answer: Answer::new(fields.collect())?,
        pending: 0,
        left: limit.unwrap_or(u64::MAX),
    };
    let mut resume = None;
    for part in 0..scanner.parts() {
        if collector.left == 0 {
            break;
        }
        if scanner.is_enough(collector.bytes()) {
            resume = Some(Resume { part, page: 0 });
            break;
        }
        let (first_page, options) = (scanner.first_page(part), scanner.options());
        scanner.with_block(part, |block, filter, work| {
            if slots.is_empty()
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
                collector.page(block, page, selection)?;
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

    fn page(&mut self, block: &mut BlockView, page: usize, selection: &mut Selection) -> Result<(), ScanError> {
        if selection.count() == 0 {
            return Ok(());
        }
        if self.project.is_empty() {
            return self.count_only(selection.count());
        }
        let rows: Rows = selection.rows().first(usize::try_from(self.left).unwrap_or(usize::MAX));
        let too_many = self.pending + rows.len() > BATCH_ROWS;
        if too_many
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
        }
        self.pending += rows.len();
        self.left -= rows.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ScanError> {
        if self.pending == 0 {
            return Ok(());
        }
        let columns = self
            .builders
            .iter_mut()
            .map(ColumnBuilder::finish)
            .collect::<Result<Vec<_>, _>>()?;
        self.answer.write(self.pending, columns)?;
        self.pending = 0;
        Ok(())
    }
}
