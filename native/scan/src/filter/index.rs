//! What the indexes of a chunk say of a predicate: the pages that may have rows that pass.
//!
//! Only predicates that name what a row must hold can be looked up; a negated one never is.

use super::{Leaf, Test};
use crate::block_view::BlockView;
use crate::error::ScanError;
use crate::text::{Matcher, Needs};
use basalt_block::index::{ChunkFilter, PageSet, value_filter};
use basalt_block::section::{GRAM_FILTER, VALUE_FILTER};
use basalt_block::{BlockError, Chunk, ReadAt};

/// Looking up more values than this costs more than it saves.
const VALUES_MAX: usize = 256;

/// Whether `pages` might have something to look up; reads nothing.
pub fn applies(leaf: &Leaf, block: &BlockView) -> bool {
    let Test::Text {
        matcher,
        negated: false,
        needs,
        ..
    } = &leaf.test
    else {
        return false;
    };
    (names_values(matcher) || !needs.is_nothing()) && block.may_have_index(leaf.slot)
}

fn names_values(matcher: &Matcher) -> bool {
    match matcher {
        Matcher::Equals(_) => true,
        Matcher::Set(values) => values.len() <= VALUES_MAX,
        _ => false,
    }
}

/// Pages outside of which no row passes; `None` where no index tells.
pub fn pages(leaf: &Leaf, block: &mut BlockView) -> Result<Option<PageSet>, ScanError> {
    if !applies(leaf, block) {
        return Ok(None);
    }
    let Test::Text { matcher, needs, .. } = &leaf.test else {
        return Ok(None);
    };
    block.ask_chunk(leaf.slot, |chunk| {
        if names_values(matcher)
            && let Some(pages) = pages_with_value(chunk, matcher)?
        {
            return Ok(Some(pages));
        }
        if needs.is_nothing() {
            return Ok(None);
        }
        match ChunkFilter::open(chunk, GRAM_FILTER)? {
            Some(mut filter) => pages_with(needs, &mut filter).map(Some),
            None => Ok(None),
        }
    })
}

fn pages_with_value<S: ReadAt>(chunk: &Chunk<'_, S>, matcher: &Matcher) -> Result<Option<PageSet>, BlockError> {
    let Some(mut filter) = ChunkFilter::open(chunk, VALUE_FILTER)? else {
        return Ok(None);
    };
    let mut pages = 0;
    match matcher {
        Matcher::Equals(value) => pages = filter.pages(value_filter::hash(value))?,
        Matcher::Set(values) => {
            for value in values {
                pages |= filter.pages(value_filter::hash(value))?;
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(pages))
}

fn pages_with<S: ReadAt>(needs: &Needs, filter: &mut ChunkFilter<'_, '_, S>) -> Result<PageSet, BlockError> {
    match needs {
        Needs::Gram(hash) => filter.pages(*hash),
        Needs::All(all) => {
            let mut pages = PageSet::MAX;
            for need in all {
                pages &= pages_with(need, filter)?;
                if pages == 0 {
                    break;
                }
            }
            Ok(pages)
        }
        Needs::Any(any) => {
            let mut pages = 0;
            for need in any {
                pages |= pages_with(need, filter)?;
            }
            Ok(pages)
        }
    }
}
