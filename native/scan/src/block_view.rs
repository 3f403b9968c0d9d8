//! One block as a request sees it: its columns by slot (`plan::Slot`), in the stream's types, page by page.
//!
//! A chunk is opened when a page of it is first wanted, so columns that no surviving page needs cost nothing. Pages, dictionaries,
//! templates and directories come from the page cache where it has them, in place; what it lacks is read, decoded and offered
//! to it.
//! Invariant after `load`: the current page has as many values as rows (the block's reader sees to codes being in range).

mod numbered;
mod overlay;
mod page_zone;
mod resolve;

use crate::block_pages::{BlockPages, CachedPage, CachedText};
use crate::cast::{Cast, cast_bound, cast_page};
use crate::error::ScanError;
use crate::page_view::{Codes, PageValues};
use crate::plan::Slot;
use crate::request::RequestType;
use basalt_block::codec::TextSlice;
use basalt_block::{
    BlockError, Bound, Chunk, ChunkFamily, ColumnView as HeaderColumn, HeaderView, NumberedPage, PAGE_ROWS, Page,
    ReadAt, Text, open_chunk,
};
use overlay::{Overflow, Overlay};
pub use page_zone::PageZone;
use resolve::resolve;
pub use resolve::type_name;
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
    /// What the header has; `None` where every row is null, and where the column is laid together of others.
    entry: Option<HeaderColumn>,
    overlay: Option<Overlay>,
    column_type: RequestType,
    cast: Cast,
    chunk: Option<Chunk<'s, CountedSource<'s>>>,
    strings: Strings<'s>,
    loaded: Option<usize>,
    /// The current page, if it came from the cache; else it is in `page`.
    cached: Option<CachedPage<'s>>,
    page: Page,
    cast_page: Page,
    templates_loaded: Option<usize>,
    /// Template numbers of page `templates_loaded`, if they came from the cache; else they are in `template_page`.
    cached_templates: Option<CachedPage<'s>>,
    template_page: Page,
    /// A page that is read as stems and numbers.
    numbered: NumberedPage,
    /// It was tried and did not pay.
    numberless: bool,
}

/// A column's dictionary, or its templates.
enum Strings<'s> {
    NotLoaded,
    /// The chunk has them, or there are none.
    Chunk,
    Cached(CachedText<'s>),
}

impl<'s> ColumnView<'s> {
    fn new(entry: Option<HeaderColumn>, column_type: RequestType, cast: Cast, (page, cast_page): (Page, Page)) -> Self {
        Self {
            entry,
            overlay: None,
            column_type,
            cast,
            chunk: None,
            strings: Strings::NotLoaded,
            loaded: None,
            cached: None,
            page,
            cast_page,
            templates_loaded: None,
            cached_templates: None,
            template_page: Page::default(),
            numbered: NumberedPage::default(),
            numberless: false,
        }
    }

    /// What is loaded of the dictionary or the templates, whichever the column has.
    fn strings(&self) -> Option<TextSlice<'_>> {
        match &self.strings {
            Strings::NotLoaded => None,
            Strings::Chunk => {
                let chunk = self.chunk.as_ref()?;
                chunk.dictionary().or(chunk.templates()).map(TextSlice::of)
            }
            Strings::Cached(cached) => cached.text(),
        }
    }

    fn dictionary(&self) -> Option<TextSlice<'_>> {
        self.strings().filter(|_| self.is(ChunkFamily::Dictionary))
    }

    fn is(&self, family: ChunkFamily) -> bool {
        self.entry.is_some_and(|entry| entry.family == family)
    }

    /// The current page before any cast: validity words and values.
    fn stored(&self) -> Option<(Option<&[u64]>, PageValues<'_>)> {
        stored(&self.cached, &self.page)
    }

    /// Likewise template numbers.
    fn stored_templates(&self) -> Option<(Option<&[u64]>, PageValues<'_>)> {
        stored(&self.cached_templates, &self.template_page)
    }
}

fn stored<'a>(cached: &'a Option<CachedPage>, page: &'a Page) -> Option<(Option<&'a [u64]>, PageValues<'a>)> {
    match cached {
        Some(cached) => cached.parts(),
        None => Some(parts(page)),
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

pub struct BlockView<'s> {
    source: &'s CountedSource<'s>,
    offset: u64,
    header: Arc<HeaderView>,
    /// Those of the slots; behind them those that only others are laid together of.
    columns: Vec<ColumnView<'s>>,
    slots: usize,
    overflow: Overflow,
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
        let header = match &part.header {
            Some(header) => header.clone(),
            None => Arc::new(HeaderView::read(source, offset).map_err(|error| ScanError::Block { offset, error })?),
        };
        buffers.resize_with(slots.len(), Default::default);
        let mut columns = Vec::with_capacity(slots.len());
        for (slot, buffer) in slots.iter().zip(buffers) {
            let (entry, cast) = resolve(&header, slot, offset)?;
            let pages = std::mem::take(buffer);
            columns.push(ColumnView::new(entry, slot.column_type, cast, pages));
        }
        let mut view = Self {
            source,
            offset,
            header,
            columns,
            slots: slots.len(),
            overflow: Overflow::default(),
            pages,
            pages_read: 0,
            pages_cached: 0,
        };
        view.lay_overflow(slots)?;
        Ok(view)
    }

    pub fn close(self, buffers: &mut PageBuffers) {
        *buffers = self
            .columns
            .into_iter()
            .take(self.slots)
            .map(|column| (column.page, column.cast_page))
            .collect();
    }

    /// Lets go of what is held of the slot's values.
    pub fn unload(&mut self, slot: usize) {
        let column = &mut self.columns[slot];
        column.loaded = None;
        column.cached = None;
        column.chunk = None;
        column.strings = Strings::NotLoaded;
        (column.page, column.cast_page) = Default::default();
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

    /// Pages that were looked at so far, wherever they came from.
    pub fn pages_touched(&self) -> u64 {
        self.pages_read + self.pages_cached
    }

    /// Slots of which the block may have a value.
    pub fn present(&self, slot: usize) -> bool {
        self.columns[slot].entry.is_some() || self.columns[slot].overlay.is_some()
    }

    /// Slots of which `present` holds.
    pub fn present_slots(&self) -> usize {
        (0..self.slots).filter(|&slot| self.present(slot)).count()
    }

    /// Pages of all slots together.
    pub fn column_pages(&self) -> usize {
        self.present_slots() * self.page_count()
    }

    /// `None` where the header does not tell.
    pub fn null_count(&self, slot: usize) -> Option<usize> {
        let column = &self.columns[slot];
        if column.overlay.is_some() {
            return None;
        }
        Some(column.entry.map_or(self.rows(), |entry| entry.null_count as usize))
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
    pub fn dictionary(&mut self, slot: usize) -> Result<Option<TextSlice<'_>>, ScanError> {
        self.strings(slot, ChunkFamily::Dictionary)
    }

    /// The templates of a slot whose values are strings in the block too: each string with every run of ASCII digits replaced
    /// by one `0`.
    pub fn templates(&mut self, slot: usize) -> Result<Option<TextSlice<'_>>, ScanError> {
        self.strings(slot, ChunkFamily::Templates)
    }

    fn strings(&mut self, slot: usize, family: ChunkFamily) -> Result<Option<TextSlice<'_>>, ScanError> {
        if self.columns[slot].cast != Cast::Same || !self.columns[slot].is(family) {
            return Ok(None);
        }
        self.load_strings(slot)?;
        Ok(self.columns[slot].strings())
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
    pub fn template_page(&mut self, slot: usize, page: usize) -> Result<(Option<&[u64]>, Codes<'_>), ScanError> {
        if self.columns[slot].templates_loaded != Some(page) {
            self.load_template_page(slot, page)?;
        }
        match self.columns[slot].stored_templates() {
            Some((validity, PageValues::Codes(numbers))) => Ok((validity, numbers)),
            _ => Err(ScanError::Internal("templates of a column that has none".to_owned())),
        }
    }

    fn load_template_page(&mut self, slot: usize, page: usize) -> Result<(), ScanError> {
        let (rows, offset, templates) = (self.page_rows(page), self.offset, self.template_count(slot));
        let column = &mut self.columns[slot];
        let Some(entry) = column.entry else { return Ok(()) };
        column.templates_loaded = None;
        column.cached_templates = self.pages.template_page(entry.index, page);
        if column.cached_templates.is_some() {
            self.pages_cached += 1;
        } else {
            self.open_chunk(slot)?;
            let column = &mut self.columns[slot];
            let Some(chunk) = &mut column.chunk else { return Ok(()) };
            chunk
                .read_template_page(page, &mut column.template_page)
                .map_err(|error| ScanError::Block { offset, error })?;
            self.pages_read += 1;
            self.pages
                .keep_template_page(entry.index, page, &column.template_page, templates);
        }
        check_page(self.columns[slot].stored_templates(), rows, templates)
            .map_err(|what| self.corrupt(slot, page, what))?;
        self.columns[slot].templates_loaded = Some(page);
        Ok(())
    }

    /// Makes `page` the current page of the slot.
    pub fn load(&mut self, slot: usize, page: usize) -> Result<(), ScanError> {
        let column = &mut self.columns[slot];
        if let Some(overlay) = column.overlay.filter(|_| column.loaded != Some(page)) {
            return self.load_overlaid(slot, page, overlay);
        }
        let Some(entry) = column.entry.filter(|_| column.loaded != Some(page)) else {
            return Ok(());
        };
        column.loaded = None;
        column.cached = self.pages.page(entry.index, page);
        if column.cached.is_some() {
            self.pages_cached += 1;
        } else {
            self.read_page(slot, entry, page)?;
        }
        let entries = self.dictionary_entries(slot);
        if entries > 0 {
            self.load_strings(slot)?;
        }
        let rows = self.page_rows(page);
        let mut cast = std::mem::take(&mut self.columns[slot].cast_page);
        let column = &self.columns[slot];
        let checked = check_page(column.stored(), rows, entries).and_then(|(validity, values)| {
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
    fn read_page(&mut self, slot: usize, entry: HeaderColumn, page: usize) -> Result<(), ScanError> {
        self.open_chunk(slot)?;
        if entry.family == ChunkFamily::Templates {
            self.give_chunk_templates(slot, entry)?;
        }
        let (offset, entries) = (self.offset, self.dictionary_entries(slot));
        let column = &mut self.columns[slot];
        let Some(chunk) = &mut column.chunk else { return Ok(()) };
        chunk
            .read_page(page, &mut column.page)
            .map_err(|error| ScanError::Block { offset, error })?;
        self.pages_read += 1;
        self.pages.keep_page(entry.index, page, &column.page, entries);
        Ok(())
    }

    /// The page that `load` made current.
    pub fn view(&self, slot: usize) -> PageView<'_> {
        let column = &self.columns[slot];
        let stored = match (column.loaded, column.cast) {
            (None, _) => None,
            (Some(_), Cast::Same) if column.overlay.is_none() => column.stored(),
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
            let known = self.pages.directory(entry.index);
            let open = || {
                let (rows, column) = (self.header.rows(), self.header.entry(entry.index)?);
                open_chunk(self.source, offset, rows, &column, known.as_deref())
            };
            let chunk = open().map_err(|error| ScanError::Block { offset, error })?;
            if known.is_none() {
                self.pages.keep_directory(entry.index, &chunk);
            }
            column.chunk = Some(chunk);
        }
        Ok(())
    }

    /// Dictionary or templates of a slot that has them.
    fn load_strings(&mut self, slot: usize) -> Result<(), ScanError> {
        let column = &mut self.columns[slot];
        let (Some(entry), Strings::NotLoaded) = (column.entry, &column.strings) else {
            return Ok(());
        };
        if let Some(cached) = self.pages.strings(entry.index) {
            if cached.text().map(|text| text.count()) != Some(entry.distinct as usize) {
                return Err(self.corrupt(slot, 0, NOT_WHAT_WAS_CACHED));
            }
            column.strings = Strings::Cached(cached);
            return Ok(());
        }
        self.open_chunk(slot)?;
        self.read_strings(slot, entry)
    }

    /// Has the chunk, which is open, read its dictionary or templates, and offers them.
    fn read_strings(&mut self, slot: usize, entry: HeaderColumn) -> Result<(), ScanError> {
        let (offset, column) = (self.offset, &mut self.columns[slot]);
        if let Some(chunk) = &mut column.chunk {
            chunk
                .load_dictionary()
                .map_err(|error| ScanError::Block { offset, error })?;
            if let Some(strings) = chunk.dictionary().or(chunk.templates()) {
                self.pages.keep_strings(entry.index, strings);
            }
            if let Some(shapes) = chunk.shape_bytes() {
                self.pages.keep_shapes(entry.index, shapes);
            }
        }
        column.strings = Strings::Chunk;
        Ok(())
    }

    /// Putting strings together takes the chunk's templates with their shapes: from the cache, which saves decoding, or the file.
    fn give_chunk_templates(&mut self, slot: usize, entry: HeaderColumn) -> Result<(), ScanError> {
        self.load_strings(slot)?;
        let (offset, column) = (self.offset, &mut self.columns[slot]);
        let (Strings::Cached(cached), Some(chunk)) = (&column.strings, &mut column.chunk) else {
            return Ok(());
        };
        if chunk.templates().is_some() {
            return Ok(());
        }
        match (cached.text(), self.pages.shapes(entry.index)) {
            (Some(text), Some(shapes)) => {
                let text = Text {
                    offsets: text.offsets.to_vec(),
                    bytes: text.bytes.to_vec(),
                };
                chunk
                    .provide_templates(text, &shapes)
                    .map_err(|error| ScanError::Block { offset, error })
            }
            _ => self.read_strings(slot, entry),
        }
    }
}

const NOT_WHAT_WAS_CACHED: &str = "the page cache holds something else in its place";

/// `entries`: of the dictionary or templates that codes are of. That codes are below it was checked when they were decoded.
fn check_page<'a>(
    stored: Option<(Option<&'a [u64]>, PageValues<'a>)>,
    rows: usize,
    entries: usize,
) -> Result<(Option<&'a [u64]>, PageValues<'a>), &'static str> {
    let (validity, values) = stored.ok_or(NOT_WHAT_WAS_CACHED)?;
    if values.rows() != rows {
        return Err("not as many values as the page has rows");
    }
    if validity.is_some_and(|words| words.len() < rows.div_ceil(64)) {
        return Err("validity is shorter than the page");
    }
    if matches!(values, PageValues::Codes(_)) && entries == 0 {
        return Err("codes without a dictionary");
    }
    Ok((validity, values))
}
