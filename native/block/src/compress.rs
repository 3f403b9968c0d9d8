//! zstd with one context per thread and direction, and the choice not to compress.
//!
//! Layout: u8 compression (1 = as it is, 2 = one zstd frame), then the bytes. The raw length is known by the caller.

use crate::cursor::Damage;
use std::cell::RefCell;
use zstd_safe::{CCtx, CParameter, DCtx};

const STORED: u8 = 1;
const ZSTD: u8 = 2;

/// A frame must save at least this share (1/16) of the bytes: below it decompression costs more than the disk.
const GAIN_SHARE: usize = 16;
/// Shorter inputs are stored: the frame header alone eats the gain.
const BYTES_MIN: usize = 32;

struct Compressor {
    context: CCtx<'static>,
    /// What the context is set to; setting it anew costs about a microsecond.
    set: Option<(i32, Search)>,
}

/// What zstd looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Search {
    /// Matches as its level has it.
    Matches,
    /// Hardly any: symbols are entropy coded one by one.
    Symbols,
}

thread_local! {
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor { context: CCtx::create(), set: None });
    static DECOMPRESSOR: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// Appends the compression byte and the bytes, compressed if that pays. Never fails: what zstd refuses is stored.
pub fn compress(bytes: &[u8], zstd_level: i32, out: &mut Vec<u8>) {
    compress_by(bytes, zstd_level, Search::Matches, out);
}

/// The same for symbols that are skewed but repeat in no order: Huffman coding without a search for matches that chance
/// alone would give. Several times faster, and smaller than a search makes them.
pub fn compress_symbols(symbols: &[u8], out: &mut Vec<u8>) {
    compress_by(symbols, 1, Search::Symbols, out);
}

fn compress_by(bytes: &[u8], zstd_level: i32, search: Search, out: &mut Vec<u8>) {
    let start = out.len();
    if bytes.len() >= BYTES_MIN {
        out.push(ZSTD);
        let written = append_frame(bytes, zstd_level, search, out);
        if written.is_some_and(|written| written + bytes.len() / GAIN_SHARE <= bytes.len()) {
            return;
        }
        out.truncate(start);
    }
    out.push(STORED);
    out.extend_from_slice(bytes);
}

/// Bytes of the frame appended to `out`, or `None` if zstd failed (out of memory).
fn append_frame(bytes: &[u8], level: i32, search: Search, out: &mut Vec<u8>) -> Option<usize> {
    let level = level.clamp(zstd_safe::min_c_level(), zstd_safe::max_c_level());
    COMPRESSOR.with_borrow_mut(|compressor| {
        if compressor.set != Some((level, search)) {
            compressor
                .context
                .set_parameter(CParameter::CompressionLevel(level))
                .ok()?;
            compressor
                .context
                .set_parameter(CParameter::ContentSizeFlag(false))
                .ok()?;
            // 0 is the level's own choice.
            let (match_bytes_min, hash_bits) = match search {
                Search::Matches => (0, 0),
                Search::Symbols => (7, 10),
            };
            compressor
                .context
                .set_parameter(CParameter::MinMatch(match_bytes_min))
                .ok()?;
            compressor.context.set_parameter(CParameter::HashLog(hash_bits)).ok()?;
            compressor.set = Some((level, search));
        }
        out.reserve(zstd_safe::compress_bound(bytes.len()));
        let start = out.len();
        let mut tail = std::io::Cursor::new(out);
        tail.set_position(start as u64);
        compressor.context.compress2(&mut tail, bytes).ok()
    })
}

/// Replaces `into` with the `raw_bytes` that `compress` was given.
pub fn decompress(payload: &[u8], raw_bytes: usize, into: &mut Vec<u8>) -> Result<(), Damage> {
    into.clear();
    let (&kind, bytes) = payload
        .split_first()
        .ok_or_else(|| Damage::new("no compression byte"))?;
    match kind {
        STORED if bytes.len() == raw_bytes => into.extend_from_slice(bytes),
        STORED => {
            return Err(Damage(format!(
                "{raw_bytes} stored bytes expected, {} found",
                bytes.len()
            )));
        }
        ZSTD => {
            into.try_reserve_exact(raw_bytes)
                .map_err(|_| Damage(format!("{raw_bytes} bytes do not fit memory")))?;
            let written = DECOMPRESSOR
                .with_borrow_mut(|context| context.decompress(into, bytes))
                .map_err(|code| Damage(format!("zstd: {}", zstd_safe::get_error_name(code))))?;
            if written != raw_bytes {
                return Err(Damage(format!(
                    "{raw_bytes} bytes expected after decompression, {written} found"
                )));
            }
        }
        _ => return Err(Damage(format!("compression {kind}"))),
    }
    Ok(())
}
