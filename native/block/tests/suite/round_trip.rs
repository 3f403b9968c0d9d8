//! Random batches through encode and decode, and the header's promises about them.

use crate::support::{Cell, Random, assert_same, cell, random_batch};
use basalt_block::*;

const OPTIONS: EncodeOptions = EncodeOptions::segment(1);

#[test]
fn random_batches_come_back() {
    let sizes = [
        1,
        2,
        63,
        64,
        65,
        1000,
        PAGE_ROWS - 1,
        PAGE_ROWS,
        PAGE_ROWS + 1,
        3 * PAGE_ROWS + 17,
    ];
    for seed in 0..60u64 {
        let mut random = Random(seed);
        let rows = sizes[seed as usize % sizes.len()];
        let batch = random_batch(&mut random, rows, (seed % 9) as usize);
        let block = encode_block(&batch, &OPTIONS).unwrap();
        let decoded = decode_block(&block, 0).unwrap();
        assert_same(&decoded, &batch, &format!("seed {seed}"));
        let header = verify_block(&block, 0).unwrap();
        assert_eq!(header.block_bytes, block.len() as u64, "seed {seed}");
        check_header(&header, &batch, &format!("seed {seed}"));
        let again = decode_block(&encode_block(&decoded, &OPTIONS).unwrap(), 0).unwrap();
        assert_same(&again, &batch, &format!("seed {seed}, encoded again"));
    }
}

fn check_header(header: &BlockHeader, batch: &Batch, context: &str) {
    let Values::Int64(times) = &batch.columns[0].values else {
        panic!("time is first")
    };
    assert_eq!(
        (header.time_min, header.time_max),
        (*times.iter().min().unwrap(), *times.iter().max().unwrap())
    );
    assert_eq!(header.sorted_by_time, times.is_sorted(), "{context}");
    for column in &batch.columns {
        let entry = &header.columns[header.find(&column.name).unwrap()];
        let cells: Vec<Cell> = (0..batch.rows).map(|row| cell(column, row)).collect();
        let nulls = cells.iter().filter(|cell| **cell == Cell::Null).count();
        assert_eq!(entry.null_count as usize, nulls, "{context}: {}", column.name);
        let nan = |cell: &Cell| matches!(cell, Cell::Float64(bits) if f64::from_bits(*bits).is_nan());
        if nulls == batch.rows || cells.iter().any(nan) {
            assert_eq!((&entry.min, &entry.max), (&None, &None), "{context}: {}", column.name);
            continue;
        }
        let (min, max) = (entry.min.as_ref().unwrap(), entry.max.as_ref().unwrap());
        for cell in cells {
            assert!(
                inside(&cell, min, max),
                "{context}: {} {cell:?} outside {min:?} {max:?}",
                column.name
            );
        }
    }
}

fn inside(cell: &Cell, min: &Bound, max: &Bound) -> bool {
    match (cell, min, max) {
        (Cell::Null, ..) => true,
        (Cell::Int64(value), Bound::Int64(min), Bound::Int64(max)) => min <= value && value <= max,
        (Cell::Bool(value), Bound::Bool(min), Bound::Bool(max)) => min <= value && value <= max,
        (Cell::Float64(bits), Bound::Float64(min), Bound::Float64(max)) => {
            let value = f64::from_bits(*bits);
            min.total_cmp(&value).is_le() && value.total_cmp(max).is_le()
        }
        (Cell::Text(_, value), Bound::Text { bytes: min, .. }, Bound::Text { bytes: max, truncated }) => {
            min <= value && (value <= max || *truncated && value.starts_with(max))
        }
        _ => false,
    }
}

#[test]
fn pages_are_read_one_by_one_and_buffers_reused() {
    let mut random = Random(99);
    let batch = random_batch(&mut random, 2 * PAGE_ROWS + 5, 12);
    let mut source = vec![7u8; 13];
    source.extend(encode_block(&batch, &OPTIONS).unwrap());
    let reader = BlockReader::open(&source, 13).unwrap();
    let mut page = Page::default();
    for column in &batch.columns {
        let mut chunk = reader.chunk(reader.find(&column.name).unwrap()).unwrap();
        assert_eq!(chunk.column_type(), column.values.column_type());
        assert_eq!(chunk.page_count(), 3);
        for index in [2, 0, 1, 2] {
            chunk.read_page(index, &mut page).unwrap();
            assert_eq!(page.rows, if index == 2 { 5 } else { PAGE_ROWS });
            for row in 0..page.rows {
                let got = page_cell(&chunk, &page, row);
                assert_eq!(
                    got,
                    cell(column, index * PAGE_ROWS + row),
                    "{} page {index} row {row}",
                    column.name
                );
            }
        }
        assert!(matches!(chunk.read_page(3, &mut page), Err(BlockError::Invalid { .. })));
    }
    assert_eq!(reader.find("missing"), None);
    assert!(matches!(reader.chunk(99), Err(BlockError::Invalid { .. })));
}

fn page_cell<S: ReadAt + ?Sized>(chunk: &Chunk<'_, S>, page: &Page, row: usize) -> Cell {
    if page.validity.as_ref().is_some_and(|validity| !validity.is_valid(row)) {
        return Cell::Null;
    }
    match &page.values {
        PageValues::Int64(values) => Cell::Int64(values[row]),
        PageValues::Float64(values) => Cell::Float64(values[row].to_bits()),
        PageValues::Bool(values) => Cell::Bool(values[row]),
        PageValues::Codes(codes) => Cell::Text(
            chunk.column_type(),
            chunk.dictionary().unwrap().get(codes[row] as usize).to_vec(),
        ),
        PageValues::Text(text) => Cell::Text(chunk.column_type(), text.get(row).to_vec()),
    }
}

#[test]
fn page_bounds_hold() {
    let values: Vec<i64> = (0..20_000).collect();
    let block = encode_block(&time_batch(values), &OPTIONS).unwrap();
    let reader = BlockReader::open(&block, 0).unwrap();
    let chunk = reader.chunk(0).unwrap();
    assert_eq!(chunk.page_bounds(1), Some((Bound::Int64(8192), Bound::Int64(16_383))));
    assert_eq!(chunk.page_bounds(2), Some((Bound::Int64(16_384), Bound::Int64(19_999))));
    assert_eq!((chunk.page_null_count(2), chunk.page_rows(2)), (0, 20_000 - 16_384));
}

fn time_batch(times: Vec<i64>) -> Batch {
    let columns = vec![Column {
        name: "_timestamp".into(),
        validity: None,
        values: Values::Int64(times.clone()),
    }];
    Batch {
        rows: times.len(),
        columns,
    }
}

#[test]
fn texts_that_spell_other_values_keep_their_type() {
    let mut batch = time_batch((0..6).collect());
    let texts = ["7", "-", "7", "true", "0.5", "7"];
    for spelled in [Spelled::Decimal, Spelled::TextBool, Spelled::TextNumber] {
        let mut column = text_column(spelled.column_type().name(), &texts);
        if let Values::String(strings) = column.values {
            column.values = Values::Spelled(spelled, strings);
        }
        batch.columns.push(column);
    }
    let block = encode_block(&batch, &EncodeOptions::wal(1)).unwrap();
    let back = decode_block(&block[..], 0).unwrap();
    for column in &batch.columns {
        let found = back.columns.iter().find(|found| found.name == column.name).unwrap();
        assert_eq!(found.values.column_type(), column.values.column_type());
        for row in 0..batch.rows {
            assert_eq!(cell(found, row), cell(column, row), "{}", column.name);
        }
    }
}

fn text_column(name: &str, strings: &[&str]) -> Column {
    let mut text = Text::default();
    strings.iter().for_each(|string| text.push(string.as_bytes()));
    Column {
        name: name.into(),
        validity: None,
        values: Values::String(Strings::Plain(text)),
    }
}

#[test]
fn long_bounds_are_cut_between_characters() {
    let long = format!("{}é and more", "x".repeat(31));
    let mut batch = time_batch(vec![1, 2]);
    batch.columns.push(text_column("t", &[&long, "a"]));
    let header = verify_block(&encode_block(&batch, &OPTIONS).unwrap(), 0).unwrap();
    let entry = &header.columns[header.find("t").unwrap()];
    assert_eq!(
        entry.min,
        Some(Bound::Text {
            bytes: b"a".to_vec(),
            truncated: false
        })
    );
    assert_eq!(
        entry.max,
        Some(Bound::Text {
            bytes: vec![b'x'; 31],
            truncated: true
        })
    );
}

#[test]
fn repeated_strings_become_a_dictionary_and_unique_ones_do_not() {
    let mut random = Random(5);
    let rows = 20_000;
    let mut batch = time_batch((0..rows).collect());
    let few: Vec<String> = (0..rows).map(|_| format!("pod-{}", random.below(300))).collect();
    let many: Vec<String> = (0..rows)
        .map(|row| format!("request {row} of {}", random.next()))
        .collect();
    batch
        .columns
        .push(text_column("few", &few.iter().map(String::as_str).collect::<Vec<_>>()));
    batch.columns.push(text_column(
        "many",
        &many.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    let header = verify_block(&encode_block(&batch, &OPTIONS).unwrap(), 0).unwrap();
    let entry = |name: &str| &header.columns[header.find(name).unwrap()];
    assert_eq!(
        (entry("few").distinct, entry("few").family),
        (300, ChunkFamily::Dictionary)
    );
    // Of unique strings the template is what repeats.
    assert_eq!(
        (entry("many").distinct, entry("many").family),
        (1, ChunkFamily::Templates)
    );
    let header = verify_block(&encode_block(&batch, &EncodeOptions::wal(1)).unwrap(), 0).unwrap();
    let entry = |name: &str| &header.columns[header.find(name).unwrap()];
    assert_eq!((entry("many").distinct, entry("many").family), (0, ChunkFamily::Values));
}

#[test]
fn unused_dictionary_entries_do_not_widen_bounds() {
    let mut entries = Text::default();
    ["zz", "m", "aa"]
        .iter()
        .for_each(|entry| entries.push(entry.as_bytes()));
    let mut batch = time_batch((0..8).collect());
    let strings = Strings::Dictionary {
        codes: vec![0, 1, 1, 1, 1, 1, 1, 1],
        entries,
    };
    let validity = Some(Validity {
        words: vec![0b1111_1110],
    });
    batch.columns.push(Column {
        name: "d".into(),
        validity,
        values: Values::String(strings),
    });
    let header = verify_block(&encode_block(&batch, &OPTIONS).unwrap(), 0).unwrap();
    let bound = Some(Bound::Text {
        bytes: b"m".to_vec(),
        truncated: false,
    });
    let entry = &header.columns[header.find("d").unwrap()];
    assert_eq!((&entry.min, &entry.max), (&bound, &bound));
}

#[test]
fn broken_batches_are_refused() {
    let refused = |batch: &Batch, words: &str| match encode_block(batch, &OPTIONS) {
        Err(BlockError::Invalid { what }) => assert!(what.contains(words), "{what}"),
        other => panic!("{words}: {other:?}"),
    };
    refused(&time_batch(vec![]), "0 rows");
    refused(
        &Batch {
            rows: 1,
            columns: vec![text_column("a", &["b"])],
        },
        "_timestamp",
    );
    let with = |column: Column| {
        let mut batch = time_batch(vec![1, 2]);
        batch.columns.push(column);
        batch
    };
    refused(&with(text_column("a", &["one"])), "1 values in 2 rows");
    refused(
        &with(text_column("_timestamp", &["a", "b"])),
        "two columns named _timestamp",
    );
    let bad = |offsets: Vec<u32>, bytes: &[u8]| {
        let values = Values::String(Strings::Plain(Text {
            offsets,
            bytes: bytes.to_vec(),
        }));
        with(Column {
            name: "a".into(),
            validity: None,
            values,
        })
    };
    refused(&bad(vec![0, 2, 1], b"a"), "offsets");
    refused(&bad(vec![0, 1, 9], b"ab"), "offsets");
    refused(&bad(vec![0, 1, 2], b"\xFFa"), "UTF-8");
    refused(&bad(vec![0, 1, 2], "é".as_bytes()), "UTF-8");
    let mut entries = Text::default();
    entries.push(b"only");
    let values = Values::String(Strings::Dictionary {
        codes: vec![0, 1],
        entries,
    });
    refused(
        &with(Column {
            name: "a".into(),
            validity: None,
            values,
        }),
        "code 1",
    );
    let values = Values::Int64(vec![1, 2]);
    refused(
        &with(Column {
            name: "a".into(),
            validity: Some(Validity { words: vec![] }),
            values,
        }),
        "validity",
    );
    let nulls = Some(Validity { words: vec![0b01] });
    let time = Column {
        name: "_timestamp".into(),
        validity: nulls,
        values: Values::Int64(vec![1, 2]),
    };
    refused(
        &Batch {
            rows: 2,
            columns: vec![time],
        },
        "_timestamp",
    );
}

/// Counts the bytes that are read.
struct Counting {
    bytes: Vec<u8>,
    read_bytes: std::cell::Cell<usize>,
    reads: std::cell::Cell<usize>,
}

impl ReadAt for Counting {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.read_bytes.set(self.read_bytes.get() + buffer.len());
        self.reads.set(self.reads.get() + 1);
        self.bytes.read_at(buffer, offset)
    }
}

#[test]
fn small_chunks_take_one_read_and_large_ones_only_the_pages_asked_for() {
    let mut random = Random(8);
    let rows = 4 * PAGE_ROWS;
    let mut batch = time_batch((0..rows as i64).collect());
    let ids: Vec<String> = (0..rows)
        .map(|_| format!("{:016x}{:016x}", random.next(), random.next()))
        .collect();
    batch
        .columns
        .push(text_column("id", &ids.iter().map(String::as_str).collect::<Vec<_>>()));
    let bytes = encode_block(&batch, &OPTIONS).unwrap();
    let source = Counting {
        bytes,
        read_bytes: Default::default(),
        reads: Default::default(),
    };
    let reader = BlockReader::open(&source, 0).unwrap();
    assert_eq!(
        (source.reads.take(), source.read_bytes.take()),
        (2, reader.header().header_bytes)
    );

    let mut page = Page::default();
    let mut chunk = reader.chunk(reader.find("_timestamp").unwrap()).unwrap();
    (0..4).for_each(|index| chunk.read_page(index, &mut page).unwrap());
    assert_eq!(source.reads.take(), 1);
    source.read_bytes.take();

    let mut chunk = reader.chunk(reader.find("id").unwrap()).unwrap();
    chunk.read_page(2, &mut page).unwrap();
    assert_eq!(source.reads.take(), 2);
    let page_bytes = PAGE_ROWS * 16;
    assert!((page_bytes..page_bytes + 400).contains(&source.read_bytes.take()));
    let PageValues::Text(text) = &page.values else {
        panic!("text")
    };
    assert_eq!(text.get(5), ids[2 * PAGE_ROWS + 5].as_bytes());
}
