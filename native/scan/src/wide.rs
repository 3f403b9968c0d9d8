//! Answers of rows with very many columns, of which each row has few values: an answer takes what is in it, never rows times columns.
//!
//! Each batch is written with a schema of its own before it, which names only the columns that have a value in it; `ipc::decode` puts the
//! others back. Batches have so few rows that the columns of one stay small, whatever its rows have.

use crate::answer::{Answer, ScanOutput, ScanStats};
use crate::error::ScanError;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;

/// Answers of more columns are wide.
pub const COLUMNS_MIN: usize = 512;

/// Values and nulls of one batch, and rows of it at least: a batch of as few has columns for as many values as these rows have.
const BATCH_CELLS: usize = 1 << 20;
const BATCH_ROWS_MIN: usize = 256;

/// Decoded pages of one block that are held at once.
const PAGES_BYTES_MAX: usize = 64 << 20;

/// The end of a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Rows of a batch in which so many columns may have values.
pub fn batch_rows(columns: usize, rows_max: usize) -> usize {
    (BATCH_CELLS / columns.max(1)).clamp(BATCH_ROWS_MIN, rows_max)
}

/// Whether a page of each of so many columns may be held.
pub fn may_hold_pages(columns: usize, page_rows: usize) -> bool {
    columns * page_rows * size_of::<i64>() <= PAGES_BYTES_MAX
}

/// An answer of rows, wide or not.
pub enum RowsAnswer {
    Plain(Box<Answer>),
    Wide(WideAnswer),
}

pub struct WideAnswer {
    fields: Vec<(String, DataType)>,
    out: Vec<u8>,
    rows: u64,
}

impl RowsAnswer {
    pub fn new(fields: Vec<(String, DataType)>) -> Result<Self, ScanError> {
        Ok(match fields.len() > COLUMNS_MIN {
            true => Self::Wide(WideAnswer {
                fields,
                out: Vec::new(),
                rows: 0,
            }),
            false => Self::Plain(Box::new(Answer::new(fields)?)),
        })
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Plain(answer) => answer.bytes(),
            Self::Wide(answer) => answer.out.len(),
        }
    }

    /// Writes one batch. Columns without any value may be `None` in a wide answer.
    pub fn write(&mut self, rows: usize, columns: Vec<Option<ArrayRef>>) -> Result<(), ScanError> {
        match self {
            Self::Plain(answer) => answer.write(rows, columns.into_iter().flatten().collect()),
            Self::Wide(answer) => answer.write(rows, columns),
        }
    }

    pub fn finish(self, stats: ScanStats) -> Result<ScanOutput, ScanError> {
        match self {
            Self::Plain(answer) => answer.finish(stats),
            // The schema is all that there is.
            Self::Wide(answer) if answer.out.is_empty() => Answer::new(answer.fields)?.finish(stats),
            Self::Wide(WideAnswer { mut out, rows, .. }) => {
                out.extend_from_slice(&END);
                Ok(ScanOutput {
                    ipc: out,
                    rows,
                    stats,
                    resume: None,
                })
            }
        }
    }
}

impl WideAnswer {
    fn write(&mut self, rows: usize, mut columns: Vec<Option<ArrayRef>>) -> Result<(), ScanError> {
        // A batch without columns would not say what it is of.
        if columns.iter().all(Option::is_none) {
            columns[0] = Some(new_null_array(&self.fields[0].1, rows));
        }
        let present = self
            .fields
            .iter()
            .zip(columns)
            .filter_map(|((name, data_type), column)| {
                let field = Field::new(name, data_type.clone(), true);
                column.map(|column| (field, column))
            });
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = present.unzip();
        let schema = Arc::new(Schema::new(fields));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
        let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
        writer.write(&batch)?;
        let stream = writer.into_inner()?;
        self.out.extend_from_slice(stream.strip_suffix(&END).unwrap_or(&stream));
        self.rows += rows as u64;
        Ok(())
    }
}
