//! The columns that a request names.

use basalt_scan::request::{ARRIVAL, Aggregate, Argument, Filter, Group, Output};

/// Those of the filter, then those of the output, as often as they are named.
pub(super) fn named_columns<'a>(filter: Option<&'a Filter>, output: &'a Output) -> Vec<&'a str> {
    let mut names = Vec::new();
    if let Some(filter) = filter {
        filter_columns(filter, &mut names);
    }
    output_columns(output, &mut names);
    names
}

fn filter_columns<'a>(filter: &'a Filter, names: &mut Vec<&'a str>) {
    match filter {
        Filter::And { args } | Filter::Or { args } => args.iter().for_each(|arg| filter_columns(arg, names)),
        Filter::Compare { column, .. }
        | Filter::In { column, .. }
        | Filter::Like { column, .. }
        | Filter::Contains { column, .. }
        | Filter::Regex { column, .. }
        | Filter::IsNull { column, .. } => names.push(column),
        Filter::Constant { .. } => {}
    }
}

fn output_columns<'a>(output: &'a Output, names: &mut Vec<&'a str>) {
    match output {
        Output::Rows { project, .. } | Output::TopTime { project, .. } => {
            names.extend(project.iter().map(String::as_str).filter(|name| *name != ARRIVAL));
        }
        Output::Aggregate { groups, aggregates, .. } => {
            for group in groups {
                match group {
                    Group::Column { column } | Group::Bucket { column, .. } => names.push(column),
                }
            }
            for aggregate in aggregates {
                match aggregate {
                    Aggregate::CountRows => {}
                    Aggregate::Count { column }
                    | Aggregate::Sum { column }
                    | Aggregate::Min { column }
                    | Aggregate::Max { column }
                    | Aggregate::Average { column }
                    | Aggregate::Sketch { column } => names.push(column),
                    Aggregate::Function { arguments, .. } => {
                        for argument in arguments {
                            if let Argument::Column { column, .. } = argument {
                                names.push(column);
                            }
                        }
                    }
                }
            }
        }
    }
}
