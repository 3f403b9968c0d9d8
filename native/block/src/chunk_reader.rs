//! Chunk reader: one column of a block, page by page.

use crate::codec::{self, Texts};
use crate::column::{ColumnType, Text, Validity};
use crate::cursor::Damage;
use crate::directory::{DictionaryEntry, Directory, PageEntry, directory_bytes};
use crate::entry_counts;
use crate::error::BlockError;
use crate::header::{Bound, ChunkFamily, ColumnEntry};
use crate::page_decode::{Failure, decode_codes, decode_validity, decode_values, spread_offsets};
use crate::reader::{PAGE_ROWS, read_exact};
use crate::section::{self, SectionEntry};
use crate::source::ReadAt;
use crate::template::{self, NumberedPage, TemplateDictionary};
use std::ops::Range;

/// Chunks up to this size are read whole: one read of 256 KiB costs less than two small ones.
const WHOLE_CHUNK_BYTES: u64 = 256 << 10;

/// One column of a block.
pub struct Chunk<'s, S: ReadAt + ?Sized> {
    source: &'s S,
    /// Where the chunk begins in the source.
    offset: u64,
    name: String,
    column_type: ColumnType,
    family: ChunkFamily,
    rows: usize,
    directory: Directory,
    dictionary: Option<Text>,
    templates: Option<TemplateDictionary>,
    /// The whole chunk, or empty when pages are read one by one.
    bytes: Vec<u8>,
    page_bytes: Vec<u8>,
    /// Templates of the present rows of the page being read.
    codes: Vec<u32>,
}

/// One page decoded. Buffers are reused by the next `read_page` into the same value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    pub rows: usize,
    /// `None` when no row of the page is null.
    pub validity: Option<Validity>,
    /// One per row; placeholders in null rows as in `Values`.
    pub values: PageValues,
}

/// Strings of a column with a dictionary come as codes, the others as text.
#[derive(Debug, Clone, PartialEq)]
pub enum PageValues {
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Bool(Vec<bool>),
    /// Into `Chunk::dictionary`, always in range.
    Codes(Vec<u32>),
    Text(Text),
}

impl Default for PageValues {
    fn default() -> Self {
        Self::Int64(Vec::new())
    }
}

/// Opens one column of a block of `rows` rows: a small chunk is read whole at once, of a large one only the directory, which is
/// left too if it was read and checked before (`directory`: `Chunk::directory_bytes`). Dictionary and templates are read by
/// `load_dictionary`. `entry` is from the block's header.
pub fn open<'s, S: ReadAt + ?Sized>(
    source: &'s S,
    block_offset: u64,
    rows: usize,
    entry: &ColumnEntry,
    directory: Option<&[u8]>,
) -> Result<Chunk<'s, S>, BlockError> {
    let offset = block_offset.saturating_add(entry.chunk_offset);
    let at = |damage: Damage| BlockError::corrupt(offset, format!("column {}: {damage}", entry.name));
    let page_count = rows.div_ceil(PAGE_ROWS);
    let section_count = usize::from(entry.sections);
    let head_bytes = directory_bytes(page_count, section_count);
    if entry.page_count as usize != page_count || entry.chunk_bytes < head_bytes as u64 {
        let what = format!(
            "{} pages in {} bytes for {rows} rows",
            entry.page_count, entry.chunk_bytes
        );
        return Err(at(Damage(what)));
    }
    let mut bytes = Vec::new();
    let head = match directory {
        Some(directory) => directory,
        None => {
            let whole = entry.chunk_bytes <= WHOLE_CHUNK_BYTES;
            bytes.resize(if whole { entry.chunk_bytes as usize } else { head_bytes }, 0);
            read_exact(source, &mut bytes, offset)?;
            &bytes[..head_bytes]
        }
    };
    let directory = Directory::parse(head, page_count, section_count, entry.chunk_bytes).map_err(at)?;
    check_against_header(&directory, entry, rows).map_err(at)?;
    if bytes.len() as u64 != entry.chunk_bytes {
        bytes = Vec::new();
    }
    let (name, column_type) = (entry.name.clone(), entry.column_type);
    Ok(Chunk {
        source,
        offset,
        name,
        column_type,
        family: entry.family,
        rows,
        directory,
        dictionary: None,
        templates: None,
        bytes,
        page_bytes: Vec::new(),
        codes: Vec::new(),
    })
}

fn check_against_header(directory: &Directory, entry: &ColumnEntry, rows: usize) -> Result<(), Damage> {
    let entries = directory.dictionary.map_or(0, |dictionary| dictionary.count);
    if entries as usize > rows {
        return Err(Damage(format!("{entries} dictionary entries for {rows} rows")));
    }
    let is_text = entry.column_type.is_text();
    let has_entries = entry.family != ChunkFamily::Values;
    if entries != entry.distinct || (entries > 0) != has_entries || (has_entries && !is_text) {
        return Err(Damage(format!(
            "{entries} dictionary entries, {} in the header",
            entry.distinct
        )));
    }
    let has_detail = entry.family == ChunkFamily::Templates;
    if directory.pages.iter().any(|page| page.detail.is_some() != has_detail) {
        return Err(Damage::new("pages of another chunk family"));
    }
    let nulls: u64 = directory.pages.iter().map(|page| u64::from(page.null_count)).sum();
    if nulls != u64::from(entry.null_count) {
        return Err(Damage(format!(
            "{nulls} nulls in the pages, {} in the header",
            entry.null_count
        )));
    }
    Ok(())
}

fn decode_dictionary(dictionary: &DictionaryEntry, bytes: &[u8], offset: u64, name: &str) -> Result<Text, BlockError> {
    let mut entries = Text::default();
    let codec = codec::find::<Texts>(dictionary.encoding).ok_or_else(|| BlockError::Unsupported {
        offset,
        what: format!("column {name}: dictionary encoding {}", dictionary.encoding),
    })?;
    codec
        .decode(bytes, dictionary.count as usize, &mut entries)
        .map_err(|damage| BlockError::corrupt(offset, format!("column {name}: dictionary: {damage}")))?;
    Ok(entries)
}

impl<S: ReadAt + ?Sized> Chunk<'_, S> {
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// Where the parts of the chunk are.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub fn page_count(&self) -> usize {
        self.directory.pages.len()
    }

    /// The directory as it is in the file.
    pub fn directory_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; directory_bytes(self.page_count(), self.directory.sections.len())];
        self.directory.write(&mut bytes);
        bytes
    }

    /// Reads and decodes the dictionary or the templates, if the column has them and they were not read yet.
    pub fn load_dictionary(&mut self) -> Result<(), BlockError> {
        let (Some(entry), None, None) = (self.directory.dictionary, &self.dictionary, &self.templates) else {
            return Ok(());
        };
        let head_bytes = directory_bytes(self.page_count(), self.directory.sections.len());
        let read;
        let bytes = if self.bytes.is_empty() {
            let mut bytes = vec![0; entry.bytes as usize];
            read_exact(self.source, &mut bytes, self.offset.saturating_add(head_bytes as u64))?;
            read = bytes;
            &read
        } else {
            // The directory was checked: the dictionary lies within the chunk.
            &self.bytes[head_bytes..][..entry.bytes as usize]
        };
        let at = |damage: Damage| BlockError::corrupt(self.offset, format!("column {}: {damage}", self.name));
        if crc32fast::hash(bytes) != entry.crc {
            return Err(at(Damage::new("dictionary checksum")));
        }
        if self.family == ChunkFamily::Templates {
            let (text, shapes) = TemplateDictionary::parts(bytes).map_err(at)?;
            let text = decode_dictionary(&entry, text, self.offset, &self.name)?;
            self.templates = Some(TemplateDictionary::new(text, shapes));
        } else {
            self.dictionary = Some(decode_dictionary(&entry, bytes, self.offset, &self.name)?);
        }
        Ok(())
    }

    /// Gives the chunk the templates that `load_dictionary` would read: `templates` and `shape_bytes` of another opening of it.
    /// What does not fit the column is `Invalid`.
    pub fn provide_templates(&mut self, text: Text, shape_bytes: &[u8]) -> Result<(), BlockError> {
        if self.family != ChunkFamily::Templates || text.len() != self.dictionary_count() {
            let (given, count) = (text.len(), self.dictionary_count());
            let what = format!("{given} templates for column {}, which has {count}", self.name);
            return Err(BlockError::invalid(what));
        }
        self.templates = Some(TemplateDictionary::new(text, shape_bytes));
        Ok(())
    }

    /// Entries of the dictionary, or templates: known without reading them. Codes of pages are below it.
    fn dictionary_count(&self) -> usize {
        self.directory
            .dictionary
            .map_or(0, |dictionary| dictionary.count as usize)
    }

    /// Distinct strings of the column, when its pages hold codes and `load_dictionary` was called.
    pub fn dictionary(&self) -> Option<&Text> {
        self.dictionary.as_ref()
    }

    /// Distinct templates of the column, when its pages hold templates and `load_dictionary` was called: each string with every
    /// maximal run of ASCII digits replaced by one `0`. `read_template_page` gives codes into them.
    pub fn templates(&self) -> Option<&Text> {
        self.templates.as_ref().map(|templates| &templates.text)
    }

    /// What the file says of the templates' slots, encoded; with `templates`.
    pub fn shape_bytes(&self) -> Option<&[u8]> {
        self.templates.as_ref().map(TemplateDictionary::shape_bytes)
    }

    pub fn into_dictionary(self) -> Option<Text> {
        self.dictionary
    }

    /// Entry of the section of a kind.
    fn section_entry(&self, kind: u8) -> Option<&SectionEntry> {
        self.directory.sections.iter().find(|section| section.kind == kind)
    }

    /// Kinds of the chunk's sections.
    pub fn section_kinds(&self) -> impl Iterator<Item = u8> {
        self.directory.sections.iter().map(|section| section.kind)
    }

    /// Bytes of a section, 0 if the chunk lacks it.
    pub fn section_bytes(&self, kind: u8) -> usize {
        self.section_entry(kind).map_or(0, |section| section.bytes as usize)
    }

    /// Reads one section and checks its checksum; `None` if the chunk lacks it. The caller owns the bytes and must not
    /// trust what they say beyond that nothing changed since they were written.
    pub fn section(&self, kind: u8) -> Result<Option<Vec<u8>>, BlockError> {
        let Some(section) = self.section_entry(kind) else {
            return Ok(None);
        };
        let offset = self.offset.saturating_add(section.offset);
        let payload = if self.bytes.is_empty() {
            let mut payload = vec![0; section.bytes as usize];
            read_exact(self.source, &mut payload, offset)?;
            payload
        } else {
            // The directory was checked: sections lie within the chunk.
            self.bytes[section.offset as usize..][..section.bytes as usize].to_vec()
        };
        if crc32fast::hash(&payload) != section.crc {
            let what = format!("column {}, section {kind}: checksum", self.name);
            return Err(BlockError::corrupt(offset, what));
        }
        Ok(Some(payload))
    }

    /// Replaces `into` with a part of the section of a kind that the chunk has, unchecked: for sections whose parts have
    /// checksums of their own. `part` lies within `section_bytes`.
    pub(crate) fn read_section_part(&self, kind: u8, part: Range<usize>, into: &mut Vec<u8>) -> Result<(), BlockError> {
        let section = self
            .section_entry(kind)
            .filter(|section| part.start <= part.end && part.end <= section.bytes as usize)
            .ok_or_else(|| BlockError::invalid(format!("bytes {part:?} of section {kind} of column {}", self.name)))?;
        let start = section.offset + part.start as u64;
        into.clear();
        if self.bytes.is_empty() {
            into.resize(part.len(), 0);
            read_exact(self.source, into, self.offset.saturating_add(start))
        } else {
            // The directory was checked: sections lie within the chunk.
            into.extend_from_slice(&self.bytes[start as usize..][..part.len()]);
            Ok(())
        }
    }

    /// An error about what a section says.
    pub(crate) fn corrupt_section(&self, kind: u8, damage: &Damage) -> BlockError {
        let offset = self.offset + self.section_entry(kind).map_or(0, |section| section.offset);
        BlockError::corrupt(offset, format!("column {}, section {kind}: {damage}", self.name))
    }

    /// Rows of each dictionary entry or template, if the chunk has them: one read, no page. Nulls are in none.
    pub fn entry_counts(&self) -> Result<Option<Vec<u32>>, BlockError> {
        let Some(payload) = self.section(section::ENTRY_COUNTS)? else {
            return Ok(None);
        };
        let nulls: u64 = self.directory.pages.iter().map(|page| u64::from(page.null_count)).sum();
        let counts = entry_counts::parse(&payload, self.dictionary_count(), self.rows as u64 - nulls)
            .map_err(|damage| BlockError::corrupt(self.offset, format!("column {}: {damage}", self.name)))?;
        Ok(Some(counts))
    }

    /// Rows of a page.
    pub fn page_rows(&self, page: usize) -> usize {
        PAGE_ROWS.min(self.rows.saturating_sub(page * PAGE_ROWS))
    }

    /// Null rows of a page, without reading it.
    pub fn page_null_count(&self, page: usize) -> usize {
        self.directory.pages[page].null_count as usize
    }

    /// Least and greatest value of an int64 or float64 page, without reading it; `None` for other types, when all
    /// rows are null, or a float is NaN.
    pub fn page_bounds(&self, page: usize) -> Option<(Bound, Bound)> {
        let (min, max) = self.directory.pages[page].range?;
        match self.column_type {
            ColumnType::Int64 => Some((
                Bound::Int64(i64::from_le_bytes(min)),
                Bound::Int64(i64::from_le_bytes(max)),
            )),
            ColumnType::Float64 => Some((
                Bound::Float64(f64::from_le_bytes(min)),
                Bound::Float64(f64::from_le_bytes(max)),
            )),
            _ => None,
        }
    }

    /// Reads and decodes one page; of templates, these too if they were not read yet. `page` is below `page_count`.
    pub fn read_page(&mut self, page: usize, into: &mut Page) -> Result<(), BlockError> {
        let entry = self.page_entry(page)?;
        if self.family == ChunkFamily::Templates {
            self.load_dictionary()?;
            self.read_template_codes(&entry, page, self.dictionary_count(), into)?;
            return self.read_detail(&entry, page, into);
        }
        self.read_head(&entry, page, into)
    }

    /// Reads of a page of templates which template each row has (0 in null rows), and neither templates nor digits:
    /// `PageValues::Codes` into `templates`. Several times cheaper than `read_page`. `Invalid` for other columns.
    pub fn read_template_page(&mut self, page: usize, into: &mut Page) -> Result<(), BlockError> {
        let entry = self.page_entry(page)?;
        if self.family != ChunkFamily::Templates {
            let what = format!("templates of column {}, which has none", self.name);
            return Err(BlockError::invalid(what));
        }
        self.read_head(&entry, page, into)
    }

    /// Reads a page of templates as stems and numbers; false where it is not worth it, and nothing is in `into`. `Invalid`
    /// for other columns.
    pub fn read_numbered_page(&mut self, page: usize, into: &mut NumberedPage) -> Result<bool, BlockError> {
        let entry = self.page_entry(page)?;
        if self.family != ChunkFamily::Templates {
            let what = format!("stems of column {}, which has no templates", self.name);
            return Err(BlockError::invalid(what));
        }
        self.load_dictionary()?;
        let mut head = Page {
            validity: into.validity.take(),
            ..Page::default()
        };
        self.read_template_codes(&entry, page, self.dictionary_count(), &mut head)?;
        (into.rows, into.validity) = (head.rows, head.validity);
        let mut worth_it = false;
        self.with_detail(&entry, page, |templates, codes, detail| {
            worth_it = match templates {
                Some(templates) => template::read_numbered(templates, codes, detail, into)?,
                None => false,
            };
            Ok(())
        })?;
        if worth_it {
            into.spread();
        }
        Ok(worth_it)
    }

    fn page_entry(&self, page: usize) -> Result<PageEntry, BlockError> {
        let entry = self.directory.pages.get(page).copied();
        entry.ok_or_else(|| BlockError::invalid(format!("page {page} of {}", self.directory.pages.len())))
    }

    fn corrupt(&self, entry: &PageEntry, page: usize, what: impl std::fmt::Display) -> BlockError {
        let offset = self.offset.saturating_add(entry.offset);
        BlockError::corrupt(offset, format!("column {}, page {page}: {what}", self.name))
    }

    fn failure(&self, entry: &PageEntry, page: usize, failure: Failure) -> BlockError {
        match failure {
            Failure::Damage(damage) => self.corrupt(entry, page, damage),
            Failure::UnknownEncoding(id) => BlockError::Unsupported {
                offset: self.offset.saturating_add(entry.offset),
                what: format!(
                    "column {}, page {page}: encoding {id} of {}",
                    self.name,
                    self.column_type.name()
                ),
            },
        }
    }

    /// Fills `page_bytes` with bytes of a page from `skip` on, unless the chunk is there; checks them either way.
    fn fetch(
        &mut self,
        entry: &PageEntry,
        page: usize,
        skip: u32,
        (bytes, crc): (u32, u32),
    ) -> Result<std::ops::Range<usize>, BlockError> {
        let start = entry.offset + u64::from(skip);
        let range = if self.bytes.is_empty() {
            self.page_bytes.resize(bytes as usize, 0);
            read_exact(self.source, &mut self.page_bytes, self.offset.saturating_add(start))?;
            0..bytes as usize
        } else {
            // The directory was checked: pages lie within the chunk.
            start as usize..start as usize + bytes as usize
        };
        if crc32fast::hash(&self.fetched()[range.clone()]) != crc {
            return Err(self.corrupt(entry, page, "checksum"));
        }
        Ok(range)
    }

    /// What `fetch` gave a range of.
    fn fetched(&self) -> &[u8] {
        if self.bytes.is_empty() {
            &self.page_bytes
        } else {
            &self.bytes
        }
    }

    /// All of a page but its detail: of templates the codes.
    fn read_head(&mut self, entry: &PageEntry, page: usize, into: &mut Page) -> Result<(), BlockError> {
        let range = self.fetch(entry, page, 0, (entry.head_bytes(), entry.crc))?;
        into.rows = PAGE_ROWS.min(self.rows - page * PAGE_ROWS);
        let (validity_part, values_part) = self.fetched()[range].split_at(entry.validity_bytes as usize);
        decode_validity(entry, validity_part, into).map_err(|damage| self.corrupt(entry, page, damage))?;
        let entries = self.directory.dictionary.map(|_| self.dictionary_count());
        decode_values(self.column_type, entries, entry, values_part, into)
            .map_err(|failure| self.failure(entry, page, failure))
    }

    /// The same of a page of templates, where the codes of present rows are kept for `read_detail`.
    fn read_template_codes(
        &mut self,
        entry: &PageEntry,
        page: usize,
        templates: usize,
        into: &mut Page,
    ) -> Result<(), BlockError> {
        let range = self.fetch(entry, page, 0, (entry.head_bytes(), entry.crc))?;
        into.rows = PAGE_ROWS.min(self.rows - page * PAGE_ROWS);
        let mut codes = std::mem::take(&mut self.codes);
        let (validity_part, values_part) = self.fetched()[range].split_at(entry.validity_bytes as usize);
        let result = decode_validity(entry, validity_part, into)
            .map_err(Failure::Damage)
            .and_then(|()| decode_codes(entry, values_part, into.rows, templates, &mut codes));
        self.codes = codes;
        result.map_err(|failure| self.failure(entry, page, failure))
    }

    /// Reads the digits and puts the strings of the codes together.
    fn read_detail(&mut self, entry: &PageEntry, page: usize, into: &mut Page) -> Result<(), BlockError> {
        let mut text = match std::mem::take(&mut into.values) {
            PageValues::Text(text) => text,
            _ => Text::default(),
        };
        self.with_detail(entry, page, |templates, codes, detail| match templates {
            Some(templates) => template::read_page(templates, codes, detail, &mut text),
            None => {
                text = Text::default();
                Ok(())
            }
        })?;
        spread_offsets(&mut text.offsets, into.validity.as_ref(), into.rows);
        into.values = PageValues::Text(text);
        Ok(())
    }

    /// Calls `read` with the templates, the codes that were read last, and the bytes of their digits; without templates where
    /// every row is null.
    fn with_detail(
        &mut self,
        entry: &PageEntry,
        page: usize,
        read: impl FnOnce(Option<&mut TemplateDictionary>, &[u32], &[u8]) -> Result<(), Damage>,
    ) -> Result<(), BlockError> {
        let Some(detail) = entry.detail else {
            return Err(self.corrupt(entry, page, "templates without digits"));
        };
        let range = self.fetch(entry, page, entry.head_bytes(), (detail.bytes, detail.crc))?;
        let bytes = if self.bytes.is_empty() {
            &self.page_bytes
        } else {
            &self.bytes
        };
        let result = match &mut self.templates {
            Some(templates) if !self.codes.is_empty() => read(Some(templates), &self.codes, &bytes[range]),
            _ if range.is_empty() => read(None, &[], &[]),
            _ => Err(Damage::new("digits in a page of nulls")),
        };
        result.map_err(|damage| self.corrupt(entry, page, damage))
    }
}
