//! Rows as CSV (RFC 4180, lines end in a line feed). Null is nothing between two commas, the empty text is `""`. Quotes are also around
//! what some readers would not give back as it is: texts with blanks at their ends, and those that elsewhere mean null.

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::EncoderOptions;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::json::Column;

pub(super) fn encode(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut out = Vec::new();
    let options = EncoderOptions::default();
    let mut cell = Vec::new();
    for batch in batches {
        let schema = batch.schema_ref();
        let mut columns = batch
            .columns()
            .iter()
            .zip(schema.fields())
            .map(|(array, field)| plain(array.as_ref(), field, &options))
            .collect::<Result<Vec<_>, _>>()?;
        let alone = columns.len() == 1;
        for row in 0..batch.num_rows() {
            for (i, column) in columns.iter_mut().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                if column.is_null(row) {
                    // Most readers skip an empty line, and with it the row.
                    if alone {
                        out.extend_from_slice(EMPTY_TEXT);
                    }
                    continue;
                }
                match column {
                    Column::Int64(_) | Column::Boolean(_) => column.write(row, &mut out),
                    _ => {
                        cell.clear();
                        column.write_plain(row, &mut cell);
                        write_cell(&cell, &mut out);
                    }
                }
            }
            out.push(b'\n');
        }
    }
    Ok(out)
}

/// The header line.
pub(super) fn header(names: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, name) in names.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_cell(name.as_bytes(), &mut out);
    }
    out.push(b'\n');
    out
}

const EMPTY_TEXT: &[u8] = b"\"\"";

/// Unquoted, these are nulls to PostgreSQL, MySQL, ClickHouse and others.
const NULL_WORDS: [&[u8]; 2] = [b"\\N", b"NULL"];

/// JSON has no word for numbers that are none: narrow floats are written as Arrow shows them, wide ones by `write_plain`.
fn plain<'a>(array: &'a dyn Array, field: &'a FieldRef, options: &'a EncoderOptions) -> Result<Column<'a>, ArrowError> {
    match array.data_type() {
        DataType::Float16 | DataType::Float32 => {
            let shown = ArrayFormatter::try_new(array, &FormatOptions::default())?;
            Ok(Column::Display(array, shown))
        }
        _ => Column::new(array, field, options),
    }
}

fn write_cell(text: &[u8], out: &mut Vec<u8>) {
    if !needs_quotes(text) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    let mut from = 0;
    for quote in memchr::memchr_iter(b'"', text) {
        out.extend_from_slice(&text[from..=quote]);
        out.push(b'"');
        from = quote + 1;
    }
    out.extend_from_slice(&text[from..]);
    out.push(b'"');
}

fn needs_quotes(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else {
        return true;
    };
    let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    is_blank(first)
        || is_blank(last)
        || memchr::memchr3(b',', b'"', b'\n', text).is_some()
        || memchr::memchr(b'\r', text).is_some()
        || NULL_WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut out = Vec::new();
        write_cell(text.as_bytes(), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn quotes_are_where_a_reader_needs_them() {
        for plain in ["a", "a b", "-1.5", "{}", "N", "nulls", "Ä"] {
            assert_eq!(cell(plain), plain);
        }
        for quoted in ["", " a", "a ", "\ta", "a,b", "a\nb", "a\r", "\\N", "null", "NULL"] {
            assert_eq!(cell(quoted), format!("\"{quoted}\""));
        }
        assert_eq!(cell("\"a\"\"b"), "\"\"\"a\"\"\"\"b\"");
    }
}
