//! The groups of all GROUP BY members together: rows of a page to group ids, group ids back to values.

use super::dimension::{Dimension, PageIds};
use super::interner::PairInterner;
use crate::bits::Rows;
use crate::block_view::BlockView;
use crate::error::ScanError;
use crate::plan::Plan;
use crate::request::Group;
use arrow_array::ArrayRef;

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

impl Ids<'_> {
    /// The group of a row by its place among the selected ones.
    #[inline(always)]
    pub fn at(self, position: usize) -> usize {
        match self {
            Self::One(group) => group as usize,
            Self::Each(ids) => ids[position] as usize,
        }
    }
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
        self.groups_of(|_, dimension, ids| dimension.page(block, page, rows, ids))
    }

    /// Group ids of the listed rows (at least one) of arrays that `columns` of another grouping made.
    pub fn arrays(&mut self, arrays: &[ArrayRef], rows: &[u32]) -> Result<PageGroups<'_>, ScanError> {
        self.groups_of(|index, dimension, ids| {
            dimension.array_ids(&arrays[index], rows, ids)?;
            Ok(PageIds::Each)
        })
    }

    /// Joins the ids that `ids_of` gives for each member.
    fn groups_of(
        &mut self,
        mut ids_of: impl FnMut(usize, &mut Dimension, &mut Vec<u32>) -> Result<PageIds, ScanError>,
    ) -> Result<PageGroups<'_>, ScanError> {
        let Some((first, others)) = self.dimensions.split_first_mut() else {
            return Ok(PageGroups {
                ids: Ids::One(0),
                groups: 1,
            });
        };
        let mut ids = ids_of(0, first, &mut self.left)?;
        let mut count = first.len();
        for (index, (pairs, dimension)) in self.pairs.iter_mut().zip(others).enumerate() {
            let right = ids_of(index + 1, dimension, &mut self.right)?;
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
    pub fn columns(&self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        let mut ids = groups.to_vec();
        let mut columns = Vec::with_capacity(self.dimensions.len());
        for (index, dimension) in self.dimensions.iter().enumerate().rev() {
            if index == 0 {
                columns.push(dimension.column(&ids)?);
            } else {
                let pairs = &self.pairs[index - 1];
                let right: Vec<u32> = ids.iter().map(|&id| pairs.pair(id).1).collect();
                columns.push(dimension.column(&right)?);
                ids.iter_mut().for_each(|id| *id = pairs.pair(*id).0);
            }
        }
        columns.reverse();
        Ok(columns)
    }

    pub fn members(&self) -> usize {
        self.dimensions.len()
    }

    /// One of these columns; `None` where there are not so many.
    pub fn column(&self, member: usize, groups: &[u32]) -> Result<Option<ArrayRef>, ScanError> {
        let Some(dimension) = self.dimensions.get(member) else {
            return Ok(None);
        };
        let mut ids = groups.to_vec();
        for (index, pairs) in self
            .pairs
            .iter()
            .enumerate()
            .rev()
            .filter(|(index, _)| index + 1 >= member)
        {
            let second = index + 1 == member;
            ids.iter_mut().for_each(|id| {
                let (left, right) = pairs.pair(*id);
                *id = if second { right } else { left };
            });
        }
        dimension.column(&ids).map(Some)
    }
}
