//! Files of every format version, kept as they were first written: today's reader must open them all.
//!
//! A file that is missing is written from its batch, so adding a case is adding a line; a file that is there is never
//! rewritten. What decodes is compared with the batch by meaning, since later encoders may choose other encodings.

use crate::support::{Random, assert_same, blocks_of, cell, inputs_of, log_batch, random_batch};
use basalt_block::*;
use std::path::PathBuf;

const OPTIONS: EncodeOptions = EncodeOptions::wal(3);

fn path(name: &str) -> PathBuf {
    // Of the clone that runs: a build that several clones share may have been compiled in another.
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("tests are run by cargo"))
        .join("tests/golden")
        .join(name)
}

fn stored(name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = path(name);
    if !path.exists() {
        // Renamed into place, since another test may be reading it.
        let unfinished = path.with_extension(format!("{:?}", std::thread::current().id()));
        std::fs::write(&unfinished, make()).unwrap();
        std::fs::rename(&unfinished, &path).unwrap();
    }
    std::fs::read(&path).unwrap()
}

fn cases() -> Vec<(&'static str, Batch)> {
    vec![
        ("one-row.block", random_batch(&mut Random(1), 1, 8)),
        ("time-only.block", random_batch(&mut Random(2), 50, 0)),
        ("all-types.block", random_batch(&mut Random(3), 400, 24)),
        ("two-pages.block", random_batch(&mut Random(4), PAGE_ROWS + 1, 3)),
    ]
}

#[test]
fn blocks_of_version_1_decode() {
    for (name, batch) in cases() {
        let block = stored(name, || encode_block(&batch, &OPTIONS).unwrap());
        assert_same(&decode_block(&block, 0).unwrap(), &batch, name);
        verify_block(&block, 0).unwrap();
    }
}

#[test]
fn segments_of_version_1_decode() {
    let batches = [
        random_batch(&mut Random(5), 300, 6),
        random_batch(&mut Random(5), 300, 6),
    ];
    let make = || {
        let blocks = blocks_of(&batches, &OPTIONS);
        let inputs = inputs_of(&blocks, false);
        let mut segment = Vec::new();
        merge_blocks(&inputs, &mut segment, b"{\"stream\":\"golden\"}", &OPTIONS).unwrap();
        segment
    };
    let segment = stored("two-inputs.segment", make);
    segment::check_file_header(&segment).unwrap();
    let footer = read_footer(&segment, segment.len() as u64).unwrap();
    assert_eq!(footer.metadata, b"{\"stream\":\"golden\"}");
    let rows: usize = footer
        .groups
        .iter()
        .map(|group| decode_block(&segment, group.offset).unwrap().rows)
        .sum();
    assert_eq!(rows, 600);
}

/// Sections and templates.
#[test]
fn segments_of_version_2_decode() {
    let batches = [log_batch(&mut Random(6), 1500, 0), log_batch(&mut Random(7), 1500, 4)];
    let make = || {
        let options = EncodeOptions::segment(3);
        let blocks = blocks_of(&batches, &OPTIONS);
        let inputs = inputs_of(&blocks, false);
        let mut segment = Vec::new();
        merge_blocks(&inputs, &mut segment, b"{\"stream\":\"golden\"}", &options).unwrap();
        segment
    };
    let segment = stored("templates.segment", make);
    let footer = read_footer(&segment, segment.len() as u64).unwrap();
    let header = footer.group_headers().next().unwrap().unwrap();
    assert!(
        header
            .columns
            .iter()
            .any(|entry| entry.family == ChunkFamily::Templates)
    );
    assert!(header.columns.iter().any(|entry| entry.sections > 0));
    let decoded = decode_block(&segment, footer.groups[0].offset).unwrap();
    verify_block(&segment, footer.groups[0].offset).unwrap();
    let text_of = |batch: &Batch| {
        let mut cells = Vec::new();
        for column in &batch.columns {
            cells.extend((0..batch.rows).map(|row| (column.name.clone(), cell(column, row))));
        }
        cells
    };
    let mut expected: Vec<_> = batches.iter().flat_map(text_of).collect();
    let mut actual = text_of(&decoded);
    expected.sort();
    actual.sort();
    assert!(actual == expected, "a segment of version 2 gives other values");
}

/// Named by what is damaged; the text of the error is part of the contract with whoever repairs.
#[test]
fn damaged_files_say_what_is_wrong() {
    let block = stored("all-types.block", || encode_block(&cases()[2].1, &OPTIONS).unwrap());
    let header = BlockReader::open(&block, 0).unwrap().header().clone();
    let chunk = header.columns[header.find("c3").unwrap()].chunk_offset as usize;
    let last = block.len() - 1;
    let damaged = |name: &str, at: usize| {
        stored(name, || {
            let mut bytes = block.clone();
            bytes[at] ^= 0x20;
            bytes
        })
    };
    let text = |block: &[u8]| decode_block(block, 0).unwrap_err().to_string();
    assert_eq!(
        text(&damaged("damaged-magic.block", 0)),
        "corrupt at byte 0: block magic 0x31425362, expected 0x31425342"
    );
    assert_eq!(
        text(&damaged("damaged-header-field.block", 30)),
        "corrupt at byte 0: block header checksum"
    );
    let expected = format!("corrupt at byte {chunk}: column c3: chunk directory checksum");
    assert_eq!(text(&damaged("damaged-directory.block", chunk + 5)), expected);
    assert!(text(&damaged("damaged-page.block", last)).ends_with("page 0: checksum"));
    let cut = stored("cut-short.block", || block[..block.len() - 10].to_vec());
    assert!(text(&cut).contains("the source ends before"), "{}", text(&cut));

    let whole = std::fs::read(path("two-inputs.segment"));
    if let Ok(segment) = whole {
        let cut = stored("cut-short.segment", || segment[..segment.len() - 7].to_vec());
        let error = read_footer(&cut, cut.len() as u64).unwrap_err().to_string();
        assert!(
            error.ends_with("no segment trailer: the file was cut short or is no segment"),
            "{error}"
        );
    }
}
