//! A whole result as one file, piece by piece: what was given out is forgotten, so that a result of any size takes little memory.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::errors::ParquetError;
use serde::Deserialize;

use super::parquet_file::{ParquetCodec, ParquetFile};
use super::portable::{portable, portable_type};
use super::{Format, bounds, csv, encode};
use crate::error::{EXECUTION, SqlError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// An Arrow IPC file.
    Arrow,
    /// An Arrow IPC stream.
    Arrows,
    /// As `Format::Csv`, with a header line.
    Csv,
    /// One object a line; null columns are left out.
    Ndjson,
    Parquet,
}

/// How `_timestamp` is written where it is a whole number of microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimestampType {
    #[default]
    Int64,
    /// A moment in UTC, in text forms by RFC 3339.
    Timestamp,
}

/// What is asked of a file beside its form; members that the form has no use for are ignored.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportOptions {
    pub format: ExportFormat,
    /// Of Parquet.
    #[serde(default)]
    pub compression: ParquetCodec,
    /// NDJSON has null columns too.
    #[serde(default)]
    pub nulls: bool,
    /// NDJSON begins with a line of the columns, `{"_schema":[{"name":…,"type":…},…]}`.
    #[serde(default)]
    pub schema: bool,
    #[serde(default)]
    pub timestamp_type: TimestampType,
    /// Rows past these are left out.
    #[serde(default)]
    pub rows_max: Option<usize>,
}

impl From<ExportFormat> for ExportOptions {
    fn from(format: ExportFormat) -> Self {
        ExportOptions {
            format,
            compression: ParquetCodec::default(),
            nulls: false,
            schema: false,
            timestamp_type: TimestampType::default(),
            rows_max: None,
        }
    }
}

/// Makes one file of the rows of one or more runs of one plan. Belongs to one thread at a time.
pub struct Export {
    names: Arc<[String]>,
    /// Of the rows as they are written.
    schema: SchemaRef,
    /// Column that becomes a timestamp.
    time_column: Option<usize>,
    /// That may still be written.
    rows_left: usize,
    /// What comes before the first row of a text.
    head: Vec<u8>,
    writer: Writer,
}

enum Writer {
    Arrow(FileWriter<Drain>, Drain),
    ArrowStream(StreamWriter<Drain>, Drain),
    Text(Format),
    Parquet(Box<ParquetFile>),
}

/// The moment that a number of microseconds is.
fn moment() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Export {
    pub(crate) fn new(options: ExportOptions, names: &Arc<[String]>, schema: &SchemaRef) -> Result<Self, SqlError> {
        let is_time = |(name, field): (&String, &Arc<Field>)| {
            options.timestamp_type == TimestampType::Timestamp
                && name == "_timestamp"
                && field.data_type() == &DataType::Int64
        };
        let time_column = names.iter().zip(schema.fields()).position(is_time);
        let fields = names.iter().zip(schema.fields()).enumerate().map(|(i, (name, field))| {
            let data_type = match time_column == Some(i) {
                true => moment(),
                false => portable_type(field.data_type()),
            };
            Field::new(name, data_type, true)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let drain = Drain::default();
        let mut head = Vec::new();
        let writer = match options.format {
            ExportFormat::Arrow => {
                let writer = FileWriter::try_new(drain.clone(), &schema).map_err(failed)?;
                Writer::Arrow(writer, drain)
            }
            ExportFormat::Arrows => {
                let writer = StreamWriter::try_new(drain.clone(), &schema).map_err(failed)?;
                Writer::ArrowStream(writer, drain)
            }
            ExportFormat::Csv => {
                head = csv::header(names);
                Writer::Text(Format::Csv)
            }
            ExportFormat::Ndjson => {
                if options.schema {
                    head = schema_line(&schema);
                }
                Writer::Text(match options.nulls {
                    true => Format::NdjsonAllFields,
                    false => Format::Ndjson,
                })
            }
            ExportFormat::Parquet => Writer::Parquet(Box::new(ParquetFile::new(&schema, options.compression))),
        };
        Ok(Export {
            names: Arc::clone(names),
            schema,
            time_column,
            rows_left: options.rows_max.unwrap_or(usize::MAX),
            head,
            writer,
        })
    }

    /// The next bytes of the file, which may be none yet.
    pub(crate) fn write(&mut self, batches: &[RecordBatch]) -> Result<Vec<u8>, SqlError> {
        let batches = self.take_wanted(batches);
        let batches = batches.as_ref();
        let timed;
        let batches = match self.time_column {
            None => batches,
            Some(column) => {
                timed = batches
                    .iter()
                    .map(|batch| with_time(batch, column))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(failed)?;
                &timed
            }
        };
        match &mut self.writer {
            Writer::Arrow(writer, drain) => {
                for batch in batches {
                    writer.write(&columns_of(batch, &self.schema)?).map_err(failed)?;
                }
                Ok(drain.take())
            }
            Writer::ArrowStream(writer, drain) => {
                for batch in batches {
                    writer.write(&columns_of(batch, &self.schema)?).map_err(failed)?;
                }
                Ok(drain.take())
            }
            Writer::Text(format) => {
                let rows = encode(batches, &self.names, *format).map_err(failed)?;
                if self.head.is_empty() {
                    return Ok(rows);
                }
                let mut bytes = std::mem::take(&mut self.head);
                bytes.extend(rows);
                Ok(bytes)
            }
            Writer::Parquet(file) => {
                for batch in batches {
                    file.write(columns_of(batch, &self.schema)?).map_err(unfit)?;
                }
                Ok(file.take())
            }
        }
    }

    /// Those of the rows that still have room.
    fn take_wanted<'a>(&mut self, batches: &'a [RecordBatch]) -> Cow<'a, [RecordBatch]> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows <= self.rows_left {
            self.rows_left -= rows;
            return Cow::Borrowed(batches);
        }
        let mut wanted = Vec::new();
        for batch in batches {
            let taken = batch.num_rows().min(self.rows_left);
            self.rows_left -= taken;
            if taken > 0 {
                wanted.push(batch.slice(0, taken));
            }
        }
        Cow::Owned(wanted)
    }

    /// The last bytes of the file: without them a Parquet or Arrow file is not complete.
    ///
    /// # Errors
    /// 20008.
    pub fn finish(self) -> Result<Vec<u8>, SqlError> {
        match self.writer {
            Writer::Arrow(mut writer, drain) => {
                writer.finish().map_err(failed)?;
                Ok(drain.take())
            }
            Writer::ArrowStream(mut writer, drain) => {
                writer.finish().map_err(failed)?;
                Ok(drain.take())
            }
            Writer::Text(_) => Ok(self.head),
            Writer::Parquet(file) => file.finish().map_err(unfit),
        }
    }
}

/// The first line of an NDJSON file whose columns are told.
fn schema_line(schema: &Schema) -> Vec<u8> {
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| serde_json::json!({ "name": field.name(), "type": type_name(field.data_type()) }))
        .collect();
    format!("{}\n", serde_json::json!({ "_schema": columns })).into_bytes()
}

/// The name of a type of exported columns in docs/API.md.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "text".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(unit, zone) => match zone {
            Some(zone) => format!("timestamp({unit}, {zone})"),
            None => format!("timestamp({unit})"),
        },
        DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::List(item) => format!("list({})", type_name(item.data_type())),
        other => other.to_string().to_lowercase(),
    }
}

fn with_time(batch: &RecordBatch, column: usize) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema_ref();
    let mut fields = schema.fields().to_vec();
    let mut columns = batch.columns().to_vec();
    fields[column] = Arc::new(Field::new(schema.field(column).name(), moment(), true));
    columns[column] = cast(&columns[column], &moment())?;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The columns under the names and in the types of the file.
fn columns_of(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SqlError> {
    bounds::check(batch).map_err(failed)?;
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(portable)
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows).map_err(failed)
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
pub(super) struct Drain(Arc<Mutex<Vec<u8>>>);

impl Drain {
    pub fn take(&self) -> Vec<u8> {
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
