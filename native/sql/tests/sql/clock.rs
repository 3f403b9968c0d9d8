//! Plans that may be used for a while though they read the clock.

use basalt_sql::{PlanContext, plan};

use crate::harness::{NOW_US, context, world};

const FOLLOWING: [(&str, [bool; 2]); 8] = [
    ("timestamp >= NOW() - INTERVAL '24 hours'", [true, false]),
    (
        "_timestamp > now() - INTERVAL '5 minutes' AND level = 'error'",
        [true, false],
    ),
    ("timestamp BETWEEN NOW() - INTERVAL '1 day' AND NOW()", [true, true]),
    (
        "NOW() > timestamp AND now() - INTERVAL '1 week' <= timestamp",
        [true, true],
    ),
    ("timestamp < now() + INTERVAL '1 hour 3 milliseconds'", [false, true]),
    // Bounds that stand still and are the narrower ones all the while.
    (
        "timestamp >= NOW() - INTERVAL '24 hours' AND timestamp >= '2999-01-01'",
        [false, false],
    ),
    ("timestamp < NOW() AND timestamp < '1999-01-01'", [false, false]),
    (
        "timestamp >= NOW() - INTERVAL '24 hours' AND timestamp < '2999-01-01'",
        [true, false],
    ),
];

const NEW_EACH_TIME: [&str; 9] = [
    "timestamp >= NOW() - INTERVAL '1 month'",
    "timestamp >= date_trunc('hour', NOW())",
    "timestamp >= NOW() OR level = 'error'",
    "timestamp <> NOW()",
    "timestamp NOT BETWEEN NOW() - INTERVAL '1 day' AND NOW()",
    "extract(hour FROM NOW()) > 5",
    "CASE WHEN NOW() > '2000-01-01' THEN level = 'a' ELSE level = 'b' END",
    "timestamp >= NOW() - INTERVAL '1 hour' AND extract(year FROM NOW()) > 2000",
    "level IN (SELECT level FROM logs WHERE NOW() IS NOT NULL)",
];

fn statement(predicate: &str) -> String {
    format!("SELECT level, count(*) AS n FROM logs WHERE {predicate} GROUP BY level")
}

fn times(sql: &str, context: &PlanContext) -> Vec<[Option<i64>; 2]> {
    let plan = plan(sql, context).unwrap_or_else(|error| panic!("{sql}: {error}"));
    plan.leaves()
        .iter()
        .map(|leaf| [leaf.time.min, leaf.time.max])
        .collect()
}

#[test]
fn bounds_of_the_event_time_follow_the_clock() {
    let world = world();
    let now = context(&world);
    for (predicate, follows) in FOLLOWING {
        let sql = statement(predicate);
        let plan = plan(&sql, &now).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let clock = plan
            .clock()
            .unwrap_or_else(|| panic!("{sql}: is planned anew each time"));
        assert_eq!(clock.follows, [follows], "{sql}");
        let leaf = &plan.leaves()[0];
        for passed_us in [0, 1, 999_999, 77_000_001, clock.lifetime_us] {
            let later = PlanContext {
                now_us: NOW_US + passed_us,
                ..now.clone()
            };
            let moved = |time: Option<i64>, follows: bool| time.map(|time| time + if follows { passed_us } else { 0 });
            let expected = [moved(leaf.time.min, follows[0]), moved(leaf.time.max, follows[1])];
            assert_eq!(times(&sql, &later), [expected], "{sql} after {passed_us}");
        }
    }
}

#[test]
fn other_uses_of_the_clock_are_planned_anew() {
    let world = world();
    let now = context(&world);
    let statements = NEW_EACH_TIME.iter().map(|predicate| statement(predicate)).chain([
        "SELECT now() AS n FROM logs".to_owned(),
        "SELECT a.level FROM logs a JOIN logs b ON a.level = b.level AND a._timestamp > now()".to_owned(),
        "SELECT level FROM (SELECT level, max(_timestamp) AS _timestamp FROM logs GROUP BY level) WHERE _timestamp > now()"
            .to_owned(),
        "EXPLAIN SELECT level FROM logs WHERE timestamp > now()".to_owned(),
    ]);
    for sql in statements {
        let plan = plan(&sql, &now).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(plan.clock().is_none(), "{sql}: {:?}", plan.clock());
    }
}

#[test]
fn a_bound_that_is_overtaken_meanwhile_is_planned_anew() {
    let world = world();
    let standing = NOW_US - 86_400_000_000 + 60_000_000;
    let sql = statement(&format!(
        "timestamp >= NOW() - INTERVAL '24 hours' AND timestamp >= {standing}"
    ));
    assert!(plan(&sql, &context(&world)).unwrap().clock().is_none());
}

#[test]
fn a_plan_without_the_clock_has_no_use_for_it() {
    assert!(
        plan(&statement("level = 'error'"), &context(&world()))
            .unwrap()
            .clock()
            .is_none()
    );
}

#[test]
fn nothing_is_found_out_of_a_statement_that_is_new() {
    let world = world();
    let asked = context(&world);
    let new = PlanContext {
        follow_clock: false,
        ..asked.clone()
    };
    let sql = statement(FOLLOWING[0].0);
    assert!(plan(&sql, &asked).unwrap().clock().is_some());
    assert!(plan(&sql, &new).unwrap().clock().is_none());
}
