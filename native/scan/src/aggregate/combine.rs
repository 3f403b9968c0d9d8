//! One answer out of the answers over several blocks: each group once, its states merged.
//!
//! Groups can be dealt out by a hash of their values, so that several threads each combine a share of them. What the shares
//! answer together is what one would have answered alone.

use super::function::Functions;
use super::{Aggregation, top};
use crate::answer::{Answer, ScanOutput, ScanStats};
use crate::error::ScanError;
use crate::ipc;
use crate::plan::Plan;
use crate::request::{Output, ScanRequest};
use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;

/// Which groups to answer: those that a hash deals to number `index` of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub index: u32,
    pub of: u32,
}

impl Share {
    /// All groups.
    pub const ALL: Self = Self { index: 0, of: 1 };
}

/// Every thread and every answer deals by the same hash.
const SEEDS: [u64; 4] = [0x6261_7361, 0x6c74_2073, 0x6861_7265, 0x73];

/// Combines answers of aggregates: IPC streams that `scan` or `combine` gave for this request. If they are `complete`, all
/// that there are, only the groups that the request's `top` wants are answered.
///
/// Errors: a request without aggregates, bytes that are no answer to it, groups over a limit.
pub fn combine(
    request: &ScanRequest,
    answers: &[&[u8]],
    share: Share,
    complete: bool,
    functions: &dyn Functions,
) -> Result<ScanOutput, ScanError> {
    let Output::Aggregate {
        groups,
        aggregates,
        top,
    } = &request.output
    else {
        return Err(ScanError::Request("only aggregates can be combined".to_owned()));
    };
    if share.index >= share.of {
        return Err(ScanError::Request(format!(
            "there is no share {} of {}",
            share.index, share.of
        )));
    }
    let plan = Plan::compile(request)?;
    let (mut aggregation, fields) = Aggregation::new(&plan, groups, aggregates, functions)?;
    let schema = fields
        .iter()
        .map(|(name, data_type)| Field::new(name, data_type.clone(), true));
    let schema = Arc::new(Schema::new(schema.collect::<Vec<_>>()));
    for answer in answers {
        for batch in ipc::decode(answer, &schema)? {
            aggregation.add_answer(&batch, groups.len(), share)?;
        }
    }
    aggregation.resize()?;
    let mut answer = Answer::new(fields)?;
    match top {
        // Without members the one group is in the first share.
        _ if groups.is_empty() && share.index > 0 => {}
        Some(top) if complete => {
            let wanted = top::choose(&mut aggregation, top)?;
            aggregation.write(&mut answer, &wanted)?;
        }
        _ => aggregation.write_all(&mut answer)?,
    }
    answer.finish(ScanStats::default())
}

impl Aggregation {
    fn add_answer(&mut self, batch: &RecordBatch, members: usize, share: Share) -> Result<(), ScanError> {
        let (groups, mut states) = batch.columns().split_at(members);
        let rows = dealt(groups, batch.num_rows(), share)?;
        if rows.is_empty() {
            return Ok(());
        }
        let found = self.grouping.arrays(groups, &rows)?;
        for (state, &width) in self.states.iter_mut().zip(&self.widths) {
            let (columns, rest) = states.split_at(width);
            states = rest;
            state.resize(found.groups);
            state.merge(columns, &rows, found.ids)?;
        }
        self.check_limits()
    }
}

/// The rows whose groups belong to the share.
fn dealt(groups: &[ArrayRef], rows: usize, share: Share) -> Result<Vec<u32>, ScanError> {
    if share.of == 1 {
        return Ok((0..rows as u32).collect());
    }
    let mut hashes = vec![0u64; rows];
    let state = RandomState::with_seeds(SEEDS[0], SEEDS[1], SEEDS[2], SEEDS[3]);
    for group in groups {
        mix(group, &mut hashes, &state)?;
    }
    let of = |hash: u64| ((hash >> 32) * u64::from(share.of)) >> 32;
    let rows = (0..rows as u32)
        .zip(hashes)
        .filter(|&(_, hash)| of(hash) == u64::from(share.index));
    Ok(rows.map(|(row, _)| row).collect())
}

/// Mixes the values of a column into the hashes of its rows.
fn mix(column: &ArrayRef, hashes: &mut [u64], state: &RandomState) -> Result<(), ScanError> {
    let mut each = |hash_of: &dyn Fn(usize) -> u64| {
        for (row, hash) in hashes.iter_mut().enumerate() {
            let own = if column.is_valid(row) { hash_of(row) } else { 0 };
            *hash = hash.rotate_left(23) ^ own;
        }
    };
    match column.data_type() {
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>().values();
            each(&|row| state.hash_one(values[row]));
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().values();
            each(&|row| state.hash_one(values[row].to_bits()));
        }
        DataType::Boolean => {
            let values = column.as_boolean();
            each(&|row| state.hash_one(values.value(row)));
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            each(&|row| state.hash_one(values.value(row).as_bytes()));
        }
        other => return Err(ScanError::Internal(format!("a group of type {other}"))),
    }
    Ok(())
}
