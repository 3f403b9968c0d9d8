//! Bounds: memory, depth, length.

use basalt_sql::{Format, OPERATORS_MAX, SQL_BYTES_MAX, plan};

use crate::harness::{context, refusal, rows, run_as, world};

#[test]
fn a_query_over_its_memory_limit_fails_and_says_what_to_do() {
    let world = world();
    let sql =
        "SELECT a.message, b.message, array_agg(a.status) FROM logs a CROSS JOIN logs b GROUP BY a.message, b.message";
    let plan = plan(sql, &context(&world)).expect("a valid statement");
    let error = run_as(&world, &plan, Format::Csv, 1 << 20).expect_err("57,600 groups in 1 MB");
    assert_eq!(error.code, 20008);
    assert!(
        error.message.contains("1.0 MB") && error.message.contains("1048576") && error.message.contains("Narrow"),
        "{error}"
    );
}

#[test]
fn long_chains_are_planned_or_refused_but_never_overflow_the_stack() {
    let world = world();
    let chain = |operator: &str, term: &str, n: usize| vec![term; n].join(operator);
    let planned = format!(
        "SELECT count(*) AS n FROM logs WHERE {}",
        chain(" OR ", "upper(level) = 'ERROR'", OPERATORS_MAX / 4)
    );
    let on_a_small_stack = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let world = crate::harness::world();
        let plan = plan(&planned, &context(&world)).expect("within the limit");
        crate::harness::run(&world, &plan).expect("a run")
    });
    assert_eq!(
        on_a_small_stack.expect("a thread").join().expect("no overflow")[0]["n"],
        60
    );
    for sql in [
        format!("SELECT {} FROM logs", chain(" + ", "status", 50_000)),
        format!("SELECT level FROM logs WHERE {}", chain(" OR ", "status = 1", 50_000)),
        format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("SELECT {}1", "-".repeat(50_000).replace('-', "- ")),
        format!("SELECT {} true", "NOT ".repeat(50_000)),
        format!("SELECT 1{}", "::int".repeat(50_000)),
        format!("SELECT 1{}", " IS NULL".repeat(50_000)),
        format!("SELECT {}1{}", "abs(".repeat(10_000), ")".repeat(10_000)),
        format!(
            "SELECT {}1{}",
            "CASE WHEN true THEN ".repeat(5_000),
            " END".repeat(5_000)
        ),
        chain(" UNION ALL ", "SELECT 1", 10_000),
        format!("{}SELECT 1{}", "SELECT * FROM (".repeat(1_000), ") t".repeat(1_000)),
        format!(
            "SELECT 1 FROM logs a0 {}",
            (1..5_000)
                .map(|i| format!(" JOIN logs a{i} ON true"))
                .collect::<String>()
        ),
    ] {
        assert_eq!(refusal(&world, &sql).code, 20001, "{}", &sql[..60]);
    }
}

#[test]
fn long_lists_are_fine() {
    let world = world();
    let list: Vec<String> = (0..20_000).map(|i| (i * 100).to_string()).collect();
    let sql = format!("SELECT count(*) AS n FROM logs WHERE status IN ({})", list.join(","));
    assert_eq!(rows(&world, &sql)[0]["n"], 240);
}

#[test]
fn long_texts_and_many_streams_are_refused() {
    let world = world();
    let long = format!("SELECT '{}'", "x".repeat(SQL_BYTES_MAX));
    assert!(refusal(&world, &long).message.contains("limit"));
    let wide: Vec<String> = (0..=256)
        .map(|i| format!("(SELECT count(*) FROM logs WHERE status = {i}) AS c{i}"))
        .collect();
    assert!(
        refusal(&world, &format!("SELECT {}", wide.join(", ")))
            .message
            .contains("257 SELECTs, more than 256")
    );
}
