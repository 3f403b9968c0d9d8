//! The answer of a scan with many groups, in parts by deal, so that who combines a share reads no other.
//!
//! Layout: magic (8 bytes); u32 numbered members, and for each: u32 member, u32 stems, each stem as u32 bytes and its text;
//! u64 bytes of each deal's Arrow IPC stream, `DEALS` of them; the streams. Integers are little-endian. A stream has the
//! columns of any answer, and behind them one UInt64 column for each numbered member: the strings of its group column that are
//! a stem and a number (`TextInterner::parted_columns`). Answers of few groups are a plain IPC
//! stream, and so, with a mark at its end, is that of a complete combination: `decode` reads all of them.

use super::deal::DEALS;
use super::text_interner::{append_number, unpack};
use super::{Aggregation, BATCH_GROUPS, Fields};
use crate::answer::{Answer, ScanOutput, ScanStats};
use crate::error::ScanError;
use crate::ipc;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"BSLTDLT1";
/// Behind the plain stream of a complete combination, where nobody reads who looks for nothing.
pub const ONCE: &[u8; 8] = b"BSLTONCE";

/// Answers of fewer groups are plain streams.
pub const GROUPS_MIN: usize = 4096;

/// About what a column takes for each group.
const FIELD_BYTES: usize = 8;

/// Writes all groups. Nothing is added to the aggregation afterwards.
pub(super) fn write(aggregation: &mut Aggregation, fields: &Fields, stats: ScanStats) -> Result<ScanOutput, ScanError> {
    let members = aggregation.grouping.members();
    let numbered: Vec<usize> = (0..members)
        .filter(|&member| aggregation.grouping.numbered(member).is_some())
        .collect();
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&(numbered.len() as u32).to_le_bytes());
    for &member in &numbered {
        let stems: Vec<&[u8]> = aggregation
            .grouping
            .numbered(member)
            .map_or_else(Vec::new, |interner| interner.stem_texts().collect());
        out.extend_from_slice(&(member as u32).to_le_bytes());
        out.extend_from_slice(&(stems.len() as u32).to_le_bytes());
        for stem in stems {
            out.extend_from_slice(&(stem.len() as u32).to_le_bytes());
            out.extend_from_slice(stem);
        }
    }
    let lengths_at = out.len();
    out.resize(lengths_at + DEALS * 8, 0);
    let fields = with_numbers(fields.clone(), &numbered);
    out.reserve(aggregation.grouping.len() * fields.len() * FIELD_BYTES);
    let mut rows = 0;
    for (deal, groups) in deal_out(aggregation).iter().enumerate() {
        let start = out.len();
        let mut answer = Answer::behind(out, fields.clone())?;
        for groups in groups.chunks(BATCH_GROUPS) {
            answer.write(groups.len(), columns(aggregation, &numbered, groups)?)?;
        }
        let stream = answer.finish(ScanStats::default())?;
        (out, rows) = (stream.ipc, rows + stream.rows);
        let length = (out.len() - start) as u64;
        out[lengths_at + deal * 8..][..8].copy_from_slice(&length.to_le_bytes());
    }
    Ok(ScanOutput {
        ipc: out,
        rows,
        stats,
        resume: None,
    })
}

/// The groups of each deal.
fn deal_out(aggregation: &Aggregation) -> [Vec<u32>; DEALS] {
    let groups = aggregation.grouping.in_order();
    let deals = aggregation.grouping.deals(&groups);
    let mut counts = [0; DEALS];
    deals.iter().for_each(|&deal| counts[usize::from(deal)] += 1);
    let mut dealt = counts.map(Vec::with_capacity);
    for (group, deal) in groups.into_iter().zip(deals) {
        dealt[usize::from(deal)].push(group);
    }
    dealt
}

fn with_numbers(mut fields: Fields, numbered: &[usize]) -> Fields {
    let numbers = numbered
        .iter()
        .map(|member| (format!("number{member}"), DataType::UInt64));
    fields.extend(numbers);
    fields
}

fn columns(aggregation: &mut Aggregation, numbered: &[usize], groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
    let (mut columns, mut numbers): (Vec<ArrayRef>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for member in 0..aggregation.grouping.members() {
        let interner = aggregation.grouping.numbered(member);
        if let Some(interner) = interner.filter(|_| numbered.contains(&member)) {
            let (texts, own) = interner.parted_columns(&aggregation.grouping.member_ids(member, groups))?;
            columns.push(Arc::new(texts));
            numbers.push(Arc::new(own));
        } else {
            columns.extend(aggregation.grouping.column(member, groups)?);
        }
    }
    for state in &mut aggregation.states {
        columns.extend(state.columns(groups)?);
    }
    columns.extend(numbers);
    Ok(columns)
}

/// An answer that `write` made.
pub struct Dealt<'a> {
    /// The members that are numbered, with their stems.
    pub stems: Vec<(usize, Vec<&'a [u8]>)>,
    /// Of the streams.
    pub schema: SchemaRef,
    pub streams: Vec<&'a [u8]>,
}

impl<'a> Dealt<'a> {
    /// `None` for a plain stream. `wanted`: the columns of the answer.
    pub fn parse(bytes: &'a [u8], wanted: &Schema) -> Result<Option<Self>, ArrowError> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Ok(None);
        };
        Self::parse_parts(rest, wanted)
            .map(Some)
            .ok_or_else(|| damaged("it ends early"))
    }

    fn parse_parts(mut bytes: &'a [u8], wanted: &Schema) -> Option<Self> {
        let mut stems = Vec::new();
        for _ in 0..take_u32(&mut bytes)? {
            let member = take_u32(&mut bytes)? as usize;
            let mut texts = Vec::new();
            for _ in 0..take_u32(&mut bytes)? {
                let length = take_u32(&mut bytes)? as usize;
                texts.push(take(&mut bytes, length)?);
            }
            stems.push((member, texts));
        }
        let mut lengths = Vec::with_capacity(DEALS);
        for _ in 0..DEALS {
            let length = take(&mut bytes, 8)?.try_into().ok().map(u64::from_le_bytes)?;
            lengths.push(usize::try_from(length).ok()?);
        }
        let mut streams = Vec::with_capacity(DEALS);
        for length in lengths {
            streams.push(take(&mut bytes, length)?);
        }
        let numbers = stems
            .iter()
            .map(|(member, _)| Arc::new(Field::new(format!("number{member}"), DataType::UInt64, true)));
        let fields: Vec<_> = wanted.fields().iter().cloned().chain(numbers).collect();
        Some(Self {
            stems,
            schema: Arc::new(Schema::new(fields)),
            streams,
        })
    }

    /// Numbers and stems of a member in a batch of one of the streams, where it is numbered.
    pub fn numbers<'b>(&'b self, member: usize, batch: &'b RecordBatch) -> Option<(&'b UInt64Array, &'b [&'a [u8]])> {
        let place = self.stems.iter().position(|(numbered, _)| *numbered == member)?;
        let column = batch.columns().len() - self.stems.len() + place;
        Some((
            batch.column(column).as_primitive_opt::<UInt64Type>()?,
            &self.stems[place].1,
        ))
    }

    /// A batch of one of the streams with the columns that were wanted.
    fn expand(&self, batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let mut columns = batch.columns()[..wanted.fields().len()].to_vec();
        for (member, _) in &self.stems {
            let (Some(column), Some((numbers, stems))) = (columns.get_mut(*member), self.numbers(*member, batch))
            else {
                return Err(damaged("it lacks a member that is numbered"));
            };
            *column = Arc::new(texts(column, numbers, stems)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options)
    }
}

fn texts(column: &ArrayRef, numbers: &UInt64Array, stems: &[&[u8]]) -> Result<StringArray, ArrowError> {
    let whole = column
        .as_string_opt::<i32>()
        .ok_or_else(|| damaged("a member that is numbered holds no strings"))?;
    let mut builder = arrow_array::builder::StringBuilder::new();
    let mut text = Vec::new();
    for row in 0..whole.len() {
        match numbers.value(row) {
            0 if whole.is_null(row) => builder.append_null(),
            0 => builder.append_value(whole.value(row)),
            packed => {
                let (stem, number) = unpack(packed);
                text.clear();
                text.extend_from_slice(stems.get(stem).ok_or_else(|| damaged("it lacks a stem"))?);
                append_number(number, &mut text);
                builder.append_value(std::str::from_utf8(&text).map_err(|_| damaged("a stem is no text"))?);
            }
        }
    }
    Ok(builder.finish())
}

/// Any answer, decoded; see `ipc::decode`.
pub struct Decoded {
    pub batches: Vec<RecordBatch>,
    /// It is of a complete combination: each group is once in all its shares together.
    pub once: bool,
}

/// Reads an answer in any form.
pub fn decode(bytes: &[u8], wanted: &SchemaRef) -> Result<Decoded, ArrowError> {
    let mut batches = Vec::new();
    match Dealt::parse(bytes, wanted)? {
        None => batches = ipc::decode(bytes, wanted)?,
        Some(dealt) => {
            for stream in &dealt.streams {
                for batch in ipc::decode(stream, &dealt.schema)? {
                    batches.push(dealt.expand(&batch, wanted)?);
                }
            }
        }
    }
    let once = bytes.ends_with(ONCE);
    Ok(Decoded { batches, once })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes, 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn damaged(reason: &str) -> ArrowError {
    ArrowError::IpcError(reason.to_owned())
}
