//! Combines filters: AND, OR, the rows that a filter leaves, and turned comparisons.

use basalt_scan::request::{Comparison, Filter, Literal};

/// The conjunction of filters without nested or superfluous nodes.
pub(crate) fn all_of(parts: Vec<Filter>) -> Option<Filter> {
    match conjunction(parts) {
        Filter::Constant { value: true } => None,
        filter => Some(filter),
    }
}

/// The filter itself, or the filter that selects exactly the other rows.
pub(super) fn whether(filter: Filter, wanted: bool) -> Filter {
    if wanted { filter } else { complement(filter) }
}

fn complement(filter: Filter) -> Filter {
    let or_null = |test: Filter, column: String| disjunction(vec![test, Filter::IsNull { column, negated: false }]);
    match filter {
        Filter::And { args } => disjunction(args.into_iter().map(complement).collect()),
        Filter::Or { args } => conjunction(args.into_iter().map(complement).collect()),
        Filter::Constant { value } => Filter::Constant { value: !value },
        Filter::IsNull { column, negated } => Filter::IsNull {
            column,
            negated: !negated,
        },
        Filter::Compare { column, cmp, value } => or_null(
            Filter::Compare {
                column: column.clone(),
                cmp: inverse(cmp),
                value,
            },
            column,
        ),
        Filter::In {
            column,
            values,
            negated,
        } => or_null(
            Filter::In {
                column: column.clone(),
                values,
                negated: !negated,
            },
            column,
        ),
        Filter::Like {
            column,
            pattern,
            negated,
            ignore_case,
        } => or_null(
            Filter::Like {
                column: column.clone(),
                pattern,
                negated: !negated,
                ignore_case,
            },
            column,
        ),
        Filter::Contains {
            column,
            needle,
            negated,
            ignore_case,
        } => or_null(
            Filter::Contains {
                column: column.clone(),
                needle,
                negated: !negated,
                ignore_case,
            },
            column,
        ),
        Filter::Regex {
            column,
            pattern,
            negated,
            ignore_case,
        } => or_null(
            Filter::Regex {
                column: column.clone(),
                pattern,
                negated: !negated,
                ignore_case,
            },
            column,
        ),
    }
}

pub(super) fn conjunction(parts: Vec<Filter>) -> Filter {
    let mut args = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Filter::And { args: inner } => inner.into_iter().for_each(|part| join(&mut args, part, true)),
            Filter::Constant { value: true } => {}
            Filter::Constant { value: false } => return Filter::Constant { value: false },
            other => join(&mut args, other, true),
        }
    }
    match args.len() {
        0 => Filter::Constant { value: true },
        1 => args.remove(0),
        _ => Filter::And { args },
    }
}

pub(super) fn disjunction(parts: Vec<Filter>) -> Filter {
    let mut args = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Filter::Or { args: inner } => inner.into_iter().for_each(|part| join(&mut args, part, false)),
            Filter::Constant { value: false } => {}
            Filter::Constant { value: true } => return Filter::Constant { value: true },
            other => join(&mut args, other, false),
        }
    }
    match args.len() {
        0 => Filter::Constant { value: false },
        1 => args.remove(0),
        _ => Filter::Or { args },
    }
}

/// Adds a test; equalities of one column become one IN (under OR), inequalities one NOT IN (under AND).
fn join(args: &mut Vec<Filter>, part: Filter, all: bool) {
    let single = if all { Comparison::NotEqual } else { Comparison::Equal };
    let (column, new) = match part {
        Filter::Compare { column, cmp, value } if cmp == single => (column, vec![value]),
        Filter::In {
            column,
            values,
            negated,
        } if negated == all => (column, values),
        other => return args.push(other),
    };
    for arg in args.iter_mut() {
        match arg {
            Filter::Compare {
                column: known,
                cmp,
                value,
            } if *known == column && *cmp == single => {
                let values = std::iter::once(value.clone()).chain(new).collect();
                *arg = Filter::In {
                    column,
                    values,
                    negated: all,
                };
                return;
            }
            Filter::In {
                column: known,
                values,
                negated,
            } if *known == column && *negated == all => {
                values.extend(new);
                return;
            }
            _ => {}
        }
    }
    args.push(match <[Literal; 1]>::try_from(new) {
        Ok([value]) => Filter::Compare {
            column,
            cmp: single,
            value,
        },
        Err(values) => Filter::In {
            column,
            values,
            negated: all,
        },
    });
}

pub(super) fn inverse(cmp: Comparison) -> Comparison {
    match cmp {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
    }
}

pub(super) fn mirrored(cmp: Comparison) -> Comparison {
    match cmp {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}
