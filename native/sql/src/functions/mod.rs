//! The functions of the dialect beside DataFusion's own.

mod array_text;
mod bounded;
mod bucket;
mod by_pattern;
mod checked;
mod constants;
mod date_format;
mod docs;
mod drifted;
mod exact_json;
mod extreme;
mod flagged;
mod fuzzy;
mod growth;
mod histogram;
mod json_array;
mod levenshtein;
mod long_lists;
mod match_all;
mod micros;
mod opaque;
mod pattern;
mod percentile;
mod re_match;
mod re_matches;
mod row_function;
mod shift;
mod shown;
mod single_row;
mod span;
mod spath;
mod str_match;
mod string_agg;
mod sum;
mod summary_percentile;
mod text;
mod time_range;
mod to_char;
mod to_micros;
mod top_values;
mod version;
mod zone;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::functions::datetime;
use datafusion::logical_expr::{AggregateUDF, AggregateUDFImpl, ScalarUDF, ScalarUDFImpl, WindowUDF};

pub(crate) use bounded::{bounded, is_bounded};
pub(crate) use checked::{checked, checked_negative, is_checked};
pub use docs::FunctionInfo;
pub(crate) use docs::{forms, list, wrong_form};
pub(crate) use drifted::{NUMBER_OF, TRUTH_OF, drifted, number_of};
pub(crate) use fuzzy::fuzzy_match;
pub(crate) use growth::{scalar_bytes, sizes as value_sizes};
pub(crate) use histogram::{HISTOGRAM, Histogram};
pub(crate) use match_all::{FUZZY_MATCH_ALL, MATCH_ALL};
pub(crate) use opaque::{opaque, unfolded};
pub(crate) use pattern::compile;
pub(crate) use re_match::re_match;
pub(crate) use shown::{SHOWN, shown};
pub(crate) use single_row::single_row;
pub(crate) use span::{is_span, span_micros, span_times};
pub(crate) use str_match::str_match_ignore_case;

pub(crate) const CONTAINS: &str = "str_match";
pub(crate) const CONTAINS_IGNORE_CASE: &str = "str_match_ignore_case";
pub(crate) const RE_MATCH: &str = "re_match";
pub(crate) const RE_NOT_MATCH: &str = "re_not_match";

/// All scalar functions but `histogram`, which depends on the query's time range, and those of `register_json`.
pub(crate) fn scalar() -> Vec<Arc<ScalarUDF>> {
    let mut functions = SessionStateDefaults::default_scalar_functions();
    let over_time = [
        datetime::date_bin(),
        datetime::date_part(),
        datetime::date_trunc(),
        datetime::to_local_time(),
    ];
    functions.extend(over_time.into_iter().map(micros::over_micros));
    functions.push(scalar_of(to_char::ToChar(micros::over_micros(datetime::to_char()))));
    functions.retain(|function| function.name() != "version");
    for function in &mut functions {
        *function = match function.name() {
            "levenshtein" => scalar_of(levenshtein::Levenshtein(Arc::clone(function))),
            "array_has_all" | "array_has_any" => scalar_of(long_lists::InShortLists {
                all: function.name() == "array_has_all",
                inner: Arc::clone(function),
            }),
            "signum" => Arc::new(ScalarUDF::clone(function).with_aliases(["sign"])),
            _ => flagged::flagged(Arc::clone(function)),
        };
    }
    functions.extend(json_array::functions());
    functions.extend([
        scalar_of(array_text::ToArrayString::new()),
        scalar_of(bucket::TimestampBucket::new()),
        scalar_of(date_format::DateFormat::new()),
        fuzzy_match(),
        scalar_of(match_all::FullText::match_all()),
        scalar_of(match_all::FullText::fuzzy_match_all()),
        scalar_of(str_match::StrMatch::new(false)),
        str_match_ignore_case(),
        re_match(),
        scalar_of(re_match::ReMatch::new(true)),
        scalar_of(re_matches::ReMatches::new(re_matches::Shape::List)),
        scalar_of(re_matches::ReMatches::new(re_matches::Shape::Fields)),
        scalar_of(spath::Spath::new()),
        scalar_of(time_range::TimeRange::new()),
        scalar_of(to_micros::ToMicros::new()),
        scalar_of(version::Version::new()),
    ]);
    functions
}

/// Functions that only this crate can call.
pub(crate) fn unwritten() -> impl Iterator<Item = Arc<ScalarUDF>> {
    drifted().into_iter().chain([shown()])
}

/// Whether it is one of these.
pub(crate) fn is_unwritten(name: &str) -> bool {
    [NUMBER_OF, TRUTH_OF, SHOWN].contains(&name)
}

fn scalar_of(function: impl ScalarUDFImpl + 'static) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(function))
}

/// Functions and operators over JSON texts. They bring rewrites of their own, so they are registered with the whole state.
pub(crate) fn register_json(state: &mut dyn FunctionRegistry) -> Result<()> {
    datafusion_functions_json::register_all(state)
}

/// All window functions.
pub(crate) fn window() -> Vec<Arc<WindowUDF>> {
    let functions = SessionStateDefaults::default_window_functions().into_iter();
    let known = functions.map(|function| match function.name() {
        "lead" | "lag" => shift::whole(function),
        _ => function,
    });
    known.collect()
}

/// All aggregate functions.
pub(crate) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let functions = SessionStateDefaults::default_aggregate_functions();
    let known = functions.into_iter().map(|function| match function.name() {
        "approx_percentile_cont" | "approx_median" => aggregate_of(percentile::Sketched(function)),
        "percentile_cont" => aggregate_of(percentile::Unordered(function)),
        "string_agg" => aggregate_of(string_agg::SortsItself(function)),
        "sum" => aggregate_of(sum::CheckedSum(function)),
        "max" | "min" => aggregate_of(extreme::OfItsInput(function)),
        _ => function,
    });
    let ours = [
        aggregate_of(summary_percentile::SummaryPercentile::new()),
        aggregate_of(top_values::TopValues::new(top_values::Counted::Rows)),
        aggregate_of(top_values::TopValues::new(top_values::Counted::Values)),
    ];
    known.chain(ours).collect()
}

fn aggregate_of(function: impl AggregateUDFImpl + 'static) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(function))
}

/// `EXTRACT(part FROM time)`, where time may be microseconds.
pub(crate) fn date_part() -> Arc<ScalarUDF> {
    micros::over_micros(datetime::date_part())
}
