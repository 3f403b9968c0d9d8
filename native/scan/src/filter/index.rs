//! What the indexes of a chunk say of a predicate: the pages that may have rows that pass.
//!
//! Only predicates that name what a row must hold can be looked up; a negated one never is.

use super::{Leaf, Test};
use crate::block_view::BlockView;
use crate::error::ScanError;
use crate::text::Matcher;
use basalt_block::index::PageSet;

/// Looking up more values than this costs more than it saves.
const VALUES_MAX: usize = 256;

/// Whether `pages` would look something up.
pub fn applies(leaf: &Leaf, block: &BlockView) -> bool {
    let Test::Text {
        matcher,
        negated: false,
    } = &leaf.test
    else {
        return false;
    };
    match matcher {
        Matcher::Equals(_) => block.may_have_index(leaf.slot),
        Matcher::Set(values) => values.len() <= VALUES_MAX && block.may_have_index(leaf.slot),
        _ => false,
    }
}

/// Pages outside of which no row passes; `None` where no index tells.
pub fn pages(leaf: &Leaf, block: &mut BlockView) -> Result<Option<PageSet>, ScanError> {
    if !applies(leaf, block) {
        return Ok(None);
    }
    let Test::Text { matcher, .. } = &leaf.test else {
        return Ok(None);
    };
    match matcher {
        Matcher::Equals(value) => block.pages_with_any(leaf.slot, std::iter::once(value.as_slice())),
        Matcher::Set(values) => block.pages_with_any(leaf.slot, values.iter().map(Vec::as_slice)),
        _ => Ok(None),
    }
}
