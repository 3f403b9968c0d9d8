//! Merge: any blocks in, one segment of time-sorted row groups out.
//!
//! What must hold: the output has every chosen row of every input once, sorted by (`_timestamp`, input order, row order) within
//! each class of inputs. Inputs whose column types conflict are of different classes, so that no row group mixes two
//! types of a column; a column that an input lacks is compatible with anything and becomes nulls.
//!
//! Memory: an input is decoded when the first output group needs it and dropped after the last one that does, so inputs
//! that follow each other in time are held a few at a time; only inputs that overlap are held together. Besides there is
//! one output group, raw and encoded, and 16 bytes for each row.
//!
//! A row group that may be reused, all of whose rows are chosen and follow each other in the output, is copied as it is: neither
//! decoded nor encoded again.

mod gather;
mod order;
mod select;

pub use select::{RowSelection, TimeCut, bits_of, rows_by_bucket};

use crate::column::{Batch, ColumnType, Strings, TIME_COLUMN, Values};
use crate::error::BlockError;
use crate::reader::{BlockReader, decode_block, decode_column, read_exact};
use crate::segment::{GROUP_ROWS, SegmentFooter, SegmentWriter};
use crate::source::ReadAt;
use crate::writer::{EncodeOptions, encode_block};
use order::{Row, Run};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::ops::Range;

/// Groups of fewer rows are not copied but merged with their neighbours, and no copy leaves fewer rows before it to a group of their own.
const REUSED_ROWS_MIN: usize = GROUP_ROWS / 2;

/// A row group whose largest text column is bigger than this is halved, so that offsets stay far below 4 GiB and an
/// encoder's memory stays bounded when messages are huge.
const GROUP_TEXT_BYTES_MAX: usize = 128 << 20;

/// Rows times columns of a group. Rows of many names, such as identifiers as keys, go into smaller groups: a merge holds a cell for each,
/// whatever is in it.
const GROUP_CELLS_MAX: usize = 1 << 24;

/// A WAL block or a row group of a segment.
#[derive(Clone, Copy)]
pub struct MergeInput<'a> {
    pub source: &'a dyn ReadAt,
    /// Where the block begins in the source.
    pub offset: u64,
    /// Whether its bytes may be copied to the output: it was encoded as well as this merge would.
    pub reusable: bool,
}

type Reader<'a> = BlockReader<'a, dyn ReadAt + 'a>;

/// Inputs that agree on the type of every column they share.
struct Class {
    types: HashMap<String, ColumnType>,
    inputs: Vec<usize>,
}

/// Writes a whole segment file to `output`: `inputs`, listed in arrival order, merged, and `metadata` in its footer.
/// On an error the output is incomplete and has no trailer. No inputs give a segment without row groups.
pub fn merge_blocks(
    inputs: &[MergeInput<'_>],
    output: &mut impl Write,
    metadata: &[u8],
    options: &EncodeOptions,
) -> Result<SegmentFooter, BlockError> {
    merge_selected(inputs, None, output, metadata, options)
}

/// Likewise, of the rows that `selection` chooses.
pub fn merge_selected(
    inputs: &[MergeInput<'_>],
    selection: Option<&dyn RowSelection>,
    output: &mut impl Write,
    metadata: &[u8],
    options: &EncodeOptions,
) -> Result<SegmentFooter, BlockError> {
    let readers: Vec<Reader<'_>> = inputs
        .iter()
        .map(|input| BlockReader::open(input.source, input.offset))
        .collect::<Result<_, _>>()?;
    let mut writer = SegmentWriter::begin(output)?;
    for class in classes(&readers) {
        ClassMerge::new(&readers, inputs, &class.inputs, selection)?.run(&mut writer, options)?;
    }
    writer.finish(metadata)
}

/// Each input goes to the first class it does not conflict with.
fn classes(readers: &[Reader<'_>]) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::new();
    for (input, reader) in readers.iter().enumerate() {
        let columns = &reader.header().columns;
        let fits = |class: &Class| {
            columns.iter().all(|entry| {
                class
                    .types
                    .get(&entry.name)
                    .is_none_or(|known| *known == entry.column_type)
            })
        };
        let index = classes.iter().position(fits).unwrap_or_else(|| {
            classes.push(Class {
                types: HashMap::new(),
                inputs: Vec::new(),
            });
            classes.len() - 1
        });
        let class = &mut classes[index];
        class.inputs.push(input);
        for entry in columns {
            if !class.types.contains_key(&entry.name) {
                class.types.insert(entry.name.clone(), entry.column_type);
            }
        }
    }
    classes
}

/// The merge of one class. Inputs are numbered within the class.
struct ClassMerge<'a> {
    sources: Vec<MergeInput<'a>>,
    order: Vec<Row>,
    /// Places in the order that are one input each, whose bytes can be copied; rising.
    reused: Vec<(Range<usize>, usize)>,
    batches: Vec<Option<Batch>>,
    /// Rows of each input that are not written yet.
    rows_left: Vec<usize>,
}

impl<'a> ClassMerge<'a> {
    fn new(
        readers: &[Reader<'_>],
        inputs: &[MergeInput<'a>],
        members: &[usize],
        selection: Option<&dyn RowSelection>,
    ) -> Result<Self, BlockError> {
        let mut merge = Self {
            sources: Vec::with_capacity(members.len()),
            order: Vec::new(),
            reused: Vec::new(),
            batches: members.iter().map(|_| None).collect(),
            rows_left: Vec::with_capacity(members.len()),
        };
        let mut rows = Vec::with_capacity(members.len());
        let mut whole = Vec::with_capacity(members.len());
        for &member in members {
            let (reader, input) = (&readers[member], &inputs[member]);
            merge.sources.push(*input);
            if selection.is_some_and(|selection| selection.excludes(reader.header())) {
                rows.push((Vec::new(), None));
                merge.rows_left.push(0);
                whole.push(false);
                continue;
            }
            let times = read_times(reader, input.offset)?;
            let chosen = match selection {
                Some(selection) => selection.choose(member, &times)?,
                None => None,
            };
            let count = chosen.as_ref().map_or(times.len(), |words| {
                words.iter().map(|word| word.count_ones() as usize).sum()
            });
            merge.rows_left.push(count);
            whole.push(input.reusable && reader.header().sorted_by_time && count == times.len());
            rows.push((times, chosen));
        }
        merge.order = order::sort(&rows)?;
        merge.reused = reusable_places(&merge.order, &whole, &merge.rows_left);
        Ok(merge)
    }

    fn run<W: Write>(mut self, writer: &mut SegmentWriter<'_, W>, options: &EncodeOptions) -> Result<(), BlockError> {
        let order = std::mem::take(&mut self.order);
        let mut written = 0;
        for (place, input) in std::mem::take(&mut self.reused) {
            let pending = place.start - written;
            if pending != 0 && pending < REUSED_ROWS_MIN {
                continue;
            }
            self.write_rows(&order[written..place.start], writer, options)?;
            self.copy(input, writer)?;
            written = place.end;
        }
        self.write_rows(&order[written..], writer, options)
    }

    fn copy<W: Write>(&self, input: usize, writer: &mut SegmentWriter<'_, W>) -> Result<(), BlockError> {
        let MergeInput { source, offset, .. } = self.sources[input];
        let bytes = BlockReader::open(source, offset)?.header().block_bytes;
        let length = usize::try_from(bytes).map_err(|_| BlockError::corrupt(offset, "a block of 2^64 bytes"))?;
        let mut block = vec![0; length];
        read_exact(source, &mut block, offset)?;
        writer.append(&block)
    }

    fn write_rows<W: Write>(
        &mut self,
        rows: &[Row],
        writer: &mut SegmentWriter<'_, W>,
        options: &EncodeOptions,
    ) -> Result<(), BlockError> {
        for rows in rows.chunks(even_group_rows(rows.len())) {
            self.write_group(rows, writer, options)?;
            for row in rows {
                self.rows_left[row.input as usize] -= 1;
            }
            for (batch, rows_left) in self.batches.iter_mut().zip(&self.rows_left) {
                if *rows_left == 0 {
                    *batch = None;
                }
            }
        }
        Ok(())
    }

    fn write_group<W: Write>(
        &mut self,
        rows: &[Row],
        writer: &mut SegmentWriter<'_, W>,
        options: &EncodeOptions,
    ) -> Result<(), BlockError> {
        let runs = order::runs(rows);
        for run in &runs {
            let input = run.input as usize;
            if self.batches[input].is_none() {
                self.batches[input] = Some(decode_block(self.sources[input].source, self.sources[input].offset)?);
            }
        }
        let columns = self.columns_of(&runs);
        let text_bytes = columns
            .iter()
            .map(|(name, _)| gather::text_bytes(&self.sources_of(name), &runs))
            .max();
        let too_wide = rows.len() * columns.len() > GROUP_CELLS_MAX;
        if rows.len() > 1 && (too_wide || text_bytes.is_some_and(|bytes| bytes > GROUP_TEXT_BYTES_MAX)) {
            let (first, second) = rows.split_at(rows.len() / 2);
            self.write_group(first, writer, options)?;
            return self.write_group(second, writer, options);
        }
        let columns = columns
            .iter()
            .map(|(name, column_type)| gather::column(name, *column_type, &self.sources_of(name), &runs, rows.len()))
            .collect();
        let batch = Batch {
            rows: rows.len(),
            columns,
        };
        writer.append(&encode_block(&batch, options)?)
    }

    /// Names and types of the columns that any input of these runs has.
    fn columns_of(&self, runs: &[Run]) -> Vec<(String, ColumnType)> {
        let mut taken = vec![false; self.batches.len()];
        runs.iter().for_each(|run| taken[run.input as usize] = true);
        let mut columns = BTreeMap::new();
        for batch in self
            .batches
            .iter()
            .zip(taken)
            .filter(|(_, taken)| *taken)
            .filter_map(|(batch, _)| batch.as_ref())
        {
            for column in &batch.columns {
                if !columns.contains_key(column.name.as_str()) {
                    columns.insert(column.name.as_str(), column.values.column_type());
                }
            }
        }
        columns
            .into_iter()
            .map(|(name, column_type)| (name.to_owned(), column_type))
            .collect()
    }

    /// The column of that name in each input, where it is loaded and has one.
    fn sources_of(&self, name: &str) -> Vec<Option<&crate::column::Column>> {
        let find = |batch: &'_ Option<Batch>| -> Option<usize> {
            batch
                .as_ref()?
                .columns
                .binary_search_by(|column| column.name.as_str().cmp(name))
                .ok()
        };
        self.batches
            .iter()
            .map(|batch| find(batch).and_then(|index| batch.as_ref().map(|batch| &batch.columns[index])))
            .collect()
    }
}

/// Rows of each group when so many are cut evenly, so that none of several is too small to be copied by a later merge.
fn even_group_rows(rows: usize) -> usize {
    rows.div_ceil(rows.div_ceil(GROUP_ROWS).max(1)).max(1)
}

/// Where the rows of an input that is `whole` follow each other without others between.
fn reusable_places(order: &[Row], whole: &[bool], rows: &[usize]) -> Vec<(Range<usize>, usize)> {
    let mut places = Vec::new();
    let mut start = 0;
    for place in order.chunk_by(|a, b| a.input == b.input) {
        let input = place[0].input as usize;
        if whole[input] && place.len() == rows[input] && place.len() >= REUSED_ROWS_MIN {
            places.push((start..start + place.len(), input));
        }
        start += place.len();
    }
    places
}

pub(crate) fn read_times(reader: &Reader<'_>, offset: u64) -> Result<Vec<i64>, BlockError> {
    let column = reader
        .find(TIME_COLUMN)
        .ok_or_else(|| BlockError::corrupt(offset, format!("no {TIME_COLUMN}")))?;
    match decode_column(reader, column)? {
        crate::column::Column {
            values: Values::Int64(times),
            validity: None,
            ..
        } => Ok(times),
        _ => Err(BlockError::corrupt(
            offset,
            format!("{TIME_COLUMN} is not an int64 column without nulls"),
        )),
    }
}

/// Whether strings are held through a dictionary.
fn has_dictionary(values: &Values) -> bool {
    matches!(values.strings(), Some(Strings::Dictionary { .. }))
}
