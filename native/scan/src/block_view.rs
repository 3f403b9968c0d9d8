//! One block as a request sees it: its columns by slot (`plan::Slot`), in the stream's types, page by page.
//!
//! A chunk is opened when a page of it is first wanted, so columns that no surviving page needs cost nothing.
//! Invariant after `load`: the current page has as many values as rows (the block's reader sees to codes being in range).

use crate::cast::{Cast, cast_between, cast_bound, cast_page};
use crate::error::ScanError;
use crate::plan::Slot;
use crate::request::RequestType;
use basalt_block::{
    BlockError, Bound, Chunk, ChunkFamily, ColumnView as HeaderColumn, HeaderView, PAGE_ROWS, Page, PageValues, ReadAt,
    Text, open_chunk,
};
use std::cell::Cell;
use std::sync::Arc;

/// One block to scan.
#[derive(Clone)]
pub struct Part<'a> {
    pub source: &'a dyn ReadAt,
    /// Where the block starts in `source`.
    pub offset: u64,
    /// The block's header, where the caller has it already (from a segment's footer): saves reading it.
    pub header: Option<Arc<HeaderView>>,
}

/// Counts what is read through it.
pub struct CountedSource<'a> {
    source: &'a dyn ReadAt,
    bytes: &'a Cell<u64>,
}

impl<'a> CountedSource<'a> {
    pub fn new(source: &'a dyn ReadAt, bytes: &'a Cell<u64>) -> Self {
        Self { source, bytes }
    }
}

impl ReadAt for CountedSource<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.bytes.set(self.bytes.get() + buffer.len() as u64);
        self.source.read_at(buffer, offset)
    }
}

/// Page buffers by slot, handed from block to block.
pub type PageBuffers = Vec<(Page, Page)>;

struct ColumnView<'s> {
    /// What the header has; `None` where every row is null.
    entry: Option<HeaderColumn>,
    cast: Cast,
    chunk: Option<Chunk<'s, CountedSource<'s>>>,
    loaded: Option<usize>,
    page: Page,
    cast_page: Page,
    /// Template numbers of page `templates_loaded`.
    template_page: Page,
    templates_loaded: Option<usize>,
}

/// The current page of a slot.
#[derive(Clone, Copy)]
pub enum PageView<'a> {
    /// Every row is null.
    Null,
    Values {
        /// Bit words, 1 = present; `None`: no nulls.
        validity: Option<&'a [u64]>,
        values: &'a PageValues,
        /// Of `PageValues::Codes`.
        dictionary: Option<&'a Text>,
    },
}

/// Nulls of a page, and its least and greatest value in the stream's type where the chunk has them.
pub struct PageZone {
    pub nulls: usize,
    pub bounds: Option<(Bound, Bound)>,
}

pub struct BlockView<'s> {
    source: &'s CountedSource<'s>,
    offset: u64,
    header: Arc<HeaderView>,
    columns: Vec<ColumnView<'s>>,
    pub pages_read: u64,
}

impl<'s> BlockView<'s> {
    /// Reads the header if the part has none, and resolves each slot. `buffers` are taken and given back by `close`.
    pub fn open(
        part: &Part<'s>,
        source: &'s CountedSource<'s>,
        slots: &[Slot],
        buffers: &mut PageBuffers,
    ) -> Result<Self, ScanError> {
        let offset = part.offset;
        let header = match &part.header {
            Some(header) => header.clone(),
            None => Arc::new(HeaderView::read(source, offset).map_err(|error| ScanError::Block { offset, error })?),
        };
        buffers.resize_with(slots.len(), Default::default);
        let mut columns = Vec::with_capacity(slots.len());
        for (slot, buffer) in slots.iter().zip(buffers) {
            let (entry, cast) = resolve(&header, slot, offset)?;
            let (page, cast_page) = std::mem::take(buffer);
            columns.push(ColumnView {
                entry,
                cast,
                chunk: None,
                loaded: None,
                page,
                cast_page,
                template_page: Page::default(),
                templates_loaded: None,
            });
        }
        Ok(Self {
            source,
            offset,
            header,
            columns,
            pages_read: 0,
        })
    }

    pub fn close(self, buffers: &mut PageBuffers) {
        *buffers = self
            .columns
            .into_iter()
            .map(|column| (column.page, column.cast_page))
            .collect();
    }

    pub fn header(&self) -> &HeaderView {
        &self.header
    }

    pub fn rows(&self) -> usize {
        self.header.rows()
    }

    pub fn page_count(&self) -> usize {
        self.rows().div_ceil(PAGE_ROWS)
    }

    pub fn page_rows(&self, page: usize) -> usize {
        self.rows().saturating_sub(page * PAGE_ROWS).min(PAGE_ROWS)
    }

    /// Slots that the block holds as a column with at least one value.
    pub fn present(&self, slot: usize) -> bool {
        self.columns[slot].entry.is_some()
    }

    /// Slots of which `present` holds.
    pub fn present_slots(&self) -> usize {
        self.columns.iter().filter(|column| column.entry.is_some()).count()
    }

    /// Pages of all slots together.
    pub fn column_pages(&self) -> usize {
        self.present_slots() * self.page_count()
    }

    pub fn null_count(&self, slot: usize) -> usize {
        self.columns[slot]
            .entry
            .map_or(self.rows(), |entry| entry.null_count as usize)
    }

    /// Entries of the slot's dictionary, 0 if it has none.
    pub fn dictionary_entries(&self, slot: usize) -> usize {
        self.distinct(slot, ChunkFamily::Dictionary)
    }

    /// Templates of the slot's strings, 0 if they are held otherwise.
    pub fn template_count(&self, slot: usize) -> usize {
        self.distinct(slot, ChunkFamily::Templates)
    }

    fn distinct(&self, slot: usize, family: ChunkFamily) -> usize {
        self.columns[slot]
            .entry
            .filter(|entry| entry.family == family)
            .map_or(0, |entry| entry.distinct as usize)
    }

    /// Least and greatest value in the stream's type, where the header has them.
    pub fn bounds(&self, slot: usize) -> Option<(Bound, Bound)> {
        let ColumnView { entry, cast, .. } = &self.columns[slot];
        // The header's checksum was right; what cannot be parsed all the same bounds nothing.
        let (min, max) = self.header.bounds((*entry)?).ok().flatten()?;
        Some((cast_bound(*cast, &min)?, cast_bound(*cast, &max)?))
    }

    /// The dictionary of a slot whose values are strings in the block too.
    pub fn dictionary(&mut self, slot: usize) -> Result<Option<&Text>, ScanError> {
        if self.columns[slot].entry.is_none() || self.columns[slot].cast != Cast::Same {
            return Ok(None);
        }
        self.open_chunk(slot)?;
        Ok(self.columns[slot].chunk.as_ref().and_then(Chunk::dictionary))
    }

    /// The templates of a slot whose values are strings in the block too: each string with every run of ASCII digits replaced
    /// by one `0`.
    pub fn templates(&mut self, slot: usize) -> Result<Option<&Text>, ScanError> {
        if self.columns[slot].entry.is_none() || self.columns[slot].cast != Cast::Same {
            return Ok(None);
        }
        self.open_chunk(slot)?;
        Ok(self.columns[slot].chunk.as_ref().and_then(Chunk::templates))
    }

    /// Rows of each dictionary entry or template of a slot, where the block has them.
    pub fn entry_counts(&mut self, slot: usize) -> Result<Option<Vec<u32>>, ScanError> {
        if self.columns[slot].entry.is_none() || self.columns[slot].cast != Cast::Same {
            return Ok(None);
        }
        self.ask_chunk(slot, Chunk::entry_counts)
    }

    /// Whether the slot may have an index of its values: none of what it says is read yet.
    pub fn may_have_index(&self, slot: usize) -> bool {
        let column = &self.columns[slot];
        column.cast == Cast::Same
            && column
                .entry
                .is_some_and(|entry| entry.sections > 0 && entry.distinct == 0)
    }

    /// Asks the slot's chunk, which is opened for it; `None` where the block has none.
    pub fn ask_chunk<T>(
        &mut self,
        slot: usize,
        ask: impl FnOnce(&Chunk<'s, CountedSource<'s>>) -> Result<Option<T>, BlockError>,
    ) -> Result<Option<T>, ScanError> {
        self.open_chunk(slot)?;
        let offset = self.offset;
        match &self.columns[slot].chunk {
            Some(chunk) => ask(chunk).map_err(|error| ScanError::Block { offset, error }),
            None => Ok(None),
        }
    }

    /// Validity and template numbers of a page of a slot that has templates, without reading its digits.
    pub fn template_page(&mut self, slot: usize, page: usize) -> Result<(Option<&[u64]>, &[u32]), ScanError> {
        self.open_chunk(slot)?;
        let (rows, offset) = (self.page_rows(page), self.offset);
        let column = &mut self.columns[slot];
        if column.templates_loaded != Some(page)
            && let Some(chunk) = &mut column.chunk
        {
            column.templates_loaded = None;
            chunk
                .read_template_page(page, &mut column.template_page)
                .map_err(|error| ScanError::Block { offset, error })?;
            self.pages_read += 1;
            check_page(&column.template_page, rows, chunk.templates())
                .map_err(|what| self.corrupt(slot, page, what))?;
            self.columns[slot].templates_loaded = Some(page);
        }
        let page = &self.columns[slot].template_page;
        match &page.values {
            PageValues::Codes(numbers) => {
                let validity = page.validity.as_ref().map(|validity| validity.words.as_slice());
                Ok((validity, numbers))
            }
            _ => Err(ScanError::Internal("templates of a column that has none".to_owned())),
        }
    }

    /// What is known of a page without reading it.
    pub fn page_zone(&mut self, slot: usize, page: usize) -> Result<PageZone, ScanError> {
        self.open_chunk(slot)?;
        let column = &self.columns[slot];
        let Some(chunk) = &column.chunk else {
            return Ok(PageZone {
                nulls: self.page_rows(page),
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
            nulls: chunk.page_null_count(page),
            bounds,
        })
    }

    /// Makes `page` the current page of the slot.
    pub fn load(&mut self, slot: usize, page: usize) -> Result<(), ScanError> {
        if self.columns[slot].entry.is_none() || self.columns[slot].loaded == Some(page) {
            return Ok(());
        }
        self.open_chunk(slot)?;
        let (rows, offset) = (self.page_rows(page), self.offset);
        let column = &mut self.columns[slot];
        column.loaded = None;
        let Some(chunk) = &mut column.chunk else { return Ok(()) };
        chunk
            .read_page(page, &mut column.page)
            .map_err(|error| ScanError::Block { offset, error })?;
        self.pages_read += 1;
        check_page(&column.page, rows, chunk.dictionary()).map_err(|what| self.corrupt(slot, page, what))?;
        let column = &mut self.columns[slot];
        if column.cast != Cast::Same && !cast_page(column.cast, &column.page, &mut column.cast_page) {
            return Err(self.corrupt(slot, page, "values of another type than the column's"));
        }
        self.columns[slot].loaded = Some(page);
        Ok(())
    }

    /// The page that `load` made current.
    pub fn view(&self, slot: usize) -> PageView<'_> {
        let column = &self.columns[slot];
        if column.loaded.is_none() {
            return PageView::Null;
        }
        let page = if column.cast == Cast::Same {
            &column.page
        } else {
            &column.cast_page
        };
        PageView::Values {
            validity: page.validity.as_ref().map(|validity| validity.words.as_slice()),
            values: &page.values,
            dictionary: column.chunk.as_ref().and_then(Chunk::dictionary),
        }
    }

    /// An error about the values of a slot that came from this block.
    pub fn corrupt(&self, slot: usize, page: usize, what: &str) -> ScanError {
        let entry = self.columns[slot].entry.map(|entry| self.header.entry(entry.index));
        let name = match entry {
            Some(Ok(entry)) => entry.name,
            _ => String::new(),
        };
        let what = format!("page {page} of column {name:?}: {what}");
        ScanError::Block {
            offset: self.offset,
            error: BlockError::Corrupt {
                offset: self.offset,
                what,
            },
        }
    }

    fn open_chunk(&mut self, slot: usize) -> Result<(), ScanError> {
        let column = &mut self.columns[slot];
        if let (Some(entry), None) = (column.entry, &column.chunk) {
            let offset = self.offset;
            let open = || {
                open_chunk(
                    self.source,
                    offset,
                    self.header.rows(),
                    &self.header.entry(entry.index)?,
                )
            };
            column.chunk = Some(open().map_err(|error| ScanError::Block { offset, error })?);
        }
        Ok(())
    }
}

fn resolve(header: &HeaderView, slot: &Slot, offset: u64) -> Result<(Option<HeaderColumn>, Cast), ScanError> {
    let found = header
        .find(&slot.name)
        .map_err(|error| ScanError::Block { offset, error })?;
    let Some(entry) = found.filter(|entry| (entry.null_count as usize) < header.rows()) else {
        return Ok((None, Cast::Same));
    };
    let from = entry.column_type;
    let cast = cast_between(from, slot.column_type).ok_or_else(|| {
        let (name, to) = (&slot.name, type_name(slot.column_type));
        ScanError::Internal(format!(
            "the block at byte {offset} holds column {name:?} as {}, which cannot become the stream's {to}",
            from.name()
        ))
    })?;
    Ok((Some(entry), cast))
}

pub fn type_name(column_type: RequestType) -> &'static str {
    match column_type {
        RequestType::Int64 => "int64",
        RequestType::Float64 => "float64",
        RequestType::Bool => "bool",
        RequestType::String => "string",
        RequestType::Json => "json",
    }
}

fn check_page(page: &Page, rows: usize, dictionary: Option<&Text>) -> Result<(), &'static str> {
    let found = match &page.values {
        PageValues::Int64(values) => values.len(),
        PageValues::Float64(values) => values.len(),
        PageValues::Bool(values) => values.len(),
        PageValues::Codes(codes) => codes.len(),
        PageValues::Text(text) => text.len(),
    };
    if page.rows != rows || found != rows {
        return Err("not as many values as the page has rows");
    }
    if page
        .validity
        .as_ref()
        .is_some_and(|validity| validity.words.len() < rows.div_ceil(64))
    {
        return Err("validity is shorter than the page");
    }
    if matches!(page.values, PageValues::Codes(_)) && dictionary.is_none() {
        return Err("codes without a dictionary");
    }
    Ok(())
}
