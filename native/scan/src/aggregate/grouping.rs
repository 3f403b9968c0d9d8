//! The groups of all GROUP BY members together: rows of a page to group ids, group ids back to values.

use super::dimension::{Dimension, PageIds};
use super::interner::PairInterner;
use crate::bits::Rows;
use crate::block_view::BlockView;
use crate::error::ScanError;
use crate::plan::Plan;
use crate::request::Group;
use arrow_array::ArrayRef;
use std::ops::Range;

/// The first two members make pairs, those pairs and the third member make pairs, and so on; the last pairs (or the only
/// member's values) are the groups. Every pair belongs to a row, so no table outgrows the groups.
pub struct Grouping {
    dimensions: Vec<Dimension>,
    pairs: Vec<PairInterner>,
    left: Vec<u32>,
    right: Vec<u32>,
    constant: bool,
}

/// What `Grouping::page` says of a page.
pub struct PageGroups<'a> {
    pub ids: Ids<'a>,
    /// All ids are below this.
    pub groups: usize,
}

/// Group ids of the selected rows.
#[derive(Clone, Copy)]
pub enum Ids<'a> {
    One(u32),
    /// One id a selected row.
    Each(&'a [u32]),
}

impl Grouping {
    pub fn new(groups: &[Group], plan: &Plan) -> Result<Self, ScanError> {
        let dimensions = groups
            .iter()
            .map(|group| Dimension::new(group, plan))
            .collect::<Result<Vec<_>, _>>()?;
        let pairs = dimensions.iter().skip(1).map(|_| PairInterner::default()).collect();
        Ok(Self {
            dimensions,
            pairs,
            left: Vec::new(),
            right: Vec::new(),
            constant: true,
        })
    }

    /// Groups so far; without members there is one group.
    pub fn len(&self) -> usize {
        match (self.dimensions.as_slice(), self.pairs.last()) {
            ([], _) => 1,
            (_, Some(pairs)) => pairs.len(),
            ([only, ..], None) => only.len(),
        }
    }

    /// Without members all rows are in group 0.
    pub fn has_no_members(&self) -> bool {
        self.dimensions.is_empty()
    }

    pub fn text_bytes(&self) -> usize {
        self.dimensions.iter().map(Dimension::text_bytes).sum()
    }

    /// Comes before the pages of a block.
    pub fn begin_block(&mut self, block: &BlockView) {
        self.constant = true;
        for dimension in &mut self.dimensions {
            self.constant &= dimension.begin_block(block);
        }
    }

    /// All rows of the block are in one group.
    pub fn is_constant(&self) -> bool {
        self.constant
    }

    /// The group of all rows of the block, if there is only one. Makes it, so at least one row has to be in it.
    pub fn constant_group(&mut self) -> Option<u32> {
        let Some((first, others)) = self.dimensions.split_first_mut() else {
            return Some(0);
        };
        let mut group = first.constant_id()?;
        for (pairs, dimension) in self.pairs.iter_mut().zip(others) {
            let right = dimension.constant_id()?;
            pairs.reserve(group as usize + 1, dimension.len());
            group = pairs.id(group, right);
        }
        Some(group)
    }

    /// Group ids of the selected rows of a page, of which there is at least one.
    pub fn page(&mut self, block: &mut BlockView, page: usize, rows: Rows) -> Result<PageGroups<'_>, ScanError> {
        let Some((first, others)) = self.dimensions.split_first_mut() else {
            return Ok(PageGroups {
                ids: Ids::One(0),
                groups: 1,
            });
        };
        let mut ids = first.page(block, page, rows, &mut self.left)?;
        let mut count = first.len();
        for (pairs, dimension) in self.pairs.iter_mut().zip(others) {
            let right = dimension.page(block, page, rows, &mut self.right)?;
            pairs.reserve(count, dimension.len());
            ids = match (ids, right) {
                (PageIds::Same(left), PageIds::Same(right)) => PageIds::Same(pairs.id(left, right)),
                (PageIds::Same(left), PageIds::Each) => {
                    std::mem::swap(&mut self.left, &mut self.right);
                    self.left.iter_mut().for_each(|id| *id = pairs.id(left, *id));
                    PageIds::Each
                }
                (PageIds::Each, PageIds::Same(right)) => {
                    self.left.iter_mut().for_each(|id| *id = pairs.id(*id, right));
                    PageIds::Each
                }
                (PageIds::Each, PageIds::Each) => {
                    for (left, &right) in self.left.iter_mut().zip(&self.right) {
                        *left = pairs.id(*left, right);
                    }
                    PageIds::Each
                }
            };
            count = pairs.len();
        }
        let ids = match ids {
            PageIds::Same(id) => Ids::One(id),
            PageIds::Each => Ids::Each(&self.left),
        };
        Ok(PageGroups { ids, groups: count })
    }

    /// The values of these groups, one array a member.
    pub fn columns(&self, groups: Range<usize>) -> Vec<ArrayRef> {
        let mut ids: Vec<u32> = groups.map(|group| group as u32).collect();
        let mut columns = Vec::with_capacity(self.dimensions.len());
        for (index, dimension) in self.dimensions.iter().enumerate().rev() {
            if index == 0 {
                columns.push(dimension.column(&ids));
            } else {
                let pairs = &self.pairs[index - 1];
                let right: Vec<u32> = ids.iter().map(|&id| pairs.pair(id).1).collect();
                columns.push(dimension.column(&right));
                ids.iter_mut().for_each(|id| *id = pairs.pair(*id).0);
            }
        }
        columns.reverse();
        columns
    }
}
