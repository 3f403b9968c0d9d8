//! Rewrites that give `_timestamp`, `match_all` and texts among numbers their meaning.

mod match_all;
mod micros;
mod numbers;
mod stoppable;
mod time;
mod yielding;

pub(crate) use match_all::MatchAllRule;
pub(crate) use micros::is_event_time;
pub(crate) use stoppable::StopJoinFilters;
pub(crate) use time::{TimePlanner, TimeRule};
pub(crate) use yielding::YieldInJoins;
