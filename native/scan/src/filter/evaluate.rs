//! A bound filter over one page: a bitmap goes in and comes back with the rows that pass.

use super::bound::{BlockFilter, BoundNode, CodeTest};
use super::{Test, zone};
use crate::bits::Bits;
use crate::block_view::{BlockView, PageView};
use crate::error::ScanError;
use crate::kernels;
use crate::page_view::{PageValues, with_codes};
use crate::text::search::{self, SearchBuffers};

/// Buffers that live across pages: spare bitmaps for OR and the buffers of text search.
#[derive(Default)]
pub struct Scratch {
    spare: Vec<Bits>,
    search: SearchBuffers,
}

impl Scratch {
    fn take(&mut self, like: &Bits) -> Bits {
        match self.spare.pop() {
            Some(mut bits) => {
                bits.words.copy_from_slice(like.words.as_slice());
                bits
            }
            None => like.clone(),
        }
    }
}

impl BlockFilter<'_> {
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::Everything)
    }

    /// Clears the rows of `page` that do not pass. Columns are loaded as needed; a page column whose turn never comes
    /// (nothing is left to test) is not read.
    pub fn apply(
        &self,
        block: &mut BlockView,
        page: usize,
        selected: &mut Bits,
        scratch: &mut Scratch,
    ) -> Result<(), ScanError> {
        match self {
            Self::Everything => {}
            Self::Nothing => selected.clear(),
            Self::Check(node) => node.apply(block, page, selected, scratch)?,
        }
        Ok(())
    }
}

impl BoundNode<'_> {
    fn apply(
        &self,
        block: &mut BlockView,
        page: usize,
        selected: &mut Bits,
        scratch: &mut Scratch,
    ) -> Result<(), ScanError> {
        match self {
            Self::Leaf { .. } => self.apply_leaf(block, page, selected, scratch),
            Self::And(children) => {
                for child in children {
                    child.apply(block, page, selected, scratch)?;
                    if selected.is_empty() {
                        break;
                    }
                }
                Ok(())
            }
            Self::Or(children) => {
                // `open` are the rows no child has accepted yet, the only ones the next child is asked about.
                let mut open = scratch.take(selected);
                for child in children {
                    let mut passed = scratch.take(&open);
                    child.apply(block, page, &mut passed, scratch)?;
                    open.and_not(&passed);
                    scratch.spare.push(passed);
                    if open.is_empty() {
                        break;
                    }
                }
                selected.and_not(&open);
                scratch.spare.push(open);
                Ok(())
            }
        }
    }

    #[inline(never)]
    fn apply_leaf(
        &self,
        block: &mut BlockView,
        page: usize,
        selected: &mut Bits,
        scratch: &mut Scratch,
    ) -> Result<(), ScanError> {
        let Self::Leaf { leaf, codes } = self else {
            return Ok(());
        };
        match zone::decide_page(leaf, block, page)? {
            Some(true) => return Ok(()),
            Some(false) => {
                selected.clear();
                return Ok(());
            }
            None => {}
        }
        block.load(leaf.slot, page)?;
        let PageView::Values { validity, values, .. } = block.view(leaf.slot) else {
            return Err(block.corrupt(leaf.slot, page, "no values where the header counts some"));
        };
        if let Test::IsNull { negated } = leaf.test {
            match validity {
                Some(words) => selected.and_validity(words, negated),
                None if negated => {}
                None => selected.clear(),
            }
            return Ok(());
        }
        if let Some(words) = validity {
            selected.and_validity(words, true);
        }
        if selected.is_empty() {
            return Ok(());
        }
        match (&leaf.test, values) {
            (Test::Int64(test), PageValues::Int64(values)) => test.and_int64(values, selected.words.as_mut_slice()),
            (Test::Float64(test), PageValues::Float64(values)) => {
                test.and_float64(values, selected.words.as_mut_slice())
            }
            (Test::Bool { on_false, on_true }, PageValues::Bool(values)) => {
                kernels::and_bools(values, selected.words.as_mut_slice(), *on_false, *on_true);
            }
            (Test::Text { matcher, negated }, PageValues::Text(text)) => {
                search::and_text(matcher, *negated, text, selected, &mut scratch.search);
            }
            (Test::Text { .. }, PageValues::Codes(values)) => match codes {
                Some(CodeTest::Few { codes, negated }) => {
                    kernels::and_codes_any(values, selected.words.as_mut_slice(), codes, *negated);
                }
                Some(CodeTest::Table(passes)) => {
                    let words = selected.words.as_mut_slice();
                    with_codes!(values, values => kernels::and_codes_table(values, words, passes));
                }
                None => return Err(block.corrupt(leaf.slot, page, "codes without a dictionary")),
            },
            _ => return Err(block.corrupt(leaf.slot, page, "values of another type than the column's")),
        }
        Ok(())
    }
}
