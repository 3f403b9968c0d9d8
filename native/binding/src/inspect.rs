//! Segments and blocks under the eyes of the tools: what they are made of, what is wrong with them, what can be saved. And the lock of a
//! data directory. Descriptors stay the caller's.

use crate::failure;
use crate::segment::{SegmentFooter, footer_object};
use basalt_block::{Bound, FileSource, check_segment as check, inspect_block as inspect, salvage_segment as salvage};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;

/// Bytes of a salvaged segment that are written at a time.
const WRITE_BYTES: usize = 1 << 20;

#[napi(object)]
pub struct BlockInspection {
    pub rows: u32,
    pub block_bytes: f64,
    pub header_bytes: u32,
    pub time_min: f64,
    pub time_max: f64,
    pub columns: Vec<ColumnInspection>,
}

#[napi(object)]
pub struct ColumnInspection {
    pub name: String,
    pub column_type: String,
    pub nulls: u32,
    pub chunk_bytes: f64,
    pub directory_bytes: f64,
    pub dictionary: Option<DictionaryUse>,
    pub sections: Vec<SectionUse>,
    pub validity_bytes: f64,
    pub encodings: Vec<EncodingUse>,
    pub raw_bytes: f64,
    /// JSON text.
    pub min: Option<String>,
    pub max: Option<String>,
}

#[napi(object)]
pub struct DictionaryUse {
    pub encoding: String,
    pub entries: u32,
    pub bytes: f64,
    pub raw_bytes: f64,
}

#[napi(object)]
pub struct SectionUse {
    pub name: String,
    pub bytes: f64,
}

#[napi(object)]
pub struct EncodingUse {
    pub name: String,
    pub pages: u32,
    pub bytes: f64,
}

#[napi(object)]
pub struct Finding {
    pub offset: f64,
    pub bytes: f64,
    pub group: Option<u32>,
    pub what: String,
}

#[napi(object)]
pub struct SegmentCheck {
    pub footer: Option<SegmentFooter>,
    pub findings: Vec<Finding>,
}

#[napi(object)]
pub struct LostPart {
    pub offset: f64,
    pub bytes: f64,
    pub rows: Option<u32>,
    pub time_min: Option<f64>,
    pub time_max: Option<f64>,
    pub what: String,
}

#[napi(object)]
pub struct Salvage {
    pub footer: SegmentFooter,
    pub lost: Vec<LostPart>,
}

#[napi(catch_unwind)]
pub fn inspect_block(fd: i32, offset: f64) -> napi::Result<BlockInspection> {
    let inspection = inspect(&FileSource::from_fd(fd), offset as u64).map_err(failure::bytes)?;
    let header = &inspection.header;
    let columns = header.columns.iter().zip(&inspection.columns);
    let columns = columns.map(|(entry, parts)| ColumnInspection {
        name: entry.name.clone(),
        column_type: entry.column_type.name().into(),
        nulls: entry.null_count,
        chunk_bytes: entry.chunk_bytes as f64,
        directory_bytes: parts.directory_bytes as f64,
        dictionary: parts.dictionary.as_ref().map(|dictionary| DictionaryUse {
            encoding: dictionary.encoding.into(),
            entries: dictionary.entries,
            bytes: dictionary.bytes as f64,
            raw_bytes: dictionary.raw_bytes as f64,
        }),
        sections: (parts.sections.iter())
            .map(|section| SectionUse {
                name: section.name.clone(),
                bytes: section.bytes as f64,
            })
            .collect(),
        validity_bytes: parts.validity_bytes as f64,
        encodings: (parts.encodings.iter())
            .map(|encoding| EncodingUse {
                name: encoding.name.into(),
                pages: encoding.pages,
                bytes: encoding.bytes as f64,
            })
            .collect(),
        raw_bytes: parts.raw_bytes as f64,
        min: entry.min.as_ref().map(bound_text),
        max: entry.max.as_ref().map(bound_text),
    });
    Ok(BlockInspection {
        rows: header.rows as u32,
        block_bytes: header.block_bytes as f64,
        header_bytes: header.header_bytes as u32,
        time_min: header.time_min as f64,
        time_max: header.time_max as f64,
        columns: columns.collect(),
    })
}

/// As JSON: numbers with all their digits, infinite ones as strings, a cut string with an ellipsis.
fn bound_text(bound: &Bound) -> String {
    match bound {
        Bound::Int64(value) => value.to_string(),
        Bound::Float64(value) if value.is_finite() => serde_json::json!(value).to_string(),
        Bound::Float64(value) => serde_json::json!(value.to_string()).to_string(),
        Bound::Bool(value) => value.to_string(),
        Bound::Text { bytes, truncated } => {
            let end = if *truncated { "…" } else { "" };
            serde_json::json!(format!("{}{end}", String::from_utf8_lossy(bytes))).to_string()
        }
    }
}

#[napi(catch_unwind)]
pub fn check_segment(fd: i32, file_bytes: f64) -> napi::Result<SegmentCheck> {
    let result = check(&FileSource::from_fd(fd), file_bytes as u64).map_err(failure::bytes)?;
    let findings = result.findings.into_iter().map(|finding| Finding {
        offset: finding.offset as f64,
        bytes: finding.bytes as f64,
        group: finding.group,
        what: finding.what,
    });
    Ok(SegmentCheck {
        findings: findings.collect(),
        // A header copy that does not parse is among the findings; the groups cannot be told then.
        footer: result.footer.and_then(|footer| footer_object(footer).ok()),
    })
}

#[napi(catch_unwind)]
pub fn salvage_segment(fd: i32, file_bytes: f64, output_fd: i32, metadata: Uint8Array) -> napi::Result<Salvage> {
    // SAFETY: the caller keeps the descriptor open during the call; ManuallyDrop never closes it.
    let output = ManuallyDrop::new(unsafe { File::from_raw_fd(output_fd) });
    let mut writer = BufWriter::with_capacity(WRITE_BYTES, &*output);
    let source = FileSource::from_fd(fd);
    let result = salvage(&source, file_bytes as u64, &mut writer, &metadata).map_err(failure::bytes)?;
    writer.flush().map_err(failure::bytes)?;
    let lost = result.lost.into_iter().map(|part| LostPart {
        offset: part.offset as f64,
        bytes: part.bytes as f64,
        rows: part.group.map(|group| group.rows),
        time_min: part.group.map(|group| group.time_min as f64),
        time_max: part.group.map(|group| group.time_max as f64),
        what: part.what,
    });
    Ok(Salvage {
        lost: lost.collect(),
        footer: footer_object(result.footer)?,
    })
}

/// `flock`: held by the open file until its last descriptor is closed, so at the latest when the process ends, however it ends.
#[napi(catch_unwind)]
pub fn try_lock(fd: i32) -> napi::Result<bool> {
    // SAFETY: a plain system call on a descriptor of the caller; no memory is passed.
    if unsafe { libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let error = std::io::Error::last_os_error();
    if error.kind() == std::io::ErrorKind::WouldBlock {
        return Ok(false);
    }
    Err(failure::bytes(error))
}
