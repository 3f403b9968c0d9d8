//! Segment files: time-sorted row groups that never change, and a footer that tells all about them.
//!
//! Layout: 32-byte file header, the row groups (blocks) back to back, the footer, a 32-byte trailer. The footer holds
//! the place of each group, a copy of each block header and the caller's metadata, so that opening a segment reads its
//! end only. A segment without its trailer was never finished and is not one.

use crate::cursor::{Cursor, Damage};
use crate::error::BlockError;
use crate::header::{BlockHeader, HEADER_BYTES_MAX};
use crate::reader::read_exact;
use crate::source::ReadAt;
use std::io::Write;

/// Rows of a row group, except the last.
pub const GROUP_ROWS: usize = 65_536;
/// The version this build writes; it reads version 1 up to this. 2: chunks may have sections, strings may be templates.
pub const FORMAT_VERSION: u32 = 2;

pub const FILE_HEADER_BYTES: usize = 32;
pub const TRAILER_BYTES: usize = 32;
const FILE_MAGIC: [u8; 8] = *b"BSLTSEG1";
const TRAILER_MAGIC: [u8; 8] = *b"BSLTEND1";
const GROUP_BYTES: usize = 40;
const FOOTER_FIXED_BYTES: usize = 32;
/// Bytes of footer and trailer read at once; most segments need no second read.
const TAIL_BYTES: u64 = 64 << 10;
/// A footer larger than this is taken for damage.
const FOOTER_BYTES_MAX: u64 = 1 << 30;

/// Where a row group is and what it spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLocation {
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Bytes of the whole block.
    pub bytes: u64,
    /// Bytes of its header, which is also the length of its copy in `SegmentFooter::headers`.
    pub header_bytes: u32,
    pub rows: u32,
    /// Microseconds since 1970, both inclusive.
    pub time_min: i64,
    pub time_max: i64,
}

/// What the end of a segment file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFooter {
    pub groups: Vec<GroupLocation>,
    /// The block headers, concatenated in group order (`BlockHeader::parse` takes one).
    pub headers: Vec<u8>,
    /// Bytes that whoever wrote the segment gave.
    pub metadata: Vec<u8>,
    pub file_bytes: u64,
}

/// Writes a segment front to back.
pub struct SegmentWriter<'o, W: Write> {
    output: &'o mut W,
    written_bytes: u64,
    groups: Vec<GroupLocation>,
    headers: Vec<u8>,
}

impl<'o, W: Write> SegmentWriter<'o, W> {
    /// Writes the file header.
    pub fn begin(output: &'o mut W) -> Result<Self, BlockError> {
        let mut header = [0; FILE_HEADER_BYTES];
        header[..8].copy_from_slice(&FILE_MAGIC);
        header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        let crc = crc32fast::hash(&header[..FILE_HEADER_BYTES - 4]);
        header[FILE_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        output.write_all(&header)?;
        Ok(Self {
            output,
            written_bytes: FILE_HEADER_BYTES as u64,
            groups: Vec::new(),
            headers: Vec::new(),
        })
    }

    /// Appends an encoded block as the next row group.
    pub fn append(&mut self, block: &[u8]) -> Result<(), BlockError> {
        let word = |at: usize| {
            block
                .get(at..at + 4)
                .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        };
        let header_bytes = word(4).unwrap_or_default();
        let header_part = block
            .get(..header_bytes as usize)
            .ok_or_else(|| BlockError::invalid("a row group shorter than its header"))?;
        let header = BlockHeader::parse(header_part, 0)?;
        if header.block_bytes != block.len() as u64 {
            return Err(BlockError::invalid(format!(
                "a row group of {} bytes in {}",
                header.block_bytes,
                block.len()
            )));
        }
        self.output.write_all(block)?;
        self.headers.extend_from_slice(header_part);
        self.groups.push(GroupLocation {
            offset: self.written_bytes,
            bytes: header.block_bytes,
            header_bytes,
            rows: header.rows as u32,
            time_min: header.time_min,
            time_max: header.time_max,
        });
        self.written_bytes += header.block_bytes;
        Ok(())
    }

    /// Writes footer and trailer. The caller makes the file durable.
    pub fn finish(self, metadata: &[u8]) -> Result<SegmentFooter, BlockError> {
        let mut footer = Vec::with_capacity(FOOTER_FIXED_BYTES + self.headers.len() + metadata.len() + 4);
        footer.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        footer.extend_from_slice(&(self.groups.len() as u32).to_le_bytes());
        footer.extend_from_slice(&(self.headers.len() as u64).to_le_bytes());
        footer.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
        footer.extend_from_slice(&[0; 8]);
        for group in &self.groups {
            footer.extend_from_slice(&group.offset.to_le_bytes());
            footer.extend_from_slice(&group.bytes.to_le_bytes());
            footer.extend_from_slice(&group.header_bytes.to_le_bytes());
            footer.extend_from_slice(&group.rows.to_le_bytes());
            footer.extend_from_slice(&group.time_min.to_le_bytes());
            footer.extend_from_slice(&group.time_max.to_le_bytes());
        }
        footer.extend_from_slice(&self.headers);
        footer.extend_from_slice(metadata);
        let mut trailer = [0; TRAILER_BYTES];
        trailer[..8].copy_from_slice(&self.written_bytes.to_le_bytes());
        trailer[8..16].copy_from_slice(&(footer.len() as u64).to_le_bytes());
        trailer[16..20].copy_from_slice(&crc32fast::hash(&footer).to_le_bytes());
        let crc = crc32fast::hash(&trailer[..20]);
        trailer[20..24].copy_from_slice(&crc.to_le_bytes());
        trailer[24..].copy_from_slice(&TRAILER_MAGIC);
        self.output.write_all(&footer)?;
        self.output.write_all(&trailer)?;
        Ok(SegmentFooter {
            file_bytes: self.written_bytes + (footer.len() + TRAILER_BYTES) as u64,
            groups: self.groups,
            headers: self.headers,
            metadata: metadata.to_vec(),
        })
    }
}

impl SegmentFooter {
    /// The header copies one by one, in group order.
    pub fn group_headers(&self) -> impl Iterator<Item = Result<BlockHeader, BlockError>> {
        let mut start = 0;
        self.groups.iter().map(move |group| {
            let end = start + group.header_bytes as usize;
            let part = self.headers.get(start..end).unwrap_or_default();
            start = end;
            BlockHeader::parse(part, group.offset)
        })
    }
}

/// Reads the end of a segment file of `file_bytes` bytes: one read for all but huge footers.
pub fn read_footer<S: ReadAt + ?Sized>(source: &S, file_bytes: u64) -> Result<SegmentFooter, BlockError> {
    let least = (FILE_HEADER_BYTES + FOOTER_FIXED_BYTES + TRAILER_BYTES) as u64;
    if file_bytes < least {
        return Err(BlockError::corrupt(
            0,
            format!("a segment of {file_bytes} bytes, {least} are the least"),
        ));
    }
    let mut tail = vec![0; file_bytes.min(TAIL_BYTES) as usize];
    let tail_offset = file_bytes - tail.len() as u64;
    read_exact(source, &mut tail, tail_offset)?;
    let trailer_offset = file_bytes - TRAILER_BYTES as u64;
    let (before, trailer) = tail.split_at(tail.len() - TRAILER_BYTES);
    let (footer_offset, footer_bytes, footer_crc) =
        parse_trailer(trailer).map_err(|damage| BlockError::corrupt(trailer_offset, damage.0))?;
    let end = footer_offset.checked_add(footer_bytes);
    if end != Some(trailer_offset) || footer_bytes > FOOTER_BYTES_MAX || footer_offset < FILE_HEADER_BYTES as u64 {
        let what = format!("segment footer at byte {footer_offset} of {footer_bytes} bytes");
        return Err(BlockError::corrupt(trailer_offset, what));
    }
    let footer_bytes = footer_bytes as usize;
    let footer = if footer_bytes <= before.len() {
        before[before.len() - footer_bytes..].to_vec()
    } else {
        let mut footer = vec![0; footer_bytes];
        read_exact(source, &mut footer, footer_offset)?;
        footer
    };
    if crc32fast::hash(&footer) != footer_crc {
        return Err(BlockError::corrupt(footer_offset, "segment footer checksum"));
    }
    let version = footer.first_chunk().map_or(0, |version| u32::from_le_bytes(*version));
    if version == 0 || version > FORMAT_VERSION {
        let what = format!("segment format version {version}, this build reads 1 to {FORMAT_VERSION}");
        return Err(BlockError::Unsupported {
            offset: footer_offset,
            what,
        });
    }
    parse_footer(&footer, footer_offset, file_bytes)
        .map_err(|damage| BlockError::corrupt(footer_offset, format!("segment footer: {damage}")))
}

fn parse_trailer(trailer: &[u8]) -> Result<(u64, u64, u32), Damage> {
    let mut cursor = Cursor::new(trailer);
    let (offset, bytes, footer_crc, crc) = (cursor.u64()?, cursor.u64()?, cursor.u32()?, cursor.u32()?);
    if cursor.rest() != TRAILER_MAGIC {
        return Err(Damage::new(
            "no segment trailer: the file was cut short or is no segment",
        ));
    }
    if crc32fast::hash(&trailer[..20]) != crc {
        return Err(Damage::new("segment trailer checksum"));
    }
    Ok((offset, bytes, footer_crc))
}

/// Groups must lie back to back between file header and footer, and their headers add up.
fn parse_footer(footer: &[u8], footer_offset: u64, file_bytes: u64) -> Result<SegmentFooter, Damage> {
    let mut cursor = Cursor::new(footer);
    cursor.take(4)?;
    let group_count = cursor.u32()? as usize;
    let (headers_bytes, metadata_bytes) = (cursor.u64()?, cursor.u64()?);
    cursor.take(8)?;
    if group_count > footer.len() / GROUP_BYTES {
        return Err(Damage(format!("{group_count} row groups in {} bytes", footer.len())));
    }
    let mut groups = Vec::with_capacity(group_count);
    let (mut end, mut headers_end) = (FILE_HEADER_BYTES as u64, 0u64);
    for index in 0..group_count {
        let group = GroupLocation {
            offset: cursor.u64()?,
            bytes: cursor.u64()?,
            header_bytes: cursor.u32()?,
            rows: cursor.u32()?,
            time_min: cursor.i64()?,
            time_max: cursor.i64()?,
        };
        let fits = u64::from(group.header_bytes) <= group.bytes && group.header_bytes as usize <= HEADER_BYTES_MAX;
        if group.offset != end || !fits || group.bytes > footer_offset - end {
            return Err(Damage(format!(
                "row group {index} at byte {} of {} bytes",
                group.offset, group.bytes
            )));
        }
        end += group.bytes;
        headers_end += u64::from(group.header_bytes);
        groups.push(group);
    }
    if end != footer_offset || headers_end != headers_bytes {
        return Err(Damage(format!(
            "row groups end at byte {end}, their headers take {headers_end} bytes"
        )));
    }
    let part = |bytes: u64| usize::try_from(bytes).map_err(|_| Damage::new("a part of 2^64 bytes"));
    let headers = cursor.take(part(headers_bytes)?)?.to_vec();
    let metadata = cursor.take(part(metadata_bytes)?)?.to_vec();
    cursor.finish()?;
    Ok(SegmentFooter {
        groups,
        headers,
        metadata,
        file_bytes,
    })
}

/// Reads the file header; says whether the bytes claim to be a segment of a version this build reads.
pub fn check_file_header<S: ReadAt + ?Sized>(source: &S) -> Result<(), BlockError> {
    read_version(source).map(|_| ())
}

/// Whether this build would encode the row groups of the segment no better than they are.
pub fn has_current_version<S: ReadAt + ?Sized>(source: &S) -> Result<bool, BlockError> {
    Ok(read_version(source)? == FORMAT_VERSION)
}

fn read_version<S: ReadAt + ?Sized>(source: &S) -> Result<u32, BlockError> {
    let mut header = [0; FILE_HEADER_BYTES];
    read_exact(source, &mut header, 0)?;
    if header[..8] != FILE_MAGIC {
        return Err(BlockError::corrupt(0, "no segment file header"));
    }
    let (content, stored) = header.split_at(FILE_HEADER_BYTES - 4);
    if crc32fast::hash(content).to_le_bytes() != stored {
        return Err(BlockError::corrupt(0, "segment file header checksum"));
    }
    let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if version == 0 || version > FORMAT_VERSION {
        let what = format!("segment format version {version}, this build reads 1 to {FORMAT_VERSION}");
        return Err(BlockError::Unsupported { offset: 8, what });
    }
    Ok(version)
}
