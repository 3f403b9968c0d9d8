//! The functions of the dialect beside DataFusion's own.

mod bucket;
mod match_all;
mod micros;
mod percentile;
mod re_match;
mod spath;
mod str_match;
mod text;

use std::sync::Arc;

use datafusion::execution::SessionStateDefaults;
use datafusion::functions::datetime;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub(crate) use bucket::Histogram;
pub(crate) use match_all::MATCH_ALL;
pub(crate) use str_match::str_match_ignore_case;

pub(crate) const CONTAINS: &str = "str_match";
pub(crate) const CONTAINS_IGNORE_CASE: &str = "str_match_ignore_case";
pub(crate) const RE_MATCH: &str = "re_match";
pub(crate) const RE_NOT_MATCH: &str = "re_not_match";

/// All scalar functions but `histogram`, which depends on the query's time range.
pub(crate) fn scalar() -> Vec<Arc<ScalarUDF>> {
    let mut functions = SessionStateDefaults::default_scalar_functions();
    let over_time = [
        datetime::date_bin(),
        datetime::date_part(),
        datetime::date_trunc(),
        datetime::to_char(),
        datetime::to_local_time(),
    ];
    functions.extend(over_time.into_iter().map(micros::over_micros));
    functions.push(Arc::new(ScalarUDF::new_from_impl(bucket::TimestampBucket::new())));
    functions.push(Arc::new(ScalarUDF::new_from_impl(match_all::MatchAll::new())));
    functions.push(Arc::new(ScalarUDF::new_from_impl(str_match::StrMatch::new(false))));
    functions.push(str_match_ignore_case());
    functions.push(Arc::new(ScalarUDF::new_from_impl(re_match::ReMatch::new(false))));
    functions.push(Arc::new(ScalarUDF::new_from_impl(re_match::ReMatch::new(true))));
    functions.push(Arc::new(ScalarUDF::new_from_impl(spath::Spath::new())));
    functions
}

/// All aggregate functions.
pub(crate) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let functions = SessionStateDefaults::default_aggregate_functions();
    functions
        .into_iter()
        .map(|function| match function.name() {
            "approx_percentile_cont" | "approx_median" => {
                Arc::new(AggregateUDF::new_from_impl(percentile::Sketched(function)))
            }
            "percentile_cont" => Arc::new(AggregateUDF::new_from_impl(percentile::Unordered(function))),
            _ => function,
        })
        .collect()
}

/// `EXTRACT(part FROM time)`, where time may be microseconds.
pub(crate) fn date_part() -> Arc<ScalarUDF> {
    micros::over_micros(datetime::date_part())
}
