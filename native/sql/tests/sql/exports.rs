//! Whole results as files, read back by other readers, and which statements may be cut by time.

use basalt_sql::{Export, ExportFormat, Format, Plan, TimeOrder, plan};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::util::pretty::pretty_format_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::{LIMIT_BYTES, World, context, run_as, run_into, world};

const SQL: &str =
    "SELECT _timestamp, level, status AS \"Status\", response_time, ok, message, [status, 1] AS l, NULL AS n FROM logs ORDER BY message";

fn planned(world: &World, sql: &str) -> Plan {
    plan(sql, &context(world)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn file(format: ExportFormat) -> Vec<u8> {
    let world = world();
    let plan = planned(&world, SQL);
    let mut export: Export = plan.export(format).expect("a file");
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
    let arrow = StreamReader::try_new(arrow.as_slice(), None).expect("a stream");
    let arrow: Vec<RecordBatch> = arrow.collect::<Result<_, _>>().expect("batches");
    assert_eq!(arrow.iter().map(RecordBatch::num_rows).sum::<usize>(), 240);
    let names: Vec<_> = arrow[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["_timestamp", "level", "Status", "response_time", "ok", "message", "l", "n"]);
    let parquet = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file(ExportFormat::Parquet))).expect("a file");
    assert_eq!(parquet.metadata().file_metadata().num_rows(), 240);
    let parquet: Vec<RecordBatch> = parquet.build().expect("a reader").collect::<Result<_, _>>().expect("batches");
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
    for format in [ExportFormat::Arrow, ExportFormat::Csv, ExportFormat::Ndjson, ExportFormat::Parquet] {
        let mut export = plan.export(format).expect("a file");
        let mut bytes = run_into(&world, &plan, &mut export).expect("no rows");
        bytes.extend(export.finish().expect("an end"));
        match format {
            ExportFormat::Csv => assert_eq!(bytes, b"level,status\n"),
            ExportFormat::Ndjson => assert_eq!(bytes, b""),
            ExportFormat::Arrow => assert_eq!(StreamReader::try_new(bytes.as_slice(), None).expect("a stream").count(), 0),
            ExportFormat::Parquet => {
                let read = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).expect("a file");
                assert_eq!(read.metadata().file_metadata().num_rows(), 0);
            }
        }
    }
}

#[test]
fn rows_of_one_stream_in_order_of_time_may_be_cut_by_time() {
    let world = world();
    let mut context = context(&world);
    context.default_order = true;
    let order = |sql: &str| plan(sql, &context).unwrap_or_else(|error| panic!("{sql}: {error}")).order();
    let newest = TimeOrder::Descending;
    for (sql, expected) in [
        ("SELECT * FROM logs", Some((newest, None))),
        ("SELECT level, status + 1 AS s FROM logs WHERE status > 200", Some((newest, None))),
        ("SELECT * FROM logs LIMIT 7", Some((newest, Some(7)))),
        ("SELECT * FROM (SELECT * FROM logs WHERE status > 1) AS t ORDER BY _timestamp", Some((TimeOrder::Ascending, None))),
        ("SELECT level FROM logs ORDER BY _timestamp DESC", Some((newest, None))),
        ("SELECT level AS _timestamp FROM logs ORDER BY _timestamp DESC", None),
        ("SELECT * FROM (SELECT status AS _timestamp FROM logs) AS t ORDER BY _timestamp DESC", None),
        ("SELECT * FROM logs ORDER BY _timestamp DESC, level", None),
        ("SELECT * FROM logs ORDER BY level", None),
        ("SELECT * FROM logs LIMIT 7 OFFSET 2", None),
        ("SELECT DISTINCT level FROM logs", None),
        ("SELECT count(*) FROM logs", None),
        ("SELECT status, row_number() OVER () AS r FROM logs ORDER BY _timestamp DESC", None),
        ("SELECT * FROM logs WHERE status = (SELECT max(status) FROM logs)", None),
        ("SELECT * FROM logs WHERE user_id IN (SELECT user_id FROM users)", None),
        ("SELECT l.level FROM logs l JOIN users u ON l.user_id = u.user_id ORDER BY l._timestamp DESC", None),
        ("SELECT level FROM logs UNION ALL SELECT level FROM logs", None),
        ("EXPLAIN SELECT * FROM logs", None),
    ] {
        assert_eq!(order(sql), expected, "{sql}");
    }
}
