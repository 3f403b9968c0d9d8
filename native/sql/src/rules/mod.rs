//! Rewrites that give `_timestamp`, `match_all`, placeholders and texts among numbers their meaning, and checks of patterns.

mod match_all;
mod micros;
mod numbers;
mod patterns;
mod placeholder;
mod stoppable;
mod time;
mod wanted;
mod yielding;

pub(crate) use match_all::MatchAllRule;
pub(crate) use micros::{is_event_time, time_of_text};
pub(crate) use patterns::PatternRule;
pub(crate) use placeholder::{PlaceholderPlanner, PlaceholderRule};
pub(crate) use stoppable::StopJoinFilters;
pub(crate) use time::{TimePlanner, TimeRule};
pub(crate) use yielding::YieldInJoins;
