use crate::harness::*;
#[test]
fn probe() {
    let world = world();
    let Ok(list) = std::fs::read_to_string("/tmp/probe.sql") else {
        return;
    };
    for sql in list.split(";\n").map(str::trim).filter(|s| !s.is_empty()) {
        println!("=== {sql}");
        let mut ctx = context(&world);
        let sql = if let Some(rest) = sql.strip_prefix("@order ") {
            ctx.default_order = true;
            ctx.size = Some(5);
            rest
        } else {
            sql
        };
        let t = std::time::Instant::now();
        match basalt_sql::plan(sql, &ctx) {
            Err(e) => println!("PLAN ERROR {e:?}"),
            Ok(plan) => {
                println!("({} us {:?})", t.elapsed().as_micros(), plan.timings());
                println!("{}", plan.explain());
                match run(&world, &plan) {
                    Err(e) => println!("RUN ERROR {e:?}"),
                    Ok(rows) => {
                        println!("{} rows", rows.len());
                        for r in rows.iter().take(4) {
                            println!("  {r}");
                        }
                    }
                }
            }
        }
    }
}
