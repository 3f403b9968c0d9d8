//! Damaged bodies: nothing panics, every batch stays whole, and JSON is told from other text as serde_json does.

use crate::cells::{shred, shred_one};
use crate::generator::{Generator, Random, Style};
use basalt_shred::BodyFormat::{self, Bulk, Json, Multi};
use basalt_shred::{ShredLimits, ShredRequest};

const FORMATS: [BodyFormat; 3] = [Json, Multi, Bulk];

fn wild(seed: u64) -> Generator {
    let style = Style {
        line_breaks: false,
        spaced_percent: 15,
        colliding: true,
        wild_percent: 50,
    };
    Generator {
        random: Random::new(seed),
        style,
    }
}

fn sample_bodies(seed: u64) -> Vec<(String, BodyFormat)> {
    let mut generator = wild(seed);
    let records: Vec<String> = (0..6).map(|_| generator.record()).collect();
    let bulk: String = records
        .iter()
        .enumerate()
        .map(|(i, record)| {
            format!(
                "{{\"create\":{{\"_index\":\"s{}\",\"_id\":\"{i}\"}}}}\n{record}\n",
                i % 2
            )
        })
        .collect();
    vec![
        (format!("[{}]", records.join(",")), Json),
        (records.join("\n"), Json),
        (records.join("\r\n"), Multi),
        (bulk, Bulk),
    ]
}

/// Shreds the damaged body between two good ones, which must not notice.
fn shred_between(body: &[u8], format: BodyFormat) {
    let good = ShredRequest {
        body: b"[{\"level\":\"x\",\"status\":1}]",
        format: Json,
        organization: 1,
        stream: "s0",
    };
    let damaged = ShredRequest {
        body,
        format,
        organization: 1,
        stream: "s0",
    };
    let limits = ShredLimits {
        depth_max: 8,
        columns_max: 12,
        record_bytes_max: 400,
        flatten_levels: 3,
    };
    let (groups, outcomes) = shred(&[good, damaged, good], &limits);
    assert_eq!((outcomes[0].successful, outcomes[2].successful), (1, 1));
    // The text for a record that the fast path gives up on and the strict walk finds no fault with.
    assert!(
        outcomes[1]
            .errors
            .iter()
            .all(|error| !error.message.contains("expected a record"))
    );
    let rows: usize = groups.iter().map(|group| group.batch.rows).sum();
    assert_eq!(rows, 2 + outcomes[1].successful as usize);
}

#[test]
fn bodies_cut_at_every_byte() {
    for seed in 0..6 {
        for (body, format) in sample_bodies(seed) {
            for cut in 0..body.len() {
                shred_between(&body.as_bytes()[..cut], format);
            }
        }
    }
}

#[test]
fn flipped_and_replaced_bytes() {
    let mut random = Random::new(99);
    for seed in 100..140 {
        for (body, format) in sample_bodies(seed) {
            for _ in 0..150 {
                let mut bytes = body.clone().into_bytes();
                for _ in 0..1 + random.below(3) {
                    let place = random.below(bytes.len());
                    match random.below(4) {
                        0 => bytes[place] ^= 1 << random.below(8),
                        1 => bytes[place] = b"{}[]\",:\\\n0-.eu"[random.below(14)],
                        2 => drop(bytes.remove(place)),
                        _ => bytes.insert(place, b"{}[]\",:\\\n0-.eu"[random.below(14)]),
                    }
                    if bytes.is_empty() {
                        bytes.push(b'{');
                    }
                }
                let format = if random.chance(10) {
                    FORMATS[random.below(3)]
                } else {
                    format
                };
                shred_between(&bytes, format);
            }
        }
    }
}

#[test]
fn random_tokens() {
    let mut random = Random::new(7);
    for _ in 0..60_000 {
        let mut body = String::new();
        for _ in 0..random.below(25) {
            body.push_str(random.pick(&[
                "{",
                "}",
                "[",
                "]",
                ",",
                ":",
                "\"a\"",
                "\"\"",
                "\"_timestamp\"",
                "1",
                "-",
                "0.5",
                "1e9",
                "null",
                "true",
                "\n",
                " ",
                "\"",
                "\\",
                "{\"a\":",
                "},",
                "{\"index\":{}}\n",
                "é",
                "\u{0}",
            ]));
        }
        shred_between(body.as_bytes(), FORMATS[random.below(3)]);
    }
}

/// One object is stored exactly if serde_json takes it for one. (Records whose time is no time are left out.)
#[test]
fn accepts_what_serde_json_accepts() {
    let mut generator = wild(5);
    let mut accepted = 0;
    for round in 0..60_000 {
        let mut bytes = generator.record().into_bytes();
        if round % 3 != 0 {
            let place = generator.random.below(bytes.len());
            match generator.random.below(3) {
                0 => bytes[place] = (32 + generator.random.below(96)) as u8,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, b"{}[]\",:\\0-.eu+ "[generator.random.below(15)]),
            }
        }
        // serde_json keeps no number beyond the floats, so it cannot judge those.
        let whole = serde_json::from_slice::<serde_json::Value>(&bytes);
        let is_record = whole.as_ref().is_ok_and(serde_json::Value::is_object);
        let is_out_of_range = whole.is_err_and(|error| error.to_string().contains("number out of range"));
        let (_, outcome) = shred_one(&bytes, Json);
        if is_out_of_range || outcome.errors.iter().any(|error| error.message.contains("timestamp")) {
            continue;
        }
        accepted += is_record as usize;
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(
            outcome.successful == 1 && outcome.rejected.is_none(),
            is_record,
            "{text:?} {outcome:?}"
        );
    }
    assert!(accepted > 10_000);
}
