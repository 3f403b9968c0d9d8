//! Random rows and predicates: a scan that has indexes answers as one that has none, and as a plain evaluator does, with a page
//! cache too.
//!
//! Values of predicates come from the rows, whole, in parts and changed a little, so that indexes have something to say.
//! `BASALT_TEST_LONG=1` makes 10,000 pairs of it; `SCAN_SEED` repeats one case.

use crate::generate::Random;
use crate::reference::{self, Evaluator};
use crate::value;
use crate::{ROOMY_BYTES, Slab, check_cached};
use basalt_block::{Batch, Column, EncodeOptions, PAGE_ROWS, Strings, Text, Validity, Values, encode_block};
use basalt_cache::SLAB_BYTES_MIN;
use basalt_scan::request::*;
use basalt_scan::{Part, ScanStats, scan};

const TEXTS: [&str; 6] = ["trace_id", "user", "path", "message", "number", "tags"];
const WORDS: [&str; 24] = [
    "connection",
    "refused",
    "Invalid",
    "user",
    "from",
    "port",
    "session",
    "ÄÖÜ",
    "straße",
    "STRASSE",
    "Kelvin",
    "\u{212A}elvin",
    "日本語",
    "ſize",
    "size",
    "block",
    "received",
    "timeout",
    "after",
    "ms",
    "=",
    "[",
    "]",
    "İstanbul",
];

fn columns() -> Vec<ColumnRef> {
    let column = |name: &str, column_type| ColumnRef {
        name: name.into(),
        column_type,
    };
    let mut columns = vec![column("_timestamp", RequestType::Int64)];
    columns.extend(TEXTS.map(|name| {
        column(
            name,
            if name == "tags" {
                RequestType::Json
            } else {
                RequestType::String
            },
        )
    }));
    columns.extend([
        column("status", RequestType::Int64),
        column("cost", RequestType::Float64),
        column("flag", RequestType::Bool),
    ]);
    columns
}

fn message(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..1 + random.below(7) {
        match random.below(6) {
            0 => text.push_str(&format!("blk_{}", random.next() as i64)),
            1 => text.push_str(&format!(
                "10.{}.{}.7:{}",
                random.below(99),
                random.below(256),
                random.below(65_536)
            )),
            2 => text.push_str(&format!("{:08X}", random.next() as u32)),
            _ => {
                let &word = random.pick(&WORDS);
                text.push_str(word);
            }
        }
        let &separator = random.pick(&[" ", " ", ", ", "", ":"]);
        text.push_str(separator);
    }
    text
}

fn string(random: &mut Random, name: &str) -> String {
    match name {
        "trace_id" => format!("{:016x}{:016x}", random.next(), random.next()),
        "user" => format!("{}.{}@example.com", random.pick(&WORDS), random.below(4000)),
        "path" => format!("/api/v{}/items/{}", random.below(3), random.below(30_000)),
        "number" => (random.next() as i64 >> 30).to_string(),
        "tags" => format!("[\"{}\",{}]", random.pick(&WORDS), random.below(9000)),
        _ => message(random),
    }
}

fn validity(random: &mut Random, rows: usize) -> Option<Validity> {
    let percent = *random.pick(&[0, 0, 0, 5, 60, 99]);
    if percent == 0 {
        return None;
    }
    let mut words = vec![0; rows.div_ceil(64)];
    (0..rows)
        .filter(|_| !random.chance(percent))
        .for_each(|row| words[row / 64] |= 1 << (row % 64));
    Some(Validity { words })
}

fn batch(random: &mut Random, rows: usize, first: i64) -> Batch {
    let mut columns = vec![Column {
        name: "_timestamp".into(),
        validity: None,
        values: Values::Int64((first..first + rows as i64).collect()),
    }];
    for name in TEXTS {
        if random.chance(12) {
            continue;
        }
        let validity = validity(random, rows);
        // An older block may hold what is text today as numbers.
        let values = if name == "number" && random.chance(60) {
            Values::Int64((0..rows).map(|_| random.next() as i64 >> 30).collect())
        } else {
            let mut text = Text::default();
            let pool = if random.chance(15) { 40 } else { usize::MAX };
            let seeds: u64 = random.next();
            for row in 0..rows {
                let present = validity.as_ref().is_none_or(|validity| validity.is_valid(row));
                let own = &mut Random(seeds ^ (random.below(pool) as u64).wrapping_mul(0x9E37_79B9));
                text.push(if present { string(own, name) } else { String::new() }.as_bytes());
            }
            match name {
                "tags" => Values::Json(Strings::Plain(text)),
                _ => Values::String(Strings::Plain(text)),
            }
        };
        columns.push(Column {
            name: name.into(),
            validity,
            values,
        });
    }
    columns.push(Column {
        name: "status".into(),
        validity: None,
        values: Values::Int64((0..rows).map(|_| random.below(600) as i64).collect()),
    });
    columns.push(Column {
        name: "cost".into(),
        validity: None,
        values: Values::Float64((0..rows).map(|_| random.below(400) as f64 * 0.25).collect()),
    });
    columns.push(Column {
        name: "flag".into(),
        validity: None,
        values: Values::Bool((0..rows).map(|_| random.chance(50)).collect()),
    });
    Batch { rows, columns }
}

/// A text that some row holds, or nearly.
fn sample(random: &mut Random, name: &str, rows: &[reference::Row]) -> String {
    let slot = 1 + TEXTS.iter().position(|text| *text == name).unwrap();
    for _ in 0..20 {
        if let value::Value::Text(text) = &rows[random.below(rows.len())][slot] {
            return match random.below(8) {
                0 => text.to_uppercase(),
                1 => text.to_lowercase(),
                2 => format!("{text}x"),
                _ => text.clone(),
            };
        }
    }
    string(random, name)
}

fn part_of(random: &mut Random, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return String::new();
    }
    let start = random.below(chars.len());
    let length = 1 + random.below((chars.len() - start).min(24));
    chars[start..start + length].iter().collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn like(random: &mut Random, text: &str) -> String {
    let part = escaped(&part_of(random, text));
    match random.below(5) {
        0 => format!("%{part}%"),
        1 => format!("{part}%"),
        2 => format!("%{part}"),
        3 => format!("%{part}%{}%", escaped(&part_of(random, text))),
        _ => format!("%{part}_{}%", escaped(&part_of(random, text))),
    }
}

fn regex(random: &mut Random, text: &str) -> String {
    let part = regex::escape(&part_of(random, text));
    let other = regex::escape(&part_of(random, text));
    match random.below(10) {
        0 => part,
        1 => format!("{part}.*{other}"),
        2 => format!("({part}|{other})"),
        3 => format!("^{part}"),
        4 => format!("{part}$"),
        5 => format!("(?:{part})?{other}"),
        6 => format!("{part}[0-9]+"),
        7 => format!("(?i){part}"),
        8 => format!("({part}){{1,3}}"),
        _ => format!("(?:{part}|{other}|x)+"),
    }
}

fn leaf(random: &mut Random, rows: &[reference::Row]) -> Filter {
    let column = *random.pick(&TEXTS);
    let text = sample(random, column, rows);
    let column = column.to_owned();
    let (negated, ignore_case) = (random.chance(15), random.chance(35));
    match random.below(12) {
        0..3 => Filter::Compare {
            column,
            cmp: if negated {
                Comparison::NotEqual
            } else {
                Comparison::Equal
            },
            value: Literal::String(text),
        },
        3 => {
            let count = random.below(6);
            let mut values: Vec<Literal> = (0..count)
                .map(|_| Literal::String(sample(random, &column, rows)))
                .collect();
            values.push(Literal::String(text));
            Filter::In {
                column,
                values,
                negated,
            }
        }
        4..6 => Filter::Like {
            column,
            pattern: like(random, &text),
            negated,
            ignore_case,
        },
        6..8 => Filter::Contains {
            column,
            needle: part_of(random, &text),
            negated,
            ignore_case,
        },
        8..10 => Filter::Regex {
            column,
            pattern: regex(random, &text),
            negated,
            ignore_case,
        },
        10 => Filter::IsNull { column, negated },
        _ => Filter::Compare {
            column: "status".into(),
            cmp: *random.pick(&[Comparison::Equal, Comparison::Less]),
            value: Literal::Int64(random.below(600) as i64),
        },
    }
}

fn filter(random: &mut Random, rows: &[reference::Row], depth: usize) -> Filter {
    if depth == 0 || random.chance(50) {
        return leaf(random, rows);
    }
    let args = (0..1 + random.below(3))
        .map(|_| filter(random, rows, depth - 1))
        .collect();
    if random.chance(50) {
        Filter::And { args }
    } else {
        Filter::Or { args }
    }
}

fn parts(blocks: &[Vec<u8>]) -> Vec<Part<'_>> {
    let part = |source| Part {
        source,
        offset: 0,
        header: None,
    };
    blocks.iter().map(|source| part(source)).collect()
}

fn answer(request: &ScanRequest, blocks: &[Vec<u8>]) -> Result<(Vec<i64>, ScanStats), String> {
    let output = scan(request, &parts(blocks)).map_err(|error| error.to_string())?;
    let times = value::decode(&output.ipc).rows.into_iter().map(|row| match row[0] {
        value::Value::Int64(time) => time,
        _ => panic!("{row:?}"),
    });
    Ok((times.collect(), output.stats))
}

/// One stream and so many requests; returns the pages that indexes skipped.
fn run(seed: u64, requests: usize) -> u64 {
    let random = &mut Random(seed);
    let mut batches = Vec::new();
    let mut first = 1_700_000_000_000_000;
    for _ in 0..1 + random.below(2) {
        let rows = match random.below(4) {
            0 => 1 + random.below(PAGE_ROWS),
            1 => PAGE_ROWS + random.below(200),
            _ => 2 * PAGE_ROWS + random.below(PAGE_ROWS),
        };
        batches.push(batch(random, rows, first));
        first += rows as i64;
    }
    let encode = |options| {
        let encode = |batch| encode_block(batch, &options).unwrap();
        batches.iter().map(encode).collect::<Vec<_>>()
    };
    let (indexed, plain) = (encode(EncodeOptions::segment(1)), encode(EncodeOptions::wal(1)));
    let rows = reference::rows(&batches, &columns());
    let files: Vec<u64> = (0..indexed.len() as u64).collect();
    let mut slabs = [ROOMY_BYTES, SLAB_BYTES_MIN].map(|bytes| Slab::new(bytes, files.clone()));
    let mut skipped = 0;
    for number in 0..requests {
        let request = ScanRequest {
            stream: "test".into(),
            columns: columns(),
            time: TimeRange::default(),
            filter: Some(filter(random, &rows, 3)),
            output: Output::Rows {
                project: vec!["_timestamp".into()],
                limit: None,
            },
        };
        let mut evaluator = Evaluator::new(&request);
        let expected: Vec<i64> = rows
            .iter()
            .filter(|row| evaluator.passes(row))
            .map(|row| match row[0] {
                value::Value::Int64(time) => time,
                _ => unreachable!("every row has a time"),
            })
            .collect();
        let context = || {
            format!(
                "SCAN_SEED={seed}, request {number}: {}",
                serde_json::to_string(&request).unwrap()
            )
        };
        let (found, stats) = answer(&request, &indexed).unwrap_or_else(|error| panic!("{error}: {}", context()));
        let (without, _) = answer(&request, &plain).unwrap_or_else(|error| panic!("{error}: {}", context()));
        assert!(
            found == without,
            "{} with an index, {} without: {}",
            found.len(),
            without.len(),
            context()
        );
        assert!(
            found == expected,
            "{} found, {} expected: {}",
            found.len(),
            expected.len(),
            context()
        );
        assert!(
            stats.skipped_by_zone_map + stats.skipped_by_dictionary + stats.skipped_by_index <= stats.pages_skipped,
            "{stats:?}: {}",
            context()
        );
        skipped += stats.skipped_by_index;
        check_cached(&request, &parts(&indexed), &mut slabs).unwrap_or_else(|error| panic!("{error}: {}", context()));
    }
    skipped
}

#[test]
fn indexes_never_change_an_answer() {
    const REQUESTS: usize = 25;
    if let Ok(seed) = std::env::var("SCAN_SEED") {
        run(seed.parse().unwrap(), REQUESTS);
        return;
    }
    let (first, streams) = match std::env::var("BASALT_TEST_LONG").as_deref() {
        Ok("1") => {
            let now = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap();
            (now.as_nanos() as u64, 400)
        }
        _ => (1, 12),
    };
    println!("SCAN_SEED={first} and the {streams} after it");
    let skipped: u64 = (0..streams).map(|index| run(first.wrapping_add(index), REQUESTS)).sum();
    // What is never used proves nothing. Columns that are held as templates have no filters.
    assert!(skipped > 10 * streams, "indexes skipped only {skipped} pages");
}
