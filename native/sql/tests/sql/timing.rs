//! Prints how long planning and encoding take. Run with `--ignored --nocapture`.

use std::time::Instant;

use basalt_sql::{Format, plan};

use crate::harness::{Value, World, context, row, stream, text, world};
use basalt_scan::request::RequestType;

#[test]
#[ignore = "a measurement"]
fn planning() {
    let world = world();
    let context = context(&world);
    plan("SELECT 1", &context).expect("warm");
    for sql in [
        "SELECT 1",
        "SELECT * FROM logs ORDER BY _timestamp DESC LIMIT 10",
        "SELECT count(*) FROM logs WHERE level = 'error'",
        "SELECT timestamp_bucket('1 hour', timestamp) AS b, level, COUNT(*) AS count, AVG(response_time) AS a \
         FROM logs WHERE timestamp >= NOW() - INTERVAL '24 hours' AND level IN ('error', 'warn') \
         GROUP BY b, level ORDER BY b DESC, count DESC",
        "SELECT histogram(_timestamp, '1 hour') AS t, level, count(*) AS n, avg(response_time) AS a FROM logs \
         WHERE level = 'error' AND status > 7 AND match_all('user7') GROUP BY t, level ORDER BY t DESC, n DESC",
        "SELECT u.name, count(*) c, max(l.status) FROM logs l JOIN users u ON l.user_id = u.user_id GROUP BY u.name",
        "SELECT level, row_number() OVER (PARTITION BY level ORDER BY _timestamp) FROM logs",
    ] {
        let mut all: Vec<_> = (0..100)
            .map(|_| {
                let start = Instant::now();
                let timings = plan(sql, &context).expect("a valid statement").timings();
                (start.elapsed().as_micros(), timings)
            })
            .collect();
        all.sort_by_key(|(us, _)| *us);
        let (median, timings) = all[50];
        println!(
            "{median:>6} us (95 %: {} us) {timings:?} {}",
            all[95].0,
            &sql[..sql.len().min(60)]
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn running() {
    let world = world();
    for sql in [
        "SELECT count(*) FROM logs WHERE level = 'error'",
        "SELECT level, count(*) AS n, avg(status) FROM logs GROUP BY level ORDER BY n DESC",
        "SELECT * FROM logs ORDER BY _timestamp DESC LIMIT 10",
        "SELECT level FROM logs UNION ALL SELECT name FROM users",
    ] {
        let plan = plan(sql, &context(&world)).expect("a valid statement");
        let answers: Vec<_> = plan.leaves().iter().map(|leaf| world.answers(leaf)).collect();
        let mut all: Vec<_> = (0..200)
            .map(|_| {
                let start = Instant::now();
                let mut run = basalt_sql::Run::start(
                    &plan,
                    1 << 26,
                    &crate::harness::resources(),
                    basalt_scan::Cancel::default(),
                )
                .expect("a run");
                for (leaf, answers) in answers.iter().enumerate() {
                    answers
                        .iter()
                        .for_each(|answer| run.push(leaf, answer).expect("an answer"));
                    run.finish_leaf(leaf);
                }
                assert!(run.advance().expect("progress").done);
                run.take_rows(Format::JsonObjects).expect("rows");
                start.elapsed().as_micros()
            })
            .collect();
        all.sort_unstable();
        println!("{:>6} us (95 %: {} us) {sql}", all[100], all[190]);
    }
}

#[test]
#[ignore = "a measurement"]
fn encoding() {
    let columns = [
        ("_timestamp", RequestType::Int64),
        ("level", RequestType::String),
        ("message", RequestType::String),
        ("ms", RequestType::Float64),
    ];
    let rows = (0..200_000_i64)
        .map(|i| {
            row(&[
                ("_timestamp", Value::Int(1_772_712_000_000_000 + i)),
                ("level", text("error")),
                (
                    "message",
                    text(&format!(
                        "GET /api/v1/users/{i} HTTP/1.1 took {} ms from host-{}",
                        i % 977,
                        i % 31
                    )),
                ),
                ("ms", Value::Float(i as f64 / 8.0)),
            ])
        })
        .collect();
    let world = World {
        streams: vec![stream("big", &columns, &[], vec![rows])],
        ..World::default()
    };
    let plan = plan("SELECT * FROM big", &context(&world)).expect("a valid statement");
    let answer = world.answers(&plan.leaves()[0]).remove(0);
    for format in [Format::JsonObjects, Format::JsonArrays, Format::Csv] {
        let mut run = basalt_sql::Run::start(
            &plan,
            1 << 30,
            &crate::harness::resources(),
            basalt_scan::Cancel::default(),
        )
        .expect("a run");
        let start = Instant::now();
        run.push(0, &answer).expect("an answer");
        run.finish_leaf(0);
        run.advance().expect("progress");
        let pushed = start.elapsed();
        let (bytes, rows) = run.take_rows(format).expect("rows");
        let took = start.elapsed();
        let mb = bytes.len() as f64 / 1e6;
        println!(
            "{format:?}: {rows} rows, {mb:.1} MB, push+advance {pushed:?}, encode {:?} ({:.0} MB/s)",
            took - pushed,
            mb / (took - pushed).as_secs_f64()
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn wide_planning() {
    for width in [1_000, 2_000, 4_000] {
        let names: Vec<String> = (0..width).map(|i| format!("f{i}")).collect();
        let columns: Vec<(&str, RequestType)> = [("_timestamp", RequestType::Int64)]
            .into_iter()
            .chain(names.iter().map(|name| (name.as_str(), RequestType::Int64)))
            .collect();
        let world = World {
            streams: vec![stream("wide", &columns, &[], vec![])],
            ..World::default()
        };
        let mut context = context(&world);
        (context.default_order, context.size) = (true, Some(100));
        let start = Instant::now();
        let timings = plan("SELECT * FROM wide", &context)
            .expect("a valid statement")
            .timings();
        println!("{width} columns: {:?} {timings:?}", start.elapsed());
    }
}

#[test]
#[ignore = "a measurement"]
fn long_chains() {
    let columns: Vec<_> = (0..10).map(|i| (format!("f{i}"), RequestType::Int64)).collect();
    let columns: Vec<_> = columns.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    let world = World {
        streams: vec![stream("s", &columns, &[], vec![])],
        ..World::default()
    };
    let context = context(&world);
    for (operators, separator) in [
        (250, " + "),
        (490, " + "),
        (245, " * 0.5 - "),
        (490, " || "),
        (640, " AND 1 < "),
    ] {
        let chain: Vec<_> = (0..=operators).map(|i| format!("f{}", i % 10)).collect();
        let sql = format!("SELECT 1 < {} FROM s", chain.join(separator));
        let start = Instant::now();
        let timings = plan(&sql, &context).map(|plan| plan.timings());
        println!("{operators} x {separator:?}: {:?} {timings:?}", start.elapsed());
    }
}
