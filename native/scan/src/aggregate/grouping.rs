//! The groups of all GROUP BY members together: rows of a page to group ids, group ids back to values.

use super::deal::{Runs, deal_of};
use super::dimension::{Dimension, PageIds};
use super::interner::PairInterner;
use super::member_arrays::MemberValues;
use super::text_interner::TextInterner;
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

    /// The only member, where there is one only.
    pub fn only_member(&mut self) -> Option<&mut Dimension> {
        match self.dimensions.as_mut_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Comes before `arrays` of these batches; `Dimension::expect` has the shares.
    pub fn expect(&mut self, batches: &[Vec<MemberValues>], shares: usize) -> Result<(), ScanError> {
        for (member, dimension) in self.dimensions.iter_mut().enumerate() {
            let values: Vec<MemberValues> = batches.iter().map(|members| members[member]).collect();
            dimension.expect(&values, shares)?;
        }
        Ok(())
    }

    /// Group ids of the listed rows (at least one) of what another grouping answered, member by member.
    pub fn arrays(&mut self, members: &[MemberValues], rows: &[u32]) -> Result<PageGroups<'_>, ScanError> {
        self.groups_of(|index, dimension, ids| {
            dimension.array_ids(members[index], rows, ids)?;
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
        (0..self.members())
            .map(|member| self.dimensions[member].column(&self.member_ids(member, groups)))
            .collect()
    }

    pub fn members(&self) -> usize {
        self.dimensions.len()
    }

    /// One of these columns; `None` where there are not so many.
    pub fn column(&self, member: usize, groups: &[u32]) -> Result<Option<ArrayRef>, ScanError> {
        let dimension = self.dimensions.get(member);
        dimension
            .map(|dimension| dimension.column(&self.member_ids(member, groups)))
            .transpose()
    }

    /// The interner of a member whose strings are mostly held as stem and number.
    pub fn numbered(&self, member: usize) -> Option<&TextInterner> {
        self.dimensions[member].numbered()
    }

    /// The ids of a member in these groups.
    pub fn member_ids(&self, member: usize, groups: &[u32]) -> Vec<u32> {
        let mut ids = groups.to_vec();
        let pairs = self.pairs.iter().enumerate().rev();
        for (index, pairs) in pairs.filter(|(index, _)| index + 1 >= member) {
            let is_second = index + 1 == member;
            ids.iter_mut().for_each(|id| {
                let (left, right) = pairs.pair(*id);
                *id = if is_second { right } else { left };
            });
        }
        ids
    }

    /// All groups, those of one member in the order of its values.
    pub fn in_order(&self) -> Vec<u32> {
        match self.dimensions.as_slice() {
            [only] => only.in_order(),
            _ => (0..self.len() as u32).collect(),
        }
    }

    /// The deal of each of these groups.
    pub fn deals(&self, groups: &[u32]) -> Vec<u8> {
        let runs = Runs::of(self.members());
        let mut hashes = vec![0; groups.len()];
        for (member, dimension) in self.dimensions.iter().enumerate() {
            dimension.join_hashes(&self.member_ids(member, groups), runs, &mut hashes);
        }
        hashes.iter().map(|&hash| deal_of(hash) as u8).collect()
    }
}
