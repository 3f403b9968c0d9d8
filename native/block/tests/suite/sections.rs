//! Sections of a chunk: read on demand, checked, and never needed for the values.

use crate::support::{Cell, Random, cell, random_batch, template};
use basalt_block::section::ENTRY_COUNTS;
use basalt_block::*;
use std::collections::HashMap;

const SEGMENT: EncodeOptions = EncodeOptions::segment(1);

/// Chunks with a dictionary, larger and smaller than what a reader takes at once.
fn blocks() -> Vec<(Batch, Vec<u8>)> {
    let make = |(seed, rows): (u64, usize)| {
        let batch = random_batch(&mut Random(seed), rows, 12);
        let block = encode_block(&batch, &SEGMENT).unwrap();
        (batch, block)
    };
    [(1, 40), (2, 700), (3, 9000), (4, 120_000)]
        .into_iter()
        .map(make)
        .collect()
}

#[test]
fn entry_counts_are_those_of_the_rows() {
    let (mut checked, mut templates) = (0, 0);
    for (batch, block) in blocks() {
        let reader = BlockReader::open(&block, 0).unwrap();
        let decoded = decode_block(&block, 0).unwrap();
        assert_eq!(decoded.rows, batch.rows);
        for (index, entry) in reader.header().columns.iter().enumerate() {
            let chunk = reader.chunk(index).unwrap();
            let Some(counts) = chunk.entry_counts().unwrap() else {
                assert_eq!(entry.distinct, 0, "{}: a dictionary without counts", entry.name);
                continue;
            };
            let entries = chunk.dictionary().or(chunk.templates()).unwrap();
            let codes: HashMap<&[u8], usize> = (0..entries.len()).map(|entry| (entries.get(entry), entry)).collect();
            let is_template = chunk.templates().is_some();
            templates += usize::from(is_template);
            let mut expected = vec![0u32; entries.len()];
            for row in 0..decoded.rows {
                if let Cell::Text(_, string) = cell(&decoded.columns[index], row) {
                    let entry = if is_template { template(&string) } else { string };
                    expected[codes[entry.as_slice()]] += 1;
                }
            }
            assert_eq!(counts, expected, "{}", entry.name);
            checked += 1;
        }
    }
    assert!(
        checked >= 8 && templates > 0,
        "only {checked} dictionaries, {templates} of templates"
    );
}

#[test]
fn blocks_of_the_wal_have_none() {
    let batch = random_batch(&mut Random(2), 700, 12);
    let header = |options| {
        let block = encode_block(&batch, &options).unwrap();
        BlockReader::open(&block, 0).unwrap().header().clone()
    };
    assert!(
        header(EncodeOptions::wal(1))
            .columns
            .iter()
            .all(|entry| entry.sections == 0)
    );
    assert!(header(SEGMENT).columns.iter().any(|entry| entry.sections > 0));
}

/// Finds the chunk of the first column with counts, and where its section lies in the block.
fn first_section(block: &[u8]) -> (usize, std::ops::Range<usize>) {
    let block = block.to_vec();
    let reader = BlockReader::open(&block, 0).unwrap();
    let (index, entry) = reader
        .header()
        .columns
        .iter()
        .enumerate()
        .find(|(_, entry)| entry.sections > 0)
        .unwrap();
    let chunk = entry.chunk_offset as usize;
    let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap()) as usize;
    let (pages, dictionary_bytes) = (word(chunk), word(chunk + 8));
    let section_entry = chunk + 24 + 48 * pages;
    assert_eq!(block[section_entry], ENTRY_COUNTS);
    let start = section_entry + 16 * usize::from(entry.sections) + 4 + dictionary_bytes;
    (index, start..start + word(section_entry + 4))
}

#[test]
fn damage_to_a_section_is_noticed_where_it_is_read() {
    let (_, block) = blocks().swap_remove(1);
    let (column, section) = first_section(&block);
    for at in section {
        let mut damaged = block.clone();
        damaged[at] ^= 0x40;
        assert!(decode_block(&damaged, 0).is_ok(), "values do not depend on sections");
        let error = verify_block(&damaged, 0).unwrap_err().to_string();
        assert!(error.contains("section 1: checksum"), "{error}");
        let reader = BlockReader::open(&damaged, 0).unwrap();
        assert!(reader.chunk(column).unwrap().entry_counts().is_err());
    }
}
