//! Result rows as text, or as files.

mod bounds;
mod csv;
mod decimals;
mod export;
mod json;
mod parquet_file;
mod portable;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;

pub use export::{Export, ExportFormat, ExportOptions, TimestampType};
pub use parquet_file::ParquetCodec;

/// A text form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `{"a":1},{"a":2}`: joined by commas, without brackets; null columns are left out.
    JsonObjects,
    /// `[1,null],[2,"x"]`: joined by commas, without brackets around all.
    JsonArrays,
    /// RFC 4180 without a header line; null is empty, the empty text is `""`.
    Csv,
    /// One object a line; null columns are left out.
    Ndjson,
    /// One object a line, which has all columns.
    NdjsonAllFields,
}

/// The rows of all batches, whose columns are called `names`.
pub(crate) fn encode(batches: &[RecordBatch], names: &[String], format: Format) -> Result<Vec<u8>, ArrowError> {
    batches.iter().try_for_each(bounds::check)?;
    let batches: Vec<RecordBatch> = batches.iter().map(decimals::whole).collect::<Result<_, _>>()?;
    let batches = batches.as_slice();
    match format {
        Format::JsonObjects => json::encode(
            batches,
            names,
            json::Layout {
                objects: true,
                nulls: false,
                separator: b',',
                ends: false,
            },
        ),
        Format::JsonArrays => json::encode(
            batches,
            names,
            json::Layout {
                objects: false,
                nulls: true,
                separator: b',',
                ends: false,
            },
        ),
        Format::Ndjson | Format::NdjsonAllFields => json::encode(
            batches,
            names,
            json::Layout {
                objects: true,
                nulls: format == Format::NdjsonAllFields,
                separator: b'\n',
                ends: true,
            },
        ),
        Format::Csv => csv::encode(batches),
    }
}
