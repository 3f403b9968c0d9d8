//! One block as a request sees it: its columns by slot (`plan::Slot`), in the stream's types, page by page.
//!
//! A chunk is opened when a page of it is first wanted, so columns that no surviving page needs cost nothing. Pages, dictionaries
//! and directories come from the page cache where it has them, in place; what it lacks is read, decoded and offered to it.
//! Invariant after `load`: the current page has as many values as rows (the block's reader sees to codes being in range).

use crate::block_pages::{BlockPages, CachedPage, CachedText};
use crate::cast::{Cast, cast_between, cast_bound, cast_page};
use crate::error::ScanError;
use crate::page_view::PageValues;
use crate::plan::Slot;
use crate::request::RequestType;
use basalt_block::codec::TextSlice;
use basalt_block::{BlockError, BlockHeader, BlockReader, Bound, Chunk, PAGE_ROWS, Page, ReadAt};
use std::cell::Cell;
use std::sync::Arc;

/// One block to scan.
#[derive(Clone)]
pub struct Part<'a> {
    pub source: &'a dyn ReadAt,
    /// Where the block starts in `source`.
    pub offset: u64,
    /// The block's header, where the caller has it already (from a segment's footer): saves reading it.
    pub header: Option<Arc<BlockHeader>>,
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
    /// Index in the header; `None` where every row is null.
    entry: Option<usize>,
    cast: Cast,
    chunk: Option<Chunk<'s, CountedSource<'s>>>,
    dictionary: Dictionary<'s>,
    loaded: Option<usize>,
    /// The current page, if it came from the cache; else it is in `page`.
    cached: Option<CachedPage<'s>>,
    page: Page,
    cast_page: Page,
}

enum Dictionary<'s> {
    NotLoaded,
    /// The chunk has it, or there is none.
    Chunk,
    Cached(CachedText<'s>),
}

impl<'s> ColumnView<'s> {
    fn dictionary(&self) -> Option<TextSlice<'_>> {
        match &self.dictionary {
            Dictionary::NotLoaded => None,
            Dictionary::Chunk => self.chunk.as_ref().and_then(Chunk::dictionary).map(TextSlice::of),
            Dictionary::Cached(cached) => cached.text(),
        }
    }

    /// The current page before any cast: validity words and values.
    fn stored(&self) -> Option<(Option<&[u64]>, PageValues<'_>)> {
        match &self.cached {
            Some(cached) => cached.parts(),
            None => Some(parts(&self.page)),
        }
    }
}

fn parts(page: &Page) -> (Option<&[u64]>, PageValues<'_>) {
    (
        page.validity.as_ref().map(|validity| validity.words.as_slice()),
        PageValues::of(&page.values),
    )
}

/// The current page of a slot.
#[derive(Clone, Copy)]
pub enum PageView<'a> {
    /// Every row is null.
    Null,
    Values {
        /// Bit words, 1 = present; `None`: no nulls.
        validity: Option<&'a [u64]>,
        values: PageValues<'a>,
        /// Of `PageValues::Codes`.
        dictionary: Option<TextSlice<'a>>,
    },
}

/// Nulls of a page, and its least and greatest value in the stream's type where the chunk has them.
pub struct PageZone {
    pub nulls: usize,
    pub bounds: Option<(Bound, Bound)>,
}

pub struct BlockView<'s> {
    reader: BlockReader<'s, CountedSource<'s>>,
    offset: u64,
    columns: Vec<ColumnView<'s>>,
    pages: BlockPages<'s>,
    pub pages_read: u64,
    pub pages_cached: u64,
}

impl<'s> BlockView<'s> {
    /// Reads the header if the part has none, and resolves each slot. `buffers` are taken and given back by `close`.
    pub fn open(
        part: &Part<'s>,
        source: &'s CountedSource<'s>,
        pages: BlockPages<'s>,
        slots: &[Slot],
        buffers: &mut PageBuffers,
    ) -> Result<Self, ScanError> {
        let offset = part.offset;
        let reader = match &part.header {
            Some(header) => BlockReader::with_header(source, offset, header.clone()),
            None => BlockReader::open(source, offset).map_err(|error| ScanError::Block { offset, error })?,
        };
        buffers.resize_with(slots.len(), Default::default);
        let mut columns = Vec::with_capacity(slots.len());
        for (slot, buffer) in slots.iter().zip(buffers) {
            let (entry, cast) = resolve(&reader, slot, offset)?;
            let (page, cast_page) = std::mem::take(buffer);
            columns.push(ColumnView {
                entry,
                cast,
                chunk: None,
                dictionary: Dictionary::NotLoaded,
                loaded: None,
                cached: None,
                page,
                cast_page,
            });
        }
        Ok(Self {
            reader,
            offset,
            columns,
            pages,
            pages_read: 0,
            pages_cached: 0,
        })
    }

    pub fn close(self, buffers: &mut PageBuffers) {
        *buffers = self
            .columns
            .into_iter()
            .map(|column| (column.page, column.cast_page))
            .collect();
    }

    pub fn header(&self) -> &BlockHeader {
        self.reader.header()
    }

    pub fn rows(&self) -> usize {
        self.header().rows
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

    pub fn null_count(&self, slot: usize) -> usize {
        self.columns[slot]
            .entry
            .map_or(self.rows(), |entry| self.header().columns[entry].null_count as usize)
    }

    /// Entries of the slot's dictionary, 0 if it has none.
    pub fn dictionary_entries(&self, slot: usize) -> usize {
        self.columns[slot]
            .entry
            .map_or(0, |entry| self.header().columns[entry].distinct as usize)
    }

    /// Least and greatest value in the stream's type, where the header has them.
    pub fn bounds(&self, slot: usize) -> Option<(Bound, Bound)> {
        let column = &self.columns[slot];
        let entry = &self.header().columns[column.entry?];
        Some((
            cast_bound(column.cast, entry.min.as_ref()?)?,
            cast_bound(column.cast, entry.max.as_ref()?)?,
        ))
    }

    /// The dictionary of a slot whose values are strings in the block too.
    pub fn dictionary(&mut self, slot: usize) -> Result<Option<TextSlice<'_>>, ScanError> {
        if self.columns[slot].cast != Cast::Same || self.dictionary_entries(slot) == 0 {
            return Ok(None);
        }
        self.load_dictionary(slot)?;
        Ok(self.columns[slot].dictionary())
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
        let column = &mut self.columns[slot];
        let Some(entry) = column.entry.filter(|_| column.loaded != Some(page)) else {
            return Ok(());
        };
        column.loaded = None;
        column.cached = self.pages.page(entry, page);
        if self.columns[slot].cached.is_some() {
            self.pages_cached += 1;
        } else {
            self.read_page(slot, entry, page)?;
        }
        if self.dictionary_entries(slot) > 0 {
            self.load_dictionary(slot)?;
        }
        let rows = self.page_rows(page);
        let mut cast = std::mem::take(&mut self.columns[slot].cast_page);
        let column = &self.columns[slot];
        let checked = check_page(column.stored(), rows, column.dictionary()).and_then(|(validity, values)| {
            if column.cast == Cast::Same || cast_page(column.cast, rows, validity, values, &mut cast) {
                return Ok(());
            }
            Err("values of another type than the column's")
        });
        checked.map_err(|what| self.corrupt(slot, page, what))?;
        self.columns[slot].cast_page = cast;
        self.columns[slot].loaded = Some(page);
        Ok(())
    }

    /// Reads a page that the cache lacks, and offers it.
    fn read_page(&mut self, slot: usize, entry: usize, page: usize) -> Result<(), ScanError> {
        self.open_chunk(slot)?;
        let (offset, entries) = (self.offset, self.dictionary_entries(slot));
        let column = &mut self.columns[slot];
        let Some(chunk) = &mut column.chunk else { return Ok(()) };
        chunk
            .read_page(page, &mut column.page)
            .map_err(|error| ScanError::Block { offset, error })?;
        self.pages_read += 1;
        self.pages.keep_page(entry, page, &column.page, entries);
        Ok(())
    }

    /// The page that `load` made current.
    pub fn view(&self, slot: usize) -> PageView<'_> {
        let column = &self.columns[slot];
        let stored = match (column.loaded, column.cast) {
            (None, _) => None,
            (Some(_), Cast::Same) => column.stored(),
            (Some(_), _) => Some(parts(&column.cast_page)),
        };
        let Some((validity, values)) = stored else {
            return PageView::Null;
        };
        PageView::Values {
            validity,
            values,
            dictionary: column.dictionary(),
        }
    }

    /// An error about the values of a slot that came from this block.
    pub fn corrupt(&self, slot: usize, page: usize, what: &str) -> ScanError {
        let name = self.columns[slot]
            .entry
            .map_or("", |entry| self.header().columns[entry].name.as_str());
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
            let known = self.pages.directory(entry);
            let chunk = self
                .reader
                .chunk_without_dictionary(entry, known.as_deref())
                .map_err(|error| ScanError::Block { offset, error })?;
            if known.is_none() {
                self.pages.keep_directory(entry, &chunk);
            }
            column.chunk = Some(chunk);
        }
        Ok(())
    }

    fn load_dictionary(&mut self, slot: usize) -> Result<(), ScanError> {
        let column = &mut self.columns[slot];
        let (Some(entry), Dictionary::NotLoaded) = (column.entry, &column.dictionary) else {
            return Ok(());
        };
        if let Some(cached) = self.pages.dictionary(entry) {
            column.dictionary = Dictionary::Cached(cached);
            return Ok(());
        }
        self.open_chunk(slot)?;
        let (offset, column) = (self.offset, &mut self.columns[slot]);
        if let Some(chunk) = &mut column.chunk {
            chunk
                .load_dictionary()
                .map_err(|error| ScanError::Block { offset, error })?;
            if let Some(dictionary) = chunk.dictionary() {
                self.pages.keep_dictionary(entry, dictionary);
            }
        }
        column.dictionary = Dictionary::Chunk;
        Ok(())
    }
}

fn resolve<S: ReadAt>(
    reader: &BlockReader<'_, S>,
    slot: &Slot,
    offset: u64,
) -> Result<(Option<usize>, Cast), ScanError> {
    let header = reader.header();
    let Some(index) = reader
        .find(&slot.name)
        .filter(|&index| (header.columns[index].null_count as usize) < header.rows)
    else {
        return Ok((None, Cast::Same));
    };
    let from = header.columns[index].column_type;
    let cast = cast_between(from, slot.column_type).ok_or_else(|| {
        let (name, to) = (&slot.name, type_name(slot.column_type));
        ScanError::Internal(format!(
            "the block at byte {offset} holds column {name:?} as {}, which cannot become the stream's {to}",
            from.name()
        ))
    })?;
    Ok((Some(index), cast))
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

fn check_page<'a>(
    stored: Option<(Option<&'a [u64]>, PageValues<'a>)>,
    rows: usize,
    dictionary: Option<TextSlice>,
) -> Result<(Option<&'a [u64]>, PageValues<'a>), &'static str> {
    let (validity, values) = stored.ok_or("the page cache holds something else in its place")?;
    if values.rows() != rows {
        return Err("not as many values as the page has rows");
    }
    if validity.is_some_and(|words| words.len() < rows.div_ceil(64)) {
        return Err("validity is shorter than the page");
    }
    if matches!(values, PageValues::Codes(_)) && dictionary.is_none() {
        return Err("codes without a dictionary");
    }
    Ok((validity, values))
}
