//! Whole results as files, read back by other readers, and which statements may be cut by time.

use basalt_sql::{Export, ExportFormat, ExportOptions, Format, ParquetCodec, Plan, TimeOrder, TimestampType, plan};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::arrow::util::pretty::pretty_format_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::{LIMIT_BYTES, World, context, run_as, run_into, world};

const SQL: &str = "SELECT _timestamp, level, status AS \"Status\", response_time, ok, message, [status, 1] AS l, NULL AS n FROM logs ORDER BY message";

fn planned(world: &World, sql: &str) -> Plan {
    plan(sql, &context(world)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn file(options: impl Into<ExportOptions>) -> Vec<u8> {
    file_of(SQL, options)
}

fn file_of(sql: &str, options: impl Into<ExportOptions>) -> Vec<u8> {
    let world = world();
    let plan = planned(&world, sql);
    let mut export: Export = plan.export(options).expect("a file");
    let mut bytes = run_into(&world, &plan, &mut export).expect("rows");
    bytes.extend(export.finish().expect("an end"));
    bytes
}

fn table(batches: &[RecordBatch]) -> String {
    pretty_format_batches(batches).expect("a table").to_string()
}

#[test]
fn arrow_and_parquet_hold_the_rows_of_the_text_forms() {
    let arrow = file(ExportFormat::Arrow);
    let arrow = FileReader::try_new(std::io::Cursor::new(arrow), None).expect("a file");
    let arrow: Vec<RecordBatch> = arrow.collect::<Result<_, _>>().expect("batches");
    let stream = file(ExportFormat::Arrows);
    let stream = StreamReader::try_new(stream.as_slice(), None).expect("a stream");
    let stream: Vec<RecordBatch> = stream.collect::<Result<_, _>>().expect("batches");
    assert_eq!(stream, arrow);
    assert_eq!(arrow.iter().map(RecordBatch::num_rows).sum::<usize>(), 240);
    let names: Vec<_> = arrow[0]
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        names,
        [
            "_timestamp",
            "level",
            "Status",
            "response_time",
            "ok",
            "message",
            "l",
            "n"
        ]
    );
    let parquet =
        ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file(ExportFormat::Parquet))).expect("a file");
    assert_eq!(parquet.metadata().file_metadata().num_rows(), 240);
    let parquet: Vec<RecordBatch> = parquet
        .build()
        .expect("a reader")
        .collect::<Result<_, _>>()
        .expect("batches");
    assert_eq!(table(&parquet), table(&arrow));
}

#[test]
fn text_files_are_what_searches_answer() {
    let world = world();
    let rows = |format| run_as(&world, &planned(&world, SQL), format, LIMIT_BYTES).expect("rows");
    assert_eq!(file(ExportFormat::Ndjson), rows(Format::Ndjson));
    let header = b"_timestamp,level,Status,response_time,ok,message,l,n\n".to_vec();
    assert_eq!(file(ExportFormat::Csv), [header, rows(Format::Csv)].concat());
}

#[test]
fn a_file_without_rows_is_a_file() {
    let world = world();
    let plan = planned(&world, "SELECT level, status FROM logs WHERE false");
    for format in [
        ExportFormat::Arrow,
        ExportFormat::Arrows,
        ExportFormat::Csv,
        ExportFormat::Ndjson,
        ExportFormat::Parquet,
    ] {
        let mut export = plan.export(format).expect("a file");
        let mut bytes = run_into(&world, &plan, &mut export).expect("no rows");
        bytes.extend(export.finish().expect("an end"));
        match format {
            ExportFormat::Csv => assert_eq!(bytes, b"level,status\n"),
            ExportFormat::Ndjson => assert_eq!(bytes, b""),
            ExportFormat::Arrow => assert_eq!(
                FileReader::try_new(std::io::Cursor::new(bytes), None)
                    .expect("a file")
                    .count(),
                0
            ),
            ExportFormat::Arrows => assert_eq!(
                StreamReader::try_new(bytes.as_slice(), None).expect("a stream").count(),
                0
            ),
            ExportFormat::Parquet => {
                let read = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).expect("a file");
                assert_eq!(read.metadata().file_metadata().num_rows(), 0);
            }
        }
    }
}

/// Statements whose types not all readers know, and what the columns become.
#[test]
fn columns_have_types_that_readers_know() {
    for (expression, data_type, first) in [
        ("json_get('{\"a\":[1,\"x\"]}', 'a')", "Utf8", r#"[1,"x"]"#),
        ("json_get('{\"a\":\"x\"}', 'a')", "Utf8", "x"),
        ("json_get('{\"a\":1.5}', 'a')", "Utf8", "1.5"),
        ("[json_get('{\"a\":true}', 'a'), NULL]", "Utf8", "[true,null]"),
        ("md5('a')", "Utf8", "0cc175b9c0f1b6a831c399e269772661"),
        ("arrow_cast('a', 'LargeUtf8')", "Utf8", "a"),
        ("arrow_cast('a', 'Dictionary(Int32, Utf8)')", "Utf8", "a"),
        ("decode('00ff', 'hex')", "Utf8", "00ff"),
        (
            "arrow_cast(decode('00ff', 'hex'), 'FixedSizeBinary(2)')",
            "Utf8",
            "00ff",
        ),
        ("INTERVAL '1 hour'", "Utf8", "1 hours"),
        ("TIME '01:02:03'", "Utf8", "01:02:03"),
        ("arrow_cast(1500000, 'Duration(µs)')", "Utf8", "PT1.5S"),
        ("NULL", "Utf8", ""),
        ("named_struct('a', json_get('{\"a\":2}', 'a'))", "Utf8", r#"{"a":2}"#),
        ("make_array([1], [2])", "Utf8", "[[1],[2]]"),
        ("map(['k'], [1])", "Utf8", r#"{"k":1}"#),
        ("arrow_cast(1.5, 'Decimal256(50, 2)')", "Utf8", "1.50"),
        ("arrow_cast(5, 'UInt64')", "UInt64", "5"),
        ("arrow_cast(1.5, 'Float16')", "Float32", "1.5"),
        ("1.25::decimal(5, 2)", "Decimal128(5, 2)", "1.25"),
        ("arrow_cast(DATE '2026-03-05', 'Date64')", "Date32", "2026-03-05"),
        (
            "arrow_cast('2026-03-05T01:00:00', 'Timestamp(s, \"+02:00\")')",
            "Timestamp(s, \"UTC\")",
            "2026-03-04T23:00:00Z",
        ),
        ("arrow_cast([1, 2], 'LargeList(Int64)')", "List(Int64)", "[1, 2]"),
        (
            "arrow_cast([1, 2], 'FixedSizeList(2 x Int64)')",
            "List(Int64)",
            "[1, 2]",
        ),
    ] {
        let sql = format!("SELECT {expression} AS x FROM logs LIMIT 1");
        let parquet = bytes::Bytes::from(file_of(&sql, ExportFormat::Parquet));
        let parquet = ParquetRecordBatchReaderBuilder::try_new(parquet).expect("a file");
        let parquet = parquet
            .build()
            .expect("a reader")
            .next()
            .expect("a row")
            .expect("a batch");
        let arrow = file_of(&sql, ExportFormat::Arrows);
        let arrow = StreamReader::try_new(arrow.as_slice(), None).expect("a stream");
        let arrow = arrow.into_iter().next().expect("a row").expect("a batch");
        for batch in [&parquet, &arrow] {
            assert_eq!(batch.column(0).data_type().to_string(), data_type, "{sql}");
            let shown = array_value_to_string(batch.column(0), 0).expect("a text");
            assert_eq!(shown, first, "{sql}");
        }
    }
}

#[test]
fn a_chunk_has_pages_of_one_encoding_whatever_its_values() {
    // The first rows are few texts, the rest distinct, past the megabyte at which dictionaries are usually given up.
    let sql = "SELECT CASE WHEN value < 20000 THEN 'same' ELSE repeat(md5(value::text), 3) END AS late, md5(value::text) AS early, \
               value % 7 AS few, value AS n FROM generate_series(1, 60000)";
    let file = bytes::Bytes::from(file_of(sql, ExportFormat::Parquet));
    let read = ParquetRecordBatchReaderBuilder::try_new(file).expect("a file");
    let group = read.metadata().row_group(0);
    assert_eq!(group.num_rows(), 60_000);
    let dictionaries: Vec<bool> = group
        .columns()
        .iter()
        .map(|column| column.dictionary_page_offset().is_some())
        .collect();
    assert_eq!(dictionaries, [true, false, true, false]);
    for column in group.columns() {
        // Of the data pages; the encodings of a chunk also name those of levels and of the dictionary.
        let data = column.page_encoding_stats_mask().expect("statistics of pages");
        assert_eq!(data.encodings().count(), 1, "{}: {data:?}", column.column_path());
    }
}

#[test]
fn parquet_is_compressed_as_asked() {
    for (compression, name) in [
        (ParquetCodec::Zstd, "ZSTD"),
        (ParquetCodec::Snappy, "SNAPPY"),
        (ParquetCodec::Gzip, "GZIP"),
        (ParquetCodec::None, "UNCOMPRESSED"),
    ] {
        let options = ExportOptions {
            compression,
            ..ExportFormat::Parquet.into()
        };
        let read = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file(options))).expect("a file");
        let codec = read.metadata().row_group(0).column(0).compression();
        assert!(format!("{codec:?}").starts_with(name), "{codec:?}");
        let rows = read
            .build()
            .expect("a reader")
            .map(|batch| batch.expect("a batch").num_rows());
        assert_eq!(rows.sum::<usize>(), 240);
    }
}

#[test]
fn event_times_are_moments_where_asked() {
    let sql = "SELECT 1735689600000001 AS _timestamp, NULL AS n";
    let options = |format: ExportFormat| ExportOptions {
        timestamp_type: TimestampType::Timestamp,
        nulls: true,
        schema: true,
        ..format.into()
    };
    let text = |format| String::from_utf8(file_of(sql, options(format))).expect("UTF-8");
    assert_eq!(text(ExportFormat::Csv), "_timestamp,n\n2025-01-01T00:00:00.000001Z,\n");
    assert_eq!(
        text(ExportFormat::Ndjson),
        "{\"_schema\":[{\"name\":\"_timestamp\",\"type\":\"timestamp(µs, UTC)\"},{\"name\":\"n\",\"type\":\"text\"}]}\n\
         {\"_timestamp\":\"2025-01-01T00:00:00.000001Z\",\"n\":null}\n"
    );
    let parquet = bytes::Bytes::from(file_of(sql, options(ExportFormat::Parquet)));
    let parquet = ParquetRecordBatchReaderBuilder::try_new(parquet).expect("a file");
    let batch = parquet
        .build()
        .expect("a reader")
        .next()
        .expect("a row")
        .expect("a batch");
    assert_eq!(batch.column(0).data_type().to_string(), "Timestamp(µs, \"UTC\")");
    assert_eq!(
        array_value_to_string(batch.column(0), 0).expect("a text"),
        "2025-01-01T00:00:00.000001Z"
    );
}

#[test]
fn times_that_no_calendar_shows_are_in_no_file() {
    let world = world();
    let plan = planned(&world, "SELECT arrow_cast(90000000000000, 'Time64(ns)') AS t");
    for format in [
        ExportFormat::Arrow,
        ExportFormat::Arrows,
        ExportFormat::Csv,
        ExportFormat::Parquet,
    ] {
        let mut export = plan.export(format).expect("a file");
        let error = run_into(&world, &plan, &mut export).expect_err("no time of day");
        assert!(error.to_string().contains("90000000000000"), "{error}");
    }
}

#[test]
fn rows_past_the_most_are_left_out() {
    let options = ExportOptions {
        rows_max: Some(3),
        ..ExportFormat::Ndjson.into()
    };
    let sql = "SELECT value AS n FROM generate_series(1, 20000)";
    assert_eq!(file_of(sql, options), b"{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
}

#[test]
fn rows_of_one_stream_in_order_of_time_may_be_cut_by_time() {
    let world = world();
    let mut context = context(&world);
    context.default_order = true;
    let order = |sql: &str| {
        plan(sql, &context)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
            .order()
    };
    let newest = TimeOrder::Descending;
    for (sql, expected) in [
        ("SELECT * FROM logs", Some((newest, None))),
        (
            "SELECT level, status + 1 AS s FROM logs WHERE status > 200",
            Some((newest, None)),
        ),
        ("SELECT * FROM logs LIMIT 7", Some((newest, Some(7)))),
        (
            "SELECT * FROM (SELECT * FROM logs WHERE status > 1) AS t ORDER BY _timestamp",
            Some((TimeOrder::Ascending, None)),
        ),
        ("SELECT level FROM logs ORDER BY _timestamp DESC", Some((newest, None))),
        ("SELECT level AS _timestamp FROM logs ORDER BY _timestamp DESC", None),
        (
            "SELECT * FROM (SELECT status AS _timestamp FROM logs) AS t ORDER BY _timestamp DESC",
            None,
        ),
        ("SELECT * FROM logs ORDER BY _timestamp DESC, level", None),
        ("SELECT * FROM logs ORDER BY level", None),
        ("SELECT * FROM logs LIMIT 7 OFFSET 2", None),
        ("SELECT DISTINCT level FROM logs", None),
        ("SELECT count(*) FROM logs", None),
        (
            "SELECT status, row_number() OVER () AS r FROM logs ORDER BY _timestamp DESC",
            None,
        ),
        ("SELECT * FROM logs WHERE status = (SELECT max(status) FROM logs)", None),
        ("SELECT * FROM logs WHERE user_id IN (SELECT user_id FROM users)", None),
        (
            "SELECT l.level FROM logs l JOIN users u ON l.user_id = u.user_id ORDER BY l._timestamp DESC",
            None,
        ),
        ("SELECT level FROM logs UNION ALL SELECT level FROM logs", None),
        ("EXPLAIN SELECT * FROM logs", None),
    ] {
        assert_eq!(order(sql), expected, "{sql}");
    }
}
