//! Comparisons of floats answer as Arrow's `cmp` kernels do, NaNs included, wherever the answer comes from; but minus zero is zero.

use arrow_array::{BooleanArray, Float64Array};
use basalt_block::{Batch, Column, EncodeOptions, Values, encode_block};
use basalt_scan::request::*;
use basalt_scan::{Part, scan};

const VALUES: [f64; 12] = [
    -0.0,
    0.0,
    1.0,
    -1.0,
    f64::NAN,
    -f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    5e-324,
    f64::MAX,
    f64::MIN,
];

fn block(values: &[f64]) -> Vec<u8> {
    let column = |name: &str, values| Column {
        name: name.into(),
        validity: None,
        values,
    };
    let columns = vec![
        column("_timestamp", Values::Int64((0..values.len() as i64).collect())),
        column("x", Values::Float64(values.to_vec())),
    ];
    encode_block(
        &Batch {
            rows: values.len(),
            columns,
        },
        &EncodeOptions::segment(1),
    )
    .unwrap()
}

fn count(filter: Filter, block: &Vec<u8>) -> u64 {
    let request = ScanRequest {
        stream: "test".into(),
        columns: vec![ColumnRef {
            name: "x".into(),
            column_type: RequestType::Float64,
        }],
        time: TimeRange::default(),
        filter: Some(filter),
        output: Output::Rows {
            project: vec![],
            limit: None,
        },
    };
    scan(
        &request,
        &[Part {
            source: block,
            offset: 0,
            header: None,
        }],
    )
    .unwrap()
    .rows
}

#[test]
fn floats_compare_in_total_order_but_for_zeros() {
    let literals = VALUES.iter().copied().filter(|value| value.is_finite());
    // All values in one block, each alone (its header decides), and pairs.
    let mut sets: Vec<Vec<f64>> = vec![VALUES.to_vec()];
    sets.extend(VALUES.map(|value| vec![value]));
    sets.extend(VALUES.windows(2).map(<[f64]>::to_vec));
    for set in &sets {
        let block = block(set);
        let one_zero = |value: f64| value + 0.0;
        let array = Float64Array::from_iter_values(set.iter().copied().map(one_zero));
        for literal in literals.clone() {
            let scalar = Float64Array::new_scalar(one_zero(literal));
            let compare = |cmp| {
                let filter = Filter::Compare {
                    column: "x".into(),
                    cmp,
                    value: Literal::Float64(literal),
                };
                count(filter, &block)
            };
            let check = |cmp, expected: BooleanArray| {
                assert_eq!(compare(cmp), expected.true_count() as u64, "{set:?} {cmp:?} {literal}");
            };
            check(Comparison::Equal, arrow_ord::cmp::eq(&array, &scalar).unwrap());
            check(Comparison::NotEqual, arrow_ord::cmp::neq(&array, &scalar).unwrap());
            check(Comparison::Less, arrow_ord::cmp::lt(&array, &scalar).unwrap());
            check(Comparison::LessOrEqual, arrow_ord::cmp::lt_eq(&array, &scalar).unwrap());
            check(Comparison::Greater, arrow_ord::cmp::gt(&array, &scalar).unwrap());
            check(
                Comparison::GreaterOrEqual,
                arrow_ord::cmp::gt_eq(&array, &scalar).unwrap(),
            );
            let one_of = Filter::In {
                column: "x".into(),
                values: vec![Literal::Float64(literal)],
                negated: false,
            };
            assert_eq!(count(one_of, &block), compare(Comparison::Equal));
        }
    }
}
