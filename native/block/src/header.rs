//! The header of a block: what pruning needs of each column, in a fixed layout that the TypeScript side reads too.
//!
//! Layout (little endian; `docs/FORMAT.md` has the table): 64 fixed bytes, one 64-byte entry per column sorted by name,
//! the heap of names and string bounds, crc32 of all that. A reader checks the crc before it believes any field but the
//! length, and then still checks every offset and count.

use crate::column::ColumnType;
use crate::cursor::{Cursor, Damage};
use crate::error::BlockError;

pub const MAGIC: u32 = 0x3142_5342;
pub const FIXED_BYTES: usize = 64;
pub const ENTRY_BYTES: usize = 64;
/// A header of 10,000 columns with long names is about 2 MB.
pub const HEADER_BYTES_MAX: usize = 16 << 20;
/// Longest prefix of a string kept as a bound.
pub const BOUND_BYTES_MAX: usize = 32;
/// Rows of one block: keeps every count and every decode buffer of a damaged header within reason.
pub const BLOCK_ROWS_MAX: usize = 1 << 22;

const SORTED_FLAG: u32 = 1;
const BOUNDS_FLAG: u8 = 1;
const MIN_TRUNCATED_FLAG: u8 = 2;
const MAX_TRUNCATED_FLAG: u8 = 4;

/// How the values of a column are held. The numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ChunkFamily {
    /// Pages of values.
    Values = 1,
    /// Pages of codes into the dictionary of the chunk.
    Dictionary = 2,
    /// Pages of codes into the templates of the chunk, and of digits (`template`).
    Templates = 3,
}

impl ChunkFamily {
    pub fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Values,
            2 => Self::Dictionary,
            3 => Self::Templates,
            _ => return None,
        })
    }
}

/// The least or greatest value of a column. Floats are in total order (`-0.0 < 0.0`) and never NaN.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    Int64(i64),
    Float64(f64),
    Bool(bool),
    /// At most `BOUND_BYTES_MAX` bytes, valid UTF-8. `truncated`: the true value is longer and begins with `bytes`.
    Text {
        bytes: Vec<u8>,
        truncated: bool,
    },
}

/// What the header knows of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnEntry {
    pub name: String,
    pub column_type: ColumnType,
    pub null_count: u32,
    /// Both bounds are present or neither: absent when all rows are null, or a float is NaN. They hold for every
    /// row, but a dictionary may hold entries that no row uses, so they need not be attained.
    pub min: Option<Bound>,
    pub max: Option<Bound>,
    pub page_count: u32,
    /// Bytes from the start of the block.
    pub chunk_offset: u64,
    pub chunk_bytes: u64,
    /// Entries of the dictionary, or templates; 0 when there are none.
    pub distinct: u32,
    pub family: ChunkFamily,
    /// Sections between dictionary and pages (`section`); files of version 1 have none.
    pub sections: u8,
}

/// The decoded header of a block. `columns` are sorted by name, bytewise.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockHeader {
    pub rows: usize,
    /// Header and chunks.
    pub block_bytes: u64,
    pub header_bytes: usize,
    /// Least and greatest `_timestamp`, microseconds since 1970, both inclusive.
    pub time_min: i64,
    pub time_max: i64,
    pub sorted_by_time: bool,
    pub columns: Vec<ColumnEntry>,
}

/// Checks the magic of a fixed part and returns the length of the whole header. `offset` is where the block begins.
pub fn header_bytes_of(fixed: &[u8; FIXED_BYTES], offset: u64) -> Result<usize, BlockError> {
    let word = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    if word(0) != MAGIC {
        return Err(BlockError::corrupt(
            offset,
            format!("block magic {:#010x}, expected {MAGIC:#010x}", word(0)),
        ));
    }
    let header_bytes = word(4) as usize;
    if !(FIXED_BYTES + 4..=HEADER_BYTES_MAX).contains(&header_bytes) {
        return Err(BlockError::corrupt(
            offset,
            format!("block header of {header_bytes} bytes"),
        ));
    }
    Ok(header_bytes)
}

/// The header without its checksum, which must be right. `bytes` is exactly one header.
pub(crate) fn checked_content(bytes: &[u8], offset: u64) -> Result<&[u8], BlockError> {
    let fixed = bytes
        .first_chunk()
        .ok_or_else(|| BlockError::corrupt(offset, "block header cut short"))?;
    let header_bytes = header_bytes_of(fixed, offset)?;
    if header_bytes != bytes.len() {
        let what = format!("block header of {header_bytes} bytes, {} given", bytes.len());
        return Err(BlockError::corrupt(offset, what));
    }
    let (content, stored) = bytes.split_at(header_bytes - 4);
    if crc32fast::hash(content).to_le_bytes() != stored {
        return Err(BlockError::corrupt(offset, "block header checksum"));
    }
    Ok(content)
}

/// What a header says of the whole block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FixedPart {
    pub rows: usize,
    pub block_bytes: u64,
    pub column_count: usize,
    pub time_min: i64,
    pub time_max: i64,
    pub sorted_by_time: bool,
}

impl FixedPart {
    /// `content` is a whole header without its crc.
    pub fn parse(content: &[u8]) -> Result<Self, Damage> {
        let mut cursor = Cursor::new(content);
        cursor.take(8)?;
        let block_bytes = cursor.u64()?;
        let (rows, column_count) = (cursor.u32()? as usize, cursor.u32()? as usize);
        let (time_min, time_max) = (cursor.i64()?, cursor.i64()?);
        let flags = cursor.u32()?;
        if rows == 0 || rows > BLOCK_ROWS_MAX {
            return Err(Damage(format!("{rows} rows, 1 to {BLOCK_ROWS_MAX} allowed")));
        }
        if column_count > content.len() / ENTRY_BYTES || block_bytes < content.len() as u64 + 4 {
            return Err(Damage(format!(
                "{column_count} columns in a block of {block_bytes} bytes"
            )));
        }
        Ok(Self {
            rows,
            block_bytes,
            column_count,
            time_min,
            time_max,
            sorted_by_time: flags & SORTED_FLAG != 0,
        })
    }
}

impl BlockHeader {
    /// Index of a column by name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns
            .binary_search_by(|entry| entry.name.as_str().cmp(name))
            .ok()
    }

    /// Parses the bytes of exactly one header, as read from a block or copied into a segment footer. `offset` is
    /// where the block begins, for error texts.
    pub fn parse(bytes: &[u8], offset: u64) -> Result<Self, BlockError> {
        let content = checked_content(bytes, offset)?;
        Self::parse_checked(content).map_err(|damage| BlockError::corrupt(offset, format!("block header: {damage}")))
    }

    /// `content` is the header without its crc.
    pub(crate) fn parse_checked(content: &[u8]) -> Result<Self, Damage> {
        let fixed = FixedPart::parse(content)?;
        let mut cursor = Cursor::new(content);
        cursor.take(FIXED_BYTES)?;
        let mut columns: Vec<ColumnEntry> = Vec::with_capacity(fixed.column_count);
        for _ in 0..fixed.column_count {
            let entry = ColumnEntry::parse_within(cursor.take(ENTRY_BYTES)?, content, &fixed)?;
            if columns.last().is_some_and(|last| last.name >= entry.name) {
                return Err(Damage(format!("column {} is out of order", entry.name)));
            }
            columns.push(entry);
        }
        Ok(Self {
            rows: fixed.rows,
            block_bytes: fixed.block_bytes,
            header_bytes: content.len() + 4,
            time_min: fixed.time_min,
            time_max: fixed.time_max,
            sorted_by_time: fixed.sorted_by_time,
            columns,
        })
    }

    /// Bytes that `write` will need.
    pub fn encoded_bytes(columns: &[ColumnEntry]) -> usize {
        let heap: usize = columns.iter().map(ColumnEntry::heap_bytes).sum();
        FIXED_BYTES + columns.len() * ENTRY_BYTES + heap + 4
    }

    /// Fills `into`, which has `header_bytes` bytes.
    pub fn write(&self, into: &mut [u8]) {
        debug_assert_eq!(into.len(), self.header_bytes);
        let mut fixed = Vec::with_capacity(self.header_bytes);
        let mut heap = Vec::new();
        fixed.extend_from_slice(&MAGIC.to_le_bytes());
        fixed.extend_from_slice(&(self.header_bytes as u32).to_le_bytes());
        fixed.extend_from_slice(&self.block_bytes.to_le_bytes());
        fixed.extend_from_slice(&(self.rows as u32).to_le_bytes());
        fixed.extend_from_slice(&(self.columns.len() as u32).to_le_bytes());
        fixed.extend_from_slice(&self.time_min.to_le_bytes());
        fixed.extend_from_slice(&self.time_max.to_le_bytes());
        fixed.extend_from_slice(&u32::from(self.sorted_by_time).to_le_bytes());
        fixed.resize(FIXED_BYTES, 0);
        let heap_offset = FIXED_BYTES + self.columns.len() * ENTRY_BYTES;
        for entry in &self.columns {
            entry.write(&mut fixed, &mut heap, heap_offset);
        }
        fixed.extend_from_slice(&heap);
        fixed.extend_from_slice(&crc32fast::hash(&fixed).to_le_bytes());
        into.copy_from_slice(&fixed);
    }
}

impl ColumnEntry {
    fn heap_bytes(&self) -> usize {
        let bound = |bound: &Option<Bound>| match bound {
            Some(Bound::Text { bytes, .. }) => bytes.len(),
            _ => 0,
        };
        self.name.len() + bound(&self.min) + bound(&self.max)
    }

    fn write(&self, fixed: &mut Vec<u8>, heap: &mut Vec<u8>, heap_offset: usize) {
        let mut place = |bytes: &[u8]| {
            let offset = (heap_offset + heap.len()) as u32;
            heap.extend_from_slice(bytes);
            offset
        };
        let name_offset = place(self.name.as_bytes());
        let mut flags = 0;
        let mut slots = [[0u8; 8]; 2];
        if let (Some(min), Some(max)) = (&self.min, &self.max) {
            flags |= BOUNDS_FLAG;
            for ((slot, bound), truncated_flag) in slots
                .iter_mut()
                .zip([min, max])
                .zip([MIN_TRUNCATED_FLAG, MAX_TRUNCATED_FLAG])
            {
                *slot = match bound {
                    Bound::Int64(value) => value.to_le_bytes(),
                    Bound::Float64(value) => value.to_le_bytes(),
                    Bound::Bool(value) => u64::from(*value).to_le_bytes(),
                    Bound::Text { bytes, truncated } => {
                        flags |= if *truncated { truncated_flag } else { 0 };
                        (u64::from(place(bytes)) | (bytes.len() as u64) << 32).to_le_bytes()
                    }
                };
            }
        }
        fixed.extend_from_slice(&name_offset.to_le_bytes());
        fixed.extend_from_slice(&(self.name.len() as u16).to_le_bytes());
        fixed.extend_from_slice(&[self.column_type as u8, flags]);
        fixed.extend_from_slice(&self.null_count.to_le_bytes());
        fixed.extend_from_slice(&self.page_count.to_le_bytes());
        fixed.extend_from_slice(&self.chunk_offset.to_le_bytes());
        fixed.extend_from_slice(&self.chunk_bytes.to_le_bytes());
        slots.iter().for_each(|slot| fixed.extend_from_slice(slot));
        fixed.extend_from_slice(&self.distinct.to_le_bytes());
        fixed.extend_from_slice(&[self.family as u8, self.sections]);
        fixed.extend_from_slice(&[0; 10]);
    }

    /// Parses an entry of the header `content`, whose chunk must lie within the block.
    pub(crate) fn parse_within(entry: &[u8], content: &[u8], fixed: &FixedPart) -> Result<Self, Damage> {
        let entry = Self::parse(entry, content, fixed.rows)?;
        let end = entry.chunk_offset.checked_add(entry.chunk_bytes);
        if entry.chunk_offset < content.len() as u64 + 4 || end.is_none_or(|end| end > fixed.block_bytes) {
            return Err(Damage(format!("chunk of column {} lies outside the block", entry.name)));
        }
        Ok(entry)
    }

    fn parse(entry: &[u8], content: &[u8], rows: usize) -> Result<Self, Damage> {
        let raw = entry;
        let mut cursor = Cursor::new(entry);
        let (name_offset, name_bytes) = (cursor.u32()?, cursor.u16()?);
        let name = String::from_utf8(heap_part(content, name_offset, name_bytes)?.to_vec())
            .map_err(|_| Damage::new("a column name is not UTF-8"))?;
        let type_code = cursor.u8()?;
        let column_type =
            ColumnType::from_u8(type_code).ok_or_else(|| Damage(format!("column {name} has type {type_code}")))?;
        cursor.take(1)?;
        let (null_count, page_count) = (cursor.u32()?, cursor.u32()?);
        let (chunk_offset, chunk_bytes) = (cursor.u64()?, cursor.u64()?);
        cursor.take(16)?;
        let distinct = cursor.u32()?;
        let code = cursor.u8()?;
        let family =
            ChunkFamily::from_u8(code).ok_or_else(|| Damage(format!("column {name} has chunk family {code}")))?;
        let sections = cursor.u8()?;
        if null_count as usize > rows {
            return Err(Damage(format!("column {name} has {null_count} nulls in {rows} rows")));
        }
        let (min, max) = parse_bounds(raw, column_type, content)?.unzip();
        Ok(Self {
            min,
            max,
            name,
            column_type,
            null_count,
            page_count,
            chunk_offset,
            chunk_bytes,
            distinct,
            family,
            sections,
        })
    }
}

/// Least and greatest value of the column that `entry` describes.
pub(crate) fn parse_bounds(
    entry: &[u8],
    column_type: ColumnType,
    content: &[u8],
) -> Result<Option<(Bound, Bound)>, Damage> {
    let mut cursor = Cursor::new(entry);
    cursor.take(7)?;
    let flags = cursor.u8()?;
    if flags & BOUNDS_FLAG == 0 {
        return Ok(None);
    }
    cursor.take(24)?;
    let min = parse_bound(column_type, cursor.u64()?, flags & MIN_TRUNCATED_FLAG != 0, content)?;
    let max = parse_bound(column_type, cursor.u64()?, flags & MAX_TRUNCATED_FLAG != 0, content)?;
    Ok(Some((min, max)))
}

fn parse_bound(column_type: ColumnType, slot: u64, truncated: bool, content: &[u8]) -> Result<Bound, Damage> {
    Ok(match column_type {
        ColumnType::Int64 => Bound::Int64(slot as i64),
        ColumnType::Float64 => Bound::Float64(f64::from_bits(slot)),
        ColumnType::Bool => Bound::Bool(slot & 0xFF != 0),
        ColumnType::String | ColumnType::Json | ColumnType::Decimal | ColumnType::TextNumber | ColumnType::TextBool => {
            let bytes = heap_part(content, slot as u32, (slot >> 32) as u16)?.to_vec();
            if std::str::from_utf8(&bytes).is_err() {
                return Err(Damage::new("a bound is not UTF-8"));
            }
            Bound::Text { bytes, truncated }
        }
    })
}

pub(crate) fn heap_part(content: &[u8], offset: u32, bytes: u16) -> Result<&[u8], Damage> {
    let start = offset as usize;
    content.get(start..start + usize::from(bytes)).ok_or_else(|| {
        Damage(format!(
            "heap part at {offset} of {bytes} bytes lies outside the header"
        ))
    })
}
