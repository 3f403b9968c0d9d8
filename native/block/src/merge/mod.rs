//! Merge: any blocks in, one segment of time-sorted row groups out.
//!
//! What must hold: the output has every chosen row of every input once, sorted by (`_timestamp`, input order, row order) within
//! each class of inputs. Inputs whose column types conflict are of different classes, so that no row group mixes two
//! types of a column; a column that an input lacks is compatible with anything and becomes nulls.
//!
//! Memory: an input is decoded when the first output group needs it and dropped after the last one that does, so inputs
//! that follow each other in time are held a few at a time; only inputs that overlap are held together. Columns that few rows have
//! are held as the values that there are. Besides there is one output group, encoded, one column of it, raw, and 16 bytes for each row.
//!
//! A row group that may be reused, all of whose rows are chosen and follow each other in the output, is copied as it is: neither
//! decoded nor encoded again.

mod gather;
mod input;
mod order;
mod select;
mod sparse;

pub use select::{RowSelection, TimeCut, bits_of, rows_by_bucket};

use crate::column::{Column, ColumnType, Strings, TIME_COLUMN, Values};
use crate::error::BlockError;
use crate::header::{ENTRY_BYTES, HEADER_BYTES_MAX};
use crate::reader::{BlockReader, decode_column, read_exact};
use crate::segment::{GROUP_ROWS, SegmentFooter, SegmentWriter};
use crate::source::ReadAt;
use crate::writer::{EncodeOptions, encode_columns};
use input::InputColumn;
use order::{Row, Run};
use sparse::Places;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::ops::Range;

/// Groups of fewer rows are not copied but merged with their neighbours, and no copy leaves fewer rows before it to a group of their own.
const REUSED_ROWS_MIN: usize = GROUP_ROWS / 2;

/// A row group whose largest text column is bigger than this is halved, so that offsets stay far below 4 GiB and an
/// encoder's memory stays bounded when messages are huge.
const GROUP_TEXT_BYTES_MAX: usize = 128 << 20;

/// A row group with more places for values than this is halved: encoding looks at each place, and of names that few rows have each half
/// has fewer.
const GROUP_CELLS_MAX: usize = 1 << 27;

/// Of a column in a header, beside its name: its entry and two bounds.
const HEADER_COLUMN_BYTES: usize = ENTRY_BYTES + 64;

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
    let merges: Vec<ClassMerge<'_>> = classes(&readers)
        .iter()
        .map(|class| ClassMerge::new(&readers, inputs, &class.inputs, selection))
        .collect::<Result<_, _>>()?;
    drop(readers);
    for merge in merges {
        merge.run(&mut writer, options)?;
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
    columns: Vec<Option<Vec<InputColumn>>>,
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
            columns: members.iter().map(|_| None).collect(),
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
            for (columns, rows_left) in self.columns.iter_mut().zip(&self.rows_left) {
                if *rows_left == 0 {
                    *columns = None;
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
            if self.columns[input].is_none() {
                self.columns[input] = Some(input::load(self.sources[input].source, self.sources[input].offset)?);
            }
        }
        let places = Places::of(&runs);
        let columns = self.columns_of(&places);
        if rows.len() > 1 && is_too_large(&columns, &runs, rows.len()) {
            drop(columns);
            let (first, second) = rows.split_at(rows.len() / 2);
            self.write_group(first, writer, options)?;
            return self.write_group(second, writer, options);
        }
        let columns = columns.values().filter_map(|sources| {
            let sparse = sparse::column(sources, &places, rows.len());
            sparse.unwrap_or_else(|| Some(self.gather(sources, &runs, rows.len())))
        });
        writer.append(&encode_columns(rows.len(), columns, options)?)
    }

    /// By name, the columns that any input of the group has, with the inputs.
    fn columns_of(&self, places: &Places) -> BTreeMap<&str, Vec<(u32, &InputColumn)>> {
        let mut columns: BTreeMap<&str, Vec<(u32, &InputColumn)>> = BTreeMap::new();
        for (input, held) in (0..).zip(&self.columns) {
            let of_group = held.iter().flatten().filter(|column| places.may_have(input, column));
            for column in of_group {
                columns.entry(column.name()).or_default().push((input, column));
            }
        }
        columns
    }

    fn gather(&self, sources: &[(u32, &InputColumn)], runs: &[Run], rows: usize) -> Column {
        let dense: Vec<(u32, Cow<'_, Column>)> =
            sources.iter().map(|(input, column)| (*input, column.dense())).collect();
        let mut by_input: Vec<Option<&Column>> = vec![None; self.columns.len()];
        for (input, column) in &dense {
            by_input[*input as usize] = Some(column);
        }
        let (_, first) = &sources[0];
        gather::column(first.name(), first.column_type(), &by_input, runs, rows)
    }
}

fn is_too_large(columns: &BTreeMap<&str, Vec<(u32, &InputColumn)>>, runs: &[Run], rows: usize) -> bool {
    let header_bytes: usize = columns.keys().map(|name| name.len() + HEADER_COLUMN_BYTES).sum();
    if header_bytes > HEADER_BYTES_MAX / 2 || columns.len() * rows > GROUP_CELLS_MAX {
        return true;
    }
    let mut texts = columns.values().map(|sources| gather::text_bytes(sources, runs));
    texts.any(|bytes| bytes > GROUP_TEXT_BYTES_MAX)
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
