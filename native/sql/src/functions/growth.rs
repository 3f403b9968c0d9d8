//! How many bytes a function's answer may take, row by row, told from its arguments before it is called.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{cast, max};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use super::compile;
use crate::run::charge::own_bytes;

/// What a value of a list takes beside its bytes.
const SLOT_BYTES: u64 = 16;
/// A row whose replaced text might take more than this has its matches counted.
const COUNTED_BYTES: u64 = 256 << 10;
/// The shortest months and days, so that a step over them is not taken for longer than it is.
const MONTH_US: i128 = 28 * DAY_US;
const DAY_US: i128 = 86_400_000_000;

/// What one row takes at most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bytes {
    pub given: u64,
    pub answer: u64,
}

/// How an answer grows. Each is a bound from above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// Not beyond some bytes a row; the function is only looked after for the time that it may take.
    Small,
    /// All arguments, so many times.
    Sum(u64),
    /// All arguments, with the first between them.
    Joined,
    /// The first argument as many times as the second says, each of so many bytes at least.
    Times(u64),
    /// Text of as many characters as the second argument says.
    Padded,
    /// Each place of the second argument in the first becomes the third.
    Replaced,
    /// As `Replaced`, for a pattern.
    Matched,
    /// A list of as many values as the second argument says.
    Resized,
    /// A list of the numbers or times from one to another.
    Range,
    /// A list's values as text, with the second argument between them.
    Text,
    /// A list of what is between the places of the second argument in the first.
    Pieces,
}

/// Of the functions whose answers or time grow with what they are given. All others take and give some bytes a row.
pub(super) fn of(name: &str) -> Option<Growth> {
    Some(match name {
        "regexp_like"
        | "regexp_count"
        | "regexp_instr"
        | "re_match"
        | "re_not_match"
        | "fuzzy_match"
        | "levenshtein"
        | "contains"
        | "str_match"
        | "str_match_ignore_case"
        | "strpos"
        | "starts_with"
        | "ends_with"
        | "find_in_set"
        | "character_length"
        | "array_has"
        | "array_has_all"
        | "array_has_any"
        | "array_position"
        | "array_distance"
        | "cosine_distance"
        | "inner_product"
        | "array_sum"
        | "array_product"
        | "array_avg"
        | "array_length"
        | "cardinality"
        | "array_dims"
        | "md5"
        | "sha224"
        | "sha256"
        | "sha384"
        | "sha512"
        | "digest"
        | "json_length"
        | "json_contains"
        | "json_get_int"
        | "json_get_float"
        | "json_get_bool"
        | "arrcount"
        | "arrindex" => Growth::Small,
        "||" | "concat" | "overlay" | "array_concat" | "array_append" | "array_prepend" | "make_array"
        | "make_list" | "struct" | "named_struct" | "row" | "map" | "map_entries" | "map_keys" | "map_values"
        | "map_extract" | "array_replace" | "array_replace_n" | "array_replace_all" | "array_remove"
        | "array_remove_n" | "array_remove_all" | "array_reverse" | "array_slice" | "array_compact"
        | "array_pop_back" | "array_pop_front" | "array_element" | "array_max" | "array_min" | "array_any_value"
        | "array_add" | "array_subtract" | "array_scale" | "array_normalize" | "flatten" | "greatest" | "least"
        | "coalesce" | "nullif" | "nvl" | "nvl2" | "substr" | "left" | "right" | "btrim" | "ltrim" | "rtrim"
        | "reverse" | "split_part" | "substr_index" | "decode" | "json_get" | "json_get_str" | "json_get_json"
        | "json_as_text" | "spath" => Growth::Sum(1),
        "encode" | "arrays_zip" | "arrzip" | "array_sort" => Growth::Sum(2),
        "upper" | "lower" | "initcap" | "array_distinct" | "array_union" | "array_intersect" | "array_except"
        | "array_positions" => Growth::Sum(3),
        "translate" => Growth::Sum(4),
        // Control characters have six bytes in JSON.
        "to_array_string" | "arrjoin" | "json_from_scalar" | "arrow_cast" | "arrow_try_cast" | "cast_to_type"
        | "try_cast_to_type" => Growth::Sum(6),
        // Each piece is a value of a list.
        "string_to_list"
        | "regexp_match"
        | "regexp_match_to_fields"
        | "re_matches"
        | "cast_to_arr"
        | "arrsort"
        | "json_get_array"
        | "json_object_keys" => Growth::Sum(1 + SLOT_BYTES),
        // `%c` is a whole time.
        "to_char" | "date_format" | "from_unixtime" => Growth::Sum(20),
        "concat_ws" => Growth::Joined,
        "string_to_array" => Growth::Pieces,
        "repeat" => Growth::Times(0),
        "array_repeat" => Growth::Times(SLOT_BYTES),
        "lpad" | "rpad" => Growth::Padded,
        "replace" => Growth::Replaced,
        "regexp_replace" => Growth::Matched,
        "array_resize" => Growth::Resized,
        "range" | "generate_series" => Growth::Range,
        "array_to_string" => Growth::Text,
        _ => return None,
    })
}

impl Growth {
    /// The bytes that are given or answered at most for a whole batch, told in a few steps. Far too many, maybe.
    pub fn of_batch(self, args: &[ColumnarValue], rows: usize) -> Result<u64> {
        let mut given = 0u64;
        for arg in args {
            given = given.saturating_add(batch_bytes(arg, rows));
        }
        let first = args.first().map_or(0, |arg| batch_bytes(arg, rows));
        let most = |at: usize| args.get(at).map_or(Ok(0), largest);
        let answer = match self {
            Growth::Small => 0,
            Growth::Sum(times) => given.saturating_mul(times),
            Growth::Joined => given.saturating_mul(args.len() as u64),
            Growth::Times(slot) => first
                .saturating_add((rows as u64).saturating_mul(slot))
                .saturating_mul(most(1)?),
            Growth::Padded => (rows as u64).saturating_mul(most(1)?).saturating_mul(4),
            // A text that is sought takes as many bytes as it has, and a match its own.
            Growth::Replaced => {
                let sought = match args.get(1) {
                    Some(ColumnarValue::Scalar(sought)) => scalar_bytes(sought).max(1),
                    _ => 1,
                };
                let times = longest(args.get(2)).div_ceil(sought).max(1);
                first.saturating_add(rows as u64).saturating_mul(times)
            }
            Growth::Matched => {
                let by = longest(args.get(2));
                let copies = 1 + by + by.div_ceil(2);
                first
                    .saturating_mul(copies)
                    .saturating_add(by.saturating_mul(rows as u64))
            }
            Growth::Resized | Growth::Range | Growth::Text | Growth::Pieces => u64::MAX,
        };
        Ok(given.max(answer))
    }

    /// What each of `rows` takes at most. What the arguments say may lie far above what is there.
    pub fn of_rows(self, args: &[ColumnarValue], rows: usize) -> Result<Vec<Bytes>> {
        let mut all = vec![Bytes::default(); rows];
        for arg in args {
            for (row, size) in all.iter_mut().zip(sizes(arg, rows)?) {
                row.given = row.given.saturating_add(size);
            }
        }
        let answers = self.answers(args, &all)?;
        all.iter_mut()
            .zip(answers)
            .for_each(|(row, answer)| row.answer = answer);
        Ok(all)
    }

    fn answers(self, args: &[ColumnarValue], all: &[Bytes]) -> Result<Vec<u64>> {
        let rows = all.len();
        let size = |at: usize| {
            args.get(at)
                .map_or_else(|| Ok(vec![0; rows]), |value| sizes(value, rows))
        };
        let number = |at: usize| {
            args.get(at)
                .map_or_else(|| Ok(vec![0; rows]), |value| numbers(value, rows))
        };
        Ok(match self {
            Growth::Small => vec![0; rows],
            Growth::Sum(times) => all.iter().map(|row| row.given.saturating_mul(times)).collect(),
            Growth::Joined => {
                let parts = args.len() as u64;
                let between = size(0)?.into_iter().map(|size| size.saturating_mul(parts));
                all.iter()
                    .zip(between)
                    .map(|(row, sum)| row.given.saturating_add(sum))
                    .collect()
            }
            Growth::Times(slot) => pairs(size(0)?, number(1)?, |value, times| {
                value.max(slot).saturating_mul(times)
            }),
            Growth::Padded => {
                // A character of a filling that is given may have four bytes.
                let width = if args.len() > 2 { 4 } else { 1 };
                pairs(size(0)?, number(1)?, |text, length| {
                    text.min(length.saturating_mul(4)).max(length.saturating_mul(width))
                })
            }
            Growth::Replaced => replaced(args, rows)?,
            Growth::Matched => matched(args, rows)?,
            Growth::Resized => {
                let (lists, lengths, filling) = (size(0)?, number(1)?, size(2)?);
                let fillings = pairs(lengths, filling, |length, filling| {
                    length.saturating_mul(filling.max(SLOT_BYTES))
                });
                pairs(lists, fillings, u64::saturating_add)
            }
            Growth::Range => range(args, rows)?,
            Growth::Pieces => pieces(args, rows)?,
            Growth::Text => {
                let counts = args
                    .first()
                    .map_or_else(|| Ok(vec![0; rows]), |list| counts(list, rows))?;
                let between = pairs(counts, size(1)?, u64::saturating_mul);
                pairs(size(0)?, between, |list, between| {
                    list.saturating_mul(3).saturating_add(between)
                })
            }
        })
    }
}

fn pairs(left: Vec<u64>, right: Vec<u64>, of: impl Fn(u64, u64) -> u64) -> Vec<u64> {
    left.into_iter()
        .zip(right)
        .map(|(left, right)| of(left, right))
        .collect()
}

/// All bytes of an argument; of an array that shares its buffers with others, too many.
fn batch_bytes(value: &ColumnarValue, rows: usize) -> u64 {
    match value {
        ColumnarValue::Scalar(scalar) => scalar_bytes(scalar).saturating_mul(rows as u64),
        ColumnarValue::Array(array) => of_all(array),
    }
}

/// The largest number of an argument.
fn largest(value: &ColumnarValue) -> Result<u64> {
    let most = match value {
        ColumnarValue::Scalar(_) => numbers(value, 1)?.first().copied(),
        ColumnarValue::Array(array) if array.data_type().is_integer() => {
            let numbers = cast(array, &DataType::Int64)?;
            max(numbers.as_primitive::<Int64Type>()).map(|most| u64::try_from(most).unwrap_or(0))
        }
        ColumnarValue::Array(_) => Some(u64::MAX),
    };
    Ok(most.unwrap_or(0))
}

/// At least the bytes of the longest text of an argument.
fn longest(value: Option<&ColumnarValue>) -> u64 {
    match value {
        Some(ColumnarValue::Scalar(scalar)) => scalar_bytes(scalar),
        Some(ColumnarValue::Array(array)) => of_all(array),
        None => 0,
    }
}

/// Counted, because a bound would refuse most of what is harmless.
fn replaced(args: &[ColumnarValue], rows: usize) -> Result<Vec<u64>> {
    let mut total = vec![0u64; rows];
    let columns = args
        .iter()
        .map(|value| cast(&value.to_array(rows)?, &DataType::Utf8View));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    let [text, from, to] = columns.as_slice() else {
        return Ok(total);
    };
    let (text, from, to) = (text.as_string_view(), from.as_string_view(), to.as_string_view());
    for (row, total) in total.iter_mut().enumerate() {
        if text.is_null(row) || from.is_null(row) || to.is_null(row) {
            continue;
        }
        let (text, from, to) = (text.value(row), from.value(row), to.value(row));
        *total = text.len() as u64;
        if to.len() > from.len() {
            *total += text.matches(from).count() as u64 * to.len() as u64;
        }
    }
    Ok(total)
}

/// Counted as well: a list of as many pieces as there are characters is rare.
fn pieces(args: &[ColumnarValue], rows: usize) -> Result<Vec<u64>> {
    let mut total = vec![0u64; rows];
    let columns = args
        .iter()
        .map(|value| cast(&value.to_array(rows)?, &DataType::Utf8View));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    let [text, between, ..] = columns.as_slice() else {
        return Ok(total);
    };
    let (text, between) = (text.as_string_view(), between.as_string_view());
    for (row, total) in total.iter_mut().enumerate() {
        if text.is_null(row) {
            continue;
        }
        let text = text.value(row);
        // Without anything between them, each character is a piece.
        let pieces = match between.is_valid(row).then(|| between.value(row)) {
            Some(between) if !between.is_empty() => text.matches(between).count() + 1,
            _ => text.len() + 1,
        };
        *total = text.len() as u64 + pieces as u64 * SLOT_BYTES;
    }
    Ok(total)
}

/// A bound for short texts; of a long one the matches are counted, where one pattern is for all rows.
fn matched(args: &[ColumnarValue], rows: usize) -> Result<Vec<u64>> {
    let constant = |at: usize| match args.get(at) {
        Some(ColumnarValue::Scalar(text)) => text.try_as_str().flatten(),
        _ => None,
    };
    let (Some(text), Some(by)) = (args.first(), args.get(2)) else {
        return Ok(vec![0; rows]);
    };
    let (texts, bys) = (sizes(text, rows)?, sizes(by, rows)?);
    let all = args.len() > 3;
    let copies = constant(2).is_none_or(|by| by.contains('\\') || by.contains('$'));
    let bound = |text: u64, by: u64, matches: u64| {
        let written = matches.saturating_mul(by).saturating_add(text);
        // Each two bytes may stand for what was matched.
        written.saturating_add(if copies { by.div_ceil(2).saturating_mul(text) } else { 0 })
    };
    let mut total: Vec<u64> = texts
        .iter()
        .zip(&bys)
        .map(|(text, by)| bound(*text, *by, if all { text + 1 } else { 1 }))
        .collect();
    let pattern = constant(1).filter(|_| all && !copies && total.iter().any(|row| *row > COUNTED_BYTES));
    let flags = constant(3)
        .unwrap_or("")
        .chars()
        .filter(|flag| "imsxUR".contains(*flag));
    let flags: String = flags.collect();
    let pattern = pattern.map(|pattern| match flags.as_str() {
        "" => pattern.to_owned(),
        flags => format!("(?{flags}){pattern}"),
    });
    if let Some(pattern) = pattern.and_then(|pattern| compile(&pattern, false).ok()) {
        let texts = cast(&text.to_array(rows)?, &DataType::Utf8View)?;
        let texts = texts.as_string_view();
        for (row, total) in total.iter_mut().enumerate() {
            if *total > COUNTED_BYTES && texts.is_valid(row) {
                let text = texts.value(row);
                *total = bound(text.len() as u64, bys[row], pattern.find_iter(text).count() as u64);
            }
        }
    }
    Ok(total)
}

fn range(args: &[ColumnarValue], rows: usize) -> Result<Vec<u64>> {
    let mut total = vec![0u64; rows];
    let points = args
        .iter()
        .map(|value| micros(value, rows))
        .collect::<Result<Vec<_>>>()?;
    for (row, total) in total.iter_mut().enumerate() {
        let (first, last, step) = match points.as_slice() {
            [last] => (0, last[row], 1),
            [first, last] => (first[row], last[row], 1),
            [first, last, step] => (first[row], last[row], step[row]),
            _ => continue,
        };
        let values = (last - first).checked_div(step).map_or(0, |values| (values + 1).max(0));
        *total = u64::try_from(values).unwrap_or(u64::MAX).saturating_mul(SLOT_BYTES);
    }
    Ok(total)
}

/// Numbers as they are; times and steps of times in microseconds. NULL is zero.
fn micros(value: &ColumnarValue, rows: usize) -> Result<Vec<i128>> {
    let array = value.to_array(rows)?;
    let whole = |array: &ArrayRef| -> Result<Vec<i128>> {
        let numbers = cast(array, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>();
        Ok(numbers.iter().map(|number| i128::from(number.unwrap_or(0))).collect())
    };
    match array.data_type() {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            whole(&cast(&array, &DataType::Timestamp(TimeUnit::Microsecond, None))?)
        }
        DataType::Interval(_) => {
            use datafusion::arrow::datatypes::{IntervalMonthDayNanoType, IntervalUnit};
            let steps = cast(&array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let steps = steps.as_primitive::<IntervalMonthDayNanoType>();
            let step = |step: Option<datafusion::arrow::datatypes::IntervalMonthDayNano>| {
                step.map_or(0, |step| {
                    i128::from(step.months) * MONTH_US
                        + i128::from(step.days) * DAY_US
                        + i128::from(step.nanoseconds) / 1000
                })
            };
            Ok(steps.iter().map(step).collect())
        }
        _ => whole(&array),
    }
}

/// Numbers below zero and NULL are zero.
fn numbers(value: &ColumnarValue, rows: usize) -> Result<Vec<u64>> {
    let points = micros(value, rows)?;
    Ok(points
        .into_iter()
        .map(|number| u64::try_from(number).unwrap_or(0))
        .collect())
}

/// How many values each list has.
fn counts(value: &ColumnarValue, rows: usize) -> Result<Vec<u64>> {
    let array = value.to_array(rows)?;
    Ok(match array.data_type() {
        DataType::List(_) => array
            .as_list::<i32>()
            .offsets()
            .lengths()
            .map(|length| length as u64)
            .collect(),
        DataType::LargeList(_) => array
            .as_list::<i64>()
            .offsets()
            .lengths()
            .map(|length| length as u64)
            .collect(),
        _ => vec![1; rows],
    })
}

/// The bytes of each value.
pub(crate) fn sizes(value: &ColumnarValue, rows: usize) -> Result<Vec<u64>> {
    let array = match value {
        ColumnarValue::Scalar(scalar) => return Ok(vec![scalar_bytes(scalar); rows]),
        ColumnarValue::Array(array) => array,
    };
    Ok(match array.data_type() {
        DataType::Utf8 => lengths(array.as_string::<i32>().offsets().lengths(), 0, 1),
        DataType::LargeUtf8 => lengths(array.as_string::<i64>().offsets().lengths(), 0, 1),
        DataType::Binary => lengths(array.as_binary::<i32>().offsets().lengths(), 0, 1),
        DataType::LargeBinary => lengths(array.as_binary::<i64>().offsets().lengths(), 0, 1),
        // The length is the low half of a view.
        DataType::Utf8View => array
            .as_string_view()
            .views()
            .iter()
            .map(|view| u64::from(*view as u32))
            .collect(),
        DataType::BinaryView => array
            .as_binary_view()
            .views()
            .iter()
            .map(|view| u64::from(*view as u32))
            .collect(),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            lengths(list.offsets().lengths(), SLOT_BYTES, of_each(list.values()))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            lengths(list.offsets().lengths(), SLOT_BYTES, of_each(list.values()))
        }
        _ => vec![of_each(array); rows],
    })
}

fn lengths(lengths: impl Iterator<Item = usize>, base: u64, width: u64) -> Vec<u64> {
    lengths.map(|length| base + length as u64 * width).collect()
}

fn of_all(array: &ArrayRef) -> u64 {
    own_bytes(array) as u64
}

/// On the average, rounded up.
fn of_each(array: &ArrayRef) -> u64 {
    of_all(array).div_ceil(array.len().max(1) as u64)
}

pub(crate) fn scalar_bytes(scalar: &ScalarValue) -> u64 {
    match scalar.try_as_str() {
        Some(text) => text.map_or(0, str::len) as u64,
        None => match scalar {
            ScalarValue::Null => 0,
            ScalarValue::List(list) => of_each(list.values()) * list.values().len() as u64 + SLOT_BYTES,
            ScalarValue::LargeList(list) => of_each(list.values()) * list.values().len() as u64 + SLOT_BYTES,
            other => other.size() as u64,
        },
    }
}
