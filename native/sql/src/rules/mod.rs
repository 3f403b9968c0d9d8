//! Rewrites that give `_timestamp`, `match_all`, placeholders and texts among numbers and zeros their meaning, and checks of
//! patterns and of arithmetic.

mod bags;
mod booleans;
mod drifted;
mod frames;
mod group_limits;
mod guard;
mod integers;
mod json_numbers;
mod match_all;
mod micros;
mod numbers;
mod patterns;
mod placeholder;
mod rewrite;
mod shown;
mod spans;
mod stoppable;
mod subqueries;
mod time;
mod unnest;
mod unnest_join;
mod wanted;
mod yielding;
mod zero_literals;
mod zeros;

pub(crate) use bags::BagRule;
pub(crate) use group_limits::GroupLimits;
pub(crate) use guard::guard;
pub(crate) use integers::CheckIntegers;
pub(crate) use match_all::MatchAllRule;
pub(crate) use micros::{is_time_column, time_of_text};
pub(crate) use patterns::PatternRule;
pub(crate) use placeholder::{PlaceholderPlanner, PlaceholderRule};
pub(crate) use shown::ShownRule;
pub(crate) use stoppable::StopJoinFilters;
pub(crate) use subqueries::SubqueryRule;
pub(crate) use time::{TimePlanner, TimeRule};
pub(crate) use unnest::{UnnestPlanner, UnnestRule};
pub(crate) use unnest_join::UnnestJoinRule;
pub(crate) use yielding::YieldInJoins;
pub(crate) use zero_literals::ZeroLiterals;
pub(crate) use zeros::OneZero;
