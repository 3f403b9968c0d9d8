//! The tools: inspection adds up, a check misses no byte, a salvage keeps what is good and tells what is not.

use crate::support::{Cell, Random, assert_same, cell, random_batch};
use basalt_block::segment::{FILE_HEADER_BYTES, SegmentWriter, TRAILER_BYTES};
use basalt_block::*;

const OPTIONS: EncodeOptions = EncodeOptions::segment(1);

/// A segment with one row group a batch.
fn segment_of(batches: &[Batch]) -> (Vec<u8>, SegmentFooter) {
    let mut bytes = Vec::new();
    let mut writer = SegmentWriter::begin(&mut bytes).unwrap();
    for batch in batches {
        writer.append(&encode_block(batch, &OPTIONS).unwrap()).unwrap();
    }
    let footer = writer.finish(b"about it").unwrap();
    (bytes, footer)
}

fn batches(seed: u64, rows: &[usize]) -> Vec<Batch> {
    let mut random = Random(seed);
    rows.iter().map(|&rows| random_batch(&mut random, rows, 5)).collect()
}

#[test]
fn inspection_adds_up() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let batch = random_batch(&mut Random(seed), [1, 90, 9000, 20_000][seed as usize % 4], 8);
        let block = encode_block(&batch, &OPTIONS).unwrap();
        let inspection = inspect_block(&block, 0).unwrap();
        let mut total = inspection.header.header_bytes as u64;
        let decoded = decode_block(&block, 0).unwrap();
        for ((parts, entry), column) in inspection
            .columns
            .iter()
            .zip(&inspection.header.columns)
            .zip(&decoded.columns)
        {
            let dictionary = parts.dictionary.as_ref().map_or(0, |dictionary| dictionary.bytes);
            let sections: u64 = parts.sections.iter().map(|section| section.bytes).sum();
            let encodings: u64 = parts.encodings.iter().map(|encoding| encoding.bytes).sum();
            let bytes = parts.directory_bytes + dictionary + sections + parts.validity_bytes + encodings;
            assert_eq!(bytes, entry.chunk_bytes, "seed {seed}, {}", entry.name);
            // The digits of templates are a second part of the same pages.
            let values = parts
                .encodings
                .iter()
                .filter(|encoding| encoding.name != "template digits");
            let pages: u32 = values.map(|encoding| encoding.pages).sum();
            assert_eq!(pages, entry.page_count);
            let raw: usize = (0..decoded.rows)
                .map(|row| match cell(column, row) {
                    Cell::Null => 0,
                    Cell::Text(_, string) => string.len(),
                    Cell::Bool(_) => 1,
                    _ => 8,
                })
                .sum();
            assert_eq!(parts.raw_bytes, raw as u64, "seed {seed}, {}", entry.name);
            seen.extend(parts.encodings.iter().map(|encoding| encoding.name));
            total += bytes;
        }
        assert_eq!(total, block.len() as u64, "seed {seed}");
    }
    assert!(seen.len() >= 9 && !seen.contains("unknown"), "{seen:?}");
}

#[test]
fn a_check_misses_no_byte() {
    let (segment, footer) = segment_of(&batches(7, &[40, 3, 70]));
    let whole = check_segment(&segment, segment.len() as u64).unwrap();
    assert_eq!((whole.findings, whole.footer), (Vec::new(), Some(footer.clone())));
    for at in 0..segment.len() {
        for mask in [0x01, 0x80] {
            let mut damaged = segment.clone();
            damaged[at] ^= mask;
            let check = check_segment(&damaged, damaged.len() as u64).unwrap();
            let [finding] = check.findings.as_slice() else {
                panic!("byte {at}: {:?}", check.findings);
            };
            let place = finding.offset..finding.offset + finding.bytes;
            let at = at as u64;
            let group = footer
                .groups
                .iter()
                .position(|group| (group.offset..group.offset + group.bytes).contains(&at));
            assert_eq!(finding.group, group.map(|group| group as u32), "byte {at}: {finding:?}");
            assert!(group.is_none() || place.contains(&at), "byte {at}: {finding:?}");
        }
    }
    for bytes in 0..segment.len() {
        let check = check_segment(&segment[..bytes], bytes as u64).unwrap();
        assert!(!check.findings.is_empty(), "{bytes}");
    }
}

#[test]
fn a_check_tells_all_that_is_wrong() {
    let (mut segment, footer) = segment_of(&batches(8, &[9000, 50, 9000]));
    for group in [0, 2] {
        let end = footer.groups[group].offset + footer.groups[group].bytes;
        segment[end as usize - 1] ^= 4;
    }
    segment[9] ^= 1;
    let findings = check_segment(&segment, segment.len() as u64).unwrap().findings;
    let groups: Vec<Option<u32>> = findings.iter().map(|finding| finding.group).collect();
    assert_eq!(groups, [None, Some(0), Some(2)], "{findings:?}");
    assert!(findings[1].what.contains("page 1: checksum"), "{findings:?}");
}

fn salvaged(segment: &[u8]) -> (Vec<Batch>, Vec<Lost>) {
    let mut output = Vec::new();
    let salvage = salvage_segment(segment, segment.len() as u64, &mut output, b"again").unwrap();
    let check = check_segment(&output, output.len() as u64).unwrap();
    assert_eq!(check.findings, []);
    assert_eq!(check.footer.as_ref(), Some(&salvage.footer));
    assert_eq!(salvage.footer.metadata, b"again");
    let groups = salvage.footer.groups.iter();
    (
        groups
            .map(|group| decode_block(&output, group.offset).unwrap())
            .collect(),
        salvage.lost,
    )
}

#[test]
fn a_salvage_loses_only_what_is_damaged() {
    let rows = [40, 3, 70, 9];
    let batches = batches(9, &rows);
    let (segment, footer) = segment_of(&batches);
    for at in 0..segment.len() {
        let mut damaged = segment.clone();
        damaged[at] ^= 0x10;
        let (found, lost) = salvaged(&damaged);
        let hit = footer
            .groups
            .iter()
            .position(|group| (group.offset..group.offset + group.bytes).contains(&(at as u64)));
        let in_header = hit.is_some_and(|group| {
            let group = footer.groups[group];
            at as u64 - group.offset < u64::from(group.header_bytes)
        });
        // A damaged header is mended from its copy; a damaged end of the file costs no row.
        let expected_lost = if in_header { None } else { hit };
        let kept = (0..rows.len()).filter(|group| Some(*group) != expected_lost);
        for (batch, group) in found.iter().zip(kept.clone()) {
            assert_same(batch, &batches[group], &format!("byte {at}"));
        }
        assert_eq!(found.len(), kept.count(), "byte {at}: {lost:?}");
        let lost_rows: Vec<u32> = lost
            .iter()
            .filter_map(|part| part.group)
            .map(|group| group.rows)
            .collect();
        let expected: Vec<u32> = expected_lost.iter().map(|group| rows[*group] as u32).collect();
        assert_eq!(lost_rows, expected, "byte {at}: {lost:?}");
    }
}

#[test]
fn without_a_footer_the_blocks_are_found() {
    let rows = [40, 3, 70, 9];
    let batches = batches(10, &rows);
    let (segment, footer) = segment_of(&batches);
    let second = footer.groups[1];
    let end = segment.len() - TRAILER_BYTES;
    for damaged_header in [false, true] {
        let mut damaged = segment[..end].to_vec();
        if damaged_header {
            damaged[second.offset as usize + 70] ^= 1;
        }
        let (found, lost) = salvaged(&damaged);
        let kept: Vec<usize> = (0..rows.len())
            .filter(|group| !(damaged_header && *group == 1))
            .collect();
        assert_eq!(found.len(), kept.len(), "{lost:?}");
        for (batch, group) in found.iter().zip(kept) {
            assert_same(batch, &batches[group], "found");
        }
        // The rest of the footer, and the block whose header tells nothing any more.
        assert_eq!(lost.len(), 1 + usize::from(damaged_header), "{lost:?}");
        assert!(lost.iter().all(|part| part.group.is_none()), "{lost:?}");
    }
    for bytes in 0..end {
        let whole = footer
            .groups
            .iter()
            .filter(|group| group.offset + group.bytes <= bytes as u64);
        let (found, lost) = salvaged(&segment[..bytes]);
        assert_eq!(found.len(), whole.count(), "cut at {bytes}");
        assert!(
            bytes <= FILE_HEADER_BYTES
                || found.len() == rows.len()
                || !lost.is_empty()
                || bytes as u64 == found_end(&footer, found.len())
        );
    }
}

fn found_end(footer: &SegmentFooter, groups: usize) -> u64 {
    footer.groups.get(groups).map_or(0, |group| group.offset)
}
