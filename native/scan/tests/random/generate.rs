//! Random streams: blocks whose columns come and go and change type, and requests over them.

use basalt_block::{Batch, Column, Spelled, Strings, Text, Validity, Values};
use basalt_scan::request::*;

/// splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Columns of the stream, with the types it has today and those older blocks may hold.
pub const COLUMNS: [(&str, RequestType, &[u8]); 9] = [
    ("_timestamp", RequestType::Int64, b"t"),
    ("int", RequestType::Int64, b"ib"),
    ("float", RequestType::Float64, b"fffib"),
    ("flag", RequestType::Bool, b"b"),
    ("level", RequestType::String, b"ssj"),
    ("message", RequestType::String, b"mll"),
    ("path", RequestType::String, b"p"),
    ("mixed", RequestType::String, b"sifbj"),
    ("tags", RequestType::Json, b"js"),
];

pub fn columns() -> Vec<ColumnRef> {
    COLUMNS
        .iter()
        .map(|(name, column_type, _)| ColumnRef {
            name: (*name).into(),
            column_type: *column_type,
        })
        .collect()
}

const TIME_ORIGIN: i64 = 1_700_000_000_000_000;

fn time(random: &mut Random, span: usize) -> i64 {
    TIME_ORIGIN + random.below(span) as i64 * 250_000
}

fn int(random: &mut Random) -> i64 {
    match random.below(20) {
        0 => *random.pick(&[i64::MIN, i64::MAX, i64::MIN + 1, i64::MAX - 1]),
        1..4 => random.next() as i64 % 1_000_000,
        _ => random.below(12) as i64 - 4,
    }
}

fn float(random: &mut Random) -> f64 {
    match random.below(24) {
        0 => *random.pick(&[f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        1..4 => *random.pick(&[0.0, -0.0]),
        _ => random.below(40) as f64 * 0.25 - 4.0,
    }
}

fn level(random: &mut Random) -> String {
    (*random.pick(&["info", "error", "warn", "", "ERROR", "débog", "1", "true", "0.5"])).into()
}

fn message(random: &mut Random) -> String {
    let words = [
        "disk",
        "Full",
        "ünïcode",
        "error",
        "ERR%",
        "a_b",
        "\n",
        "日本",
        "timeout",
        "\\",
        "retry",
        "ÄÖ",
        "42",
    ];
    let count = random.below(5);
    let mut text: Vec<String> = (0..count).map(|_| (*random.pick(&words)).to_owned()).collect();
    text.push(random.below(1000).to_string());
    text.join(*random.pick(&[" ", "", "-"]))
}

/// Lines that differ in little but digits, which segments hold as templates.
fn line(random: &mut Random) -> String {
    let (a, b, c) = (random.below(300), random.below(12), random.next() >> random.below(64));
    match random.below(7) {
        0 => format!("Invalid user from 10.0.{b}.{a} port {c}"),
        1 => format!("{a:05} retry {b}"),
        2 => format!("2026-11-{b:02}T10:{b:02}:{:02}Z disk full", a % 60),
        3 => format!("{c}"),
        4 => format!("blk_{c} terminating {b} ünïcode"),
        5 => String::new(),
        _ => format!("Error {b}{b}: {a}ms_{c:020}"),
    }
}

/// Long strings with a common start, so that bounds in headers are cut, within characters too.
fn path(random: &mut Random) -> String {
    let mut text = "/".repeat(random.below(3) + 29);
    for _ in 0..random.below(4) {
        text.push(*random.pick(&['a', 'b', 'ä', '\u{10FFFF}']));
    }
    text
}

fn json(random: &mut Random) -> String {
    (*random.pick(&["[1,2]", "{\"a\":1}", "[]", "[\"error\"]"])).into()
}

fn strings(random: &mut Random, rows: usize, json_column: bool, kind: u8) -> Strings {
    let value = |random: &mut Random| match kind {
        b'm' => message(random),
        b'l' => line(random),
        b'p' => path(random),
        _ if json_column => json(random),
        _ => level(random),
    };
    let few = 1 + random.below(6);
    let pool: Vec<String> = (0..few).map(|_| value(random)).collect();
    let from_pool = kind == b's' && random.chance(50);
    let mut text = Text::default();
    for _ in 0..rows {
        let value = if from_pool {
            random.pick(&pool).clone()
        } else {
            value(random)
        };
        text.push(value.as_bytes());
    }
    if random.chance(50) {
        Strings::Plain(text)
    } else {
        with_dictionary(&text)
    }
}

fn with_dictionary(text: &Text) -> Strings {
    let mut entries = Text::default();
    let mut seen = std::collections::HashMap::new();
    let mut codes = Vec::new();
    for row in 0..text.len() {
        let code = *seen.entry(text.get(row)).or_insert_with(|| {
            entries.push(text.get(row));
            entries.len() as u32 - 1
        });
        codes.push(code);
    }
    Strings::Dictionary { codes, entries }
}

/// A null row holds the placeholder that the batch's contract asks for.
fn blank_nulls(values: &mut Values, validity: &Validity) {
    for row in (0..values.len()).filter(|&row| !validity.is_valid(row)) {
        match values {
            Values::Int64(values) => values[row] = 0,
            Values::Float64(values) => values[row] = 0.0,
            Values::Bool(values) => values[row] = false,
            Values::String(Strings::Dictionary { .. })
            | Values::Json(Strings::Dictionary { .. })
            | Values::Spelled(_, Strings::Dictionary { .. }) => {}
            Values::String(strings) | Values::Json(strings) | Values::Spelled(_, strings) => {
                let mut text = Text::default();
                for other in 0..strings.len() {
                    text.push(if other == row { b"" } else { strings.get(other) });
                }
                *strings = Strings::Plain(text);
            }
        }
    }
}

fn validity(random: &mut Random, rows: usize) -> Option<Validity> {
    let percent = *random.pick(&[0, 0, 10, 50, 95, 100]);
    if percent == 0 {
        return None;
    }
    let mut words = vec![0; rows.div_ceil(64)];
    for row in 0..rows {
        if !random.chance(percent) {
            words[row / 64] |= 1 << (row % 64);
        }
    }
    let full = words.iter().map(|word: &u64| word.count_ones() as usize).sum::<usize>() == rows;
    (!full).then_some(Validity { words })
}

pub fn batch(random: &mut Random, rows: usize) -> Batch {
    let mut batch = Batch {
        rows,
        columns: Vec::new(),
    };
    let span = *random.pick(&[1, 3, 40, 4000]);
    let mut times: Vec<i64> = (0..rows).map(|_| time(random, span)).collect();
    if random.chance(60) {
        times.sort_unstable();
    }
    batch.columns.push(Column {
        name: "_timestamp".into(),
        validity: None,
        values: Values::Int64(times),
    });
    for (name, _, kinds) in COLUMNS.iter().skip(1) {
        if random.chance(20) {
            continue;
        }
        let mut values = match *random.pick(kinds) {
            b'i' => {
                let small = random.chance(50);
                Values::Int64(
                    (0..rows)
                        .map(|_| if small { random.below(3) as i64 } else { int(random) })
                        .collect(),
                )
            }
            b'f' => {
                let plain = random.chance(50);
                let value = |random: &mut Random| {
                    if plain {
                        random.below(9) as f64 * 0.25
                    } else {
                        float(random)
                    }
                };
                Values::Float64((0..rows).map(|_| value(random)).collect())
            }
            b'b' => {
                let percent = *random.pick(&[0, 50, 100]);
                Values::Bool((0..rows).map(|_| random.chance(percent)).collect())
            }
            b'j' => Values::Json(strings(random, rows, true, b's')),
            kind => {
                let strings = strings(random, rows, false, kind);
                // A block may know that some of its texts were numbers.
                match *name != "tags" && random.chance(20) {
                    true => Values::Spelled(Spelled::TextNumber, strings),
                    false => Values::String(strings),
                }
            }
        };
        let validity = validity(random, rows);
        if let Some(validity) = &validity {
            if rows > 2000 && !matches!(values, Values::Int64(_) | Values::Float64(_) | Values::Bool(_)) {
                // Rewriting the text for each null row would take long; a dictionary needs no placeholder.
                if let Values::String(strings) | Values::Json(strings) | Values::Spelled(_, strings) = &mut values
                    && let Strings::Plain(text) = strings
                {
                    *strings = with_dictionary(text);
                }
            }
            blank_nulls(&mut values, validity);
        }
        batch.columns.push(Column {
            name: (*name).into(),
            validity,
            values,
        });
    }
    batch
}

fn literal(random: &mut Random, name: &str) -> Literal {
    match name {
        "_timestamp" => Literal::Int64(time(random, 50)),
        "int" => Literal::Int64(int(random)),
        "float" => loop {
            let value = float(random);
            if value.is_finite() {
                return Literal::Float64(value);
            }
        },
        "flag" => Literal::Bool(random.chance(50)),
        "message" if random.chance(50) => Literal::String(line(random)),
        "message" => Literal::String(message(random)),
        "path" => Literal::String(path(random)),
        "tags" => Literal::String(json(random)),
        _ => Literal::String(if random.chance(50) {
            level(random)
        } else {
            int(random).to_string()
        }),
    }
}

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];
const TEXT_COLUMNS: [&str; 5] = ["level", "message", "path", "mixed", "tags"];
const PATTERNS: [&str; 32] = [
    "",
    "%",
    "%error%",
    "error",
    "e%",
    "%r",
    "%a_b%",
    "%ÄÖ%",
    "%äö%",
    "_nfo",
    "%\\%%",
    "%dis%42%",
    "///%",
    "%[1%",
    "tr%",
    "%\n%",
    "0.%",
    "%日%",
    "1",
    "%ERR%e%",
    "%Invalid user%",
    "%user%port 1%",
    "%10.0.1.1%",
    "0%",
    "%9",
    "2026-11-0_T%",
    "%blk_%terminating%",
    "%1%1%",
    "%12%3%",
    "%error 1%",
    "00%retry%",
    "%_ms%0",
];
const NEEDLES: [&str; 18] = [
    "error",
    "Err",
    "",
    "ÄÖ",
    "42",
    "日本",
    "/",
    "\"a\"",
    "tru",
    "ïc",
    "Invalid user",
    "10.0.1",
    "0",
    "11",
    "1:",
    "port 2",
    "Z disk",
    ".11",
];
const EXPRESSIONS: [&str; 18] = [
    "^err",
    "o+",
    "\\d{2,}",
    "a.b",
    "(disk|full)",
    "ä",
    "^$",
    "[1-3]$",
    "blk_-?[0-9]+ terminating",
    "port [0-9]{3,5}$",
    "^[0-9]+$",
    "[0-9]+\\.[0-9]+",
    "\\b1\\d*",
    "ms_0*[1-9]",
    "user|blk",
    "^\\d+ retry",
    "11[:.]",
    "T10:(0|1)[0-9]",
];

fn leaf(random: &mut Random) -> Filter {
    let column: String = random.pick(&COLUMNS).0.into();
    let text: String = (*random.pick(&TEXT_COLUMNS)).into();
    let (negated, ignore_case) = (random.chance(40), random.chance(40));
    match random.below(14) {
        0..5 => Filter::Compare {
            cmp: *random.pick(&COMPARISONS),
            value: literal(random, &column),
            column,
        },
        5..7 => {
            let count = *random.pick(&[0, 1, 2, 5, 20]);
            let values = (0..count).map(|_| literal(random, &column)).collect();
            Filter::In {
                column,
                values,
                negated,
            }
        }
        7..9 => Filter::Like {
            column: text,
            pattern: (*random.pick(&PATTERNS)).into(),
            negated,
            ignore_case,
        },
        9..11 => Filter::Contains {
            column: text,
            needle: (*random.pick(&NEEDLES)).into(),
            negated,
            ignore_case,
        },
        11 => Filter::Regex {
            column: text,
            pattern: (*random.pick(&EXPRESSIONS)).into(),
            negated,
            ignore_case,
        },
        12 => Filter::IsNull { column, negated },
        _ => Filter::Constant {
            value: random.chance(50),
        },
    }
}

fn filter(random: &mut Random, depth: usize) -> Filter {
    if depth == 0 || random.chance(40) {
        return leaf(random);
    }
    let args = (0..random.below(4)).map(|_| filter(random, depth - 1)).collect();
    if random.chance(50) {
        Filter::And { args }
    } else {
        Filter::Or { args }
    }
}

fn project(random: &mut Random) -> Vec<String> {
    let mut names: Vec<String> = COLUMNS.iter().map(|(name, ..)| (*name).into()).collect();
    while random.chance(75) && !names.is_empty() {
        names.remove(random.below(names.len()));
    }
    names.reverse();
    names
}

fn group(random: &mut Random) -> Group {
    if random.chance(35) {
        let column: String = (*random.pick(&["_timestamp", "_timestamp", "int"])).into();
        let width = *random.pick(&[1, 1_000_000, 60_000_000, i64::MAX]);
        return Group::Bucket {
            column,
            width,
            origin: *random.pick(&[0, 7, -3]),
        };
    }
    Group::Column {
        column: random.pick(&COLUMNS).0.into(),
    }
}

/// A function that `functions::TestFunctions` knows.
fn function(first: String, second: &str) -> Aggregate {
    let column = |column: String| Argument::Column { column, cast: None };
    Aggregate::Function {
        name: "pairs".into(),
        arguments: vec![
            column(first),
            Argument::Constant {
                value: Literal::Int64(3),
            },
            column(second.into()),
        ],
        distinct: false,
    }
}

fn aggregate(random: &mut Random) -> Aggregate {
    let number: String = (*random.pick(&["int", "float", "_timestamp"])).into();
    let any: String = random.pick(&COLUMNS).0.into();
    let orderable: String = random.pick(&COLUMNS[..8]).0.into();
    match random.below(8) {
        0 => Aggregate::CountRows,
        1 => Aggregate::Count { column: any },
        2 => Aggregate::Sum { column: number },
        3 => Aggregate::Min { column: orderable },
        4 => Aggregate::Max { column: orderable },
        5 => Aggregate::Sketch { column: number },
        6 => function(any, random.pick(&COLUMNS).0),
        _ => Aggregate::Average { column: number },
    }
}

pub fn request(random: &mut Random) -> ScanRequest {
    let bound = time(random, 50);
    let time = match random.below(5) {
        0 => TimeRange {
            min: Some(time(random, 50)),
            max: Some(time(random, 4000)),
        },
        1 => TimeRange {
            min: Some(time(random, 4000)),
            max: None,
        },
        2 => TimeRange {
            min: None,
            max: Some(*random.pick(&[bound, i64::MIN, i64::MAX])),
        },
        _ => TimeRange::default(),
    };
    let output = match random.below(6) {
        0..2 => Output::Rows {
            project: project(random),
            limit: *random.pick(&[None, None, Some(0), Some(1), Some(7), Some(500)]),
        },
        2..4 => Output::TopTime {
            project: project(random),
            descending: random.chance(60),
            limit: *random.pick(&[0, 1, 3, 10, 100, 9000, u64::MAX]),
        },
        _ => Output::Aggregate {
            groups: (0..*random.pick(&[0, 1, 1, 2, 3, 4])).map(|_| group(random)).collect(),
            aggregates: (0..random.below(4)).map(|_| aggregate(random)).collect(),
            top: None,
        },
    };
    let filter = random.chance(75).then(|| filter(random, 3));
    ScanRequest {
        stream: "test".into(),
        columns: columns(),
        time,
        filter,
        output,
    }
}
