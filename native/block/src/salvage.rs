//! What is good of a damaged segment, in a new one: whole row groups, byte for byte.

use crate::error::BlockError;
use crate::header::{BlockHeader, MAGIC};
use crate::reader::{BlockReader, read_exact, verify_block};
use crate::segment::{FILE_HEADER_BYTES, SegmentFooter, SegmentWriter, read_footer};
use crate::source::ReadAt;
use std::io::Write;

/// Bytes searched at a time for the next block.
const SEARCH_BYTES: usize = 1 << 20;

/// A part of the damaged segment that is not in the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub offset: u64,
    pub bytes: u64,
    pub group: Option<LostGroup>,
    pub what: String,
}

/// What is known of a lost row group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostGroup {
    pub rows: u32,
    /// Microseconds since 1970, both inclusive.
    pub time_min: i64,
    pub time_max: i64,
}

/// What a salvage wrote, and what it could not.
#[derive(Debug)]
pub struct Salvage {
    /// Of the new segment; without groups when nothing could be saved.
    pub footer: SegmentFooter,
    pub lost: Vec<Lost>,
}

struct Salvager<'a, S: ReadAt + ?Sized, W: Write> {
    source: &'a S,
    file_bytes: u64,
    writer: SegmentWriter<'a, W>,
    lost: Vec<Lost>,
}

/// Writes a whole segment with the row groups of `source` that decode without an error, and `metadata`, to `output`. Where the groups
/// are is told by the footer, and the header copies in it stand in for damaged headers; without a footer the blocks are looked for
/// from the front, and `Lost` without a group may hold rows or not. Only input and output errors end it.
pub fn salvage_segment<S: ReadAt + ?Sized>(
    source: &S,
    file_bytes: u64,
    output: &mut impl Write,
    metadata: &[u8],
) -> Result<Salvage, BlockError> {
    let mut salvager = Salvager {
        source,
        file_bytes,
        writer: SegmentWriter::begin(output)?,
        lost: Vec::new(),
    };
    match read_footer(source, file_bytes) {
        Ok(footer) => salvager.take_named(&footer)?,
        Err(BlockError::Corrupt { .. }) => salvager.take_found()?,
        Err(other) => return Err(other),
    }
    Ok(Salvage {
        footer: salvager.writer.finish(metadata)?,
        lost: salvager.lost,
    })
}

impl<S: ReadAt + ?Sized, W: Write> Salvager<'_, S, W> {
    fn take_named(&mut self, footer: &SegmentFooter) -> Result<(), BlockError> {
        let mut start = 0;
        for group in &footer.groups {
            let end = start + group.header_bytes as usize;
            // The footer was checked: the copies are as long as the groups say.
            let header = &footer.headers[start..end];
            start = end;
            let known = LostGroup {
                rows: group.rows,
                time_min: group.time_min,
                time_max: group.time_max,
            };
            let block = self.read(group.offset, group.bytes).map(|mut block| {
                block[..header.len()].copy_from_slice(header);
                block
            });
            self.take(group.offset, group.bytes, known, block)?;
        }
        Ok(())
    }

    fn take_found(&mut self) -> Result<(), BlockError> {
        let mut offset = FILE_HEADER_BYTES as u64;
        while offset < self.file_bytes {
            match BlockReader::open(self.source, offset) {
                Ok(reader) => {
                    let header = reader.header();
                    let bytes = header.block_bytes.min(self.file_bytes - offset);
                    let block = self.read(offset, bytes);
                    self.take(offset, bytes, known(header), block)?;
                    offset += bytes;
                }
                Err(BlockError::Io(error)) => return Err(error.into()),
                Err(error) => {
                    let next = self.next_block(offset + 1)?;
                    self.lost.push(Lost {
                        offset,
                        bytes: next - offset,
                        group: None,
                        what: error.to_string(),
                    });
                    offset = next;
                }
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        offset: u64,
        bytes: u64,
        known: LostGroup,
        block: Result<Vec<u8>, BlockError>,
    ) -> Result<(), BlockError> {
        let verified = block.and_then(|block| verify_block(&block, 0).map(|_| block));
        match verified {
            Ok(block) => self.writer.append(&block),
            Err(BlockError::Io(error)) => Err(error.into()),
            Err(error) => {
                self.lost.push(Lost {
                    offset,
                    bytes,
                    group: Some(known),
                    what: place(error, offset),
                });
                Ok(())
            }
        }
    }

    fn read(&self, offset: u64, bytes: u64) -> Result<Vec<u8>, BlockError> {
        let end = offset.checked_add(bytes).filter(|end| *end <= self.file_bytes);
        if end.is_none() {
            return Err(BlockError::corrupt(0, "the file ends before"));
        }
        let mut block = vec![0; bytes as usize];
        read_exact(self.source, &mut block, offset)?;
        Ok(block)
    }

    /// Where the next whole block begins at or after `from`, or the end of the file. A header alone is none: the footer has copies.
    fn next_block(&self, from: u64) -> Result<u64, BlockError> {
        let magic = MAGIC.to_le_bytes();
        let mut at = from;
        while at < self.file_bytes {
            let bytes = (self.file_bytes - at).min((SEARCH_BYTES + magic.len() - 1) as u64);
            let mut window = vec![0; bytes as usize];
            read_exact(self.source, &mut window, at)?;
            for (place, _) in window
                .windows(magic.len())
                .enumerate()
                .filter(|(_, word)| *word == magic)
            {
                let offset = at + place as u64;
                match verify_block(self.source, offset) {
                    Ok(_) => return Ok(offset),
                    Err(BlockError::Io(error)) => return Err(error.into()),
                    Err(_) => {}
                }
            }
            at += SEARCH_BYTES as u64;
        }
        Ok(self.file_bytes)
    }
}

fn known(header: &BlockHeader) -> LostGroup {
    LostGroup {
        rows: header.rows as u32,
        time_min: header.time_min,
        time_max: header.time_max,
    }
}

/// The error with its offset counted from the start of the file, not of the block.
fn place(error: BlockError, block_offset: u64) -> String {
    match error {
        BlockError::Corrupt { offset, what } => BlockError::corrupt(block_offset + offset, what).to_string(),
        other => other.to_string(),
    }
}
