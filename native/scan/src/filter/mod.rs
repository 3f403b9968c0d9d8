//! Filters: compiled once a request, decided once a block where the header or a dictionary can, evaluated page by page.

mod bound;
mod compile;
mod evaluate;
mod index;
mod numbers;
mod zone;

pub use bound::{BlockFilter, Pruner, bind};
pub use compile::{FILTER_DEPTH_MAX, compile};
pub use evaluate::Scratch;
pub use numbers::NumberTest;

use crate::text::{Matcher, Needs, TemplateTest};

/// A compiled filter. Walks over one recurse, so what they keep on the stack is small: leaves are boxed and leaf
/// functions are never inlined into the walk. Lists have at least two members and hold no list of their own kind.
pub enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Leaf(Box<Leaf>),
    Constant(bool),
}

/// A predicate on one column.
pub struct Leaf {
    pub slot: usize,
    pub test: Test,
}

/// Every test but `IsNull` is false where the column is null, whether negated or not.
pub enum Test {
    /// `negated`: IS NOT NULL.
    IsNull {
        negated: bool,
    },
    Int64(NumberTest),
    /// On `kernels::float_key`s.
    Float64(NumberTest),
    Bool {
        on_false: bool,
        on_true: bool,
    },
    /// Over string and json columns.
    Text {
        matcher: Matcher,
        /// What `matcher` says by templates.
        by_template: TemplateTest,
        negated: bool,
        /// What every string that `matcher` matches holds.
        needs: Needs,
    },
}
