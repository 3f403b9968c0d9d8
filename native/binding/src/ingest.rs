//! Request bodies in, encoded blocks and per-record outcomes out.

use crate::failure;
use crate::fields::{fields_of, forget_unused};
use crate::schema::{block_header, overflow_types, schema_text};
use basalt_block::{EncodeOptions, encode_block};
use basalt_shred::{BodyFormat, Outcome, ShredLimits, ShredRequest, shred};
use napi::bindgen_prelude::{Int32Array, Uint8Array};
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Read;

/// Values and nulls of one block: they are in memory, eight bytes or more each, while it is encoded.
const BLOCK_CELLS_MAX: usize = 1 << 24;

/// Numbers per request in `requests`.
const REQUEST_WORDS: usize = 3;

#[napi(object)]
pub struct IngestAnswer {
    pub groups: Vec<IngestGroup>,
    pub outcomes: Vec<IngestOutcome>,
}

#[napi(object)]
pub struct IngestGroup {
    pub organization: String,
    pub stream: String,
    pub rows: u32,
    pub time_min: f64,
    pub time_max: f64,
    pub schema: String,
    pub overflow: String,
    pub block: Uint8Array,
    pub header_bytes: u32,
}

#[napi(object)]
pub struct IngestOutcome {
    pub rejected: Option<String>,
    pub is_too_large: bool,
    pub successful: u32,
    pub failed: u32,
    pub errors: Vec<RecordError>,
    pub warned: u32,
    pub warnings: Vec<RecordError>,
    pub items: Uint8Array,
}

#[napi(object)]
pub struct RecordError {
    pub record: u32,
    pub message: String,
}

#[napi(catch_unwind)]
pub fn ingest_batch(
    bodies: Vec<Uint8Array>,
    requests: Int32Array,
    names: Vec<String>,
    now_us: f64,
    zstd_level: i32,
) -> napi::Result<IngestAnswer> {
    let requests = shred_requests(&bodies, &requests, &names)?;
    let new_streams = RefCell::new(HashSet::new());
    let fields = |organization: u32, stream: &str| {
        let (fields, is_new) = fields_of(&names[organization as usize], stream)?;
        if is_new {
            new_streams.borrow_mut().insert((organization, stream.to_owned()));
        }
        Ok(fields)
    };
    let shredded = shred(&requests, now_us as i64, &ShredLimits::default(), &fields);
    let mut unused = new_streams.take();
    for group in &shredded.groups {
        unused.remove(&(group.organization, group.stream.clone()));
    }
    for (organization, stream) in unused {
        forget_unused(&names[organization as usize], &stream);
    }
    let options = EncodeOptions::wal(zstd_level);
    let mut groups = Vec::with_capacity(shredded.groups.len());
    for group in shredded.groups {
        let (organization, stream) = (names[group.organization as usize].clone(), group.stream.clone());
        let fields = group.fields.clone();
        for batch in group.batches(BLOCK_CELLS_MAX) {
            let block = encode_block(&batch, &options).map_err(failure::bytes)?;
            let header = block_header(&block)?;
            let news = |name: &str, type_name: &str| fields.is_news(name, type_name);
            groups.push(IngestGroup {
                organization: organization.clone(),
                stream: stream.clone(),
                rows: header.rows as u32,
                time_min: header.time_min as f64,
                time_max: header.time_max as f64,
                schema: schema_text(&header),
                overflow: overflow_types(&batch.columns, &news),
                header_bytes: header.header_bytes as u32,
                block: Uint8Array::from(block),
            });
        }
    }
    Ok(IngestAnswer {
        groups,
        outcomes: shredded.outcomes.into_iter().map(outcome).collect(),
    })
}

fn shred_requests<'a>(
    bodies: &'a [Uint8Array],
    words: &[i32],
    names: &'a [String],
) -> napi::Result<Vec<ShredRequest<'a>>> {
    if words.len() != bodies.len() * REQUEST_WORDS {
        return Err(failure::bytes(format!(
            "BUG: {} words for {} bodies",
            words.len(),
            bodies.len()
        )));
    }
    let name = |index: i32| {
        names
            .get(index as usize)
            .ok_or_else(|| failure::bytes(format!("BUG: name {index} of {}", names.len())))
    };
    let mut requests = Vec::with_capacity(bodies.len());
    for (body, words) in bodies.iter().zip(words.chunks_exact(REQUEST_WORDS)) {
        name(words[1])?;
        let format = match words[0] {
            0 => BodyFormat::Json,
            1 => BodyFormat::Multi,
            2 => BodyFormat::Bulk,
            other => return Err(failure::bytes(format!("BUG: body format {other}"))),
        };
        requests.push(ShredRequest {
            body,
            format,
            organization: words[1] as u32,
            stream: name(words[2])?,
        });
    }
    Ok(requests)
}

fn outcome(outcome: Outcome) -> IngestOutcome {
    IngestOutcome {
        is_too_large: outcome
            .rejected
            .as_ref()
            .is_some_and(|rejection| rejection.is_too_large),
        rejected: outcome.rejected.map(|rejection| rejection.message),
        successful: outcome.successful,
        failed: outcome.failed,
        errors: outcome.errors.into_iter().map(record_error).collect(),
        warned: outcome.warned,
        warnings: outcome.warnings.into_iter().map(record_error).collect(),
        items: Uint8Array::from(outcome.items.into_bytes()),
    }
}

fn record_error(error: basalt_shred::RecordError) -> RecordError {
    RecordError {
        record: error.record,
        message: error.message,
    }
}

/// Decompresses zstd frames, refusing to grow past `limit_bytes`.
#[napi(catch_unwind)]
pub fn decompress_zstd(bytes: Uint8Array, limit_bytes: u32) -> napi::Result<Uint8Array> {
    let decoder = zstd::stream::read::Decoder::with_buffer(&bytes[..]).map_err(failure::bytes)?;
    let mut output = Vec::new();
    decoder
        .take(u64::from(limit_bytes) + 1)
        .read_to_end(&mut output)
        .map_err(failure::bytes)?;
    if output.len() as u64 > u64::from(limit_bytes) {
        return Err(failure::bytes(format!(
            "the result passes the limit of {limit_bytes} bytes"
        )));
    }
    Ok(Uint8Array::from(output))
}
