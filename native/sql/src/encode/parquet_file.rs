//! A Parquet file, piece by piece, as many readers as possible read it: version 1 pages, and in each column chunk pages of one encoding.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::error::DataFusionError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use serde::Deserialize;

use super::export::Drain;

/// Rows of a row group...
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// ...and the bytes that the writer may hold of one.
const ROW_GROUP_BYTES_MAX: usize = 48 << 20;
/// What ratio costs is time; level 1 is as fast as the disk.
const ZSTD_LEVEL: i32 = 1;

/// The first rows wait until there are so many, so that it can be told which columns are worth a dictionary...
const SAMPLE_ROWS: usize = 16 * 1024;
/// ...or so many bytes.
const SAMPLE_BYTES_MAX: usize = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParquetCodec {
    #[default]
    Zstd,
    Snappy,
    Gzip,
    None,
}

pub(super) struct ParquetFile {
    schema: SchemaRef,
    codec: ParquetCodec,
    state: State,
    drain: Drain,
}

enum State {
    /// The first rows, before the writer is made.
    Sampling(Vec<RecordBatch>),
    Writing(Box<ArrowWriter<Drain>>),
}

impl ParquetFile {
    pub fn new(schema: &SchemaRef, codec: ParquetCodec) -> Self {
        ParquetFile {
            schema: Arc::clone(schema),
            codec,
            state: State::Sampling(Vec::new()),
            drain: Drain::default(),
        }
    }

    pub fn write(&mut self, batch: RecordBatch) -> Result<(), ParquetError> {
        let sample = match &mut self.state {
            State::Writing(writer) => return add(writer, &batch),
            State::Sampling(sample) => sample,
        };
        sample.push(batch);
        let rows: usize = sample.iter().map(RecordBatch::num_rows).sum();
        let bytes: usize = sample.iter().map(RecordBatch::get_array_memory_size).sum();
        if rows >= SAMPLE_ROWS || bytes >= SAMPLE_BYTES_MAX {
            self.writer()?;
        }
        Ok(())
    }

    /// What has been written since the last time.
    pub fn take(&self) -> Vec<u8> {
        self.drain.take()
    }

    pub fn finish(mut self) -> Result<Vec<u8>, ParquetError> {
        self.writer()?.finish()?;
        Ok(self.drain.take())
    }

    /// The writer, which takes over the sample when it is made.
    fn writer(&mut self) -> Result<&mut ArrowWriter<Drain>, ParquetError> {
        if let State::Sampling(sample) = &mut self.state {
            let sample = std::mem::take(sample);
            let properties = properties(self.codec, &sample)?;
            let schema = Arc::clone(&self.schema);
            let mut writer = ArrowWriter::try_new(self.drain.clone(), schema, Some(properties))?;
            for batch in &sample {
                add(&mut writer, batch)?;
            }
            self.state = State::Writing(Box::new(writer));
        }
        match &mut self.state {
            State::Writing(writer) => Ok(writer),
            State::Sampling(_) => Err(ParquetError::General("the file has no writer".to_owned())),
        }
    }
}

fn add(writer: &mut ArrowWriter<Drain>, batch: &RecordBatch) -> Result<(), ParquetError> {
    writer.write(batch)?;
    if writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
        writer.flush()?;
    }
    Ok(())
}

fn properties(codec: ParquetCodec, sample: &[RecordBatch]) -> Result<WriterProperties, ParquetError> {
    let builder = WriterProperties::builder()
        .set_compression(match codec {
            ParquetCodec::Zstd => Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?),
            ParquetCodec::Snappy => Compression::SNAPPY,
            ParquetCodec::Gzip => Compression::GZIP(GzipLevel::default()),
            ParquetCodec::None => Compression::UNCOMPRESSED,
        })
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        // A dictionary that is given up midway leaves a chunk of pages of two encodings, of which fastparquet reads the first kind only.
        // The bound on the bytes of a row group bounds the dictionary.
        .set_dictionary_page_size_limit(usize::MAX)
        // The dictionary of a chunk without values has no bytes, and fastparquet does not read a page of none.
        .set_dictionary_enabled(codec != ParquetCodec::None);
    Ok(without_dictionaries(builder, sample)
        .map_err(|error| ParquetError::External(Box::new(error)))?
        .build())
}

/// Turns dictionaries off for columns that have mostly distinct values in the sample: such a dictionary is as large as the column.
fn without_dictionaries(
    mut builder: WriterPropertiesBuilder,
    sample: &[RecordBatch],
) -> Result<WriterPropertiesBuilder, DataFusionError> {
    let Some(first) = sample.first() else {
        return Ok(builder);
    };
    for (i, field) in first.schema_ref().fields().iter().enumerate() {
        if field.data_type().is_nested() {
            continue;
        }
        let columns = sample.iter().map(|batch| batch.column(i));
        if is_mostly_distinct(columns)? {
            let path = ColumnPath::new(vec![field.name().clone()]);
            builder = builder.set_column_dictionary_enabled(path, false);
        }
    }
    Ok(builder)
}

fn is_mostly_distinct<'a>(columns: impl Iterator<Item = &'a ArrayRef>) -> Result<bool, DataFusionError> {
    let mut values = 0;
    let mut distinct = HashSet::new();
    let state = RandomState::default();
    for column in columns {
        let mut hashes = vec![0; column.len()];
        create_hashes([column], &state, &mut hashes)?;
        values += column.len() - column.logical_null_count();
        let valid = |row: &usize| !column.is_null(*row);
        distinct.extend((0..column.len()).filter(valid).map(|row| hashes[row]));
    }
    Ok(distinct.len() > values / 2)
}
