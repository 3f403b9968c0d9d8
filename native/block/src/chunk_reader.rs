//! Chunk reader: one column of a block, page by page.

use crate::codec::{self, Bools, Codes, Floats, Ints, Kind, NO_VALUES, Texts, validity};
use crate::column::{ColumnType, Text, Validity};
use crate::cursor::Damage;
use crate::directory::{DictionaryEntry, Directory, PageEntry, directory_bytes};
use crate::error::BlockError;
use crate::header::{BlockHeader, Bound, ChunkFamily, ColumnEntry};
use crate::reader::{PAGE_ROWS, read_exact};
use crate::source::ReadAt;

/// Chunks up to this size are read whole: one read of 256 KiB costs less than two small ones.
const WHOLE_CHUNK_BYTES: u64 = 256 << 10;

/// One column of a block.
pub struct Chunk<'s, S: ReadAt + ?Sized> {
    source: &'s S,
    /// Where the chunk begins in the source.
    offset: u64,
    name: String,
    column_type: ColumnType,
    rows: usize,
    directory: Directory,
    dictionary: Option<Text>,
    /// The whole chunk, or empty when pages are read one by one.
    bytes: Vec<u8>,
    page_bytes: Vec<u8>,
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

/// Opens a column. `directory`: the chunk's directory, if it was read and checked before (`Chunk::directory_bytes`); then nothing is
/// read. The dictionary is left until `load_dictionary`.
pub(crate) fn open<'s, S: ReadAt + ?Sized>(
    source: &'s S,
    block_offset: u64,
    header: &BlockHeader,
    column: usize,
    directory: Option<&[u8]>,
) -> Result<Chunk<'s, S>, BlockError> {
    let entry = header
        .columns
        .get(column)
        .ok_or_else(|| BlockError::invalid(format!("column {column} of {}", header.columns.len())))?;
    let offset = block_offset.saturating_add(entry.chunk_offset);
    let at = |damage: Damage| BlockError::corrupt(offset, format!("column {}: {damage}", entry.name));
    let page_count = header.rows.div_ceil(PAGE_ROWS);
    let head_bytes = directory_bytes(page_count);
    if entry.page_count as usize != page_count || entry.chunk_bytes < head_bytes as u64 {
        let what = format!(
            "{} pages in {} bytes for {} rows",
            entry.page_count, entry.chunk_bytes, header.rows
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
    let directory = Directory::parse(head, page_count, entry.chunk_bytes).map_err(at)?;
    check_against_header(&directory, entry, header.rows).map_err(at)?;
    if bytes.len() as u64 != entry.chunk_bytes {
        bytes = Vec::new();
    }
    let (name, column_type, rows) = (entry.name.clone(), entry.column_type, header.rows);
    Ok(Chunk {
        source,
        offset,
        name,
        column_type,
        rows,
        directory,
        dictionary: None,
        bytes,
        page_bytes: Vec::new(),
    })
}

fn check_against_header(directory: &Directory, entry: &ColumnEntry, rows: usize) -> Result<(), Damage> {
    let entries = directory.dictionary.map_or(0, |dictionary| dictionary.count);
    if entries as usize > rows {
        return Err(Damage(format!("{entries} dictionary entries for {rows} rows")));
    }
    let is_text = matches!(entry.column_type, ColumnType::String | ColumnType::Json);
    let expected = entry.family == ChunkFamily::Dictionary && is_text;
    if entries != entry.distinct || (entries > 0) != expected || (entry.family == ChunkFamily::Dictionary && !is_text) {
        return Err(Damage(format!(
            "{entries} dictionary entries, {} in the header",
            entry.distinct
        )));
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
    if crc32fast::hash(bytes) != dictionary.crc {
        return Err(BlockError::corrupt(
            offset,
            format!("column {name}: dictionary checksum"),
        ));
    }
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

    pub fn page_count(&self) -> usize {
        self.directory.pages.len()
    }

    /// The directory as it is in the file.
    pub fn directory_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; directory_bytes(self.page_count())];
        self.directory.write(&mut bytes);
        bytes
    }

    /// Reads and decodes the dictionary, if there is one and it was not read yet.
    pub fn load_dictionary(&mut self) -> Result<(), BlockError> {
        let (None, Some(entry)) = (&self.dictionary, self.directory.dictionary) else {
            return Ok(());
        };
        let head_bytes = directory_bytes(self.page_count());
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
        self.dictionary = Some(decode_dictionary(&entry, bytes, self.offset, &self.name)?);
        Ok(())
    }

    /// Distinct strings of the column, when its pages hold codes and `load_dictionary` was called.
    pub fn dictionary(&self) -> Option<&Text> {
        self.dictionary.as_ref()
    }

    pub fn into_dictionary(self) -> Option<Text> {
        self.dictionary
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

    /// Reads and decodes one page. `page` is below `page_count`.
    pub fn read_page(&mut self, page: usize, into: &mut Page) -> Result<(), BlockError> {
        let entry = *self
            .directory
            .pages
            .get(page)
            .ok_or_else(|| BlockError::invalid(format!("page {page} of {}", self.directory.pages.len())))?;
        let offset = self.offset.saturating_add(entry.offset);
        let bytes = if self.bytes.is_empty() {
            self.page_bytes.resize(entry.bytes as usize, 0);
            read_exact(self.source, &mut self.page_bytes, offset)?;
            &self.page_bytes
        } else {
            // The directory was checked: pages lie within the chunk.
            &self.bytes[entry.offset as usize..entry.offset as usize + entry.bytes as usize]
        };
        let context = |what: String| BlockError::corrupt(offset, format!("column {}, page {page}: {what}", self.name));
        if crc32fast::hash(bytes) != entry.crc {
            return Err(context("checksum".into()));
        }
        into.rows = PAGE_ROWS.min(self.rows - page * PAGE_ROWS);
        let (validity_part, values_part) = bytes.split_at(entry.validity_bytes as usize);
        decode_validity(&entry, validity_part, into).map_err(|damage| context(damage.0))?;
        let entries = self.directory.dictionary.map(|dictionary| dictionary.count as usize);
        match decode_values(self.column_type, entries, &entry, values_part, into) {
            Ok(()) => Ok(()),
            Err(Failure::Damage(damage)) => Err(context(damage.0)),
            Err(Failure::UnknownEncoding(id)) => {
                let what = format!(
                    "column {}, page {page}: encoding {id} of {}",
                    self.name,
                    self.column_type.name()
                );
                Err(BlockError::Unsupported { offset, what })
            }
        }
    }
}

fn decode_validity(entry: &PageEntry, bytes: &[u8], into: &mut Page) -> Result<(), Damage> {
    if entry.null_count as usize > into.rows {
        return Err(Damage(format!("{} nulls in {} rows", entry.null_count, into.rows)));
    }
    if entry.null_count == 0 {
        into.validity = None;
        let fits = entry.validity == validity::NO_NULLS && bytes.is_empty();
        return if fits {
            Ok(())
        } else {
            Err(Damage::new("validity of a page without nulls"))
        };
    }
    let target = into.validity.get_or_insert_default();
    validity::decode(entry.validity, bytes, into.rows, entry.null_count as usize, target)
}

enum Failure {
    Damage(Damage),
    UnknownEncoding(u8),
}

impl From<Damage> for Failure {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

/// Decodes the present values and spreads them over the rows.
fn decode_values(
    column_type: ColumnType,
    dictionary_entries: Option<usize>,
    entry: &PageEntry,
    bytes: &[u8],
    into: &mut Page,
) -> Result<(), Failure> {
    let count = into.rows - entry.null_count as usize;
    let validity = into.validity.as_ref();
    let old = std::mem::take(&mut into.values);
    into.values = match (column_type, dictionary_entries) {
        (ColumnType::Int64, _) => {
            let mut values = if let PageValues::Int64(values) = old {
                values
            } else {
                Vec::new()
            };
            decode_present::<Ints>(entry.encoding, bytes, count, &mut values)?;
            PageValues::Int64(spread(values, validity, into.rows))
        }
        (ColumnType::Float64, _) => {
            let mut values = if let PageValues::Float64(values) = old {
                values
            } else {
                Vec::new()
            };
            decode_present::<Floats>(entry.encoding, bytes, count, &mut values)?;
            PageValues::Float64(spread(values, validity, into.rows))
        }
        (ColumnType::Bool, _) => {
            let mut values = if let PageValues::Bool(values) = old {
                values
            } else {
                Vec::new()
            };
            decode_present::<Bools>(entry.encoding, bytes, count, &mut values)?;
            PageValues::Bool(spread(values, validity, into.rows))
        }
        (_, Some(entries)) => {
            let mut codes = if let PageValues::Codes(codes) = old {
                codes
            } else {
                Vec::new()
            };
            decode_present::<Codes>(entry.encoding, bytes, count, &mut codes)?;
            let greatest = codes.iter().copied().fold(0, u32::max) as usize;
            if greatest >= entries {
                return Err(Damage(format!("code {greatest} of {entries} dictionary entries")).into());
            }
            PageValues::Codes(spread(codes, validity, into.rows))
        }
        (_, None) => {
            let mut text = if let PageValues::Text(text) = old {
                text
            } else {
                Text::default()
            };
            decode_present::<Texts>(entry.encoding, bytes, count, &mut text)?;
            spread_offsets(&mut text.offsets, validity, into.rows);
            PageValues::Text(text)
        }
    };
    Ok(())
}

fn decode_present<K: Kind>(encoding: u8, bytes: &[u8], count: usize, into: &mut K::Decoded) -> Result<(), Failure> {
    if count == 0 {
        *into = K::Decoded::default();
        let fits = encoding == NO_VALUES && bytes.is_empty();
        return if fits {
            Ok(())
        } else {
            Err(Damage::new("values in a page of nulls").into())
        };
    }
    let codec = codec::find::<K>(encoding).ok_or(Failure::UnknownEncoding(encoding))?;
    Ok(codec.decode(bytes, count, into)?)
}

/// Moves the present values to their rows, from the back so that none is overwritten before it moves.
fn spread<T: Copy + Default>(mut values: Vec<T>, validity: Option<&Validity>, rows: usize) -> Vec<T> {
    let Some(validity) = validity else { return values };
    let mut next = values.len();
    values.resize(rows, T::default());
    for row in (0..rows).rev() {
        if validity.is_valid(row) {
            next -= 1;
            values[row] = values[next];
        } else {
            values[row] = T::default();
        }
    }
    values
}

/// The same for the starts of strings: a null row is the empty string where the next present one starts.
fn spread_offsets(offsets: &mut Vec<u32>, validity: Option<&Validity>, rows: usize) {
    let Some(validity) = validity else { return };
    let mut next = offsets.len() - 1;
    offsets.resize(rows + 1, 0);
    offsets[rows] = offsets[next];
    for row in (0..rows).rev() {
        next -= usize::from(validity.is_valid(row));
        offsets[row] = offsets[next];
    }
}
