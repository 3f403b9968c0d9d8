//! Text of segments as templates and digits: every string comes back byte for byte, codes name its template, and damage
//! is noticed.

use crate::support::{Random, assert_same, log_batch, template};
use basalt_block::*;

const SEGMENT: EncodeOptions = EncodeOptions::segment(1);

fn family(block: &Vec<u8>) -> ChunkFamily {
    let reader = BlockReader::open(block, 0).unwrap();
    reader.header().columns[reader.find("line").unwrap()].family
}

#[test]
fn strings_come_back_byte_for_byte() {
    let mut random = Random(21);
    let mut templates = 0;
    for round in 0..60 {
        let rows = [100, 700, 3000, PAGE_ROWS, 2 * PAGE_ROWS + 65][round % 5];
        let batch = log_batch(&mut random, rows, [0, 0, 3, 60, 99][round / 5 % 5]);
        let block = encode_block(&batch, &SEGMENT).unwrap();
        templates += usize::from(family(&block) == ChunkFamily::Templates);
        assert_same(&decode_block(&block, 0).unwrap(), &batch, &format!("round {round}"));
        verify_block(&block, 0).unwrap();
    }
    assert!(templates > 30, "{templates} of 60 columns as templates");
}

#[test]
fn codes_name_the_template_of_each_string() {
    let mut random = Random(8);
    let batch = log_batch(&mut random, 3 * PAGE_ROWS / 2, 10);
    let block = encode_block(&batch, &SEGMENT).unwrap();
    assert_eq!(family(&block), ChunkFamily::Templates);
    let reader = BlockReader::open(&block, 0).unwrap();
    let mut chunk = reader.chunk(reader.find("line").unwrap()).unwrap();
    let (mut codes, mut whole) = (Page::default(), Page::default());
    for page in (0..chunk.page_count()).rev() {
        chunk.read_template_page(page, &mut codes).unwrap();
        chunk.read_page(page, &mut whole).unwrap();
        let (PageValues::Codes(numbers), PageValues::Text(text)) = (&codes.values, &whole.values) else {
            panic!("codes and text");
        };
        assert_eq!((codes.rows, &codes.validity), (whole.rows, &whole.validity));
        for (row, &number) in numbers.iter().enumerate() {
            if whole.validity.as_ref().is_none_or(|validity| validity.is_valid(row)) {
                let expected = template(text.get(row));
                assert_eq!(chunk.templates().unwrap().get(number as usize), expected);
            }
        }
    }
    let mut other = reader.chunk(reader.find("_timestamp").unwrap()).unwrap();
    assert!(matches!(
        other.read_template_page(0, &mut codes),
        Err(BlockError::Invalid { .. })
    ));
}

#[test]
fn blocks_of_the_wal_and_columns_without_repeats_have_none() {
    let mut random = Random(3);
    let batch = log_batch(&mut random, 3000, 0);
    assert_ne!(
        family(&encode_block(&batch, &EncodeOptions::wal(1)).unwrap()),
        ChunkFamily::Templates
    );
    let mut ids = Text::default();
    (0..3000).for_each(|_| ids.push(format!("{:016x}", random.next()).as_bytes()));
    let mut batch = batch;
    batch.columns[1].values = Values::String(Strings::Plain(ids));
    assert_eq!(family(&encode_block(&batch, &SEGMENT).unwrap()), ChunkFamily::Values);
}

#[test]
fn a_longer_run_than_templates_take_is_stored_otherwise() {
    let mut text = Text::default();
    (0..2000).for_each(|row| text.push(format!("line {row} of the log").as_bytes()));
    text.push("9".repeat(256).as_bytes());
    let batch = Batch {
        rows: 2001,
        columns: vec![
            Column {
                name: "_timestamp".into(),
                validity: None,
                values: Values::Int64((0..2001).collect()),
            },
            Column {
                name: "line".into(),
                validity: None,
                values: Values::String(Strings::Plain(text)),
            },
        ],
    };
    let block = encode_block(&batch, &SEGMENT).unwrap();
    assert_eq!(family(&block), ChunkFamily::Values);
    assert_same(&decode_block(&block, 0).unwrap(), &batch, "a run of 256 digits");
}

/// Damage behind valid checksums: an error or strings, never a panic.
#[test]
fn hostile_templates_do_not_panic() {
    let mut random = Random(5);
    let batch = log_batch(&mut random, 400, 5);
    let block = encode_block(&batch, &SEGMENT).unwrap();
    assert_eq!(family(&block), ChunkFamily::Templates);
    let reader = BlockReader::open(&block, 0).unwrap();
    let chunk = reader.header().columns[reader.find("line").unwrap()].chunk_offset as usize;
    let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap()) as usize;
    let directory_end = chunk + 24 + 48 + 16;
    let dictionary = directory_end + 4;
    let dictionary_end = dictionary + word(chunk + 8);
    let page_entry = chunk + 24;
    let page = chunk + word(page_entry);
    let page_bytes = word(page_entry + 8);
    let detail_bytes = word(page_entry + 32);
    let detail = page + page_bytes - detail_bytes;
    // (bytes that change, where their checksum is)
    let parts = [
        (dictionary..dictionary_end, chunk + 12),
        (page..detail, page_entry + 12),
        (detail..page + page_bytes, page_entry + 36),
    ];
    let set_crc = |bytes: &mut [u8], range: std::ops::Range<usize>, at: usize| {
        let crc = crc32fast::hash(&bytes[range]);
        bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    };
    let (mut errors, mut decoded) = (0, 0);
    for (part, crc_at) in parts {
        for at in part.clone() {
            for mask in [0x01, 0x10, 0x80, 0xFF] {
                let mut damaged = block.clone();
                damaged[at] ^= mask;
                set_crc(&mut damaged, part.clone(), crc_at);
                set_crc(&mut damaged, chunk..directory_end, directory_end);
                match decode_block(&damaged, 0) {
                    Err(_) => errors += 1,
                    Ok(batch) => {
                        assert!(batch.columns.iter().all(|column| column.values.len() == 400));
                        decoded += 1;
                    }
                }
            }
        }
    }
    assert!(errors > 100 && decoded > 100, "{errors} errors, {decoded} decoded");
}
