//! Block reader: the header at once, then column by column, page by page, only what is asked for.

use crate::check::check_chunk;
use crate::chunk_reader;
pub use crate::chunk_reader::{Chunk, Page, PageValues, open as open_chunk};
use crate::column::{Batch, Column, ColumnType, Spelled, Strings, Text, Validity, Values};
use crate::error::BlockError;
use crate::header::{self, BlockHeader, FIXED_BYTES};
use crate::index::ChunkFilter;
use crate::section::{GRAM_FILTER, VALUE_FILTER};
use crate::source::ReadAt;
use std::io;
use std::sync::Arc;

/// Rows of every page but the last of a block: page `p` of every column holds the same rows.
pub const PAGE_ROWS: usize = 8192;

/// A block in a source, with its header read and checked.
pub struct BlockReader<'s, S: ReadAt + ?Sized> {
    source: &'s S,
    offset: u64,
    header: Arc<BlockHeader>,
}

impl<'s, S: ReadAt + ?Sized> BlockReader<'s, S> {
    /// Reads the header of the block at `offset`: two positioned reads.
    pub fn open(source: &'s S, offset: u64) -> Result<Self, BlockError> {
        let mut fixed = [0; FIXED_BYTES];
        read_exact(source, &mut fixed, offset)?;
        let header_bytes = header::header_bytes_of(&fixed, offset)?;
        let mut bytes = vec![0; header_bytes];
        bytes[..FIXED_BYTES].copy_from_slice(&fixed);
        read_exact(
            source,
            &mut bytes[FIXED_BYTES..],
            offset.saturating_add(FIXED_BYTES as u64),
        )?;
        let header = Arc::new(BlockHeader::parse(&bytes, offset)?);
        Ok(Self { source, offset, header })
    }

    /// Over a header that is known already (from a segment footer): reads nothing.
    pub fn with_header(source: &'s S, offset: u64, header: Arc<BlockHeader>) -> Self {
        Self { source, offset, header }
    }

    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// Index of a column in `header().columns`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.header.find(name)
    }

    /// Opens one column: a small chunk is read whole at once, of a large one only directory and dictionary.
    /// `column` is an index into `header().columns`.
    pub fn chunk(&self, column: usize) -> Result<Chunk<'s, S>, BlockError> {
        let columns = &self.header.columns;
        let entry = columns
            .get(column)
            .ok_or_else(|| BlockError::invalid(format!("column {column} of {}", columns.len())))?;
        let mut chunk = chunk_reader::open(self.source, self.offset, self.header.rows, entry, None)?;
        chunk.load_dictionary()?;
        Ok(chunk)
    }
}

/// Reads a whole buffer; a source that ends too early is damage, not an I/O error.
pub(crate) fn read_exact<S: ReadAt + ?Sized>(source: &S, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
    source.read_at(buffer, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => BlockError::corrupt(
            offset,
            format!("{} bytes expected, the source ends before", buffer.len()),
        ),
        _ => BlockError::Io(error),
    })
}

/// Decodes all columns, sorted by name.
pub fn decode_block<S: ReadAt + ?Sized>(source: &S, offset: u64) -> Result<Batch, BlockError> {
    let reader = BlockReader::open(source, offset)?;
    let columns = (0..reader.header.columns.len()).map(|column| decode_column(&reader, column));
    Ok(Batch {
        rows: reader.header.rows,
        columns: columns.collect::<Result<_, _>>()?,
    })
}

/// Reads every byte of the block: all checksums, and that every page decodes.
pub fn verify_block<S: ReadAt + ?Sized>(source: &S, offset: u64) -> Result<BlockHeader, BlockError> {
    let reader = BlockReader::open(source, offset)?;
    check_layout(&reader.header, offset)?;
    let mut page = Page::default();
    for column in 0..reader.header.columns.len() {
        let mut chunk = reader.chunk(column)?;
        let kinds: Vec<u8> = chunk.section_kinds().collect();
        for kind in kinds {
            chunk.section(kind)?;
        }
        chunk.entry_counts()?;
        for kind in [VALUE_FILTER, GRAM_FILTER] {
            if let Some(filter) = ChunkFilter::open(&chunk, kind)? {
                filter.verify()?;
            }
        }
        for index in 0..chunk.page_count() {
            chunk.read_page(index, &mut page)?;
        }
    }
    Ok(Arc::unwrap_or_clone(reader.header))
}

/// Reads every byte of the block and checks all checksums, without decoding: a torn or damaged block is noticed, one that was written
/// wrongly is not. One read, so a few times faster than `verify_block`.
pub fn check_block<S: ReadAt + ?Sized>(source: &S, offset: u64) -> Result<BlockHeader, BlockError> {
    let reader = BlockReader::open(source, offset)?;
    let header = reader.header;
    check_layout(&header, offset)?;
    let mut chunk = Vec::new();
    for entry in &header.columns {
        let at = offset.saturating_add(entry.chunk_offset);
        let length =
            usize::try_from(entry.chunk_bytes).map_err(|_| BlockError::corrupt(at, "a chunk of 2^64 bytes"))?;
        source_has(source, at, entry.chunk_bytes)?;
        chunk.resize(length, 0);
        read_exact(source, &mut chunk, at)?;
        let mut wrong = None;
        check_chunk(&chunk, entry, header.rows, |place, _, what| {
            wrong.get_or_insert((at.saturating_add(place), what));
        });
        if let Some((place, what)) = wrong {
            return Err(BlockError::corrupt(place, format!("column {}{what}", entry.name)));
        }
    }
    Ok(Arc::unwrap_or_clone(header))
}

/// That the source has so many bytes there, before they are allocated: a header with a right checksum may claim any number.
fn source_has<S: ReadAt + ?Sized>(source: &S, offset: u64, bytes: u64) -> Result<(), BlockError> {
    match bytes {
        0 => Ok(()),
        _ => read_exact(source, &mut [0], offset.saturating_add(bytes - 1)),
    }
}

/// Chunks must lie back to back from the header to the end of the block, so that no byte escapes the checksums.
fn check_layout(header: &BlockHeader, offset: u64) -> Result<(), BlockError> {
    let mut end = header.header_bytes as u64;
    for entry in &header.columns {
        if entry.chunk_offset != end {
            let what = format!(
                "chunk of column {} is at byte {} of the block, {end} expected",
                entry.name, entry.chunk_offset
            );
            return Err(BlockError::corrupt(offset, what));
        }
        // The header was checked: each chunk lies within the block.
        end += entry.chunk_bytes;
    }
    if end != header.block_bytes {
        let what = format!("chunks end at byte {end} of a block of {} bytes", header.block_bytes);
        return Err(BlockError::corrupt(offset, what));
    }
    Ok(())
}

/// Decodes the column of that name, if the block has it.
pub fn decode_named<S: ReadAt + ?Sized>(reader: &BlockReader<'_, S>, name: &str) -> Result<Option<Column>, BlockError> {
    reader
        .find(name)
        .map(|column| decode_column(reader, column))
        .transpose()
}

/// Decodes one column of all pages.
pub(crate) fn decode_column<S: ReadAt + ?Sized>(
    reader: &BlockReader<'_, S>,
    column: usize,
) -> Result<Column, BlockError> {
    let entry = &reader.header.columns[column];
    let rows = reader.header.rows;
    let mut chunk = reader.chunk(column)?;
    let mut validity = (entry.null_count > 0).then(Validity::default);
    let mut page = Page::default();
    let mut values = empty_values(entry.column_type, chunk.dictionary().is_some(), rows);
    for index in 0..chunk.page_count() {
        chunk.read_page(index, &mut page)?;
        if let Some(validity) = &mut validity {
            append_validity(validity, &page);
        }
        append_values(&mut values, &page.values);
    }
    if let Values::String(Strings::Dictionary { entries, .. })
    | Values::Json(Strings::Dictionary { entries, .. })
    | Values::Spelled(_, Strings::Dictionary { entries, .. }) = &mut values
        && let Some(dictionary) = chunk.into_dictionary()
    {
        *entries = dictionary;
    }
    Ok(Column {
        name: entry.name.clone(),
        validity,
        values,
    })
}

fn empty_values(column_type: ColumnType, has_dictionary: bool, rows: usize) -> Values {
    let strings = || {
        if has_dictionary {
            Strings::Dictionary {
                codes: Vec::with_capacity(rows),
                entries: Text::default(),
            }
        } else {
            Strings::Plain(Text::default())
        }
    };
    match column_type {
        ColumnType::Int64 => Values::Int64(Vec::with_capacity(rows)),
        ColumnType::Float64 => Values::Float64(Vec::with_capacity(rows)),
        ColumnType::Bool => Values::Bool(Vec::with_capacity(rows)),
        ColumnType::String => Values::String(strings()),
        ColumnType::Json => Values::Json(strings()),
        ColumnType::Decimal => Values::Spelled(Spelled::Decimal, strings()),
        ColumnType::TextNumber => Values::Spelled(Spelled::TextNumber, strings()),
        ColumnType::TextBool => Values::Spelled(Spelled::TextBool, strings()),
    }
}

/// Pages but the last have a multiple of 64 rows, so words line up.
fn append_validity(validity: &mut Validity, page: &Page) {
    match &page.validity {
        Some(part) => validity.words.extend_from_slice(&part.words),
        None => {
            validity.words.extend(std::iter::repeat_n(u64::MAX, page.rows / 64));
            if !page.rows.is_multiple_of(64) {
                validity.words.push((1 << (page.rows % 64)) - 1);
            }
        }
    }
}

fn append_values(values: &mut Values, page: &PageValues) {
    match (values, page) {
        (Values::Int64(all), PageValues::Int64(part)) => all.extend_from_slice(part),
        (Values::Float64(all), PageValues::Float64(part)) => all.extend_from_slice(part),
        (Values::Bool(all), PageValues::Bool(part)) => all.extend_from_slice(part),
        (Values::String(strings) | Values::Json(strings) | Values::Spelled(_, strings), part) => {
            match (strings, part) {
                (Strings::Dictionary { codes, .. }, PageValues::Codes(part)) => codes.extend_from_slice(part),
                (Strings::Plain(all), PageValues::Text(part)) => {
                    let base = all.bytes.len() as u32;
                    all.bytes.extend_from_slice(&part.bytes);
                    all.offsets.extend(part.offsets[1..].iter().map(|offset| base + offset));
                }
                _ => unreachable!("a chunk gives pages of one kind"),
            }
        }
        _ => unreachable!("a chunk gives pages of its column's type"),
    }
}
