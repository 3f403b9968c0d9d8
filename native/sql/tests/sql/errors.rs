//! Refusals: codes, places and suggestions.

use crate::harness::{LIMIT_BYTES, context, refusal, run_as, world};
use basalt_sql::{Format, plan};

#[test]
fn each_kind_of_mistake_has_its_code_and_place() {
    let world = world();
    for (sql, code, place) in [
        ("SELECT * FRM logs", 20001, Some((1, 14))),
        ("SELECT level\n  FROM logs WHERE )", 20001, Some((2, 19))),
        ("SELECT 'x", 20001, Some((1, 8))),
        ("", 20001, None),
        (" ; ", 20001, None),
        ("SELECT 1; DROP TABLE logs", 20001, None),
        ("SET x = 1; SELECT 2", 20001, None),
        ("DROP TABLE logs", 20001, None),
        ("INSERT INTO logs VALUES (1)", 20001, None),
        ("CREATE TABLE x AS SELECT 1", 20001, None),
        ("COPY logs TO 'x.csv'", 20001, None),
        ("SET x = 1", 20001, None),
        ("EXPLAIN DELETE FROM logs", 20001, None),
        ("SELECT * FROM lgos", 20002, Some((1, 15))),
        (
            "SELECT *\nFROM logs\n  JOIN metrics.logs m ON true",
            20002,
            Some((3, 8)),
        ),
        ("SELECT * FROM information_schema.tables", 20002, Some((1, 15))),
        ("SELECT match_all('x') FROM users", 20003, None),
        ("SELECT levle FROM logs", 20004, Some((1, 8))),
        ("SELECT level\nFROM logs\nWHERE  staus = 1", 20004, Some((3, 8))),
        ("SELECT timestamp FROM (SELECT level FROM logs)", 20004, Some((1, 8))),
        ("SELECT foo(level) FROM logs", 20005, Some((1, 8))),
        ("SELECT * FROM read_csv('/etc/passwd')", 20005, None),
        ("SELECT level + 1 FROM logs", 20007, None),
        ("SELECT sum(level) FROM logs WHERE ok > now()", 20007, None),
        ("SELECT level FROM logs WHERE _timestamp > 'yesterday'", 20007, None),
        ("SELECT level FROM logs WHERE level", 20007, None),
        ("SELECT histogram(_timestamp, '60') FROM logs", 20001, None),
        ("SELECT histogram(_timestamp, 'soon') FROM logs", 20001, None),
        (
            "SELECT timestamp_bucket('0 seconds', _timestamp) FROM logs",
            20001,
            None,
        ),
        ("SELECT timestamp_bucket(level, _timestamp) FROM logs", 20001, None),
        ("SELECT level FROM logs WHERE re_match(message, '(')", 20001, None),
        ("SELECT level FROM logs WHERE match_all(level)", 20001, None),
        (
            "SELECT count(*) FROM logs l JOIN users u ON l.user_id = u.user_id WHERE match_all('x')",
            20001,
            None,
        ),
        ("SELECT level, count(*) FROM logs", 20001, None),
        ("SELECT level FROM logs WHERE status = $1", 20001, None),
        ("SELECT level INTO x FROM logs", 20001, None),
        ("SHOW TABLES", 20001, None),
        (
            "SELECT user_id FROM logs l JOIN users u ON l.user_id = u.user_id",
            20001,
            None,
        ),
    ] {
        let error = refusal(&world, sql);
        assert_eq!(error.code, code, "{sql}: {error}");
        if let Some((line, column)) = place {
            assert_eq!((error.line, error.column), (Some(line), Some(column)), "{sql}: {error}");
        }
        assert!(!error.message.is_empty());
    }
}

#[test]
fn a_syntax_error_names_its_place_in_the_text() {
    assert!(
        refusal(&world(), "SELECT * FRM logs")
            .message
            .contains("Line: 1, Column: 14")
    );
}

#[test]
fn unknown_names_come_with_the_nearest_known_ones() {
    let world = world();
    for (sql, message, suggestion) in [
        ("SELECT levle FROM logs", "unknown field 'levle'", "level"),
        ("SELECT l.mesage FROM logs l", "unknown field 'l.mesage'", "message"),
        ("SELECT * FROM lgos", "Search stream not found: lgos", "logs"),
        (
            "SELECT * FROM metrics.users",
            "Search stream not found: metrics.users",
            "users",
        ),
        (
            "SELECT histgram(_timestamp) FROM logs",
            "Search function not defined: histgram",
            "histogram",
        ),
        (
            "SELECT cuont(*) FROM logs",
            "Search function not defined: cuont",
            "count",
        ),
    ] {
        let error = refusal(&world, sql);
        assert_eq!(error.message, message, "{sql}");
        assert_eq!(
            error.suggestions.first().map(String::as_str),
            Some(suggestion),
            "{sql}: {error:?}"
        );
    }
}

#[test]
fn a_failing_run_is_an_execution_error() {
    let world = world();
    for sql in [
        "SELECT 1 / (status - status) FROM logs",
        "SELECT CAST(message AS BIGINT) FROM logs",
        "SELECT level FROM logs WHERE status = (SELECT status FROM logs)",
    ] {
        let plan = plan(sql, &context(&world)).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let error = run_as(&world, &plan, Format::JsonObjects, LIMIT_BYTES).expect_err(sql);
        assert_eq!(error.code, 20008, "{sql}: {error}");
    }
}
