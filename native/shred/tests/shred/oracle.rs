//! Random records in random bodies against the slow reference, cell by cell.

use crate::cells::{Row, rows_of, shred};
use crate::generator::{Generator, Random, Style};
use crate::reference::Stream;
use basalt_shred::{BodyFormat, ShredLimits, ShredRequest};

struct Body {
    text: String,
    format: BodyFormat,
    stream: usize,
    is_refused: bool,
    failed: u32,
}

/// Records that fail alone.
const FAILING: &[&str] = &[
    "5",
    "[1]",
    "null",
    "{\"level\":\"other\",\"odd\":\"\\ud800\"}",
    "{\"status\":\"text\",\"new\":1,\"_timestamp\":\"never\"}",
    "{\"ratio\":\"x\",\"kubernetes\":{\"pod\":{\"x\":1}},\"message\":\"odd\",\"z\":\"\\udfff\"}",
];

/// A body, and its effect on the expected streams.
fn next_body(generator: &mut Generator, streams: &mut [Stream]) -> Body {
    let format = if generator.random.chance(30) {
        BodyFormat::Multi
    } else {
        BodyFormat::Json
    };
    let is_array = format == BodyFormat::Json && generator.random.chance(70);
    generator.style.line_breaks = is_array;
    let stream = generator.random.below(streams.len());
    let is_refused = is_array && generator.random.chance(15);
    let mut records = Vec::new();
    let mut failed = 0;
    for place in 0..1 + generator.random.below(60) {
        // The first byte of a JSON body decides what it is.
        let record = match place > 0 && generator.random.chance(3) {
            true => generator.random.pick(FAILING).to_owned(),
            false => generator.record(),
        };
        if !is_refused && (FAILING.contains(&record.as_str()) || !streams[stream].add(&record)) {
            failed += 1;
        }
        records.push(record);
    }
    let mut text = if is_array {
        format!("[{}]", records.join(", "))
    } else {
        records.join("\n")
    };
    if is_refused {
        let mut cut = generator.random.below(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        text.truncate(cut);
    }
    Body {
        text,
        format,
        stream,
        is_refused,
        failed,
    }
}

fn run(seed: u64, style: Style, columns_max: usize) {
    let mut generator = Generator {
        random: Random::new(seed),
        style,
    };
    let mut streams: Vec<Stream> = (0..2).map(|_| Stream::new(columns_max)).collect();
    let bodies: Vec<Body> = (0..1 + generator.random.below(30))
        .map(|_| next_body(&mut generator, &mut streams))
        .collect();
    let requests: Vec<ShredRequest> = bodies
        .iter()
        .map(|body| ShredRequest {
            body: body.text.as_bytes(),
            format: body.format,
            organization: 3,
            stream: ["x", "y"][body.stream],
        })
        .collect();
    let limits = ShredLimits {
        columns_max,
        ..ShredLimits::default()
    };
    let (groups, outcomes) = shred(&requests, &limits);
    for (place, (body, outcome)) in bodies.iter().zip(&outcomes).enumerate() {
        assert_eq!(
            outcome.rejected.is_some(),
            body.is_refused,
            "seed {seed}, body {place}: {outcome:?}"
        );
        assert_eq!(
            outcome.failed, body.failed,
            "seed {seed}, body {place}: {outcome:?} {}",
            body.text
        );
    }
    for (place, stream) in streams.iter().enumerate() {
        let group = groups.iter().find(|group| group.stream == ["x", "y"][place]);
        let rows = group.map(|group| rows_of(&group.batch)).unwrap_or_default();
        compare(seed, &rows, &stream.rows());
    }
}

fn compare(seed: u64, rows: &[Row], expected: &[Row]) {
    assert_eq!(rows.len(), expected.len(), "seed {seed}");
    for (place, (row, expected)) in rows.iter().zip(expected).enumerate() {
        assert_eq!(row, expected, "seed {seed}, row {place}");
    }
}

#[test]
fn plain_records() {
    for seed in 0..150 {
        run(
            seed,
            Style {
                line_breaks: false,
                spaced_percent: 0,
                colliding: false,
                wild_percent: 5,
            },
            1024,
        );
    }
}

#[test]
fn wild_records() {
    for seed in 1000..1150 {
        run(
            seed,
            Style {
                line_breaks: true,
                spaced_percent: 20,
                colliding: true,
                wild_percent: 60,
            },
            100_000,
        );
    }
}

#[test]
fn records_with_more_fields_than_columns() {
    for seed in 2000..2150 {
        let columns_max = 2 + seed as usize % 30;
        run(
            seed,
            Style {
                line_breaks: true,
                spaced_percent: 10,
                colliding: false,
                wild_percent: 20,
            },
            columns_max,
        );
    }
}
