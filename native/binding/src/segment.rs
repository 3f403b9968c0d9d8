//! Blocks and segments as files: merge, footers, verification. Descriptors stay the caller's.

use crate::failure;
use crate::schema::{overflow_types_in, schema_text};
use basalt_block::{
    BlockError, BlockHeader, BlockReader, EncodeOptions, FileSource, MergeInput, RowSelection, TimeCut,
    check_block as check, has_current_version, merge_selected, read_footer as read, rows_by_bucket,
    verify_block as verify,
};
use basalt_scan::request::ScanRequest;
use basalt_scan::{Part, RowMatcher};
use napi::bindgen_prelude::{Float64Array, Int32Array, Uint8Array};
use napi_derive::napi;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;

#[napi(object)]
pub struct GroupLocation {
    pub offset: f64,
    pub bytes: f64,
    pub header_bytes: u32,
    pub rows: u32,
    pub time_min: f64,
    pub time_max: f64,
    pub schema: String,
}

#[napi(object)]
pub struct SegmentFooter {
    pub groups: Vec<GroupLocation>,
    pub headers: Uint8Array,
    pub metadata: Uint8Array,
    pub file_bytes: f64,
}

#[napi(object)]
pub struct BlockSummary {
    pub rows: u32,
    pub block_bytes: f64,
    pub header_bytes: u32,
    pub time_min: f64,
    pub time_max: f64,
    pub schema: String,
    pub overflow: String,
}

/// Bytes of a segment that are synced at a time.
const SYNC_BYTES: usize = 1 << 20;

/// Syncs after each write. One sync of a whole segment at the end would hold up the WAL's, which share the file system's journal,
/// for as long as tens of megabytes take to reach the disk.
struct SyncedFile<'a> {
    file: &'a File,
}

impl Write for SyncedFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut file = self.file;
        let written = file.write(&bytes[..bytes.len().min(SYNC_BYTES)])?;
        self.file.sync_data()?;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Which rows a merge keeps; without members, all of them.
#[napi(object)]
pub struct MergeSelection {
    /// `from, to, from, to, …` in microseconds, half-open, and whether the rows within or those without them are kept.
    pub ranges: Option<Vec<f64>>,
    pub inside: Option<bool>,
    /// A scan request as JSON: rows that its time range and filter pass are left out.
    pub removal: Option<String>,
}

/// Rows of one bucket of time.
#[napi(object)]
pub struct BucketRows {
    pub bucket: f64,
    pub rows: f64,
}

struct Selection<'a> {
    cut: Option<TimeCut>,
    removal: Option<RowMatcher>,
    inputs: &'a [MergeInput<'a>],
}

impl<'a> Selection<'a> {
    fn new(selection: MergeSelection, inputs: &'a [MergeInput<'a>]) -> napi::Result<Self> {
        let cut = selection.ranges.map(|ranges| TimeCut {
            ranges: ranges
                .chunks_exact(2)
                .map(|range| (range[0] as i64, range[1] as i64))
                .collect(),
            inside: selection.inside.unwrap_or(true),
        });
        let removal = match selection.removal {
            Some(request) => {
                let request: ScanRequest = serde_json::from_str(&request).map_err(failure::bytes)?;
                Some(RowMatcher::compile(&request).map_err(failure::scan)?)
            }
            None => None,
        };
        Ok(Self { cut, removal, inputs })
    }
}

impl RowSelection for Selection<'_> {
    fn excludes(&self, header: &BlockHeader) -> bool {
        self.cut.as_ref().is_some_and(|cut| cut.excludes(header))
    }

    fn choose(&self, input: usize, times: &[i64]) -> Result<Option<Vec<u64>>, BlockError> {
        let chosen = match &self.cut {
            Some(cut) => cut.choose(input, times)?,
            None => None,
        };
        let Some(removal) = &self.removal else {
            return Ok(chosen);
        };
        let MergeInput { source, offset, .. } = self.inputs[input];
        let part = Part {
            source,
            offset,
            header: None,
        };
        let removed = removal
            .matching_rows(&part, times.len())
            .map_err(|error| BlockError::Invalid {
                what: format!("rows to remove: {error}"),
            })?;
        let mut chosen = chosen.unwrap_or_else(|| basalt_block::bits_of(times.len(), |_| true));
        chosen.iter_mut().zip(&removed).for_each(|(word, gone)| *word &= !gone);
        Ok(Some(chosen))
    }
}

fn merge_inputs<'a>(sources: &'a [FileSource], offsets: &[f64], reusable: &[u8]) -> napi::Result<Vec<MergeInput<'a>>> {
    if sources.len() != offsets.len() || sources.len() != reusable.len() {
        return Err(failure::bytes(format!(
            "BUG: {} descriptors for {} offsets and {} flags",
            sources.len(),
            offsets.len(),
            reusable.len()
        )));
    }
    let places = sources.iter().zip(offsets).zip(reusable);
    places
        .map(|((source, offset), reusable)| {
            Ok(MergeInput {
                source,
                offset: *offset as u64,
                // Groups of an older version are encoded anew: without templates and filters they are larger and slower.
                reusable: *reusable != 0 && has_current_version(source).map_err(failure::bytes)?,
            })
        })
        .collect()
}

#[napi(catch_unwind)]
pub fn merge_blocks(
    fds: Int32Array,
    offsets: Float64Array,
    reusable: Uint8Array,
    output_fd: i32,
    metadata: Uint8Array,
    zstd_level: i32,
    selection: MergeSelection,
) -> napi::Result<SegmentFooter> {
    let sources: Vec<FileSource> = fds.iter().map(|fd| FileSource::from_fd(*fd)).collect();
    let inputs = merge_inputs(&sources, &offsets, &reusable)?;
    let selection = Selection::new(selection, &inputs)?;
    // SAFETY: the caller keeps the descriptor open during the call; ManuallyDrop never closes it.
    let output = ManuallyDrop::new(unsafe { File::from_raw_fd(output_fd) });
    let mut writer = BufWriter::with_capacity(SYNC_BYTES, SyncedFile { file: &output });
    let options = EncodeOptions::segment(zstd_level);
    let footer = merge_selected(&inputs, Some(&selection), &mut writer, &metadata, &options).map_err(failure::bytes)?;
    writer.flush().map_err(failure::bytes)?;
    footer_object(footer)
}

#[napi(catch_unwind)]
pub fn count_matches(fds: Int32Array, offsets: Float64Array, request: String) -> napi::Result<f64> {
    let sources: Vec<FileSource> = fds.iter().map(|fd| FileSource::from_fd(*fd)).collect();
    let request: ScanRequest = serde_json::from_str(&request).map_err(failure::bytes)?;
    let matcher = RowMatcher::compile(&request).map_err(failure::scan)?;
    let mut rows = 0u64;
    for MergeInput { source, offset, .. } in merge_inputs(&sources, &offsets, &vec![0; sources.len()])? {
        let total = BlockReader::open(source, offset).map_err(failure::bytes)?.header().rows;
        let part = Part {
            source,
            offset,
            header: None,
        };
        let matches = matcher.matching_rows(&part, total).map_err(failure::scan)?;
        rows += matches.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
    }
    Ok(rows as f64)
}

#[napi(catch_unwind)]
pub fn rows_by_time(fds: Int32Array, offsets: Float64Array, width: f64) -> napi::Result<Vec<BucketRows>> {
    let sources: Vec<FileSource> = fds.iter().map(|fd| FileSource::from_fd(*fd)).collect();
    let inputs = merge_inputs(&sources, &offsets, &vec![0; sources.len()])?;
    let buckets = rows_by_bucket(&inputs, (width as i64).max(1)).map_err(failure::bytes)?;
    Ok(buckets
        .into_iter()
        .map(|(bucket, rows)| BucketRows {
            bucket: bucket as f64,
            rows: rows as f64,
        })
        .collect())
}

#[napi(catch_unwind)]
pub fn read_footer(fd: i32, file_bytes: f64) -> napi::Result<SegmentFooter> {
    footer_object(read(&FileSource::from_fd(fd), file_bytes as u64).map_err(failure::bytes)?)
}

#[napi(catch_unwind)]
pub fn verify_block(fd: i32, offset: f64) -> napi::Result<BlockSummary> {
    let header = verify(&FileSource::from_fd(fd), offset as u64).map_err(failure::bytes)?;
    summary(fd, offset, &header)
}

#[napi(catch_unwind)]
pub fn check_block(fd: i32, offset: f64) -> napi::Result<BlockSummary> {
    let header = check(&FileSource::from_fd(fd), offset as u64).map_err(failure::bytes)?;
    summary(fd, offset, &header)
}

fn summary(fd: i32, offset: f64, header: &BlockHeader) -> napi::Result<BlockSummary> {
    Ok(BlockSummary {
        rows: header.rows as u32,
        block_bytes: header.block_bytes as f64,
        header_bytes: header.header_bytes as u32,
        time_min: header.time_min as f64,
        time_max: header.time_max as f64,
        schema: schema_text(header),
        overflow: overflow_types_in(fd, offset as u64, header)?,
    })
}

pub(crate) fn footer_object(footer: basalt_block::SegmentFooter) -> napi::Result<SegmentFooter> {
    let mut groups = Vec::with_capacity(footer.groups.len());
    for (group, header) in footer.groups.iter().zip(footer.group_headers()) {
        let header = header.map_err(failure::bytes)?;
        groups.push(GroupLocation {
            offset: group.offset as f64,
            bytes: group.bytes as f64,
            header_bytes: group.header_bytes,
            rows: group.rows,
            time_min: group.time_min as f64,
            time_max: group.time_max as f64,
            schema: schema_text(&header),
        });
    }
    Ok(SegmentFooter {
        groups,
        headers: Uint8Array::from(footer.headers),
        metadata: Uint8Array::from(footer.metadata),
        file_bytes: footer.file_bytes as f64,
    })
}
