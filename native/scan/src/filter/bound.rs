//! A filter bound to one block: predicates that the header or a dictionary decides are gone, and indexes have named the
//! pages that are worth a look.

use super::{Leaf, Node, Test, index, zone};
use crate::block_view::BlockView;
use crate::error::ScanError;
use crate::text::{Matcher, TemplateTest};
use basalt_block::codec::TextSlice;
use basalt_block::index::PageSet;

/// What rules rows out before their pages are read. The later ones cost more to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pruner {
    ZoneMap,
    Dictionary,
    Index,
}

/// What is left to do for a block.
pub enum BlockFilter<'p> {
    /// No row passes; who says so, unless it is the request itself.
    Nothing(Option<Pruner>),
    /// Every row passes.
    Everything,
    /// Rows must be looked at.
    Check(BoundNode<'p>),
}

pub struct BoundNode<'p> {
    /// No row of another page passes. Pages from 64 on are in every set.
    pages: PageSet,
    pub kind: BoundKind<'p>,
}

pub enum BoundKind<'p> {
    /// Cheapest first.
    And(Vec<BoundNode<'p>>),
    Or(Vec<BoundNode<'p>>),
    Leaf {
        leaf: &'p Leaf,
        codes: Codes,
    },
}

/// What a text predicate says of the codes of a column, where it has any.
pub enum Codes {
    None,
    /// Codes into a dictionary: the predicate is decided by them.
    Dictionary(CodeTest),
    /// Numbers of templates that decide the predicate.
    Templates(CodeTest),
    /// Numbers of templates: strings of others do not match, those of these are looked at.
    Candidates(CodeTest),
}

/// A predicate on dictionary codes.
pub enum CodeTest {
    /// One of these codes, or none of them.
    Few { codes: Vec<u32>, negated: bool },
    /// 1 for each code that passes.
    Table(Vec<u8>),
}

/// So many codes are compared one after the other over whole words rather than looked up.
const FEW_CODES: usize = 3;

impl BoundNode<'_> {
    /// Whether a row of the page may pass.
    pub fn may_pass(&self, page: usize) -> bool {
        page >= PageSet::BITS as usize || self.pages >> page & 1 == 1
    }
}

/// Reads dictionaries and indexes of the columns concerned where the header does not decide, but no page.
pub fn bind<'p>(node: &'p Node, block: &mut BlockView, time_slot: usize) -> Result<BlockFilter<'p>, ScanError> {
    match node {
        Node::Constant(true) => Ok(BlockFilter::Everything),
        Node::Constant(false) => Ok(BlockFilter::Nothing(None)),
        Node::Leaf(leaf) => bind_leaf(leaf, block, time_slot),
        Node::And(children) => bind_all(children, block, time_slot),
        Node::Or(children) => bind_any(children, block, time_slot),
    }
}

fn bind_all<'p>(children: &'p [Node], block: &mut BlockView, time_slot: usize) -> Result<BlockFilter<'p>, ScanError> {
    let mut list = Vec::with_capacity(children.len());
    let mut pages = PageSet::MAX;
    for (cost, child) in cheapest_first(children, block, time_slot) {
        match bind(child, block, time_slot)? {
            BlockFilter::Nothing(pruner) => return Ok(BlockFilter::Nothing(pruner)),
            BlockFilter::Everything => {}
            BlockFilter::Check(node) => {
                pages &= node.pages;
                if pages == 0 {
                    return Ok(BlockFilter::Nothing(Some(Pruner::Index)));
                }
                list.push((cost.page, node));
            }
        }
    }
    list.sort_by_key(|(cost, _)| *cost);
    Ok(match list.len() {
        0 => BlockFilter::Everything,
        1 => BlockFilter::Check(list.remove(0).1),
        _ => BlockFilter::Check(BoundNode {
            pages,
            kind: BoundKind::And(list.into_iter().map(|(_, node)| node).collect()),
        }),
    })
}

fn bind_any<'p>(children: &'p [Node], block: &mut BlockView, time_slot: usize) -> Result<BlockFilter<'p>, ScanError> {
    let mut list = Vec::with_capacity(children.len());
    let mut pages = 0;
    let mut pruner = None;
    for (cost, child) in cheapest_first(children, block, time_slot) {
        match bind(child, block, time_slot)? {
            BlockFilter::Nothing(by) => pruner = pruner.max(by),
            BlockFilter::Everything => return Ok(BlockFilter::Everything),
            BlockFilter::Check(node) => {
                pages |= node.pages;
                list.push((cost.page, node));
            }
        }
    }
    list.sort_by_key(|(cost, _)| *cost);
    Ok(match list.len() {
        0 => BlockFilter::Nothing(pruner),
        1 => BlockFilter::Check(list.remove(0).1),
        _ => BlockFilter::Check(BoundNode {
            pages,
            kind: BoundKind::Or(list.into_iter().map(|(_, node)| node).collect()),
        }),
    })
}

/// Rough cost of asking a node, for ordering only.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// Of binding it to the block.
    block: u32,
    /// Of evaluating it on a page.
    page: u32,
}

/// Whatever decides the whole block most cheaply is asked first.
fn cheapest_first<'p>(children: &'p [Node], block: &BlockView, time_slot: usize) -> Vec<(Cost, &'p Node)> {
    let mut order: Vec<(Cost, &Node)> = children
        .iter()
        .map(|child| (cost(child, block, time_slot, 0), child))
        .collect();
    order.sort_by_key(|(cost, _)| cost.block);
    order
}

/// Lists below this many levels are not looked into for their cost: each level of a deep filter would do so again.
const COST_DEPTH_MAX: usize = 3;

/// A predicate the header decides costs nothing.
fn cost(node: &Node, block: &BlockView, time_slot: usize, depth: usize) -> Cost {
    match node {
        Node::Constant(_) => Cost::default(),
        Node::And(_) | Node::Or(_) if depth >= COST_DEPTH_MAX => Cost {
            block: 1000,
            page: 1000,
        },
        Node::And(children) | Node::Or(children) => children.iter().fold(Cost::default(), |sum, child| {
            let child = cost(child, block, time_slot, depth + 1);
            Cost {
                block: sum.block.saturating_add(child.block),
                page: sum.page.saturating_add(child.page),
            }
        }),
        Node::Leaf(leaf) if zone::decide(leaf, block, time_slot).is_some() => Cost::default(),
        Node::Leaf(leaf) => Cost {
            block: leaf_block_cost(leaf, block),
            page: leaf_page_cost(leaf, block, time_slot),
        },
    }
}

fn leaf_block_cost(leaf: &Leaf, block: &BlockView) -> u32 {
    match &leaf.test {
        Test::Text { .. } if block.dictionary_entries(leaf.slot) > 0 => 30,
        Test::Text { .. } if block.template_count(leaf.slot) > 0 => 100,
        _ if index::applies(leaf, block) => 10,
        _ => 1,
    }
}

fn leaf_page_cost(leaf: &Leaf, block: &BlockView, time_slot: usize) -> u32 {
    match &leaf.test {
        Test::Int64(_) if leaf.slot == time_slot => 10,
        Test::Bool { .. } => 12,
        Test::Int64(_) => 15,
        Test::Float64(_) => 20,
        Test::IsNull { .. } => 25,
        Test::Text { .. } if block.dictionary_entries(leaf.slot) > 0 => 30,
        Test::Text { by_template, .. } if block.template_count(leaf.slot) > 0 => match by_template {
            TemplateTest::Exact => 40,
            TemplateTest::Needs(_) => 150,
            TemplateTest::Unknown => 400,
        },
        Test::Text { matcher, .. } => match matcher {
            Matcher::Regex(_) | Matcher::IgnoreCase { .. } => 500,
            _ => 200,
        },
    }
}

#[inline(never)]
fn bind_leaf<'p>(leaf: &'p Leaf, block: &mut BlockView, time_slot: usize) -> Result<BlockFilter<'p>, ScanError> {
    match zone::decide(leaf, block, time_slot) {
        Some(true) => return Ok(BlockFilter::Everything),
        Some(false) => return Ok(BlockFilter::Nothing(Some(Pruner::ZoneMap))),
        None => {}
    }
    let pages = index::pages(leaf, block)?.unwrap_or(PageSet::MAX);
    if pages == 0 {
        return Ok(BlockFilter::Nothing(Some(Pruner::Index)));
    }
    let check = |codes| {
        BlockFilter::Check(BoundNode {
            pages,
            kind: BoundKind::Leaf { leaf, codes },
        })
    };
    let Test::Text {
        matcher,
        by_template,
        negated,
        ..
    } = &leaf.test
    else {
        return Ok(check(Codes::None));
    };
    let no_nulls = block.null_count(leaf.slot) == Some(0);
    // Every entry the same verdict decides the block.
    let decide = |passes: Vec<u8>, codes: fn(CodeTest) -> Codes| match passes.iter().filter(|&&pass| pass == 1).count()
    {
        0 => BlockFilter::Nothing(Some(Pruner::Dictionary)),
        count if count == passes.len() && no_nulls => BlockFilter::Everything,
        count => check(codes(code_test(passes, count))),
    };
    if let Some(entries) = block.dictionary(leaf.slot)? {
        return Ok(decide(entry_verdicts(matcher, *negated, entries), Codes::Dictionary));
    }
    let codes = match (by_template, block.templates(leaf.slot)?) {
        (_, None) | (TemplateTest::Unknown, _) => Codes::None,
        (TemplateTest::Exact, Some(templates)) => {
            return Ok(decide(entry_verdicts(matcher, *negated, templates), Codes::Templates));
        }
        (TemplateTest::Needs(weaker), Some(templates)) => {
            let possible = entry_verdicts(weaker, false, templates);
            match possible.iter().filter(|&&possible| possible == 1).count() {
                0 if !negated => return Ok(BlockFilter::Nothing(Some(Pruner::Dictionary))),
                0 if no_nulls => return Ok(BlockFilter::Everything),
                count => Codes::Candidates(code_test(possible, count)),
            }
        }
    };
    Ok(check(codes))
}

/// 1 for each entry that passes.
fn entry_verdicts(matcher: &Matcher, negated: bool, entries: TextSlice) -> Vec<u8> {
    let mut lowered = Vec::new();
    (0..entries.count())
        .map(|entry| u8::from(matcher.matches(entries.get(entry), &mut lowered) != negated))
        .collect()
}

fn code_test(passes: Vec<u8>, count: usize) -> CodeTest {
    let list = |wanted: u8| {
        let matching = passes.iter().enumerate().filter(|(_, pass)| **pass == wanted);
        matching.map(|(code, _)| code as u32).collect::<Vec<u32>>()
    };
    if count <= FEW_CODES {
        CodeTest::Few {
            codes: list(1),
            negated: false,
        }
    } else if passes.len() - count <= FEW_CODES {
        CodeTest::Few {
            codes: list(0),
            negated: true,
        }
    } else {
        CodeTest::Table(passes)
    }
}

impl CodeTest {
    /// Sum of the counts of the codes that pass.
    fn count(&self, counts: &[u32]) -> u64 {
        let sum = |codes: &[u32]| -> u64 {
            let known = codes.iter().filter_map(|&code| counts.get(code as usize));
            known.map(|&count| u64::from(count)).sum()
        };
        match self {
            Self::Few { codes, negated: false } => sum(codes),
            Self::Few { codes, negated: true } => {
                counts.iter().map(|&count| u64::from(count)).sum::<u64>() - sum(codes)
            }
            Self::Table(passes) => {
                let passing = counts.iter().zip(passes).filter(|(_, pass)| **pass == 1);
                passing.map(|(&count, _)| u64::from(count)).sum()
            }
        }
    }
}

impl BlockFilter<'_> {
    /// Rows of the block that pass, where that is known without reading a page.
    pub fn count(&self, block: &mut BlockView) -> Result<Option<u64>, ScanError> {
        match self {
            Self::Nothing(_) => Ok(Some(0)),
            Self::Everything => Ok(Some(block.rows() as u64)),
            Self::Check(BoundNode {
                kind:
                    BoundKind::Leaf {
                        leaf,
                        codes: Codes::Dictionary(test) | Codes::Templates(test),
                    },
                ..
            }) => {
                let counts = block.entry_counts(leaf.slot)?;
                Ok(counts.map(|counts| test.count(&counts)))
            }
            Self::Check(_) => Ok(None),
        }
    }
}
