//! `Output::Aggregate`: partial aggregation of passing rows.
//!
//! Rows become group ids (`grouping`), group ids index the cells of each aggregate (`state`, `min_max`). A block in which
//! every row passes and belongs to one group (one bucket, say) is answered from its header as far as the header can.
//! `combine` makes one answer of the answers over several blocks; if they have many groups they are `dealt` out for it.

pub mod combine;
pub mod deal;
pub mod dealt;
mod dimension;
pub mod function;
mod gather;
mod grouping;
mod id_map;
mod interner;
mod kernels;
mod member_arrays;
mod min_max;
mod sketches;
mod state;
mod stem;
mod tally;
mod text_interner;
mod texts;
mod top;

use crate::answer::{Answer, ScanOutput, arrow_type};
use crate::bits::Rows;
use crate::block_view::BlockView;
use crate::error::ScanError;
use crate::filter::BlockFilter;
use crate::plan::Plan;
use crate::request::{Aggregate, Group};
use crate::scan::{Resume, Scanner, Work};
use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use function::Functions;
use gather::Gathered;
use grouping::{Grouping, Ids};
use state::State;
use std::sync::Arc;
use tally::{Counted, Tally};

/// One scan holds at most so many groups.
pub const GROUPS_MAX: usize = 5_000_000;
/// The distinct strings of its groups, and states that have no fixed size, take at most so many bytes.
pub const GROUP_BYTES_MAX: usize = 1 << 30;
/// A key or a state of a group, where it has a fixed size.
const CELL_BYTES: usize = 16;
/// Groups a batch of the answer.
const BATCH_GROUPS: usize = 65_536;

struct Aggregation {
    grouping: Grouping,
    states: Vec<Box<dyn State>>,
    /// State columns of each state.
    widths: Vec<usize>,
    /// States that the current block's header did not answer.
    pending: Vec<usize>,
    gathered: Gathered,
    /// Where rows of one member's groups are only counted.
    tally: Option<Tally>,
}

/// Columns of an answer.
type Fields = Vec<(String, DataType)>;

pub fn run(
    plan: &Plan,
    scanner: &mut Scanner,
    groups: &[Group],
    aggregates: &[Aggregate],
    functions: &dyn Functions,
) -> Result<ScanOutput, ScanError> {
    let (mut aggregation, fields) = Aggregation::new(plan, groups, aggregates, functions)?;
    let mut resume = None;
    for part in 0..scanner.parts() {
        if part > 0 && scanner.is_enough(aggregation.bytes()) {
            resume = Some(Resume { part, page: 0 });
            break;
        }
        let (first_page, bytes_max) = (scanner.first_page(part), scanner.options().bytes_max);
        let mut next_page = None;
        scanner.with_block(part, |block, filter, work| {
            next_page = aggregation.add_block(block, filter, work, first_page, bytes_max)?;
            Ok(())
        })?;
        if let Some(page) = next_page {
            resume = Some(Resume { part, page });
            break;
        }
    }
    aggregation.add_tally()?;
    aggregation.resize()?;
    if !groups.is_empty() && aggregation.grouping.len() >= dealt::GROUPS_MIN {
        let output = dealt::write(&mut aggregation, &fields, scanner.finish())?;
        return Ok(ScanOutput { resume, ..output });
    }
    let mut answer = Answer::new(fields)?;
    aggregation.write_all(&mut answer)?;
    let output = answer.finish(scanner.finish())?;
    Ok(ScanOutput { resume, ..output })
}

impl Aggregation {
    fn new(
        plan: &Plan,
        groups: &[Group],
        aggregates: &[Aggregate],
        functions: &dyn Functions,
    ) -> Result<(Self, Fields), ScanError> {
        let mut fields = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let (Group::Column { column } | Group::Bucket { column, .. }) = group;
            fields.push((
                format!("group{index}"),
                arrow_type(plan.column_type(plan.slot(column)?)),
            ));
        }
        let (mut states, mut widths) = (Vec::new(), Vec::new());
        for (index, aggregate) in aggregates.iter().enumerate() {
            let (state, columns) = state::compile(aggregate, plan, functions)?;
            states.push(state);
            widths.push(columns.len());
            fields.extend(
                columns
                    .into_iter()
                    .map(|(name, data_type)| (format!("agg{index}_{name}"), data_type)),
            );
        }
        let is_tallied = groups.len() == 1 && aggregates.iter().all(|each| *each == Aggregate::CountRows);
        let aggregation = Self {
            grouping: Grouping::new(groups, plan)?,
            states,
            widths,
            pending: Vec::new(),
            gathered: Gathered::default(),
            tally: is_tallied.then(Tally::default),
        };
        Ok((aggregation, fields))
    }

    /// From a page of the block on. Says which page comes next if it stopped before the end, with more than `bytes_max` in hand.
    fn add_block(
        &mut self,
        block: &mut BlockView,
        filter: &BlockFilter,
        work: &mut Work,
        first_page: usize,
        bytes_max: usize,
    ) -> Result<Option<usize>, ScanError> {
        self.grouping.begin_block(block);
        self.pending.clear();
        self.pending.extend(0..self.states.len());
        let constant = self.grouping.is_constant();
        if constant
            && first_page == 0
            && filter.is_everything()
            && let Some(group) = self.grouping.constant_group()
        {
            self.resize()?;
            let states = &mut self.states;
            self.pending.retain(|&state| !states[state].add_block(block, group));
            if self.pending.is_empty() {
                work.stats.rows_scanned += block.rows() as u64;
                work.stats.rows_matched += block.rows() as u64;
                return Ok(None);
            }
        }
        let count_only = constant && self.pending.iter().all(|&state| self.states[state].slot().is_none());
        if count_only
            && first_page == 0
            && self.grouping.has_no_members()
            && let Some(count) = filter.count(block)?
        {
            work.stats.rows_scanned += block.rows() as u64;
            work.stats.rows_matched += count;
            self.resize()?;
            for &state in &self.pending {
                let rows = Rows::All(count as usize);
                self.states[state].add_rows(block, 0, rows, Ids::One(0), &mut self.gathered)?;
            }
            return Ok(None);
        }
        // What the header answered stands for the whole block.
        let may_stop = self.pending.len() == self.states.len();
        for page in first_page..block.page_count() {
            if may_stop && page > first_page && self.bytes() > bytes_max {
                return Ok(Some(page));
            }
            let selection = work.select(block, filter, page)?;
            if selection.count() > 0 {
                // Rows that are only counted need not be listed: any rows of that number do.
                let rows = if count_only {
                    Rows::All(selection.count())
                } else {
                    selection.rows()
                };
                self.add_page(block, page, rows)?;
            }
        }
        Ok(None)
    }

    fn add_page(&mut self, block: &mut BlockView, page: usize, rows: Rows) -> Result<(), ScanError> {
        if let (Some(tally), Some(member)) = (&mut self.tally, self.grouping.only_member())
            && member.tally(block, page, rows, tally)?
        {
            return if tally.is_full() { self.add_tally() } else { Ok(()) };
        }
        let found = self.grouping.page(block, page, rows)?;
        for &index in &self.pending {
            let state = &mut self.states[index];
            state.resize(found.groups);
            state.add_rows(block, page, rows, found.ids, &mut self.gathered)?;
        }
        self.check_limits()
    }

    /// Adds what was counted apart.
    fn add_tally(&mut self) -> Result<(), ScanError> {
        if let (Some(tally), Some(member)) = (&mut self.tally, self.grouping.only_member()) {
            let Counted { ids, counts } = member.take_tally(tally);
            self.resize()?;
            let rows: Vec<u32> = (0..ids.len() as u32).collect();
            let counts: ArrayRef = Arc::new(Int64Array::from(counts));
            for state in &mut self.states {
                state.merge(std::slice::from_ref(&counts), &rows, Ids::Each(&ids))?;
            }
        }
        Ok(())
    }

    /// Gives every state a cell for every group.
    fn resize(&mut self) -> Result<(), ScanError> {
        self.check_limits()?;
        let groups = self.grouping.len();
        self.states.iter_mut().for_each(|state| state.resize(groups));
        Ok(())
    }

    /// About what the groups and their states take.
    fn bytes(&self) -> usize {
        let of_states: usize = self.states.iter().map(|state| state.held_bytes()).sum();
        self.grouping.text_bytes() + of_states + self.grouping.len() * (CELL_BYTES * (self.states.len() + 1))
    }

    fn check_limits(&self) -> Result<(), ScanError> {
        if self.grouping.len() > GROUPS_MAX {
            return Err(ScanError::Limit(format!(
                "GROUP BY makes more than {GROUPS_MAX} groups; group by fewer or coarser values, or narrow the time range"
            )));
        }
        if self.bytes() > GROUP_BYTES_MAX {
            return Err(ScanError::Limit(format!(
                "the strings and states of the groups take more than {} MiB; group by shorter or fewer values, or narrow the time range",
                GROUP_BYTES_MAX >> 20
            )));
        }
        Ok(())
    }

    fn write_all(&mut self, answer: &mut Answer) -> Result<(), ScanError> {
        let groups: Vec<u32> = (0..self.grouping.len() as u32).collect();
        self.write(answer, &groups)
    }

    fn write(&mut self, answer: &mut Answer, groups: &[u32]) -> Result<(), ScanError> {
        for groups in groups.chunks(BATCH_GROUPS) {
            let columns = self.columns(groups)?;
            answer.write(groups.len(), columns)?;
        }
        Ok(())
    }

    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        let mut columns = self.grouping.columns(groups)?;
        for state in &mut self.states {
            columns.extend(state.columns(groups)?);
        }
        Ok(columns)
    }
}
