//! A whole result as one file, piece by piece: what was given out is forgotten, so that a result of any size takes little memory.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{Format, csv, encode};
use crate::error::{EXECUTION, SqlError};

/// Rows of a Parquet row group...
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// ...and the bytes that the writer may hold of one.
const ROW_GROUP_BYTES_MAX: usize = 48 << 20;
/// What ratio costs is time; level 1 is as fast as the disk.
const PARQUET_ZSTD_LEVEL: i32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// An Arrow IPC stream.
    Arrow,
    /// RFC 4180 with a header line; null is empty.
    Csv,
    /// One object a line; null columns are left out.
    Ndjson,
    /// Parquet, version 1 pages, zstd.
    Parquet,
}

/// Makes one file of the rows of one or more runs of one plan. Belongs to one thread at a time.
pub struct Export {
    names: Arc<[String]>,
    /// With the names of the result.
    schema: SchemaRef,
    writer: Writer,
}

enum Writer {
    Arrow(StreamWriter<Drain>, Drain),
    Csv { header_written: bool },
    Ndjson,
    Parquet(Box<ArrowWriter<Drain>>, Drain),
}

impl Export {
    pub(crate) fn new(format: ExportFormat, names: &Arc<[String]>, schema: &SchemaRef) -> Result<Self, SqlError> {
        let fields = names
            .iter()
            .zip(schema.fields())
            .map(|(name, field)| Field::new(name, field.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let drain = Drain::default();
        let writer = match format {
            ExportFormat::Arrow => {
                let writer = StreamWriter::try_new(drain.clone(), &schema).map_err(failed)?;
                Writer::Arrow(writer, drain)
            }
            ExportFormat::Csv => Writer::Csv { header_written: false },
            ExportFormat::Ndjson => Writer::Ndjson,
            ExportFormat::Parquet => {
                let level = ZstdLevel::try_new(PARQUET_ZSTD_LEVEL).map_err(unfit)?;
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(level))
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .build();
                let writer =
                    ArrowWriter::try_new(drain.clone(), Arc::clone(&schema), Some(properties)).map_err(unfit)?;
                Writer::Parquet(Box::new(writer), drain)
            }
        };
        Ok(Export {
            names: Arc::clone(names),
            schema,
            writer,
        })
    }

    /// The next bytes of the file, which may be none yet.
    pub(crate) fn write(&mut self, batches: &[RecordBatch]) -> Result<Vec<u8>, SqlError> {
        match &mut self.writer {
            Writer::Arrow(writer, drain) => {
                for batch in batches {
                    writer.write(&named(batch, &self.schema)?).map_err(failed)?;
                }
                Ok(drain.take())
            }
            Writer::Csv { header_written } => {
                let mut bytes = csv_header(header_written, &self.names)?;
                bytes.extend(encode(batches, &self.names, Format::Csv).map_err(failed)?);
                Ok(bytes)
            }
            Writer::Ndjson => encode(batches, &self.names, Format::Ndjson).map_err(failed),
            Writer::Parquet(writer, drain) => {
                for batch in batches {
                    writer.write(&named(batch, &self.schema)?).map_err(unfit)?;
                    if writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
                        writer.flush().map_err(unfit)?;
                    }
                }
                Ok(drain.take())
            }
        }
    }

    /// The last bytes of the file: without them a Parquet file or an Arrow stream is not complete.
    ///
    /// # Errors
    /// 20008.
    pub fn finish(self) -> Result<Vec<u8>, SqlError> {
        match self.writer {
            Writer::Arrow(mut writer, drain) => {
                writer.finish().map_err(failed)?;
                Ok(drain.take())
            }
            Writer::Csv { mut header_written } => csv_header(&mut header_written, &self.names),
            Writer::Ndjson => Ok(Vec::new()),
            Writer::Parquet(writer, drain) => {
                writer.close().map_err(unfit)?;
                Ok(drain.take())
            }
        }
    }
}

/// The same columns under the names of the result.
fn named(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SqlError> {
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &rows).map_err(failed)
}

fn csv_header(written: &mut bool, names: &[String]) -> Result<Vec<u8>, SqlError> {
    if std::mem::replace(written, true) {
        return Ok(Vec::new());
    }
    csv::header(names).map_err(failed)
}

fn failed(error: ArrowError) -> SqlError {
    SqlError::new(EXECUTION, format!("Search SQL execute error: {error}"))
}

fn unfit(error: ParquetError) -> SqlError {
    SqlError::new(
        EXECUTION,
        format!("Search SQL execute error: the result does not fit into Parquet: {error}; cast the column to text"),
    )
}

/// Where a writer leaves its bytes until they are taken.
#[derive(Default, Clone)]
struct Drain(Arc<Mutex<Vec<u8>>>);

impl Drain {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Drain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
