//! Every checksum of a segment, and all that is wrong with it: unlike a reader, a check does not stop at the first damage. Nothing
//! is decoded, so it goes at the speed of the disk.

use crate::cursor::Damage;
use crate::directory::{Directory, directory_bytes};
use crate::error::BlockError;
use crate::header::{BlockHeader, ColumnEntry};
use crate::reader::{BlockReader, PAGE_ROWS, read_exact};
use crate::segment::{self, GroupLocation, SegmentFooter};
use crate::source::ReadAt;

/// Something wrong at one place of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Bytes from the start of the file; what follows is unusable for `bytes` bytes.
    pub offset: u64,
    pub bytes: u64,
    /// The row group it concerns.
    pub group: Option<u32>,
    pub what: String,
}

/// What a check found of a segment file.
#[derive(Debug)]
pub struct SegmentCheck {
    /// `None` when the end of the file is damaged: then nothing tells where the groups are.
    pub footer: Option<SegmentFooter>,
    /// In the order of the file, but those of its two ends first.
    pub findings: Vec<Finding>,
}

/// Checks each byte of a segment of `file_bytes` bytes against its checksum. `Io` when the source cannot be read, `Unsupported` when
/// another version wrote it; anything else that is wrong becomes a finding.
pub fn check_segment<S: ReadAt + ?Sized>(source: &S, file_bytes: u64) -> Result<SegmentCheck, BlockError> {
    let mut findings = Vec::new();
    let head_bytes = file_bytes.min(segment::FILE_HEADER_BYTES as u64);
    note(segment::check_file_header(source), head_bytes, None, &mut findings)?;
    let footer = note(segment::read_footer(source, file_bytes), 0, None, &mut findings)?;
    let Some(footer) = footer else {
        if let Some(finding) = findings.last_mut() {
            finding.bytes = file_bytes.saturating_sub(finding.offset);
        }
        return Ok(SegmentCheck { footer, findings });
    };
    for (index, (group, header)) in footer.groups.iter().zip(footer.group_headers()).enumerate() {
        let Some(header) = note(header, group.bytes, Some(index as u32), &mut findings)? else {
            continue;
        };
        check_group(source, index as u32, group, &header, &mut findings)?;
    }
    Ok(SegmentCheck {
        footer: Some(footer),
        findings,
    })
}

/// Turns damage into a finding; passes on what is no damage.
fn note<T>(
    result: Result<T, BlockError>,
    bytes: u64,
    group: Option<u32>,
    findings: &mut Vec<Finding>,
) -> Result<Option<T>, BlockError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(BlockError::Corrupt { offset, what }) => {
            findings.push(Finding {
                offset,
                bytes,
                group,
                what,
            });
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// `header` is the footer's copy of the block's header.
fn check_group<S: ReadAt + ?Sized>(
    source: &S,
    index: u32,
    group: &GroupLocation,
    header: &BlockHeader,
    findings: &mut Vec<Finding>,
) -> Result<(), BlockError> {
    let header_bytes = header.header_bytes as u64;
    let in_place = BlockReader::open(source, group.offset).map(|reader| reader.header().clone());
    let mut wrong = |offset: u64, bytes: u64, what: String| {
        findings.push(Finding {
            offset,
            bytes,
            group: Some(index),
            what,
        });
    };
    match in_place {
        Ok(in_place) if in_place == *header => {}
        Ok(_) => wrong(
            group.offset,
            header_bytes,
            "block header and its copy in the footer differ".into(),
        ),
        Err(BlockError::Corrupt { what, .. }) => wrong(group.offset, header_bytes, what),
        Err(other) => return Err(other),
    }
    let mut end = header_bytes;
    for entry in &header.columns {
        if entry.chunk_offset != end {
            let what = format!("chunk of column {} is not where the one before it ends", entry.name);
            wrong(group.offset + end, header.block_bytes.saturating_sub(end), what);
            return Ok(());
        }
        end += entry.chunk_bytes;
        let offset = group.offset + entry.chunk_offset;
        let bytes = usize::try_from(entry.chunk_bytes).map_err(|_| BlockError::invalid("a chunk of 2^64 bytes"))?;
        let mut chunk = vec![0; bytes];
        match read_exact(source, &mut chunk, offset) {
            Ok(()) => check_chunk(&chunk, entry, header.rows, |at, bytes, what| {
                wrong(offset + at, bytes, format!("column {}{what}", entry.name));
            }),
            Err(BlockError::Corrupt { what, .. }) => wrong(offset, entry.chunk_bytes, what),
            Err(other) => return Err(other),
        }
    }
    if end != header.block_bytes || header.block_bytes != group.bytes {
        wrong(
            group.offset + end,
            group.bytes.saturating_sub(end),
            "the block is not as long as its chunks".into(),
        );
    }
    Ok(())
}

/// `wrong` is told place in the chunk, bytes, and what.
fn check_chunk(chunk: &[u8], entry: &ColumnEntry, rows: usize, mut wrong: impl FnMut(u64, u64, String)) {
    let pages = rows.div_ceil(PAGE_ROWS);
    let sections = usize::from(entry.sections);
    let head_bytes = directory_bytes(pages, sections);
    let directory = match chunk.get(..head_bytes) {
        Some(head) => Directory::parse(head, pages, sections, chunk.len() as u64),
        None => Err(Damage(format!("a chunk of {} bytes", chunk.len()))),
    };
    let directory = match directory {
        Ok(directory) => directory,
        Err(damage) => return wrong(0, chunk.len() as u64, format!(": {damage}")),
    };
    // The directory was checked: all its parts lie within the chunk, back to back.
    let mut check = |offset: u64, bytes: u32, crc: u32, what: &dyn Fn() -> String| {
        let start = offset as usize;
        if crc32fast::hash(&chunk[start..start + bytes as usize]) != crc {
            wrong(offset, u64::from(bytes), format!("{}: checksum", what()));
        }
    };
    if let Some(dictionary) = directory.dictionary {
        check(head_bytes as u64, dictionary.bytes, dictionary.crc, &|| {
            ": dictionary".into()
        });
    }
    for section in &directory.sections {
        check(section.offset, section.bytes, section.crc, &|| {
            format!(", section {}", section.kind)
        });
    }
    for (index, page) in directory.pages.iter().enumerate() {
        let head_bytes = page.head_bytes();
        check(page.offset, head_bytes, page.crc, &|| format!(", page {index}"));
        if let Some(detail) = page.detail {
            check(page.offset + u64::from(head_bytes), detail.bytes, detail.crc, &|| {
                format!(", digits of page {index}")
            });
        }
    }
}
