//! Prints how many records a second one core shreds: `shred_speed FILE [RECORDS_PER_BODY] [BODIES_PER_CALL] [multi|bulk]`.
//! FILE holds one JSON object a line.

use basalt_shred::{BodyFormat, ShredLimits, ShredRequest, shred};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: shred_speed FILE [RECORDS_PER_BODY] [BODIES_PER_CALL] [multi|bulk]")?;
    let records_per_body: usize = arguments.next().as_deref().unwrap_or("5000").parse()?;
    let bodies_per_call: usize = arguments.next().as_deref().unwrap_or("1").parse()?;
    let format = match arguments.next().as_deref() {
        Some("multi") => BodyFormat::Multi,
        Some("bulk") => BodyFormat::Bulk,
        _ => BodyFormat::Json,
    };
    let text = std::fs::read_to_string(path)?;
    let lines: Vec<&str> = text.lines().collect();
    let bodies: Vec<String> = lines
        .chunks(records_per_body)
        .map(|records| body_of(records, format))
        .collect();
    let bytes: usize = bodies.iter().map(String::len).sum();
    let requests: Vec<ShredRequest> = bodies
        .iter()
        .map(|body| ShredRequest {
            body: body.as_bytes(),
            format,
            organization: 1,
            stream: "speed",
        })
        .collect();
    // The best time of each call, so that other work on the machine disturbs little.
    let mut best = vec![Duration::MAX; requests.len().div_ceil(bodies_per_call)];
    for _ in 0..ROUNDS {
        let mut rows = 0;
        for (call, best) in requests.chunks(bodies_per_call).zip(&mut best) {
            let start = Instant::now();
            let shredded = shred(call, 1, &ShredLimits::default(), &|_, _| Ok(Arc::default()));
            let batches = shredded.groups.into_iter().flat_map(|group| group.batches(usize::MAX));
            let batch_rows = batches.map(|batch| batch.rows).sum::<usize>();
            *best = start.elapsed().min(*best);
            rows += batch_rows;
        }
        assert_eq!(rows, lines.len(), "every record is stored");
    }
    let best: f64 = best.iter().map(Duration::as_secs_f64).sum();
    println!(
        "{:.2} million records/s, {:.0} MB/s ({} records, best of {ROUNDS} rounds for each call)",
        lines.len() as f64 / best / 1e6,
        bytes as f64 / best / 1e6,
        lines.len()
    );
    Ok(())
}

fn body_of(records: &[&str], format: BodyFormat) -> String {
    match format {
        BodyFormat::Json => format!("[{}]", records.join(",")),
        BodyFormat::Multi => records.join("\n"),
        BodyFormat::Bulk => records
            .iter()
            .map(|record| format!("{{\"index\":{{}}}}\n{record}\n"))
            .collect(),
    }
}
