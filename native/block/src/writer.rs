//! Block writer: checks a batch, decides for dictionaries, and lays out header and chunks.

use crate::bounds::text_bounds;
use crate::chunk_writer::append_chunk;
use crate::codec::TextSlice;
use crate::codec::text::is_utf8;
use crate::column::{Batch, Column, Strings, TIME_COLUMN, Text, Validity, Values};
use crate::dictionary;
use crate::error::BlockError;
use crate::header::{BLOCK_ROWS_MAX, BlockHeader, Bound, ChunkFamily, ColumnEntry};
use crate::template::{self, Templates};
use std::borrow::Cow;

/// What a block is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A block of the WAL: written while a client waits, read a few times, then merged away. No sections, no templates.
    Wal,
    /// A row group of a segment: written once, read for months. All that makes it smaller or quicker to search.
    Segment,
}

/// How to encode.
#[derive(Debug, Clone, Copy)]
pub struct EncodeOptions {
    /// zstd level of text and raw floats; negative levels are faster still.
    pub zstd_level: i32,
    pub layout: Layout,
}

impl EncodeOptions {
    pub const fn wal(zstd_level: i32) -> Self {
        Self {
            zstd_level,
            layout: Layout::Wal,
        }
    }

    pub const fn segment(zstd_level: i32) -> Self {
        Self {
            zstd_level,
            layout: Layout::Segment,
        }
    }
}

/// The values of a column in the form they are stored in.
pub(crate) enum Stored<'a> {
    Int64(&'a [i64]),
    Float64(&'a [f64]),
    Bool(&'a [bool]),
    Codes {
        codes: Cow<'a, [u32]>,
        entries: Cow<'a, Text>,
    },
    Text(Cow<'a, Text>),
    Templates(Box<Templates>),
}

/// A column ready to be written: `entry` lacks only what the chunk will tell (its place, and bounds of numbers).
struct Prepared<'a> {
    entry: ColumnEntry,
    validity: Option<&'a Validity>,
    stored: Stored<'a>,
}

/// Encodes one block. `Invalid` if the batch breaks its invariants (see `Batch`, `Text`), has no rows or more than
/// 4,194,304, or a column name over 65,535 bytes.
pub fn encode_block(batch: &Batch, options: &EncodeOptions) -> Result<Vec<u8>, BlockError> {
    if batch.rows == 0 || batch.rows > BLOCK_ROWS_MAX {
        return Err(BlockError::invalid(format!(
            "a block of {} rows, 1 to {BLOCK_ROWS_MAX} allowed",
            batch.rows
        )));
    }
    let mut columns: Vec<Prepared<'_>> = Vec::with_capacity(batch.columns.len());
    for column in &batch.columns {
        columns.push(prepare(column, batch.rows, options)?);
    }
    columns.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
    if let Some(pair) = columns.windows(2).find(|pair| pair[0].entry.name == pair[1].entry.name) {
        return Err(BlockError::invalid(format!("two columns named {}", pair[0].entry.name)));
    }
    let times = time_values(&batch.columns, batch.rows)?;

    let entries: Vec<ColumnEntry> = columns.iter().map(|prepared| prepared.entry.clone()).collect();
    let header_bytes = BlockHeader::encoded_bytes(&entries);
    let mut header = BlockHeader {
        rows: batch.rows,
        block_bytes: 0,
        header_bytes,
        time_min: times.iter().copied().min().unwrap_or_default(),
        time_max: times.iter().copied().max().unwrap_or_default(),
        sorted_by_time: times.is_sorted(),
        columns: entries,
    };
    let mut out = vec![0; header_bytes];
    for (prepared, entry) in columns.iter().zip(&mut header.columns) {
        let start = out.len();
        let written = append_chunk(&prepared.stored, prepared.validity, batch.rows, options, &mut out);
        entry.chunk_offset = start as u64;
        entry.chunk_bytes = (out.len() - start) as u64;
        entry.sections = written.sections;
        if let Some((min, max)) = written.bounds {
            (entry.min, entry.max) = (Some(min), Some(max));
        }
    }
    header.block_bytes = out.len() as u64;
    header.write(&mut out[..header_bytes]);
    Ok(out)
}

/// Encodes one block column by column, so that only one of them is in memory, raw. They come sorted by name, `_timestamp` among them,
/// each of `rows` values. Errors as `encode_block`.
pub(crate) fn encode_columns(
    rows: usize,
    columns: impl Iterator<Item = Column>,
    options: &EncodeOptions,
) -> Result<Vec<u8>, BlockError> {
    let mut entries: Vec<ColumnEntry> = Vec::new();
    let mut chunks = Vec::new();
    let mut times = None;
    for column in columns {
        let prepared = prepare(&column, rows, options)?;
        let start = chunks.len();
        let written = append_chunk(&prepared.stored, prepared.validity, rows, options, &mut chunks);
        let mut entry = prepared.entry;
        entry.chunk_offset = start as u64;
        entry.chunk_bytes = (chunks.len() - start) as u64;
        entry.sections = written.sections;
        if let Some((min, max)) = written.bounds {
            (entry.min, entry.max) = (Some(min), Some(max));
        }
        if entries.last().is_some_and(|last| last.name >= entry.name) {
            return Err(BlockError::invalid(format!("column {} is out of order", entry.name)));
        }
        entries.push(entry);
        if column.name == TIME_COLUMN {
            let values = time_values(std::slice::from_ref(&column), rows)?;
            let bounds = values.iter().copied().min().zip(values.iter().copied().max());
            times = Some((bounds.unwrap_or_default(), values.is_sorted()));
        }
    }
    let Some(((time_min, time_max), sorted_by_time)) = times else {
        return Err(BlockError::invalid(format!("no {TIME_COLUMN} column")));
    };
    let header_bytes = BlockHeader::encoded_bytes(&entries);
    for entry in &mut entries {
        entry.chunk_offset += header_bytes as u64;
    }
    let header = BlockHeader {
        rows,
        block_bytes: (header_bytes + chunks.len()) as u64,
        header_bytes,
        time_min,
        time_max,
        sorted_by_time,
        columns: entries,
    };
    let mut out = Vec::with_capacity(header_bytes + chunks.len());
    out.resize(header_bytes, 0);
    header.write(&mut out);
    out.extend_from_slice(&chunks);
    Ok(out)
}

fn time_values(columns: &[Column], rows: usize) -> Result<&[i64], BlockError> {
    let time = columns.iter().find(|column| column.name == TIME_COLUMN);
    match time.map(|column| (&column.values, &column.validity)) {
        Some((Values::Int64(values), None)) => Ok(values),
        Some((Values::Int64(values), Some(validity))) if null_count(validity, rows) == 0 => Ok(values),
        _ => Err(BlockError::invalid(format!(
            "{TIME_COLUMN} must be an int64 column without nulls"
        ))),
    }
}

fn null_count(validity: &Validity, rows: usize) -> usize {
    let whole: u32 = validity.words[..rows / 64].iter().map(|word| word.count_zeros()).sum();
    let spare = rows % 64;
    let rest = if spare == 0 {
        0
    } else {
        spare as u32 - (validity.words[rows / 64] << (64 - spare)).count_ones()
    };
    (whole + rest) as usize
}

fn prepare<'a>(column: &'a Column, rows: usize, options: &EncodeOptions) -> Result<Prepared<'a>, BlockError> {
    let name = &column.name;
    let broken = |what: String| BlockError::invalid(format!("column {name}: {what}"));
    if name.len() > usize::from(u16::MAX) {
        return Err(BlockError::invalid(format!("a column name of {} bytes", name.len())));
    }
    if column.values.len() != rows {
        return Err(broken(format!("{} values in {rows} rows", column.values.len())));
    }
    let words = column.validity.as_ref().map(|validity| validity.words.len());
    if words.is_some_and(|words| words < rows.div_ceil(64)) {
        return Err(broken(format!("validity too short for {rows} rows")));
    }
    let nulls = column
        .validity
        .as_ref()
        .map_or(0, |validity| null_count(validity, rows));
    let validity = column.validity.as_ref().filter(|_| nulls > 0);
    let (stored, bounds) = match &column.values {
        Values::Int64(values) => (Stored::Int64(values), None),
        Values::Float64(values) => (Stored::Float64(values), None),
        Values::Bool(values) => (Stored::Bool(values), None),
        Values::String(strings) | Values::Json(strings) | Values::Spelled(_, strings) => {
            prepare_strings(strings, validity, rows - nulls, options).map_err(broken)?
        }
    };
    let (family, distinct) = match &stored {
        Stored::Codes { entries, .. } => (ChunkFamily::Dictionary, entries.len() as u32),
        Stored::Templates(templates) => (ChunkFamily::Templates, templates.entries().len() as u32),
        _ => (ChunkFamily::Values, 0),
    };
    let (min, max) = bounds.unzip();
    let entry = ColumnEntry {
        name: name.clone(),
        column_type: column.values.column_type(),
        null_count: nulls as u32,
        min,
        max,
        page_count: rows.div_ceil(crate::reader::PAGE_ROWS) as u32,
        chunk_offset: 0,
        chunk_bytes: 0,
        distinct,
        family,
        sections: 0,
    };
    Ok(Prepared {
        entry,
        validity,
        stored,
    })
}

type StoredStrings<'a> = (Stored<'a>, Option<(Bound, Bound)>);

/// Chooses between dictionary, templates and plain text, and finds the bounds.
fn prepare_strings<'a>(
    strings: &'a Strings,
    validity: Option<&Validity>,
    present: usize,
    options: &EncodeOptions,
) -> Result<StoredStrings<'a>, String> {
    let plain = |text: Cow<'a, Text>| {
        let templates = match options.layout {
            Layout::Wal => None,
            Layout::Segment => template::build(&text, validity, present, options),
        };
        match templates {
            Some(templates) => Stored::Templates(Box::new(templates)),
            None => Stored::Text(text),
        }
    };
    let is_present = |row: &usize| validity.is_none_or(|validity| validity.is_valid(*row));
    match strings {
        Strings::Plain(text) => {
            check_text(text)?;
            if let Some((codes, entries)) = dictionary::build(text, validity, present) {
                let bounds = text_bounds(TextSlice::of(&entries), 0..entries.len());
                return Ok((
                    Stored::Codes {
                        codes: Cow::Owned(codes),
                        entries: Cow::Owned(entries),
                    },
                    bounds,
                ));
            }
            let bounds = text_bounds(TextSlice::of(text), (0..text.len()).filter(is_present));
            Ok((plain(Cow::Borrowed(text)), bounds))
        }
        Strings::Dictionary { codes, entries } => {
            check_text(entries)?;
            let mut used = vec![false; entries.len()];
            for (row, &code) in codes.iter().enumerate() {
                let slot = used.get_mut(code as usize);
                match slot {
                    Some(slot) => *slot |= is_present(&row),
                    None if !is_present(&row) => {}
                    None => return Err(format!("code {code} of {} dictionary entries", entries.len())),
                }
            }
            let bounds = text_bounds(TextSlice::of(entries), (0..used.len()).filter(|&entry| used[entry]));
            // A given dictionary costs no hashing, so it is kept a little longer than one would be built.
            if present > 0 && entries.len() <= (present / 2).clamp(1, dictionary::ENTRIES_MAX) {
                return Ok((
                    Stored::Codes {
                        codes: Cow::Borrowed(codes),
                        entries: Cow::Borrowed(entries),
                    },
                    bounds,
                ));
            }
            let mut text = Text::default();
            for (row, &code) in codes.iter().enumerate() {
                text.push(if is_present(&row) {
                    entries.get(code as usize)
                } else {
                    b""
                });
            }
            Ok((plain(Cow::Owned(text)), bounds))
        }
    }
}

fn check_text(text: &Text) -> Result<(), String> {
    let ends = (text.offsets.first(), text.offsets.last());
    if ends != (Some(&0), Some(&(text.bytes.len() as u32))) || !text.offsets.is_sorted() {
        return Err("string offsets do not match the bytes".into());
    }
    if u32::try_from(text.bytes.len()).is_err() || !is_utf8(TextSlice::of(text)) {
        return Err("strings are not UTF-8, or 4 GiB or more".into());
    }
    Ok(())
}
