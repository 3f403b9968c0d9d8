//! One answer out of the answers over several blocks: each group once, its states merged.
//!
//! Groups can be dealt out by a hash of their values, so that several threads each combine a share of them. What the shares
//! answer together is what one would have answered alone.

use super::deal::{Runs, Share, deal_of, join_array};
use super::dealt::{self, Dealt};
use super::function::Functions;
use super::member_arrays::MemberValues;
use super::text_interner::text_deal_hash;
use super::{Aggregation, top};
use crate::answer::{Answer, ScanOutput, ScanStats};
use crate::cancel::Cancel;
use crate::error::ScanError;
use crate::ipc;
use crate::plan::Plan;
use crate::request::{Output, ScanRequest};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use std::sync::Arc;

/// Combines answers of aggregates that `scan` or `combine` gave for this request. If they are `complete`, all
/// that there are, only the groups that the request's `top` wants are answered.
///
/// Whether it is cancelled is looked at before each answer. Errors: a request without aggregates, bytes that are no answer to it, groups
/// over a limit.
pub fn combine(
    request: &ScanRequest,
    answers: &[&[u8]],
    share: Share,
    complete: bool,
    functions: &dyn Functions,
    cancel: Option<&Cancel>,
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
        if cancel.is_some_and(Cancel::is_stopped) {
            return Err(ScanError::Cancelled);
        }
        if let Some(dealt) = Dealt::parse(answer, &schema)? {
            aggregation.add_dealt(&dealt, share)?;
        } else {
            for batch in ipc::decode(answer, &schema)? {
                aggregation.add_answer(&batch, share)?;
            }
        }
    }
    aggregation.resize()?;
    if !complete && aggregation.grouping.len() >= dealt::GROUPS_MIN {
        return dealt::write(&mut aggregation, &fields, ScanStats::default());
    }
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
    let mut output = answer.finish(ScanStats::default())?;
    if complete {
        output.ipc.extend_from_slice(dealt::ONCE);
    }
    Ok(output)
}

impl Aggregation {
    /// Adds the deals of the share.
    fn add_dealt(&mut self, dealt: &Dealt, share: Share) -> Result<(), ScanError> {
        let members = self.grouping.members();
        let mut batches = Vec::new();
        for stream in &dealt.streams[share.deals()] {
            batches.extend(ipc::decode(stream, &dealt.schema)?);
        }
        let values: Vec<Vec<MemberValues>> = batches
            .iter()
            .map(|batch| {
                let values = (0..members).map(|member| MemberValues {
                    array: batch.column(member),
                    numbered: dealt.numbers(member, batch),
                });
                values.collect()
            })
            .collect();
        self.grouping.expect(&values, share.of as usize)?;
        for (batch, values) in batches.iter().zip(&values) {
            let rows: Vec<u32> = (0..batch.num_rows() as u32).collect();
            self.add_groups(values, &batch.columns()[members..], &rows)?;
        }
        Ok(())
    }

    /// Adds those groups of a plain answer that belong to the share.
    fn add_answer(&mut self, batch: &RecordBatch, share: Share) -> Result<(), ScanError> {
        let (groups, states) = batch.columns().split_at(self.grouping.members());
        let rows = dealt_to(groups, batch.num_rows(), share)?;
        let values: Vec<MemberValues> = groups
            .iter()
            .map(|array| MemberValues { array, numbered: None })
            .collect();
        self.grouping.expect(std::slice::from_ref(&values), 1)?;
        self.add_groups(&values, states, &rows)
    }

    fn add_groups(&mut self, values: &[MemberValues], mut states: &[ArrayRef], rows: &[u32]) -> Result<(), ScanError> {
        if rows.is_empty() {
            return Ok(());
        }
        let found = self.grouping.arrays(values, rows)?;
        for (state, &width) in self.states.iter_mut().zip(&self.widths) {
            let (columns, rest) = states.split_at(width);
            states = rest;
            state.resize(found.groups);
            state.merge(columns, rows, found.ids)?;
        }
        self.check_limits()
    }
}

/// The rows whose groups belong to the share.
fn dealt_to(groups: &[ArrayRef], rows: usize, share: Share) -> Result<Vec<u32>, ScanError> {
    if share.of == 1 {
        return Ok((0..rows as u32).collect());
    }
    let runs = Runs::of(groups.len());
    let mut hashes = vec![0; rows];
    for group in groups {
        join_array(group, runs, |text| text_deal_hash(text, runs), &mut hashes)?;
    }
    let deals = share.deals();
    let rows = (0..rows as u32)
        .zip(hashes)
        .filter(|&(_, hash)| deals.contains(&deal_of(hash)));
    Ok(rows.map(|(row, _)| row).collect())
}
