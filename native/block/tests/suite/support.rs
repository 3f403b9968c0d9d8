//! Seeded random batches and the comparison of batches by meaning, for the tests of this crate.
//! The golden files are made from these batches: what a seed gives must never change.

use basalt_block::*;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn int(&mut self, style: u64) -> i64 {
        match style % 6 {
            0 => 42,
            1 => self.below(300) as i64 - 100,
            2 => self.next() as i64,
            3 => [i64::MIN, i64::MAX, 0, -1][self.below(4) as usize],
            4 => 1_795_305_603_866_150 + self.below(1 << 20) as i64,
            _ => (self.next() >> self.below(64)) as i64,
        }
    }

    pub fn float(&mut self, style: u64) -> f64 {
        let special = [
            -0.0,
            0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            f64::MAX,
            5e-324,
        ];
        match style % 6 {
            0 => 1.5,
            1 => self.below(1_000_000) as f64 / 1000.0,
            2 => f64::from_bits(self.next()),
            3 => special[self.below(8) as usize],
            4 if self.below(50) == 0 => special[self.below(8) as usize],
            4 => self.below(100_000) as f64 / 100.0 - 500.0,
            _ => self.below(1 << 20) as f64,
        }
    }

    pub fn text(&mut self, style: u64) -> String {
        match style % 9 {
            8 => format!("{}{}é{:05}", self.next(), self.next(), self.below(99_999)),
            0 => "always".into(),
            1 => ["GET", "POST", "", "DELETE"][self.below(4) as usize].into(),
            2 => format!("{:016x}{:016x}", self.next(), self.next()),
            3 => {
                let id = format!("{:016x}{:016x}", self.next(), self.next());
                format!(
                    "{}-{}-{}-{}-{}",
                    &id[..8],
                    &id[8..12],
                    &id[12..16],
                    &id[16..20],
                    &id[20..]
                )
            }
            4 => format!(
                "connection {} from 10.0.{}.{} closed",
                self.next(),
                self.below(256),
                self.below(256)
            ),
            5 => "\u{1F525}é\u{10FFFF}x"
                .chars()
                .cycle()
                .skip(self.below(4) as usize)
                .take(self.below(30) as usize)
                .collect(),
            6 => (0..self.below(9))
                .map(|_| char::from(b'a' + self.below(26) as u8))
                .collect(),
            _ => format!("{:08x}", self.below(1000)),
        }
    }
}

/// A batch of `rows` rows with a column of every type and several styles of values.
pub fn random_batch(random: &mut Random, rows: usize, column_count: usize) -> Batch {
    let mut time = 1_795_305_603_866_150i64;
    let sorted = random.below(2) == 0;
    let times = (0..rows).map(|_| {
        time += random.below(40_000) as i64 - if sorted { 0 } else { 20_000 };
        time
    });
    let mut columns = vec![Column {
        name: "_timestamp".into(),
        validity: None,
        values: Values::Int64(times.collect()),
    }];
    for index in 0..column_count {
        columns.push(random_column(random, format!("c{index}"), rows));
    }
    Batch { rows, columns }
}

pub fn random_column(random: &mut Random, name: String, rows: usize) -> Column {
    let style = random.next();
    let values = match random.below(7) {
        0 => Values::Int64((0..rows).map(|_| random.int(style)).collect()),
        1 => Values::Float64((0..rows).map(|_| random.float(style)).collect()),
        2 => Values::Bool(
            (0..rows)
                .map(|_| match style % 3 {
                    0 => true,
                    1 => random.below(2) == 0,
                    _ => false,
                })
                .collect(),
        ),
        3 => Values::Json(Strings::Plain(plain(random, rows, style))),
        4 => Values::String(coded(&plain(random, rows, style))),
        _ => Values::String(Strings::Plain(plain(random, rows, style))),
    };
    let validity = match random.below(5) {
        0 => Some(random_validity(random, rows, 2)),
        1 => Some(random_validity(random, rows, 40)),
        2 => {
            let mut sparse = random_validity(random, rows, 40);
            sparse.words.iter_mut().for_each(|word| *word = !*word);
            if !rows.is_multiple_of(64) {
                *sparse.words.last_mut().unwrap() &= (1 << (rows % 64)) - 1;
            }
            Some(sparse)
        }
        3 if random.below(4) == 0 => Some(Validity {
            words: vec![0; rows.div_ceil(64)],
        }),
        _ => None,
    };
    Column { name, validity, values }
}

fn random_validity(random: &mut Random, rows: usize, one_null_in: u64) -> Validity {
    let mut words = vec![0u64; rows.div_ceil(64)];
    for row in 0..rows {
        words[row / 64] |= u64::from(random.below(one_null_in) != 0) << (row % 64);
    }
    Validity { words }
}

fn plain(random: &mut Random, rows: usize, style: u64) -> Text {
    let mut text = Text::default();
    (0..rows).for_each(|_| text.push(random.text(style).as_bytes()));
    text
}

fn coded(text: &Text) -> Strings {
    let mut codes_of = std::collections::HashMap::new();
    let mut entries = Text::default();
    let codes = (0..text.len()).map(|row| {
        let next = codes_of.len() as u32;
        *codes_of.entry(text.get(row).to_vec()).or_insert_with(|| {
            entries.push(text.get(row));
            next
        })
    });
    Strings::Dictionary {
        codes: codes.collect(),
        entries,
    }
}

/// One value by meaning; floats by their bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Int64(i64),
    Float64(u64),
    Bool(bool),
    Text(ColumnType, Vec<u8>),
}

pub fn cell(column: &Column, row: usize) -> Cell {
    if column.validity.as_ref().is_some_and(|validity| !validity.is_valid(row)) {
        return Cell::Null;
    }
    match &column.values {
        Values::Int64(values) => Cell::Int64(values[row]),
        Values::Float64(values) => Cell::Float64(values[row].to_bits()),
        Values::Bool(values) => Cell::Bool(values[row]),
        Values::String(strings) => Cell::Text(ColumnType::String, strings.get(row).to_vec()),
        Values::Json(strings) => Cell::Text(ColumnType::Json, strings.get(row).to_vec()),
        Values::Spelled(spelled, strings) => Cell::Text(spelled.column_type(), strings.get(row).to_vec()),
    }
}

/// Panics with the place where two batches differ in meaning.
pub fn assert_same(actual: &Batch, expected: &Batch, context: &str) {
    assert_eq!(actual.rows, expected.rows, "{context}: rows");
    let mut columns: Vec<&Column> = expected.columns.iter().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        actual
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect::<Vec<_>>(),
        names,
        "{context}"
    );
    for (actual, expected) in actual.columns.iter().zip(columns) {
        assert_eq!(
            actual.values.column_type(),
            expected.values.column_type(),
            "{context}: {}",
            expected.name
        );
        assert_eq!(
            actual.values.len(),
            expected.values.len(),
            "{context}: {}",
            expected.name
        );
        for row in 0..expected.values.len() {
            assert_eq!(
                cell(actual, row),
                cell(expected, row),
                "{context}: {} row {row}",
                expected.name
            );
        }
    }
}

/// The string with each maximal run of ASCII digits replaced by one `0`.
pub fn template(string: &[u8]) -> Vec<u8> {
    let mut template: Vec<u8> = string
        .iter()
        .map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte })
        .collect();
    template.dedup_by(|a, b| *a == b'0' && *b == b'0');
    template
}

/// One line of a made-up log: runs of every length, leading zeros, slots that hardly change and slots that do.
fn log_line(random: &mut Random, style: u64) -> String {
    let zeros = "0".repeat(random.below(30) as usize);
    // Long runs of zeros, which other encodings hold better, are rare.
    let kind = match random.below(1500) {
        0 => 6,
        1 => 7,
        _ => [0, 1, 2, 3, 4, 5, 8][(style + random.below(4)) as usize % 7],
    };
    match kind {
        0 => format!(
            "2026-11-{:02} 10.0.{}.{} closed by the other side of the connection",
            random.below(3),
            random.below(256),
            random.below(4)
        ),
        1 if random.below(200) == 0 => format!("{}{}", zeros, random.next()),
        1 => format!("{}", random.next()),
        2 => format!(
            "worker id{} of {:04} took the next batch y{}",
            random.below(10),
            random.below(30),
            random.next()
        ),
        3 => String::new(),
        4 => format!(
            "ünïcode is found in field {} of table é{}",
            random.below(100_000),
            random.below(2)
        ),
        5 => "no digits at all, but long enough that it is copied in more than one piece of thirty-two bytes".into(),
        6 => format!("{:0>255}", random.below(1000)),
        7 => format!("{:0>130}/7", random.below(1000)),
        _ => format!("{}", random.below(10)),
    }
}

/// A batch of `_timestamp` and a column `line` of such lines.
pub fn log_batch(random: &mut Random, rows: usize, null_percent: u64) -> Batch {
    let style = random.below(9);
    let mut text = Text::default();
    let mut words = vec![0u64; rows.div_ceil(64)];
    for row in 0..rows {
        let present = random.below(100) >= null_percent;
        words[row / 64] |= u64::from(present) << (row % 64);
        let string = if present {
            log_line(random, style)
        } else {
            String::new()
        };
        text.push(string.as_bytes());
    }
    let times = Column {
        name: "_timestamp".into(),
        validity: None,
        values: Values::Int64((0..rows as i64).collect()),
    };
    let lines = Column {
        name: "line".into(),
        validity: (null_percent > 0).then_some(Validity { words }),
        values: Values::String(Strings::Plain(text)),
    };
    Batch {
        rows,
        columns: vec![times, lines],
    }
}

/// Each batch as a block of its own.
pub fn blocks_of(batches: &[Batch], options: &EncodeOptions) -> Vec<Vec<u8>> {
    batches
        .iter()
        .map(|batch| encode_block(batch, options).unwrap())
        .collect()
}

/// Blocks that begin their sources, to be merged in this order.
pub fn inputs_of(blocks: &[Vec<u8>], reusable: bool) -> Vec<MergeInput<'_>> {
    let input = |source| MergeInput {
        source,
        offset: 0,
        reusable,
    };
    blocks.iter().map(|block| input(block as &dyn ReadAt)).collect()
}
