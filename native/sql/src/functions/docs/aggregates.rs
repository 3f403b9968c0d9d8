//! Aggregates of ours.

use super::Entry;

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "approx_topk",
        form: "approx_topk(field, k [, capacity])",
        about: "The k most frequent values as a list of {value, count}. Exact while there are at most capacity different \
                values (by default 4 k, at least 1000).",
        example: "SELECT approx_topk(level, 2) FROM logs",
    },
    Entry {
        name: "approx_topk_distinct",
        form: "approx_topk_distinct(field, counted, k [, capacity])",
        about: "The k values of a field with the most different values of another, as a list of {value, count}. Counts are \
                exact up to 1000 and right to about three percent above.",
        example: "SELECT approx_topk_distinct(level, message, 2) FROM logs",
    },
    Entry {
        name: "summary_percentile",
        form: "summary_percentile(value, count, share)",
        about: "The percentile (share 0 to 1) of values of which each stands for count equal ones.",
        example: "SELECT summary_percentile(response_time, status, 0.95) FROM logs",
    },
];
