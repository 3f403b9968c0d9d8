//! Pages of strings as stems and numbers.

use super::{BlockView, NOT_WHAT_WAS_CACHED};
use crate::block_pages::CachedNumbers;
use crate::cast::Cast;
use crate::error::ScanError;
use crate::page_view::NumberedView;
use basalt_block::ColumnView as HeaderColumn;

/// A column of more templates has more stems than a numbered page can.
const TEMPLATES_MAX: usize = 256;

impl BlockView<'_> {
    /// Calls `visit` with a page of the slot as stems and numbers. `None` where the block has no templates of it, strings have
    /// too many stems or numbers too large, or the page is loaded as text already: then `load` is the way.
    pub fn with_numbered_page<T>(
        &mut self,
        slot: usize,
        page: usize,
        visit: impl FnOnce(NumberedView) -> T,
    ) -> Result<Option<T>, ScanError> {
        let templates = self.template_count(slot);
        let column = &mut self.columns[slot];
        let Some(entry) = column.entry else { return Ok(None) };
        if column.cast != Cast::Same || column.numberless || column.loaded == Some(page) {
            return Ok(None);
        }
        if !(1..=TEMPLATES_MAX).contains(&templates) {
            return Ok(None);
        }
        let cached: Option<CachedNumbers> = self.pages.numbered_page(entry.index, page);
        if cached.is_some() {
            self.pages_cached += 1;
        } else if !self.read_numbered_page(slot, entry, page)? {
            self.columns[slot].numberless = true;
            return Ok(None);
        }
        let view = match &cached {
            Some(cached) => cached.view(),
            None => Some(NumberedView::of(&self.columns[slot].numbered)),
        };
        let rows = self.page_rows(page);
        match view.filter(|view| view.codes.len() == rows && view.numbers.len() == rows) {
            Some(view) => Ok(Some(visit(view))),
            None => Err(self.corrupt(slot, page, NOT_WHAT_WAS_CACHED)),
        }
    }

    /// Reads a page that the cache lacks, and offers it; false where it is not to be had.
    fn read_numbered_page(&mut self, slot: usize, entry: HeaderColumn, page: usize) -> Result<bool, ScanError> {
        self.open_chunk(slot)?;
        self.give_chunk_templates(slot, entry)?;
        let (offset, column) = (self.offset, &mut self.columns[slot]);
        let Some(chunk) = &mut column.chunk else {
            return Ok(false);
        };
        let read = chunk.read_numbered_page(page, &mut column.numbered);
        if !read.map_err(|error| ScanError::Block { offset, error })? {
            return Ok(false);
        }
        self.pages_read += 1;
        self.pages.keep_numbered_page(entry.index, page, &column.numbered);
        Ok(true)
    }
}
