//! What a chunk's directory tells of its pages.

use super::BlockView;
use crate::cast::cast_bound;
use crate::error::ScanError;
use basalt_block::Bound;

/// Nulls of a page where they are known, and its least and greatest value in the stream's type where the chunk has them.
pub struct PageZone {
    pub nulls: Option<usize>,
    pub bounds: Option<(Bound, Bound)>,
}

impl BlockView<'_> {
    /// What is known of a page without reading it.
    pub fn page_zone(&mut self, slot: usize, page: usize) -> Result<PageZone, ScanError> {
        if self.columns[slot].overlay.is_some() {
            return Ok(PageZone {
                nulls: None,
                bounds: None,
            });
        }
        self.open_chunk(slot)?;
        let column = &self.columns[slot];
        let Some(chunk) = &column.chunk else {
            return Ok(PageZone {
                nulls: Some(self.page_rows(page)),
                bounds: None,
            });
        };
        if page >= chunk.page_count() {
            return Err(self.corrupt(slot, page, "the column has fewer pages than the block"));
        }
        let bounds = chunk
            .page_bounds(page)
            .and_then(|(min, max)| Some((cast_bound(column.cast, &min)?, cast_bound(column.cast, &max)?)));
        Ok(PageZone {
            nulls: Some(chunk.page_null_count(page)),
            bounds,
        })
    }
}
