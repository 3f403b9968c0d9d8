//! What a block is made of, part by part: for the eyes of a person, and to compare encodings.

use crate::codec::{self, Bools, Codes, Floats, Ints, Kind, NO_VALUES, Texts};
use crate::column::{ColumnType, Text};
use crate::directory::directory_bytes;
use crate::error::BlockError;
use crate::header::{BlockHeader, ChunkFamily, ColumnEntry};
use crate::reader::{BlockReader, Chunk, Page, PageValues};
use crate::section;
use crate::source::ReadAt;

/// A block and its columns. The header and the parts of all columns add up to the bytes of the block.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockInspection {
    pub header: BlockHeader,
    /// In the order of `header.columns`.
    pub columns: Vec<ColumnInspection>,
}

/// The chunk of a column: directory, dictionary, sections, validity and encodings add up to its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnInspection {
    pub directory_bytes: u64,
    pub dictionary: Option<DictionaryUse>,
    pub sections: Vec<SectionUse>,
    /// Which rows are null, of all pages.
    pub validity_bytes: u64,
    /// One for each encoding that a page has, by first appearance.
    pub encodings: Vec<EncodingUse>,
    /// Bytes of the values that are present: 8 a number, 1 a bool, the length of a string.
    pub raw_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DictionaryUse {
    pub encoding: &'static str,
    pub entries: u32,
    pub bytes: u64,
    /// Length of all entries.
    pub raw_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionUse {
    pub name: String,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodingUse {
    pub name: &'static str,
    pub pages: u32,
    /// Of the values, without validity.
    pub bytes: u64,
}

/// Reads and decodes the whole block at `offset`, a page at a time. Damage anywhere in it is an error.
pub fn inspect_block<S: ReadAt + ?Sized>(source: &S, offset: u64) -> Result<BlockInspection, BlockError> {
    let reader = BlockReader::open(source, offset)?;
    let header = reader.header().clone();
    let columns = (0..header.columns.len())
        .map(|column| inspect_chunk(&mut reader.chunk(column)?, &header.columns[column]))
        .collect::<Result<_, BlockError>>()?;
    Ok(BlockInspection { header, columns })
}

fn inspect_chunk<S: ReadAt + ?Sized>(
    chunk: &mut Chunk<'_, S>,
    entry: &ColumnEntry,
) -> Result<ColumnInspection, BlockError> {
    let directory = chunk.directory().clone();
    let entry_lengths: Option<Vec<u64>> = chunk.dictionary().map(|entries| {
        (0..entries.len())
            .map(|entry| entries.get(entry).len() as u64)
            .collect()
    });
    let dictionary = directory.dictionary.map(|dictionary| DictionaryUse {
        encoding: name_of::<Texts>(dictionary.encoding),
        entries: dictionary.count,
        bytes: u64::from(dictionary.bytes),
        raw_bytes: (chunk.dictionary().or(chunk.templates())).map_or(0, |entries| entries.bytes.len() as u64),
    });
    let sections = directory
        .sections
        .iter()
        .map(|section| SectionUse {
            name: section::name_of(section.kind),
            bytes: u64::from(section.bytes),
        })
        .collect();
    let mut inspection = ColumnInspection {
        directory_bytes: directory_bytes(directory.pages.len(), directory.sections.len()) as u64,
        dictionary,
        sections,
        validity_bytes: 0,
        encodings: Vec::new(),
        raw_bytes: 0,
    };
    let mut page = Page::default();
    for (index, place) in directory.pages.iter().enumerate() {
        chunk.read_page(index, &mut page)?;
        inspection.validity_bytes += u64::from(place.validity_bytes);
        inspection.raw_bytes += raw_bytes(&page, place.null_count, entry_lengths.as_deref());
        let name = encoding_name(entry.column_type, entry.family, place.encoding);
        inspection.add_encoding(name, u64::from(place.head_bytes() - place.validity_bytes));
        if let Some(detail) = place.detail {
            inspection.add_encoding("template digits", u64::from(detail.bytes));
        }
    }
    Ok(inspection)
}

impl ColumnInspection {
    fn add_encoding(&mut self, name: &'static str, bytes: u64) {
        match self.encodings.iter_mut().find(|known| known.name == name) {
            Some(known) => {
                known.pages += 1;
                known.bytes += bytes;
            }
            None => self.encodings.push(EncodingUse { name, pages: 1, bytes }),
        }
    }
}

fn raw_bytes(page: &Page, null_count: u32, entry_lengths: Option<&[u64]>) -> u64 {
    let present = page.rows as u64 - u64::from(null_count);
    match &page.values {
        PageValues::Int64(_) | PageValues::Float64(_) => present * 8,
        PageValues::Bool(_) => present,
        PageValues::Text(Text { bytes, .. }) => bytes.len() as u64,
        PageValues::Codes(codes) => {
            let is_present = |row: usize| page.validity.as_ref().is_none_or(|validity| validity.is_valid(row));
            let lengths = entry_lengths.unwrap_or_default();
            (codes.iter().enumerate())
                .filter(|(row, _)| is_present(*row))
                .map(|(_, &code)| lengths[code as usize])
                .sum()
        }
    }
}

fn encoding_name(column_type: ColumnType, family: ChunkFamily, id: u8) -> &'static str {
    match column_type {
        _ if id == NO_VALUES => "no values",
        ColumnType::Int64 => name_of::<Ints>(id),
        ColumnType::Float64 => name_of::<Floats>(id),
        ColumnType::Bool => name_of::<Bools>(id),
        _ if family == ChunkFamily::Values => name_of::<Texts>(id),
        _ => name_of::<Codes>(id),
    }
}

/// Of an id that a reader has accepted already.
fn name_of<K: Kind>(id: u8) -> &'static str {
    codec::find::<K>(id).map_or("unknown", |codec| codec.name())
}
