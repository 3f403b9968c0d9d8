//! Blocks and segments as files: merge, footers, verification. Descriptors stay the caller's.

use crate::failure;
use crate::ingest::schema_text;
use basalt_block::{
    EncodeOptions, FileSource, MergeInput, merge_blocks as merge, read_footer as read, verify_block as verify,
};
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

#[napi(catch_unwind)]
pub fn merge_blocks(
    fds: Int32Array,
    offsets: Float64Array,
    output_fd: i32,
    metadata: Uint8Array,
    zstd_level: i32,
) -> napi::Result<SegmentFooter> {
    if fds.len() != offsets.len() {
        return Err(failure::bytes(format!(
            "BUG: {} descriptors for {} offsets",
            fds.len(),
            offsets.len()
        )));
    }
    let sources: Vec<FileSource> = fds.iter().map(|fd| FileSource::from_fd(*fd)).collect();
    let inputs: Vec<MergeInput> = sources
        .iter()
        .zip(offsets.iter())
        .map(|(source, offset)| MergeInput {
            source,
            offset: *offset as u64,
        })
        .collect();
    // SAFETY: the caller keeps the descriptor open during the call; ManuallyDrop never closes it.
    let output = ManuallyDrop::new(unsafe { File::from_raw_fd(output_fd) });
    let mut writer = BufWriter::with_capacity(SYNC_BYTES, SyncedFile { file: &output });
    let footer = merge(&inputs, &mut writer, &metadata, &EncodeOptions::segment(zstd_level)).map_err(failure::bytes)?;
    writer.flush().map_err(failure::bytes)?;
    footer_object(footer)
}

#[napi(catch_unwind)]
pub fn read_footer(fd: i32, file_bytes: f64) -> napi::Result<SegmentFooter> {
    footer_object(read(&FileSource::from_fd(fd), file_bytes as u64).map_err(failure::bytes)?)
}

#[napi(catch_unwind)]
pub fn verify_block(fd: i32, offset: f64) -> napi::Result<BlockSummary> {
    let header = verify(&FileSource::from_fd(fd), offset as u64).map_err(failure::bytes)?;
    Ok(BlockSummary {
        rows: header.rows as u32,
        block_bytes: header.block_bytes as f64,
        header_bytes: header.header_bytes as u32,
        time_min: header.time_min as f64,
        time_max: header.time_max as f64,
        schema: schema_text(&header),
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
