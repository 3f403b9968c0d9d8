//! A tiny store for tests: rows in memory, a row-by-row evaluator of scan requests, and a driver of runs.

#![allow(dead_code, reason = "each test file uses a part of the harness")]

pub mod evaluate;
pub mod store;

use std::collections::BTreeMap;

use basalt_scan::request::{Output, RequestType, ScanRequest};
use basalt_scan::{Cancel, Share, combine};
use basalt_sql::{
    ColumnInfo, Export, FieldType, Format, Plan, PlanContext, Resources, Run, SqlError, StreamInfo, plan,
};
use serde_json::Value as Json;

/// 2026-03-05T12:00:00Z.
pub const NOW_US: i64 = 1_772_712_000_000_000;
pub const HOUR_US: i64 = 3_600_000_000;
pub const LIMIT_BYTES: usize = 64 << 20;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
}

pub type Row = BTreeMap<String, Value>;

#[derive(Debug, Clone)]
pub struct Stream {
    pub info: StreamInfo,
    /// Each part is answered on its own, like a morsel.
    pub parts: Vec<Vec<Row>>,
}

#[derive(Debug, Clone, Default)]
pub struct World {
    pub streams: Vec<Stream>,
    /// Answers that hold groups are combined before the plan sees them, in shares of this number; 0 leaves them apart.
    pub shares: u32,
    /// When present, answers come from encoded blocks through the real scan.
    pub store: Option<store::Store>,
}

pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub fn stream(name: &str, columns: &[(&str, RequestType)], full_text: &[&str], parts: Vec<Vec<Row>>) -> Stream {
    let columns = columns
        .iter()
        .map(|(name, column_type)| ColumnInfo {
            name: (*name).to_owned(),
            column_type: match column_type {
                RequestType::Int64 => FieldType::Int64,
                RequestType::Float64 => FieldType::Float64,
                RequestType::Bool => FieldType::Bool,
                RequestType::String => FieldType::String,
                RequestType::Json => FieldType::Json,
            },
        })
        .collect();
    let full_text_columns = full_text.iter().map(|name| (*name).to_owned()).collect();
    Stream {
        info: StreamInfo {
            start_time: None,
            name: name.to_owned(),
            columns,
            rows: None,
            unlisted: false,
            full_text_columns,
        },
        parts,
    }
}

pub fn row(values: &[(&str, Value)]) -> Row {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// The stream `logs`: 240 rows over the last 48 hours, every tenth without level, in three parts; and `users`.
pub fn world() -> World {
    use RequestType::{Bool, Float64, Int64, Json as JsonType, String as Text};
    let levels = ["error", "warn", "info", "debug"];
    let mut rows = Vec::new();
    for i in 0..240_i64 {
        let level = if i % 10 == 9 {
            Value::Null
        } else {
            text(levels[(i % 4) as usize])
        };
        let elapsed = if i % 7 == 3 {
            Value::Null
        } else {
            Value::Float((i % 50) as f64 + 0.5)
        };
        rows.push(row(&[
            ("_timestamp", Value::Int(NOW_US - 48 * HOUR_US + i * HOUR_US / 5)),
            ("level", level),
            ("status", Value::Int(200 + i % 5 * 100)),
            ("response_time", elapsed),
            (
                "ok",
                if i % 6 == 0 {
                    Value::Null
                } else {
                    Value::Bool(i % 2 == 0)
                },
            ),
            (
                "message",
                text(&format!("Request {i} from user{} took {}ms", i % 13, i * 3 % 101)),
            ),
            ("user_id", if i % 11 == 0 { Value::Null } else { Value::Int(i % 13) }),
            (
                "attrs",
                text(&format!(r#"{{"a":{{"b":"v{}","n":{i}}},"list":[1,{i}]}}"#, i % 3)),
            ),
        ]));
    }
    let parts = vec![rows[..100].to_vec(), rows[100..150].to_vec(), rows[150..].to_vec()];
    let logs = stream(
        "logs",
        &[
            ("_timestamp", Int64),
            ("level", Text),
            ("status", Int64),
            ("response_time", Float64),
            ("ok", Bool),
            ("message", Text),
            ("user_id", Int64),
            ("attrs", JsonType),
        ],
        &["message", "body"],
        parts,
    );
    let users = (0..10_i64)
        .map(|i| {
            row(&[
                ("_timestamp", Value::Int(NOW_US - HOUR_US * (i + 1))),
                ("user_id", Value::Int(i)),
                ("name", text(["ann", "bob", "cy"][(i % 3) as usize])),
            ])
        })
        .collect();
    let users = stream(
        "users",
        &[("_timestamp", Int64), ("user_id", Int64), ("name", Text)],
        &[],
        vec![users],
    );
    let empty = stream(
        "empty",
        &[("_timestamp", Int64), ("level", Text), ("n", Int64)],
        &["level"],
        vec![],
    );
    let clock = stream(
        "clock",
        &[("_timestamp", Int64), ("timestamp", Text)],
        &[],
        vec![vec![row(&[
            ("_timestamp", Value::Int(NOW_US)),
            ("timestamp", text("noon")),
        ])]],
    );
    World {
        streams: vec![logs, users, empty, clock],
        shares: 0,
        store: None,
    }
}

pub fn context(world: &World) -> PlanContext {
    PlanContext {
        streams: world.streams.iter().map(|stream| stream.info.clone()).collect(),
        stream_names: world.streams.iter().map(|stream| stream.info.name.clone()).collect(),
        follow_clock: true,
        now_us: NOW_US,
        ..PlanContext::default()
    }
}

impl World {
    pub fn stream(&self, name: &str) -> &Stream {
        self.streams
            .iter()
            .find(|stream| stream.info.name == name)
            .expect("a stream of the world")
    }

    /// This world on encoded blocks.
    pub fn stored(mut self) -> Self {
        self.store = Some(store::Store::of(&self.streams));
        self
    }

    /// This world with answers combined.
    pub fn combined(self, shares: u32) -> Self {
        World { shares, ..self }
    }

    /// The answers to a request, one for each morsel or for each share of the groups.
    pub fn answers(&self, request: &ScanRequest) -> Vec<Vec<u8>> {
        let apart = self.scans(request);
        let grouped = matches!(&request.output, Output::Aggregate { groups, .. } if !groups.is_empty());
        if self.shares == 0 || !grouped {
            return apart;
        }
        let apart: Vec<&[u8]> = apart.iter().map(Vec::as_slice).collect();
        let share = |index| {
            let share = Share { index, of: self.shares };
            combine(request, &apart, share, true, basalt_sql::leaf_functions(), None)
                .expect("answers to this request")
                .ipc
        };
        (0..self.shares).map(share).collect()
    }

    fn scans(&self, request: &ScanRequest) -> Vec<Vec<u8>> {
        match &self.store {
            Some(store) => store.answers(request),
            None => self
                .stream(&request.stream)
                .parts
                .iter()
                .map(|rows| evaluate::answer(request, rows))
                .collect(),
        }
    }
}

/// No limit but that of the run, no disk.
pub fn resources() -> Resources {
    Resources::new(usize::MAX, None)
}

/// Plans and runs a statement; the rows as JSON objects.
pub fn rows(world: &World, sql: &str) -> Vec<Json> {
    rows_in(world, sql, &context(world))
}

pub fn rows_in(world: &World, sql: &str, context: &PlanContext) -> Vec<Json> {
    let plan = plan(sql, context).unwrap_or_else(|error| panic!("{sql}: {error}"));
    run(world, &plan).unwrap_or_else(|error| panic!("{sql}: {error}\n{}", plan.explain()))
}

pub fn run(world: &World, plan: &Plan) -> Result<Vec<Json>, SqlError> {
    let bytes = run_as(world, plan, Format::JsonObjects, LIMIT_BYTES)?;
    let text = format!("[{}]", String::from_utf8(bytes).expect("UTF-8"));
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// Runs a plan, pushing the answers of all leaves in turn, one at a time.
pub fn run_as(world: &World, plan: &Plan, format: Format, limit_bytes: usize) -> Result<Vec<u8>, SqlError> {
    run_with(world, plan, format, limit_bytes, &resources(), Cancel::default())
}

/// Likewise, with what it shares with others.
pub fn run_with(
    world: &World,
    plan: &Plan,
    format: Format,
    limit_bytes: usize,
    resources: &Resources,
    cancel: Cancel,
) -> Result<Vec<u8>, SqlError> {
    let run = Run::start(plan, limit_bytes, resources, cancel)?;
    let mut all = Vec::new();
    drive(world, plan, run, |run| {
        let (bytes, taken) = run.take_rows(format)?;
        if !all.is_empty() && taken > 0 && matches!(format, Format::JsonObjects | Format::JsonArrays) {
            all.push(b',');
        }
        all.extend(bytes);
        Ok(taken)
    })?;
    Ok(all)
}

/// Runs a plan whose rows go into a file; its bytes but for the end.
pub fn run_into(world: &World, plan: &Plan, export: &mut Export) -> Result<Vec<u8>, SqlError> {
    let run = Run::start(plan, LIMIT_BYTES, &resources(), Cancel::default())?;
    let mut all = Vec::new();
    drive(world, plan, run, |run| {
        let (bytes, taken) = run.take_export(export)?;
        all.extend(bytes);
        Ok(taken)
    })?;
    Ok(all)
}

fn drive(
    world: &World,
    plan: &Plan,
    mut run: Run,
    mut take: impl FnMut(&mut Run) -> Result<u64, SqlError>,
) -> Result<(), SqlError> {
    let mut waiting: Vec<Option<Vec<Vec<u8>>>> = plan
        .leaves()
        .iter()
        .zip(plan.deferred())
        .map(|(request, deferred)| (!deferred).then(|| world.answers(request)))
        .collect();
    let mut turns = 0;
    loop {
        let progress = run.advance()?;
        let taken = take(&mut run)?;
        assert_eq!(taken, progress.output_rows);
        if progress.done {
            return Ok(());
        }
        let mut pushed = progress.runnable || !progress.requests.is_empty();
        for (leaf, request) in &progress.requests {
            waiting[*leaf] = Some(world.answers(request));
        }
        for (leaf, answers) in waiting.iter_mut().enumerate() {
            let Some(answers) = answers else { continue };
            if answers.is_empty() {
                run.finish_leaf(leaf);
                continue;
            }
            pushed = true;
            let answer = answers.remove(0);
            if !progress.leaf_satisfied[leaf] {
                run.push(leaf, &answer)?;
            }
        }
        turns += usize::from(!pushed);
        assert!(turns < 3, "the run makes no progress: {}", plan.explain());
    }
}

/// The error that planning gives.
pub fn refusal(world: &World, sql: &str) -> SqlError {
    match plan(sql, &context(world)) {
        Ok(plan) => panic!("{sql} was planned:\n{}", plan.explain()),
        Err(error) => error,
    }
}
