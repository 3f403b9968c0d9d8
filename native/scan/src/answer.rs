//! The answer of a scan: one Arrow IPC stream and its counters.

use crate::error::ScanError;
use crate::filter::Pruner;
use crate::request::RequestType;
use crate::scan::Resume;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

#[derive(Debug)]
pub struct ScanOutput {
    /// One uncompressed Arrow IPC stream: a schema (every field nullable) and any number of batches.
    pub ipc: Vec<u8>,
    /// Rows in the answer.
    pub rows: u64,
    pub stats: ScanStats,
    /// Where to go on, if this is not all.
    pub resume: Option<Resume>,
}

/// What a scan did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanStats {
    /// Rows whose pages were tested or answered; rows of blocks that the header rules out, or that a limit left, are not.
    pub rows_scanned: u64,
    /// Those of them that passed time range and filter. A scan that stops early counts what it saw.
    pub rows_matched: u64,
    /// Pages of columns that were read and decoded.
    pub pages_read: u64,
    /// Pages of columns that the page cache had.
    pub pages_cached: u64,
    /// Pages of the request's columns that were neither.
    pub pages_skipped: u64,
    /// Those of them whose rows were ruled out by least and greatest values, null counts included, ...
    pub skipped_by_zone_map: u64,
    /// ... by a dictionary without a matching entry, ...
    pub skipped_by_dictionary: u64,
    /// ... and by an index. What was skipped otherwise was not needed: its rows did not pass, or were enough already.
    pub skipped_by_index: u64,
    /// Bytes read from the sources, headers included.
    pub bytes_read: u64,
}

impl ScanStats {
    pub(crate) fn count_pruned(&mut self, pruner: Option<Pruner>, pages: usize) {
        let counter = match pruner {
            None => return,
            Some(Pruner::ZoneMap) => &mut self.skipped_by_zone_map,
            Some(Pruner::Dictionary) => &mut self.skipped_by_dictionary,
            Some(Pruner::Index) => &mut self.skipped_by_index,
        };
        *counter += pages as u64;
    }
}

/// The Arrow type of a stream's type.
pub fn arrow_type(column_type: RequestType) -> DataType {
    match column_type {
        RequestType::Int64 => DataType::Int64,
        RequestType::Float64 => DataType::Float64,
        RequestType::Bool => DataType::Boolean,
        RequestType::String | RequestType::Json => DataType::Utf8,
    }
}

/// Writes batches of one schema.
pub struct Answer {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
    rows: u64,
}

impl Answer {
    pub fn new(fields: Vec<(String, DataType)>) -> Result<Self, ScanError> {
        Self::behind(Vec::new(), fields)
    }

    /// Its stream is written behind what is in `before`.
    pub fn behind(before: Vec<u8>, fields: Vec<(String, DataType)>) -> Result<Self, ScanError> {
        let fields: Vec<Field> = fields
            .into_iter()
            .map(|(name, data_type)| Field::new(name, data_type, true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = StreamWriter::try_new(before, &schema)?;
        Ok(Self {
            schema,
            writer,
            rows: 0,
        })
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.writer.get_ref().len()
    }

    /// Writes one batch of `rows` rows; with no columns the count is all there is to it.
    pub fn write(&mut self, rows: usize, columns: Vec<ArrayRef>) -> Result<(), ScanError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        self.writer.write(&batch)?;
        self.rows += rows as u64;
        Ok(())
    }

    pub fn finish(mut self, stats: ScanStats) -> Result<ScanOutput, ScanError> {
        self.writer.finish()?;
        Ok(ScanOutput {
            ipc: self.writer.into_inner()?,
            rows: self.rows,
            stats,
            resume: None,
        })
    }
}
