//! A filter bound to one block: predicates that the header or a dictionary decides are gone.

use super::{Leaf, Node, Test, zone};
use crate::block_view::BlockView;
use crate::error::ScanError;
use crate::text::Matcher;

/// What is left to do for a block.
pub enum BlockFilter<'p> {
    /// No row passes.
    Nothing,
    /// Every row passes.
    Everything,
    /// Rows must be looked at.
    Check(BoundNode<'p>),
}

pub enum BoundNode<'p> {
    /// Cheapest first.
    And(Vec<BoundNode<'p>>),
    Or(Vec<BoundNode<'p>>),
    Leaf {
        leaf: &'p Leaf,
        /// For text predicates where the column has a dictionary.
        codes: Option<CodeTest>,
    },
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

/// Reads dictionaries of the columns concerned where the header does not decide, but no page.
pub fn bind<'p>(node: &'p Node, block: &mut BlockView, time_slot: usize) -> Result<BlockFilter<'p>, ScanError> {
    match node {
        Node::Constant(true) => Ok(BlockFilter::Everything),
        Node::Constant(false) => Ok(BlockFilter::Nothing),
        Node::Leaf(leaf) => bind_leaf(leaf, block, time_slot),
        Node::And(children) => bind_list(children, block, time_slot, true),
        Node::Or(children) => bind_list(children, block, time_slot, false),
    }
}

fn bind_list<'p>(
    children: &'p [Node],
    block: &mut BlockView,
    time_slot: usize,
    conjunction: bool,
) -> Result<BlockFilter<'p>, ScanError> {
    let mut order: Vec<(u32, &Node)> = children
        .iter()
        .map(|child| (cost(child, block, time_slot, 0), child))
        .collect();
    order.sort_by_key(|(cost, _)| *cost);
    let mut list = Vec::with_capacity(order.len());
    for (_, child) in order {
        match (bind(child, block, time_slot)?, conjunction) {
            (BlockFilter::Nothing, true) => return Ok(BlockFilter::Nothing),
            (BlockFilter::Everything, false) => return Ok(BlockFilter::Everything),
            (BlockFilter::Nothing, false) | (BlockFilter::Everything, true) => {}
            (BlockFilter::Check(node), _) => list.push(node),
        }
    }
    Ok(match (list.len(), conjunction) {
        (0, true) => BlockFilter::Everything,
        (0, false) => BlockFilter::Nothing,
        (1, _) => BlockFilter::Check(list.remove(0)),
        (_, true) => BlockFilter::Check(BoundNode::And(list)),
        (_, false) => BlockFilter::Check(BoundNode::Or(list)),
    })
}

/// Lists below this many levels are not looked into for their cost: each level of a deep filter would do so again.
const COST_DEPTH_MAX: usize = 3;

/// Rough cost of evaluating a node on a page, for ordering only; a predicate the header decides costs nothing.
fn cost(node: &Node, block: &BlockView, time_slot: usize, depth: usize) -> u32 {
    match node {
        Node::Constant(_) => 0,
        Node::And(_) | Node::Or(_) if depth >= COST_DEPTH_MAX => 1000,
        Node::And(children) | Node::Or(children) => children.iter().fold(0, |sum: u32, child| {
            sum.saturating_add(cost(child, block, time_slot, depth + 1))
        }),
        Node::Leaf(leaf) if zone::decide(leaf, block, time_slot).is_some() => 0,
        Node::Leaf(leaf) => match &leaf.test {
            Test::Int64(_) if leaf.slot == time_slot => 10,
            Test::Bool { .. } => 12,
            Test::Int64(_) => 15,
            Test::Float64(_) => 20,
            Test::IsNull { .. } => 25,
            Test::Text { .. } if block.dictionary_entries(leaf.slot) > 0 => 30,
            Test::Text { matcher, .. } => match matcher {
                Matcher::Regex(_) | Matcher::IgnoreCase { .. } => 500,
                _ => 200,
            },
        },
    }
}

#[inline(never)]
fn bind_leaf<'p>(leaf: &'p Leaf, block: &mut BlockView, time_slot: usize) -> Result<BlockFilter<'p>, ScanError> {
    match zone::decide(leaf, block, time_slot) {
        Some(true) => return Ok(BlockFilter::Everything),
        Some(false) => return Ok(BlockFilter::Nothing),
        None => {}
    }
    let mut codes = None;
    if let Test::Text { matcher, negated } = &leaf.test {
        let no_nulls = block.null_count(leaf.slot) == 0;
        if let Some(entries) = block.dictionary(leaf.slot)? {
            let mut lowered = Vec::new();
            let passes: Vec<u8> = (0..entries.count())
                .map(|entry| u8::from(matcher.matches(entries.get(entry), &mut lowered) != *negated))
                .collect();
            match passes.iter().filter(|&&pass| pass == 1).count() {
                0 => return Ok(BlockFilter::Nothing),
                count if count == passes.len() && no_nulls => return Ok(BlockFilter::Everything),
                count => codes = Some(code_test(passes, count)),
            }
        }
    }
    Ok(BlockFilter::Check(BoundNode::Leaf { leaf, codes }))
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
