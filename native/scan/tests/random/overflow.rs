//! Cells of a batch put into its overflow column, as a writer does with what a record brings too much of: the rows mean the same.

use crate::generate::Random;
use basalt_block::{Batch, Column, Strings, Text, Validity, Values};

/// The batch with some of its cells in `_all` instead of their columns.
pub fn hide(random: &mut Random, batch: &Batch) -> Batch {
    let mut objects = vec![String::new(); batch.rows];
    let mut columns = vec![batch.columns[0].clone()];
    for column in &batch.columns[1..] {
        let percent = *random.pick(&[0, 0, 3, 50, 100]);
        let mut words = vec![0u64; batch.rows.div_ceil(64)];
        for (row, object) in objects.iter_mut().enumerate() {
            if column.validity.as_ref().is_some_and(|validity| !validity.is_valid(row)) {
                continue;
            }
            match json(&column.values, row).filter(|_| random.chance(percent)) {
                None => words[row / 64] |= 1 << (row % 64),
                Some(value) => {
                    let comma = if object.is_empty() { "" } else { "," };
                    object.push_str(&format!("{comma}\"{}\":{value}", column.name));
                }
            }
        }
        let is_empty = words.iter().all(|word| *word == 0);
        if !is_empty || random.chance(20) {
            columns.push(Column {
                name: column.name.clone(),
                validity: Some(Validity { words }),
                values: column.values.clone(),
            });
        }
    }
    let mut words = vec![0u64; batch.rows.div_ceil(64)];
    let mut text = Text::default();
    for (row, object) in objects.iter().enumerate() {
        // A field of another name is nobody's.
        let is_there = !object.is_empty() || random.chance(10);
        words[row / 64] |= u64::from(is_there) << (row % 64);
        let comma = if object.is_empty() { "" } else { "," };
        let cell = if is_there {
            format!("{{{object}{comma}\"other\":[1, \"}}\"]}}")
        } else {
            String::new()
        };
        text.push(cell.as_bytes());
    }
    if words.iter().any(|word| *word != 0) {
        columns.push(Column {
            name: "_all".to_owned(),
            validity: Some(Validity { words }),
            values: Values::Json(Strings::Plain(text)),
        });
    }
    Batch {
        rows: batch.rows,
        columns,
    }
}

/// The cell as JSON; `None` where it has none.
fn json(values: &Values, row: usize) -> Option<String> {
    let text = |strings: &Strings| String::from_utf8(strings.get(row).to_vec()).unwrap();
    match values {
        Values::Int64(values) => Some(values[row].to_string()),
        Values::Float64(values) => values[row].is_finite().then(|| format!("{:?}", values[row])),
        Values::Bool(values) => Some(values[row].to_string()),
        Values::String(strings) => Some(serde_json::to_string(&text(strings)).unwrap()),
        Values::Json(strings) | Values::Spelled(_, strings) => {
            let text = text(strings);
            let is_list = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|value| value.is_array());
            is_list.then_some(text)
        }
    }
}
