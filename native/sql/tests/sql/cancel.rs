//! Runs are stopped from outside, wherever they are.

use std::time::Duration;

use basalt_scan::Cancel;
use basalt_sql::{Format, plan};

use crate::harness::{context, resources, run_with, world};

/// Each would take minutes; nothing comes out of the first two before their end.
#[test]
fn joins_and_sorts_without_end_are_stopped() {
    for sql in [
        "SELECT count(*) FROM logs a, logs b, logs c, logs d WHERE a.status + b.status + c.status + d.status < 0",
        "SELECT count(*) FROM logs a JOIN logs b ON a.status <= b.status JOIN logs c ON b.status <= c.status JOIN logs d ON a.message || \
         b.message || c.message || d.message = 'x'",
        "SELECT a.message FROM logs a, logs b, logs c, logs d ORDER BY a.message || d.message || b.message LIMIT 5",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    ] {
        let world = world();
        let plan = plan(sql, &context(&world)).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let cancel = Cancel::default();
        let stopper = cancel.clone();
        let stopping = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            stopper.stop();
        });
        let error = run_with(&world, &plan, Format::Ndjson, 1 << 30, &resources(), cancel).expect_err(sql);
        stopping.join().expect("a thread");
        assert_eq!(error.code, 20009, "{sql}: {error}");
    }
}
