//! The rows that a request's time range and filter pass, as bits: for whoever acts on the rows themselves (deletion by query).

use crate::block_view::Part;
use crate::error::ScanError;
use crate::plan::Plan;
use crate::request::ScanRequest;
use crate::scan::{ScanOptions, Scanner};
use basalt_block::PAGE_ROWS;
use std::cell::Cell;

/// A request's conditions, compiled once; its output is of no account.
pub struct RowMatcher {
    plan: Plan,
}

impl RowMatcher {
    /// Errors: a request that contradicts itself.
    pub fn compile(request: &ScanRequest) -> Result<Self, ScanError> {
        Ok(Self {
            plan: Plan::compile(request)?,
        })
    }

    /// One bit a row of a block of `rows` rows, 1 = it passes, in words of 64 rows from the lowest bit up.
    pub fn matching_rows(&self, part: &Part, rows: usize) -> Result<Vec<u64>, ScanError> {
        let mut words = vec![0u64; rows.div_ceil(64)];
        let bytes = Cell::new(0);
        let parts = [part.clone()];
        Scanner::new(&self.plan, &parts, &bytes, &ScanOptions::default()).with_block(0, |block, filter, work| {
            for page in 0..block.page_count() {
                let selected = work.select(block, filter, page)?;
                let start = page * PAGE_ROWS / 64;
                for (word, bits) in words[start..].iter_mut().zip(selected.words()) {
                    *word = *bits;
                }
            }
            Ok(())
        })?;
        Ok(words)
    }
}
