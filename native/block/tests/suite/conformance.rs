//! Every codec of every kind under the same contract: a new codec is tested by being listed in `Kind::CODECS`.

use crate::support::Random;
use basalt_block::codec::{self, Bools, Codec, Codes, Floats, Ints, Kind, TextSlice, Texts};
use basalt_block::{EncodeOptions, PAGE_ROWS, Text};
use std::fmt::Debug;

const COUNTS: [usize; 8] = [1, 2, 63, 64, 1023, 1025, 3000, PAGE_ROWS];
const SEED: u64 = 0x0B5E_55ED;

/// Round trip of one codec, then damaged payloads: an error or values of the right count, never a panic.
fn check<K: Kind>(
    codec: &dyn Codec<K>,
    values: K::Values<'_>,
    count: usize,
    same: &dyn Fn(&K::Decoded) -> bool,
    length_of: &dyn Fn(&K::Decoded) -> usize,
    raw_bytes: usize,
    must_take: bool,
) {
    let stats = K::collect(values);
    let name = codec.name();
    let Some(estimate) = codec.estimate_bytes(values, &stats) else {
        assert!(!must_take, "{name} is the last resort and refused {count} values");
        return;
    };
    let mut payload = vec![0xAB];
    if codec.encode(values, &stats, 1, &mut payload).is_err() {
        assert!(!must_take, "{name} is the last resort and declined {count} values");
        return;
    }
    assert_eq!(payload.remove(0), 0xAB, "{name} changed what was there before");
    assert!(
        payload.len() <= raw_bytes + raw_bytes / 4 + 40,
        "{name}: {} of {raw_bytes} bytes",
        payload.len()
    );
    assert!(
        estimate <= raw_bytes + raw_bytes / 4 + 40,
        "{name} estimates {estimate} of {raw_bytes} bytes"
    );
    let mut decoded = K::Decoded::default();
    codec
        .decode(&payload, count, &mut decoded)
        .unwrap_or_else(|damage| panic!("{name}: {damage}"));
    assert!(same(&decoded), "{name}: {count} values came back changed");

    let step = (payload.len() / 60).max(1);
    for at in (0..payload.len()).step_by(step).chain(0..payload.len().min(24)) {
        let mut cut = K::Decoded::default();
        if codec.decode(&payload[..at], count, &mut cut).is_ok() {
            assert_eq!(length_of(&cut), count, "{name}: cut to {at} bytes");
        }
        let mut damaged = payload.clone();
        damaged[at] ^= 1 << (at % 8);
        let mut decoded = K::Decoded::default();
        if codec.decode(&damaged, count, &mut decoded).is_ok() {
            assert_eq!(length_of(&decoded), count, "{name}: damaged at {at}");
        }
    }
}

fn check_fixed<K, T>(mut make: impl FnMut(&mut Random, u64) -> T, styles: u64, bits: impl Fn(T) -> u64)
where
    T: Copy + Debug + 'static,
    K: for<'v> Kind<Values<'v> = &'v [T], Decoded = Vec<T>>,
{
    let mut random = Random(SEED);
    for style in 0..styles {
        for count in COUNTS {
            let values: Vec<T> = (0..count).map(|_| make(&mut random, style)).collect();
            let same = |decoded: &Vec<T>| {
                decoded.len() == count && decoded.iter().zip(&values).all(|(a, b)| bits(*a) == bits(*b))
            };
            for (index, codec) in K::CODECS.iter().enumerate() {
                let must_take = index == K::CODECS.len() - 1;
                check::<K>(
                    *codec,
                    &values,
                    count,
                    &same,
                    &Vec::len,
                    count * size_of::<T>(),
                    must_take,
                );
            }
        }
    }
}

#[test]
fn ints() {
    check_fixed::<Ints, i64>(|random, style| random.int(style), 6, |value| value as u64);
    let mut counter = 0;
    check_fixed::<Ints, i64>(
        |random, _| {
            counter += random.below(1000) as i64;
            counter
        },
        1,
        |value| value as u64,
    );
}

#[test]
fn floats() {
    check_fixed::<Floats, f64>(|random, style| random.float(style), 6, f64::to_bits);
}

#[test]
fn bools() {
    check_fixed::<Bools, bool>(
        |random, style| style == 0 || style == 1 && random.below(2) == 0,
        3,
        u64::from,
    );
}

#[test]
fn codes() {
    check_fixed::<Codes, u32>(|random, style| random.below(1 << (style * 8)) as u32, 4, u64::from);
    check_fixed::<Codes, u32>(|random, _| random.next() as u32, 1, u64::from);
}

#[test]
fn texts() {
    let mut random = Random(SEED);
    for style in 0..9 {
        for count in COUNTS {
            let mut text = Text::default();
            (0..count).for_each(|_| text.push(random.text(style).as_bytes()));
            let same = |decoded: &Text| decoded == &text;
            let raw_bytes = text.bytes.len() + 4 * count;
            for (index, codec) in Texts::CODECS.iter().enumerate() {
                let must_take = index == Texts::CODECS.len() - 1;
                check::<Texts>(
                    *codec,
                    TextSlice::of(&text),
                    count,
                    &same,
                    &Text::len,
                    raw_bytes,
                    must_take,
                );
            }
        }
    }
}

#[test]
fn a_slice_of_a_longer_text_encodes_alike() {
    let mut text = Text::default();
    (0..100).for_each(|row| text.push(format!("row number {row}").as_bytes()));
    let part = TextSlice {
        offsets: &text.offsets[40..=60],
        bytes: &text.bytes,
    };
    for codec in Texts::CODECS {
        let stats = Texts::collect(part);
        let mut payload = Vec::new();
        if codec.estimate_bytes(part, &stats).is_some() && codec.encode(part, &stats, 1, &mut payload).is_ok() {
            let mut decoded = Text::default();
            codec.decode(&payload, 20, &mut decoded).unwrap();
            assert!(
                (0..20).all(|row| decoded.get(row) == text.get(row + 40)),
                "{}",
                codec.name()
            );
        }
    }
}

#[test]
fn digits_come_back_in_runs_of_any_length() {
    let digits = Texts::CODECS.iter().find(|codec| codec.name() == "digits").unwrap();
    let mut text = Text::default();
    for length in 0..45 {
        let run: String = (0..length).map(|at| char::from(b'0' + (at * 7 % 10) as u8)).collect();
        let long = "words without any digit that are longer than two copies of thirty-two bytes each";
        for string in [format!("{run}x{run}"), run.clone(), String::new(), run, long.into()] {
            text.push(string.as_bytes());
        }
    }
    let values = TextSlice::of(&text);
    let stats = Texts::collect(values);
    for level in [-5, 1, 3, 19] {
        let mut payload = Vec::new();
        digits.encode(values, &stats, level, &mut payload).unwrap();
        let mut decoded = Text::default();
        digits.decode(&payload, text.len(), &mut decoded).unwrap();
        assert_eq!(decoded, text);
        assert!(digits.decode(&payload, text.len() - 1, &mut decoded).is_err());
        assert!(digits.decode(&payload, text.len() + 1, &mut decoded).is_err());
    }
}

#[test]
fn hex_takes_ids_and_refuses_other_shapes() {
    let hex = Texts::CODECS.iter().find(|codec| codec.name() == "hex").unwrap();
    let takes = |strings: &[&str]| {
        let mut text = Text::default();
        strings.iter().for_each(|string| text.push(string.as_bytes()));
        let values = TextSlice::of(&text);
        let stats = Texts::collect(values);
        hex.estimate_bytes(values, &stats).is_some() && hex.encode(values, &stats, 1, &mut Vec::new()).is_ok()
    };
    assert!(takes(&["0123456789abcdef", "fedcba9876543210"]));
    assert!(takes(&[
        "6f1c2e5a-0b1d-4c3e-9f2a-7d8e9fa0b1c2",
        "00000000-0000-0000-0000-000000000000"
    ]));
    assert!(
        !takes(&["0123456789abcdeF", "fedcba9876543210"]),
        "upper case would come back as lower case"
    );
    assert!(!takes(&["0123456789abcde", "fedcba987654321"]), "odd length");
    assert!(
        !takes(&["0123456789abcdef", "fedcba98-6543210", "0123456789abcdef"]),
        "another shape in the middle"
    );
    assert!(!takes(&["0123456789abcdef", "fedcba98:7654321g"]));
    assert!(!takes(&["01234567é9abcdef", "01234567é9abcdef"]));
}

#[test]
fn values_that_stay_are_stored_as_runs() {
    let mut random = Random(SEED);
    for longest in [1u64, 2, 20, 300, 3000] {
        let mut values: Vec<i64> = Vec::new();
        while values.len() < 8192 {
            let value = random.below(1 << 40) as i64 - (1 << 39);
            values.resize(values.len() + 1 + random.below(longest) as usize, value);
        }
        values.truncate(8192);
        let codes: Vec<u32> = values.iter().map(|value| value.rem_euclid(5000) as u32).collect();
        let long = longest >= 20;
        let mut out = Vec::new();
        let id = codec::encode::<Ints>(&values, &Ints::collect(&values), &EncodeOptions::segment(1), &mut out);
        assert_eq!(id == codec::RUNS, long, "integers, up to {longest}: {id}");
        let mut decoded = Vec::new();
        codec::find::<Ints>(id)
            .unwrap()
            .decode(&out, 8192, &mut decoded)
            .unwrap();
        assert_eq!(decoded, values);
        let mut coded = Vec::new();
        let id = codec::encode::<Codes>(&codes, &Codes::collect(&codes), &EncodeOptions::segment(1), &mut coded);
        assert_eq!(id == codec::RUNS, long, "codes, up to {longest}: {id}");
        let mut decoded = Vec::new();
        codec::find::<Codes>(id)
            .unwrap()
            .decode(&coded, 8192, &mut decoded)
            .unwrap();
        assert_eq!(decoded, codes);
        assert!(!long || coded.len() < 8192 * 13 / 8 / 2, "{} bytes", coded.len());
    }
}

#[test]
fn ids_are_pinned_and_distinct() {
    fn ids<K: Kind>() -> Vec<(u8, &'static str)> {
        K::CODECS.iter().map(|codec| (codec.id(), codec.name())).collect()
    }
    assert_eq!(
        ids::<Ints>(),
        [(1, "constant"), (12, "runs"), (3, "delta"), (2, "frame")]
    );
    assert_eq!(ids::<Floats>(), [(1, "constant"), (4, "decimal"), (5, "float_bits")]);
    assert_eq!(ids::<Bools>(), [(1, "constant"), (6, "bitmap")]);
    assert_eq!(ids::<Codes>(), [(1, "constant"), (12, "runs"), (7, "codes")]);
    assert_eq!(
        ids::<Texts>(),
        [(1, "constant"), (9, "hex"), (11, "digits"), (8, "text")]
    );
}
