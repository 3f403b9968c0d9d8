//! Reading batches cell by cell, and checking what every batch must hold.

use basalt_block::column::TIME_COLUMN;
use basalt_block::{Batch, Spelled, Strings, Text, Validity, Values};
use basalt_shred::{BodyFormat, Group, Outcome, ShredLimits, ShredRequest, Shredded};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub const NOW: i64 = 1_700_000_000_000_000;

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Int(i64),
    Float(f64),
    Bool(bool),
    String(String),
    Json(String),
    Spelled(Spelled, String),
}

pub type Row = BTreeMap<String, Cell>;

/// The rows of a checked batch; a cell without a value is absent.
pub fn rows_of(batch: &Batch) -> Vec<Row> {
    check(batch);
    let mut rows = vec![Row::new(); batch.rows];
    for column in &batch.columns {
        for (row, cells) in rows.iter_mut().enumerate() {
            if column.validity.as_ref().is_some_and(|validity| !validity.is_valid(row)) {
                continue;
            }
            let text = |strings: &Strings| String::from_utf8(strings.get(row).to_vec()).expect("text is UTF-8");
            let cell = match &column.values {
                Values::Int64(values) => Cell::Int(values[row]),
                Values::Float64(values) => Cell::Float(values[row]),
                Values::Bool(values) => Cell::Bool(values[row]),
                Values::String(strings) => Cell::String(text(strings)),
                Values::Json(strings) => Cell::Json(text(strings)),
                Values::Spelled(spelled, strings) => Cell::Spelled(*spelled, text(strings)),
            };
            cells.insert(column.name.clone(), cell);
        }
    }
    rows
}

/// The rows of one stream as a single batch.
#[derive(Debug, PartialEq)]
pub struct Batched {
    pub organization: u32,
    pub stream: String,
    pub batch: Batch,
}

/// Shreds requests for streams that have no columns yet, and checks the batches.
pub fn shred(requests: &[ShredRequest], limits: &ShredLimits) -> (Vec<Batched>, Vec<Outcome>) {
    let Shredded { groups, outcomes } = basalt_shred::shred(requests, NOW, limits, &|_, _| Ok(Arc::default()));
    (batched(groups), outcomes)
}

pub fn batched(groups: Vec<Group>) -> Vec<Batched> {
    let mut names = HashSet::new();
    let batch = |group: Group| {
        let (organization, stream) = (group.organization, group.stream.clone());
        assert!(
            names.insert((organization, stream.clone())),
            "one group for each stream"
        );
        let mut batches: Vec<Batch> = group.batches(usize::MAX).collect();
        assert_eq!(batches.len(), 1);
        let batch = batches.remove(0);
        check(&batch);
        Batched {
            organization,
            stream,
            batch,
        }
    };
    groups.into_iter().map(batch).collect()
}

fn check(batch: &Batch) {
    assert!(batch.rows > 0);
    assert_eq!(batch.columns[0].name, TIME_COLUMN);
    assert!(matches!(batch.columns[0].values, Values::Int64(_)) && batch.columns[0].validity.is_none());
    let mut names = HashSet::new();
    for column in &batch.columns {
        assert!(names.insert(&column.name), "{} twice", column.name);
        assert_eq!(column.values.len(), batch.rows, "{}", column.name);
        if let Some(validity) = &column.validity {
            check_validity(validity, batch.rows);
        }
        if let Some(strings) = column.values.strings() {
            check_strings(strings, column.validity.as_ref());
        }
    }
}

fn check_validity(validity: &Validity, rows: usize) {
    assert_eq!(validity.words.len(), rows.div_ceil(64));
    let valid: usize = validity.words.iter().map(|word| word.count_ones() as usize).sum();
    assert_eq!(
        valid,
        (0..rows).filter(|&row| validity.is_valid(row)).count(),
        "bits past the last row"
    );
    assert!(valid > 0 && valid < rows);
}

fn check_strings(strings: &Strings, validity: Option<&Validity>) {
    let is_valid = |row: usize| validity.is_none_or(|validity| validity.is_valid(row));
    match strings {
        Strings::Plain(text) => {
            check_text(text);
            assert!(
                (0..text.len()).all(|row| is_valid(row) || text.get(row).is_empty()),
                "empty placeholders"
            );
        }
        Strings::Dictionary { codes, entries } => {
            check_text(entries);
            let mut seen = 0;
            for (row, &code) in codes.iter().enumerate() {
                assert!((code as usize) < entries.len());
                if is_valid(row) {
                    assert!(code <= seen, "entries are in order of first appearance");
                    seen = seen.max(code + 1);
                }
            }
            assert_eq!(seen as usize, entries.len(), "every entry is used");
            let distinct: HashSet<&[u8]> = (0..entries.len()).map(|entry| entries.get(entry)).collect();
            assert_eq!(distinct.len(), entries.len());
        }
    }
}

fn check_text(text: &Text) {
    assert_eq!(text.offsets[0], 0);
    assert!(text.offsets.is_sorted());
    assert_eq!(*text.offsets.last().unwrap() as usize, text.bytes.len());
    assert!((0..text.len()).all(|index| std::str::from_utf8(text.get(index)).is_ok()));
}

/// One body of stream `s`: its rows and its outcome.
pub fn shred_one(body: impl AsRef<[u8]>, format: BodyFormat) -> (Vec<Row>, Outcome) {
    shred_limited(body, format, &ShredLimits::default())
}

pub fn shred_limited(body: impl AsRef<[u8]>, format: BodyFormat, limits: &ShredLimits) -> (Vec<Row>, Outcome) {
    let request = ShredRequest {
        body: body.as_ref(),
        format,
        organization: 1,
        stream: "s",
    };
    let (groups, mut outcomes) = shred(&[request], limits);
    let rows = groups.iter().flat_map(|group| rows_of(&group.batch)).collect();
    (rows, outcomes.remove(0))
}

/// The cells of the only row of a JSON body, without `_timestamp`.
pub fn only_row(body: &str) -> Row {
    let (mut rows, outcome) = shred_one(body, BodyFormat::Json);
    assert_eq!(
        (outcome.rejected, rows.len()),
        (None, 1),
        "{body}: {:?}",
        outcome.errors
    );
    let mut row = rows.remove(0);
    row.remove(TIME_COLUMN);
    row
}
