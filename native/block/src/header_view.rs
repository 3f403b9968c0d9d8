//! A block's header as checked bytes whose columns are looked up and parsed one by one: a scan names few of many, and opens
//! many blocks only to find that they have nothing for it.

use crate::column::ColumnType;
use crate::cursor::{Cursor, Damage};
use crate::error::BlockError;
use crate::header::{self, BlockHeader, Bound, ChunkFamily, ColumnEntry, ENTRY_BYTES, FIXED_BYTES, FixedPart};
use crate::reader::read_exact;
use crate::source::ReadAt;

/// Read at once; the header of some twenty columns fits.
const READ_BYTES: usize = 2048;

/// The header of a block. Its checksum is right; what it says of a column is checked when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderView {
    /// Where the block begins, for error texts.
    offset: u64,
    /// Without the checksum.
    content: Vec<u8>,
    fixed: FixedPart,
}

/// A column as a header has it, without name and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnView {
    /// By which the header knows it.
    pub index: usize,
    pub column_type: ColumnType,
    pub null_count: u32,
    /// Entries of the dictionary, 0 when there is none.
    pub distinct: u32,
    pub family: ChunkFamily,
    pub sections: u8,
}

impl HeaderView {
    /// Reads the header of the block at `offset`: one positioned read, or two if it is long or the source ends soon.
    pub fn read<S: ReadAt + ?Sized>(source: &S, offset: u64) -> Result<Self, BlockError> {
        let mut bytes = vec![0; READ_BYTES];
        if read_exact(source, &mut bytes, offset).is_err() {
            bytes.truncate(FIXED_BYTES);
            read_exact(source, &mut bytes, offset)?;
        }
        let fixed = bytes
            .first_chunk()
            .ok_or_else(|| BlockError::corrupt(offset, "block header cut short"))?;
        let header_bytes = header::header_bytes_of(fixed, offset)?;
        let have = bytes.len();
        bytes.resize(header_bytes, 0);
        if header_bytes > have {
            read_exact(source, &mut bytes[have..], offset.saturating_add(have as u64))?;
        }
        Self::check(bytes, offset)
    }

    /// `bytes` is exactly one header.
    pub fn check(mut bytes: Vec<u8>, offset: u64) -> Result<Self, BlockError> {
        let content = header::checked_content(&bytes, offset)?.len();
        bytes.truncate(content);
        let fixed = FixedPart::parse(&bytes).map_err(|damage| corrupt(offset, &damage))?;
        Ok(Self {
            offset,
            content: bytes,
            fixed,
        })
    }

    pub fn rows(&self) -> usize {
        self.fixed.rows
    }

    /// Least and greatest `_timestamp`, microseconds since 1970, both inclusive.
    pub fn time_range(&self) -> (i64, i64) {
        (self.fixed.time_min, self.fixed.time_max)
    }

    pub fn sorted_by_time(&self) -> bool {
        self.fixed.sorted_by_time
    }

    /// Looks a column up by name.
    pub fn find(&self, name: &str) -> Result<Option<ColumnView>, BlockError> {
        let (mut low, mut high) = (0, self.fixed.column_count);
        while low < high {
            let middle = low.midpoint(high);
            match self
                .name(middle)
                .map_err(|damage| self.corrupt(&damage))?
                .cmp(name.as_bytes())
            {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    return self.column(middle).map(Some).map_err(|damage| self.corrupt(&damage));
                }
            }
        }
        Ok(None)
    }

    /// All that is known of a column, which has `index` from `find`.
    pub fn entry(&self, index: usize) -> Result<ColumnEntry, BlockError> {
        let parse = || ColumnEntry::parse_within(self.raw(index)?, &self.content, &self.fixed);
        parse().map_err(|damage| self.corrupt(&damage))
    }

    /// Least and greatest value of a column, if the header has them.
    pub fn bounds(&self, column: ColumnView) -> Result<Option<(Bound, Bound)>, BlockError> {
        let parse = || header::parse_bounds(self.raw(column.index)?, column.column_type, &self.content);
        parse().map_err(|damage| self.corrupt(&damage))
    }

    /// The whole header parsed.
    pub fn parse(&self) -> Result<BlockHeader, BlockError> {
        BlockHeader::parse_checked(&self.content).map_err(|damage| self.corrupt(&damage))
    }

    fn raw(&self, index: usize) -> Result<&[u8], Damage> {
        let start = FIXED_BYTES + index * ENTRY_BYTES;
        self.content
            .get(start..start + ENTRY_BYTES)
            .ok_or_else(|| Damage(format!("column {index} lies outside the header")))
    }

    fn name(&self, index: usize) -> Result<&[u8], Damage> {
        let mut cursor = Cursor::new(self.raw(index)?);
        header::heap_part(&self.content, cursor.u32()?, cursor.u16()?)
    }

    fn column(&self, index: usize) -> Result<ColumnView, Damage> {
        let mut cursor = Cursor::new(self.raw(index)?);
        cursor.take(6)?;
        let code = cursor.u8()?;
        let column_type = ColumnType::from_u8(code).ok_or_else(|| Damage(format!("column {index} has type {code}")))?;
        cursor.take(1)?;
        let null_count = cursor.u32()?;
        cursor.take(36)?;
        let distinct = cursor.u32()?;
        let family = ChunkFamily::from_u8(cursor.u8()?)
            .ok_or_else(|| Damage(format!("column {index} has an unknown chunk family")))?;
        let sections = cursor.u8()?;
        Ok(ColumnView {
            index,
            column_type,
            null_count,
            distinct,
            family,
            sections,
        })
    }

    fn corrupt(&self, damage: &Damage) -> BlockError {
        corrupt(self.offset, damage)
    }
}

fn corrupt(offset: u64, damage: &Damage) -> BlockError {
    BlockError::corrupt(offset, format!("block header: {damage}"))
}
