//! What does not fit into the memory of a run: to disk and back, or a refusal that names who wanted how much.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use basalt_scan::Cancel;
use basalt_sql::{Format, Resources, SqlError, plan};

use crate::harness::{LIMIT_BYTES, context, run_with, world};

const SMALL_BYTES: usize = 24 << 20;

fn folder() -> PathBuf {
    std::env::temp_dir()
}

/// A quarter of a million and more rows of cross joins, and more bytes than fit.
fn rows(sql: &str, memory_bytes: usize, resources: &Resources) -> Result<String, SqlError> {
    let world = world();
    let plan = plan(sql, &context(&world)).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let bytes = run_with(
        &world,
        &plan,
        Format::Ndjson,
        memory_bytes,
        resources,
        Cancel::default(),
    )?;
    Ok(String::from_utf8(bytes).expect("UTF-8"))
}

const SORT: &str = "SELECT count(*) AS n, sum(length(m)) AS l, min(r) AS r FROM (SELECT a.message || b.message || c.status::text AS m, \
                    row_number() OVER (ORDER BY b.message || a.message, c.user_id) AS r FROM logs a CROSS JOIN logs b CROSS JOIN \
                    (SELECT status, user_id FROM logs LIMIT 4) c)";
const GROUP: &str = "SELECT count(*) AS n, sum(k) AS k FROM (SELECT a.message || b.message AS m, a._timestamp AS s, b._timestamp AS t, \
                     c._timestamp AS u, count(*) AS k FROM logs a CROSS JOIN logs b CROSS JOIN (SELECT _timestamp FROM logs LIMIT 20) c \
                     GROUP BY 1, 2, 3, 4)";

/// The most bytes that were spilled at one time while `work` went on.
fn spilled_most(resources: &Resources, work: impl FnOnce()) -> u64 {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(resources.spilled_bytes());
                std::thread::sleep(Duration::from_millis(1));
            }
            most
        });
        work();
        done.store(true, Ordering::Relaxed);
        watching.join().expect("a thread")
    })
}

#[test]
fn sorts_and_groupings_spill_and_give_the_same_rows() {
    for sql in [SORT, GROUP] {
        let plenty = Resources::new(usize::MAX, None);
        let expected = rows(sql, 1 << 30, &plenty).expect("it fits");
        let spilling = Resources::new(usize::MAX, Some((&folder(), 1 << 30)));
        let most = spilled_most(&spilling, || {
            assert_eq!(rows(sql, SMALL_BYTES, &spilling).expect("it spills"), expected, "{sql}");
        });
        assert!(most > 1 << 20, "only {most} bytes were spilled: {sql}");
        assert_eq!((spilling.spilled_bytes(), spilling.memory_bytes()), (0, 0), "{sql}");
    }
}

#[test]
fn a_query_is_cancelled_while_it_spills() {
    for sql in [SORT, GROUP] {
        let world = world();
        let plan = plan(sql, &context(&world)).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let spilling = Resources::new(usize::MAX, Some((&folder(), 1 << 30)));
        let cancel = Cancel::default();
        let (watched, stopper) = (spilling.clone(), cancel.clone());
        let stopping = std::thread::spawn(move || {
            while watched.spilled_bytes() == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            stopper.stop();
        });
        let error = run_with(&world, &plan, Format::Ndjson, SMALL_BYTES, &spilling, cancel).expect_err(sql);
        stopping.join().expect("a thread");
        assert_eq!(error.code, 20009, "{sql}: {error}");
        assert_eq!((spilling.spilled_bytes(), spilling.memory_bytes()), (0, 0), "{sql}");
    }
}

#[test]
fn without_disk_or_with_too_little_of_it_the_query_fails_alone() {
    let none = Resources::new(usize::MAX, None);
    let error = rows(SORT, SMALL_BYTES, &none).expect_err("nowhere to go");
    assert!(error.code == 20008 && error.message.contains("holds"), "{error}");
    let little = Resources::new(usize::MAX, Some((&folder(), 1 << 20)));
    let error = rows(SORT, SMALL_BYTES, &little).expect_err("a megabyte is not enough");
    assert!(error.message.contains("spill files of all queries"), "{error}");
    assert_eq!(little.spilled_bytes(), 0);
}

#[test]
fn all_runs_together_have_a_limit_too() {
    let shared = Resources::new(1 << 20, None);
    let sql =
        "SELECT a.message, b.message, array_agg(a.status) FROM logs a CROSS JOIN logs b GROUP BY a.message, b.message";
    let error = rows(sql, LIMIT_BYTES, &shared).expect_err("a megabyte for all");
    assert!(error.message.contains("all queries together hold"), "{error}");
    assert_eq!(shared.memory_bytes(), 0);
}
