//! A request without its long lists, for those who only rule out blocks by their zone maps: they need not read a hundred thousand values
//! to know in which range these lie.

use std::cmp::Ordering;

use basalt_scan::request::{Comparison, Filter, Literal, ScanRequest};

/// Lists up to this length stay: within a range their values may miss a block.
const VALUES_KEPT_MAX: usize = 1024;

/// A request that every row which the given one selects passes too, with a range in place of each long list. `None` when there is none.
pub fn outline(request: &ScanRequest) -> Option<ScanRequest> {
    let filter = request.filter.as_ref().filter(|filter| has_long_list(filter))?;
    Some(ScanRequest {
        stream: request.stream.clone(),
        columns: request.columns.clone(),
        time: request.time,
        filter: Some(shortened(filter)),
        output: request.output.clone(),
    })
}

fn has_long_list(filter: &Filter) -> bool {
    match filter {
        Filter::And { args } | Filter::Or { args } => args.iter().any(has_long_list),
        Filter::In { values, .. } => values.len() > VALUES_KEPT_MAX,
        _ => false,
    }
}

fn shortened(filter: &Filter) -> Filter {
    let all = |args: &[Filter]| args.iter().map(shortened).collect();
    match filter {
        Filter::And { args } => Filter::And { args: all(args) },
        Filter::Or { args } => Filter::Or { args: all(args) },
        Filter::In {
            column,
            values,
            negated,
        } if values.len() > VALUES_KEPT_MAX => match range(values).filter(|_| !negated) {
            Some((least, greatest)) => {
                let bound = |cmp, value: &Literal| Filter::Compare {
                    column: column.clone(),
                    cmp,
                    value: value.clone(),
                };
                Filter::And {
                    args: vec![
                        bound(Comparison::GreaterOrEqual, least),
                        bound(Comparison::LessOrEqual, greatest),
                    ],
                }
            }
            None => Filter::Constant { value: true },
        },
        _ => filter.clone(),
    }
}

/// The least and the greatest; `None` where two values have no order.
fn range(values: &[Literal]) -> Option<(&Literal, &Literal)> {
    let mut rest = values.iter();
    let first = rest.next()?;
    rest.try_fold((first, first), |(least, greatest), value| {
        Some((
            if order(value, least)? == Ordering::Less {
                value
            } else {
                least
            },
            if order(value, greatest)? == Ordering::Greater {
                value
            } else {
                greatest
            },
        ))
    })
}

/// As filters compare: floats in total order.
fn order(a: &Literal, b: &Literal) -> Option<Ordering> {
    match (a, b) {
        (Literal::Int64(a), Literal::Int64(b)) => Some(a.cmp(b)),
        (Literal::Float64(a), Literal::Float64(b)) => Some(a.total_cmp(b)),
        (Literal::Bool(a), Literal::Bool(b)) => Some(a.cmp(b)),
        (Literal::String(a), Literal::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basalt_scan::request::{Output, TimeRange};

    fn request(filter: Filter) -> ScanRequest {
        ScanRequest {
            stream: "logs".to_owned(),
            columns: Vec::new(),
            time: TimeRange::default(),
            filter: Some(filter),
            output: Output::Rows {
                project: Vec::new(),
                limit: None,
            },
        }
    }

    fn list(values: impl IntoIterator<Item = Literal>, negated: bool) -> Filter {
        Filter::In {
            column: "a".to_owned(),
            values: values.into_iter().collect(),
            negated,
        }
    }

    fn between(least: Literal, greatest: Literal) -> Filter {
        let bound = |cmp, value| Filter::Compare {
            column: "a".to_owned(),
            cmp,
            value,
        };
        Filter::And {
            args: vec![
                bound(Comparison::GreaterOrEqual, least),
                bound(Comparison::LessOrEqual, greatest),
            ],
        }
    }

    #[test]
    fn a_short_list_needs_no_outline() {
        assert_eq!(outline(&request(list((0..1024).map(Literal::Int64), false))), None);
    }

    #[test]
    fn a_long_list_becomes_its_range_wherever_it_stands() {
        let values = || (0..2000).map(|i| Literal::Int64((i * 7919) % 2000 - 1000));
        let other = Filter::IsNull {
            column: "b".to_owned(),
            negated: true,
        };
        let filter = Filter::Or {
            args: vec![other.clone(), list(values(), false)],
        };
        let expected = Filter::Or {
            args: vec![other, between(Literal::Int64(-1000), Literal::Int64(999))],
        };
        assert_eq!(outline(&request(filter)), Some(request(expected)));
    }

    #[test]
    fn strings_and_floats_have_the_order_of_filters() {
        let words = (0..1500).map(|i| Literal::String(format!("{}", i + 5)));
        let expected = between(Literal::String("10".to_owned()), Literal::String("999".to_owned()));
        assert_eq!(outline(&request(list(words, false))), Some(request(expected)));
        let numbers = (0..1500).map(|i| Literal::Float64(f64::from(i) - 0.5));
        let expected = between(Literal::Float64(-0.5), Literal::Float64(1498.5));
        assert_eq!(outline(&request(list(numbers, false))), Some(request(expected)));
    }

    #[test]
    fn what_has_no_range_may_be_anywhere() {
        let anywhere = request(Filter::Constant { value: true });
        let negated = list((0..1500).map(Literal::Int64), true);
        assert_eq!(outline(&request(negated)), Some(anywhere.clone()));
        let mixed = (0..1500).map(|i| if i == 7 { Literal::Bool(true) } else { Literal::Int64(i) });
        assert_eq!(outline(&request(list(mixed, false))), Some(anywhere));
    }
}
