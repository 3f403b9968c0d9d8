//! The life of a run: what it takes, when it has enough, what it refuses.

use basalt_scan::Cancel;
use basalt_sql::{Format, Plan, Progress, Run, plan};
use serde_json::{Value as Json, json};

use crate::harness::{LIMIT_BYTES, World, context, resources, run_as, world};

fn planned(world: &World, sql: &str) -> Plan {
    plan(sql, &context(world)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn objects(run: &mut Run) -> Vec<Json> {
    let (bytes, _) = run.take_rows(Format::JsonObjects).expect("rows");
    serde_json::from_slice(&[b"[", bytes.as_slice(), b"]"].concat()).expect("JSON")
}

#[test]
fn a_limit_is_kept_over_several_answers_and_told() {
    let world = world();
    let plan = planned(&world, "SELECT status FROM logs LIMIT 120");
    let answers = world.answers(&plan.leaves()[0]);
    let mut run = Run::start(&plan, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    run.push(0, &answers[0]).expect("an answer");
    let progress = run.advance().expect("progress");
    assert_eq!(
        (progress.done, progress.output_rows, progress.leaf_satisfied),
        (false, 100, vec![false])
    );
    run.push(0, &answers[1]).expect("an answer");
    let progress = run.advance().expect("progress");
    assert_eq!(
        (progress.done, progress.output_rows, progress.leaf_satisfied),
        (true, 120, vec![true])
    );
    run.push(0, &answers[2]).expect("ignored");
    assert_eq!(run.advance().expect("still done").queued_bytes, [0]);
    assert_eq!(objects(&mut run).len(), 120);
    assert_eq!(objects(&mut run).len(), 0);
}

#[test]
fn the_probe_side_of_a_join_waits_in_its_queue() {
    let world = world();
    let plan = planned(
        &world,
        "SELECT u.name, l.status FROM logs l JOIN users u ON l.user_id = u.user_id",
    );
    let leaf = |name: &str| {
        plan.leaves()
            .iter()
            .position(|leaf| leaf.stream == name)
            .expect("a leaf")
    };
    let explain = plan.explain();
    let build = if explain.find("\"stream\":\"logs\"") < explain.find("\"stream\":\"users\"") {
        "logs"
    } else {
        "users"
    };
    let probe = if build == "logs" { "users" } else { "logs" };
    let mut run = Run::start(&plan, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    for answer in world.answers(&plan.leaves()[leaf(probe)]) {
        run.push(leaf(probe), &answer).expect("an answer");
    }
    let progress = run.advance().expect("progress");
    assert!(
        progress.queued_bytes[leaf(probe)] > 0 && progress.output_rows == 0 && !progress.done,
        "{progress:?}"
    );
    for answer in world.answers(&plan.leaves()[leaf(build)]) {
        run.push(leaf(build), &answer).expect("an answer");
    }
    run.finish_leaf(leaf(build));
    run.finish_leaf(leaf(probe));
    let progress = run.advance().expect("progress");
    assert!(
        progress.done && progress.output_rows > 0 && progress.queued_bytes == [0, 0],
        "{progress:?}"
    );
}

#[test]
fn a_join_keeps_the_smaller_stream() {
    let world = world();
    for (logs, users, first) in [(10_000_000, 10, "users"), (10, 10_000_000, "logs")] {
        let mut context = context(&world);
        context.streams.iter_mut().for_each(|stream| {
            stream.rows = Some(if stream.name == "users" { users } else { logs });
        });
        for sql in [
            "SELECT u.name, l.status FROM logs l JOIN users u ON l.user_id = u.user_id",
            "SELECT u.name, l.status FROM users u JOIN logs l ON l.user_id = u.user_id",
        ] {
            let plan = plan(sql, &context).expect("a valid statement");
            assert_eq!(
                plan.leaves()[0].stream,
                first,
                "the left side is the one in memory:\n{}",
                plan.explain()
            );
        }
    }
}

#[test]
fn counts_stand_for_rows() {
    let world = world();
    let plan = planned(&world, "SELECT count(*) AS n FROM logs");
    let mut run = Run::start(&plan, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    run.push_count(0, 1_000_000).expect("a count");
    run.push_count(0, 234).expect("a count");
    run.push(0, &world.answers(&plan.leaves()[0])[0]).expect("an answer");
    run.finish_leaf(0);
    assert!(run.advance().expect("progress").done);
    assert_eq!(objects(&mut run), [json!({ "n": 1_000_334 })]);

    let bare = planned(&world, "SELECT 7 AS x FROM logs WHERE status = 200");
    assert_eq!(
        serde_json::to_value(&bare.leaves()[0].output).expect("plain")["project"],
        json!([])
    );
    let mut run = Run::start(&bare, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    run.push_count(0, 3).expect("a count");
    run.finish_leaf(0);
    run.advance().expect("progress");
    assert_eq!(objects(&mut run), vec![json!({ "x": 7 }); 3]);

    let mut run = Run::start(&bare, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    run.push_count(0, 200_000).expect("a count");
    run.push_count(0, 0).expect("none");
    run.finish_leaf(0);
    run.advance().expect("progress");
    assert_eq!(objects(&mut run), vec![json!({ "x": 7 }); 200_000]);

    let wide = planned(&world, "SELECT level FROM logs");
    let mut run = Run::start(&wide, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    assert_eq!(run.push_count(0, 3).expect_err("columns are wanted").code, 20011);
    assert_eq!(run.push_count(5, 3).expect_err("no such leaf").code, 20011);
}

#[test]
fn a_plan_runs_again_and_again() {
    let world = world();
    let sql = "SELECT u.name, count(*) AS n FROM logs l JOIN users u ON l.user_id = u.user_id GROUP BY u.name ORDER BY u.name";
    let plan = planned(&world, sql);
    let first = run_as(&world, &plan, Format::Ndjson, LIMIT_BYTES).expect("rows");
    assert!(!first.is_empty());
    for _ in 0..3 {
        assert_eq!(run_as(&world, &plan, Format::Ndjson, LIMIT_BYTES).expect("rows"), first);
    }
}

#[test]
fn a_run_moves_between_threads() {
    let world = world();
    let plan = planned(&world, "SELECT level FROM logs UNION ALL SELECT name FROM users");
    let mut run = Run::start(&plan, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    let mut rows = 0;
    for leaf in 0..plan.leaves().len() {
        for answer in world.answers(&plan.leaves()[leaf]) {
            run.push(leaf, &answer).expect("an answer");
            let moved = std::thread::spawn(move || {
                let progress = run.advance().expect("progress");
                run.take_rows(Format::Csv).expect("rows");
                (run, progress.output_rows)
            });
            let (back, taken) = moved.join().expect("no panic");
            (run, rows) = (back, rows + taken);
        }
        run.finish_leaf(leaf);
    }
    assert!(run.advance().expect("progress").done);
    assert_eq!(rows, 250);
}

#[test]
fn damaged_and_foreign_answers_are_refused() {
    let world = world();
    let plan = planned(&world, "SELECT level, status FROM logs");
    let good = world.answers(&plan.leaves()[0]).remove(0);
    let other = planned(&world, "SELECT status FROM logs");
    let foreign = world.answers(&other.leaves()[0]).remove(0);
    let mut run = Run::start(&plan, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    assert_eq!(run.push(0, &foreign).expect_err("other columns").code, 20008);
    assert_eq!(run.push(3, &good).expect_err("no such leaf").code, 20011);
    for cut in (0..good.len()).step_by(7) {
        let _ = run.push(0, &good[..cut]);
    }
    for place in 0..good.len().min(2_000) {
        let mut flipped = good.clone();
        flipped[place] ^= 0x55;
        let _ = run.push(0, &flipped);
    }
}

#[test]
fn a_slice_ends_although_work_is_left() {
    let world = world();
    let sql =
        "SELECT count(*) AS n FROM logs a CROSS JOIN logs b CROSS JOIN logs c WHERE a.status + b.status + c.status > 0";
    let plan = planned(&world, sql);
    let mut run = Run::start(&plan, LIMIT_BYTES, &resources(), Cancel::default()).expect("a run");
    for leaf in 0..plan.leaves().len() {
        for answer in world.answers(&plan.leaves()[leaf]) {
            run.push(leaf, &answer).expect("an answer");
        }
        run.finish_leaf(leaf);
    }
    let mut last = Progress::default();
    while !last.done {
        last = run.advance_slice().expect("progress");
        assert!(last.done || last.runnable, "all input is there: {last:?}");
    }
    assert_eq!(objects(&mut run), [json!({ "n": 240 * 240 * 240 })]);
}
