//! A bound filter over one page: a bitmap goes in and comes back with the rows that pass.

use super::bound::{BlockFilter, BoundKind, BoundNode, CodeTest, Codes, Pruner};
use super::{Leaf, Test, zone};
use crate::bits::Bits;
use crate::block_view::{BlockView, PageView};
use crate::error::ScanError;
use crate::kernels;
use crate::page_view::{Codes as PageCodes, PageValues, with_codes};
use crate::text::search::{self, SearchBuffers};

/// Buffers that live across pages: spare bitmaps for OR and the buffers of text search.
#[derive(Default)]
pub struct Scratch {
    /// What ruled out predicates on the page without reading one, since it was last taken; the costliest.
    pruner: Option<Pruner>,
    spare: Vec<Bits>,
    search: SearchBuffers,
}

impl Scratch {
    pub fn take_pruner(&mut self) -> Option<Pruner> {
        self.pruner.take()
    }

    fn pruned_by(&mut self, pruner: Pruner) {
        self.pruner = self.pruner.max(Some(pruner));
    }

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
            Self::Nothing(_) => selected.clear(),
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
        if !self.may_pass(page) {
            selected.clear();
            scratch.pruned_by(Pruner::Index);
            return Ok(());
        }
        match &self.kind {
            BoundKind::Leaf { leaf, codes } => apply_leaf(leaf, codes, block, page, selected, scratch),
            BoundKind::And(children) => {
                for child in children {
                    child.apply(block, page, selected, scratch)?;
                    if selected.is_empty() {
                        break;
                    }
                }
                Ok(())
            }
            BoundKind::Or(children) => {
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
}

#[inline(never)]
fn apply_leaf(
    leaf: &Leaf,
    codes: &Codes,
    block: &mut BlockView,
    page: usize,
    selected: &mut Bits,
    scratch: &mut Scratch,
) -> Result<(), ScanError> {
    match zone::decide_page(leaf, block, page)? {
        Some(true) => return Ok(()),
        Some(false) => {
            selected.clear();
            scratch.pruned_by(Pruner::ZoneMap);
            return Ok(());
        }
        None => {}
    }
    match codes {
        Codes::Templates(test) => {
            let (validity, numbers) = block.template_page(leaf.slot, page)?;
            if let Some(words) = validity {
                selected.and_validity(words, true);
            }
            test.and(numbers, selected);
            return Ok(());
        }
        Codes::Candidates(test) => return apply_candidates(leaf, test, block, page, selected, scratch),
        Codes::None | Codes::Dictionary(_) => {}
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
        (Test::Float64(test), PageValues::Float64(values)) => test.and_float64(values, selected.words.as_mut_slice()),
        (Test::Bool { on_false, on_true }, PageValues::Bool(values)) => {
            kernels::and_bools(values, selected.words.as_mut_slice(), *on_false, *on_true);
        }
        (Test::Text { matcher, negated, .. }, PageValues::Text(text)) => {
            search::and_text(matcher, *negated, text, selected, &mut scratch.search);
        }
        (Test::Text { .. }, PageValues::Codes(values)) => match codes {
            Codes::Dictionary(test) => test.and(values, selected),
            _ => return Err(block.corrupt(leaf.slot, page, "codes without a dictionary")),
        },
        _ => return Err(block.corrupt(leaf.slot, page, "values of another type than the column's")),
    }
    Ok(())
}

/// Looks at the strings of rows whose templates may match, and at no string if there is no such row.
#[inline(never)]
fn apply_candidates(
    leaf: &Leaf,
    test: &CodeTest,
    block: &mut BlockView,
    page: usize,
    selected: &mut Bits,
    scratch: &mut Scratch,
) -> Result<(), ScanError> {
    let Test::Text { matcher, negated, .. } = &leaf.test else {
        return Ok(());
    };
    let (validity, numbers) = block.template_page(leaf.slot, page)?;
    if let Some(words) = validity {
        selected.and_validity(words, true);
    }
    let mut matched = scratch.take(selected);
    test.and(numbers, &mut matched);
    if !matched.is_empty() {
        block.load(leaf.slot, page)?;
        let PageView::Values {
            values: PageValues::Text(text),
            ..
        } = block.view(leaf.slot)
        else {
            return Err(block.corrupt(leaf.slot, page, "templates of values that are no text"));
        };
        search::and_text(matcher, false, text, &mut matched, &mut scratch.search);
    }
    if *negated {
        selected.and_not(&matched);
    } else {
        selected.and(&matched);
    }
    scratch.spare.push(matched);
    Ok(())
}

impl CodeTest {
    fn and(&self, codes: PageCodes, selected: &mut Bits) {
        let words = selected.words.as_mut_slice();
        match self {
            Self::Few { codes: few, negated } => kernels::and_codes_any(codes, words, few, *negated),
            Self::Table(passes) => with_codes!(codes, codes => kernels::and_codes_table(codes, words, passes)),
        }
    }
}
