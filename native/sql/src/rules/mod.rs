//! Rewrites of the logical plan that give `_timestamp` and `match_all` their meaning.

mod match_all;
mod micros;
mod time;

pub(crate) use match_all::MatchAllRule;
pub(crate) use time::{TimePlanner, TimeRule};
