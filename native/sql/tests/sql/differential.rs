//! The same statements here and in plain DataFusion over the same rows in memory: pushing work into leaves must not
//! change an answer.

use std::sync::Arc;

use basalt_sql::plan;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::config::Dialect;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::executor::block_on;
use serde_json::Value as Json;
use tokio::runtime::Runtime;

use crate::harness::{Value, World, context, evaluate, run, world};

/// A plain engine over the world's rows, batches and all types as the scans answer them.
fn plain(world: &World) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .set_str("datafusion.sql_parser.dialect", "PostgreSQL")
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false);
    let engine = SessionContext::new_with_config(config);
    for stream in &world.streams {
        let columns = &stream.info.columns;
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| {
                Field::new(
                    &column.name,
                    evaluate::data_type(column.column_type.scanned()),
                    column.name != "_timestamp",
                )
            })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let batches: Vec<RecordBatch> = stream
            .parts
            .iter()
            .map(|rows| {
                let arrays = columns.iter().map(|column| {
                    let values: Vec<Value> = rows
                        .iter()
                        .map(|row| row.get(&column.name).cloned().unwrap_or(Value::Null))
                        .collect();
                    evaluate::array(column.column_type.scanned(), &values)
                });
                RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).expect("equal lengths")
            })
            .collect();
        let table = MemTable::try_new(schema, vec![batches]).expect("one schema");
        engine
            .register_table(stream.info.name.as_str(), Arc::new(table))
            .expect("a new name");
    }
    engine
}

fn plain_rows(engine: &SessionContext, sql: &str) -> Result<Vec<Json>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let batches = plain_batches(engine, sql, &runtime).map_err(|error| error.strip_backtrace())?;
    let mut writer = LineDelimitedWriter::new(Vec::new());
    for batch in &batches {
        writer.write(batch).map_err(|error| error.to_string())?;
    }
    writer.finish().map_err(|error| error.to_string())?;
    let text = String::from_utf8(writer.into_inner()).expect("UTF-8");
    Ok(text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect())
}

/// Step by step, since `SessionContext::sql` would instantiate the whole planner again in this test.
fn plain_batches(engine: &SessionContext, sql: &str, runtime: &Runtime) -> Result<Vec<RecordBatch>, DataFusionError> {
    let state = engine.state();
    let statement = state.sql_to_statement(sql, &Dialect::PostgreSQL)?;
    let logical = basalt_sql_resolve::resolve(&state, statement)?;
    let physical = block_on(
        state
            .query_planner()
            .create_physical_plan(&state.optimize(&logical)?, &state),
    )?;
    runtime.block_on(collect(physical, engine.task_ctx()))
}

fn our_rows(world: &World, sql: &str) -> Result<Vec<Json>, String> {
    let plan = plan(sql, &context(world)).map_err(|error| error.to_string())?;
    run(world, &plan).map_err(|error| error.to_string())
}

fn sorted(mut rows: Vec<Json>) -> Vec<String> {
    rows.iter_mut().for_each(round_floats);
    let mut texts: Vec<String> = rows.drain(..).map(|row| row.to_string()).collect();
    texts.sort();
    texts
}

/// To 12 digits: sums of floats differ behind them by the order in which parts are added.
fn round_floats(value: &mut Json) {
    match value {
        Json::Number(number) if number.is_f64() => {
            let rounded = number
                .as_f64()
                .and_then(|float| format!("{float:.11e}").parse::<f64>().ok());
            if let Some(rounded) = rounded.and_then(serde_json::Number::from_f64) {
                *number = rounded;
            }
        }
        Json::Array(values) => values.iter_mut().for_each(round_floats),
        Json::Object(values) => values.values_mut().for_each(round_floats),
        _ => {}
    }
}

fn same(world: &World, engine: &SessionContext, sql: &str) {
    let (ours, theirs) = (our_rows(world, sql), plain_rows(engine, sql));
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(sorted(ours), sorted(theirs), "{sql}"),
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{sql}\nours: {ours:?}\ntheirs: {theirs:?}"),
    }
}

#[test]
fn statements_of_all_kinds_answer_alike() {
    let (world, engine) = (world(), plain(&world()));
    let stored = world.clone().stored();
    let combined = [stored.clone().combined(1), stored.clone().combined(3)];
    for sql in STATEMENTS {
        same(&world, &engine, sql);
        same(&stored, &engine, sql);
        combined.iter().for_each(|world| same(world, &engine, sql));
        our_rows(&world, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

const STATEMENTS: &[&str] = &[
    "SELECT * FROM logs",
    "SELECT count(*), count(level), count(DISTINCT level), sum(status), avg(status), min(level), max(ok) FROM logs",
    "SELECT count(*) FROM logs WHERE level IS NULL",
    "SELECT level, ok, count(*) FROM logs GROUP BY level, ok",
    "SELECT level, sum(response_time), avg(response_time), min(response_time), max(message) FROM logs GROUP BY level",
    "SELECT level, count(*) AS n FROM logs GROUP BY level HAVING count(*) > 54 ORDER BY n",
    "SELECT DISTINCT level, status FROM logs",
    "SELECT min(attrs), max(attrs) FROM logs",
    "SELECT status / 100 AS class, count(*) FROM logs GROUP BY class",
    "SELECT level, count(*) FILTER (WHERE status = 200) FROM logs GROUP BY level",
    "SELECT level, array_agg(status ORDER BY _timestamp) FROM logs WHERE user_id = 3 GROUP BY level",
    "SELECT approx_distinct(user_id), median(status) FROM logs",
    "SELECT stddev(status), count(user_id) FROM logs GROUP BY ok",
    "SELECT level, status, count(*) FROM logs GROUP BY ROLLUP (level, status)",
    "SELECT date_bin(INTERVAL '3 hours', to_timestamp_micros(_timestamp)) AS b, count(*) FROM logs GROUP BY b",
    "SELECT date_bin(INTERVAL '7 hours', to_timestamp_micros(_timestamp), TIMESTAMP '2020-02-03 01:00:00') AS b, \
     sum(status) FROM logs GROUP BY b",
    "SELECT date_trunc('week', to_timestamp_micros(_timestamp)) AS b, count(*) FROM logs GROUP BY b",
    "SELECT date_trunc('month', to_timestamp_micros(_timestamp)) AS b, count(*) FROM logs GROUP BY b",
    "SELECT date_trunc('minute', to_timestamp_micros(_timestamp)) AS b, count(*) FROM logs GROUP BY b",
    "SELECT min(to_timestamp_micros(_timestamp)) AS first, max(to_timestamp_micros(_timestamp)) AS last FROM logs",
    "SELECT l.message, u.name FROM logs l JOIN users u ON l.user_id = u.user_id WHERE u.name = 'bob'",
    "SELECT l.message, u.name FROM logs l LEFT JOIN users u USING (user_id) WHERE l.status = 500",
    "SELECT count(*) FROM logs l FULL JOIN users u ON l.user_id = u.user_id AND l.status > 300",
    "SELECT count(*) FROM logs, users",
    "SELECT count(*) FROM logs a JOIN logs b ON a._timestamp < b._timestamp AND a.level = b.level",
    "SELECT u.name, (SELECT count(*) FROM logs l WHERE l.user_id = u.user_id) AS n FROM users u",
    "SELECT name FROM users u WHERE EXISTS (SELECT 1 FROM logs l WHERE l.user_id = u.user_id AND l.level = 'warn')",
    "SELECT message FROM logs WHERE user_id NOT IN (SELECT user_id FROM users WHERE name = 'ann')",
    "SELECT message FROM logs WHERE status = (SELECT max(status) FROM logs)",
    "WITH a AS (SELECT level, count(*) n FROM logs GROUP BY level), b AS (SELECT max(n) m FROM a) \
     SELECT a.level FROM a JOIN b ON a.n = b.m",
    "SELECT level FROM logs UNION SELECT name FROM users",
    "SELECT level FROM logs UNION ALL SELECT name FROM users UNION ALL SELECT message FROM logs WHERE status = 200",
    "SELECT level FROM logs INTERSECT SELECT level FROM logs WHERE status = 200",
    "SELECT status FROM logs EXCEPT SELECT status FROM logs WHERE level = 'info'",
    "SELECT _timestamp, level, lag(status) OVER (ORDER BY _timestamp) FROM logs",
    "SELECT level, status, sum(status) OVER (PARTITION BY level ORDER BY _timestamp ROWS 3 PRECEDING) FROM logs",
    "SELECT * FROM (SELECT level, status, rank() OVER (PARTITION BY level ORDER BY status DESC, _timestamp) r FROM logs) \
     WHERE r <= 3",
    "SELECT level, status FROM logs ORDER BY status DESC, _timestamp LIMIT 7 OFFSET 3",
    "SELECT message FROM logs ORDER BY _timestamp DESC LIMIT 5",
    "SELECT message FROM logs ORDER BY _timestamp LIMIT 5 OFFSET 5",
    "SELECT _timestamp, level FROM logs UNION ALL SELECT _timestamp, name FROM users UNION ALL \
     SELECT user_id, 'x' FROM logs ORDER BY _timestamp DESC LIMIT 15",
    "SELECT _timestamp FROM (SELECT _timestamp FROM logs UNION ALL SELECT status FROM logs) ORDER BY 1 LIMIT 5",
    "SELECT upper(level), status + 1 FROM logs WHERE response_time > 20 ORDER BY _timestamp DESC LIMIT 4",
    "SELECT CASE WHEN status >= 500 THEN 'bad' ELSE 'good' END AS c, count(*) FROM logs GROUP BY c",
    "SELECT 1 + 1 AS two, 'x' AS x",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(n, s)",
    "SELECT n.value, count(*) FROM generate_series(1, 3) AS n LEFT JOIN users u ON u.user_id = n.value GROUP BY n.value",
    "SELECT 1 FROM logs WHERE status = 300",
    "SELECT level FROM logs WHERE 1 = 0",
    "SELECT level FROM logs LIMIT 0",
    "SELECT count(*) FROM logs WHERE false",
    "SELECT count(*) FROM logs WHERE _timestamp > 5 AND _timestamp < 3",
    "SELECT level FROM empty",
    "SELECT count(*), sum(n), min(level) FROM empty",
    "SELECT level, count(*) FROM empty GROUP BY level",
    "SELECT l.level FROM logs l JOIN empty e ON l.level = e.level",
    "SELECT count(*) FROM logs WHERE message LIKE '%user1_ %' AND message NOT LIKE '%0ms'",
    "SELECT count(*) FROM logs WHERE message ILIKE 'REQUEST 1%' OR level ~ '^(e|w)' OR level !~* 'INFO'",
    "SELECT count(*) FROM logs WHERE starts_with(message, 'Request 2') AND contains(message, 'user')",
    "SELECT count(*) FROM logs WHERE date_trunc('hour', to_timestamp_micros(_timestamp)) >= '2026-03-05T03:00:00'",
    "SELECT count(*) FROM logs WHERE date_trunc('hour', to_timestamp_micros(_timestamp)) > '2026-03-05T03:00:00'",
    "SELECT count(*) FROM logs WHERE date_trunc('hour', to_timestamp_micros(_timestamp)) <= '2026-03-05T03:10:00'",
    "SELECT count(*) FROM logs WHERE NOT date_trunc('day', to_timestamp_micros(_timestamp)) < '2026-03-05'",
    "SELECT count(*) FROM logs WHERE date_bin(INTERVAL '90 minutes', to_timestamp_micros(_timestamp)) <> '2026-03-05T03:00:00'",
    "SELECT count(*) FROM logs WHERE date_bin(INTERVAL '1 hour', to_timestamp_micros(_timestamp), \
     TIMESTAMP '2026-01-01 00:30:00') IN (TIMESTAMP '2026-03-05 03:30:00', TIMESTAMP '2026-03-04 00:30:00', TIMESTAMP '2026-03-04')",
    "SELECT count(*) FROM logs WHERE status > 299.5 AND status <= 400.0 AND response_time < 40",
    "SELECT count(*) FROM logs WHERE to_timestamp_micros(_timestamp) >= TIMESTAMP '2026-03-04 01:02:03.000000500'",
    "WITH RECURSIVE r AS (SELECT 0 AS n UNION ALL SELECT r.n + 1 FROM r JOIN users u ON u.user_id = r.n) \
     SELECT n FROM r",
];

/// A small generator with a printed seed; the same sequence on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    fn predicate(&mut self, depth: u64) -> String {
        if depth > 0 && self.below(10) < 7 {
            let (left, right) = (self.predicate(depth - 1), self.predicate(depth - 1));
            return match self.below(6) {
                0 | 1 => format!("({left} AND {right})"),
                2 | 3 => format!("({left} OR {right})"),
                4 => format!("NOT ({left})"),
                _ => format!(
                    "({left}) IS {}",
                    self.pick(&["TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "NULL", "NOT NULL"])
                ),
            };
        }
        let cmp = self.pick(&["=", "<>", "<", "<=", ">", ">="]);
        match self.below(13) {
            0 => format!("level {cmp} {}", self.pick(&["'error'", "'info'", "'m'", "NULL"])),
            1 => format!(
                "status {cmp} {}",
                self.pick(&["200", "300", "350", "300.5", "400.0", "-1"])
            ),
            2 => format!("response_time {cmp} {}", self.pick(&["10", "10.5", "0", "NULL"])),
            3 => format!("{} {cmp} user_id", self.pick(&["3", "5", "12"])),
            4 => self
                .pick(&["ok", "NOT ok", "ok = true", "ok IS NULL", "ok IS NOT FALSE"])
                .to_owned(),
            5 => format!(
                "level {}IN ({})",
                self.pick(&["", "NOT "]),
                self.pick(&["'error'", "'warn', 'info'", "'x', NULL"])
            ),
            6 => format!("user_id {}IN (1, 2, 3, 4, 5, 11)", self.pick(&["", "NOT "])),
            7 => format!(
                "status {}BETWEEN {}",
                self.pick(&["", "NOT "]),
                self.pick(&["250 AND 450", "400 AND 300"])
            ),
            8 => format!(
                "message {}LIKE {}",
                self.pick(&["", "NOT "]),
                self.pick(&["'%user3%'", "'Request 1%'", "'%7ms'"])
            ),
            9 => format!(
                "level {}ILIKE {}",
                self.pick(&["", "NOT "]),
                self.pick(&["'%R%'", "'inf_'", "'Debug'"])
            ),
            // In brackets: without them DataFusion's parser takes what AND and OR join for the right side.
            10 => format!(
                "(level IS {}DISTINCT FROM {})",
                self.pick(&["", "NOT "]),
                self.pick(&["'info'", "NULL"])
            ),
            11 => format!(
                "{} IS {}NULL",
                self.pick(&["level", "ok", "user_id", "status"]),
                self.pick(&["", "NOT "])
            ),
            _ => format!(
                "_timestamp {cmp} {}",
                1_772_712_000_000_000_i64 - self.below(172_800) as i64 * 1_000_000
            ),
        }
    }
}

#[test]
fn random_predicates_select_the_same_rows() {
    let seed = 0x5eed_2026_u64;
    println!("seed {seed}");
    let (world, engine, mut random) = (world(), plain(&world()), Random(seed));
    let stored = world.clone().stored();
    for _ in 0..600 {
        let predicate = random.predicate(3);
        let select = random.pick(&[
            "SELECT _timestamp FROM logs",
            "SELECT count(*) FROM logs",
            "SELECT level, count(*), sum(status) FROM logs",
            "SELECT level, message FROM logs",
        ]);
        let tail = if select.contains("sum(") { "GROUP BY level" } else { "" };
        let sql = format!("{select} WHERE {predicate} {tail}");
        same(&world, &engine, &sql);
        same(&stored, &engine, &sql);
    }
}
