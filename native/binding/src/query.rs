//! Queries, plans, their runs and exports, held in process-wide tables so that any thread may take the next step.

use crate::failure;
use crate::scan::{HeldBytes, hold, take_held};
use crate::table::Table;
use basalt_scan::request::ScanRequest;
use basalt_scan::{Cancel, ScanError};
use basalt_sql::{
    Explain, Export, ExportOptions, Format, Plan, PlanContext, Resources, Run, Stability, TimeOrder, outline,
    plan as plan_sql,
};
use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

static PLANS: LazyLock<Table<Arc<Plan>>> = LazyLock::new(Table::new);
static RUNS: LazyLock<Table<Run>> = LazyLock::new(Table::new);
/// Runs that were freed while a thread was at a step of them, which was given up: they go when it ends.
static ABANDONED: LazyLock<Mutex<HashSet<u32>>> = LazyLock::new(|| Mutex::new(HashSet::new()));
static EXPORTS: LazyLock<Table<Export>> = LazyLock::new(Table::new);
static QUERIES: LazyLock<Table<Cancel>> = LazyLock::new(Table::new);

/// Until `limit_queries` says otherwise, there is no limit over all runs, and nothing spills.
static RESOURCES: LazyLock<RwLock<Resources>> = LazyLock::new(|| RwLock::new(Resources::new(usize::MAX, None)));

#[napi(object)]
pub struct PlanAnswer {
    pub handle: u32,
    pub leaves: Vec<RequestText>,
    pub deferred: Vec<bool>,
    pub schema: String,
    pub stability: String,
    pub clock: Option<ClockBounds>,
    pub analyze: bool,
    pub order: Option<Order>,
    pub histogram_seconds: Option<f64>,
}

#[napi(object)]
pub struct RequestText {
    pub text: String,
    pub outline: Option<String>,
}

impl RequestText {
    fn of(request: &ScanRequest) -> napi::Result<Self> {
        let text = |request| serde_json::to_string(request).map_err(failure::bytes);
        Ok(RequestText {
            text: text(request)?,
            outline: outline(request).as_ref().map(text).transpose()?,
        })
    }
}

#[napi(object)]
pub struct Order {
    pub descending: bool,
    pub limit: Option<f64>,
}

#[napi(object)]
pub struct QueryUse {
    pub memory_bytes: f64,
    pub spilled_bytes: f64,
}

#[napi(object)]
pub struct ClockBounds {
    pub lifetime_us: f64,
    /// Two flags a leaf.
    pub follows: Vec<bool>,
}

#[napi(object)]
pub struct RunProgress {
    pub done: bool,
    pub runnable: bool,
    pub output_rows: f64,
    pub queued_bytes: Vec<f64>,
    pub satisfied: Vec<bool>,
    pub requests: Vec<LeafRequest>,
    pub left_out: Vec<String>,
}

#[napi(object)]
pub struct LeafRequest {
    pub leaf: u32,
    pub request: RequestText,
}

#[napi(object)]
pub struct Rows {
    pub bytes: Uint8Array,
    pub rows: f64,
}

#[napi(object)]
pub struct ExportedRows {
    pub bytes: Either<Uint8Array, HeldBytes>,
    pub rows: f64,
}

#[napi(catch_unwind)]
pub fn plan(sql: String, context: String) -> napi::Result<PlanAnswer> {
    let context: PlanContext = serde_json::from_str(&context).map_err(failure::bytes)?;
    let plan = plan_sql(&sql, &context).map_err(failure::sql)?;
    let leaves = plan
        .leaves()
        .iter()
        .map(RequestText::of)
        .collect::<napi::Result<Vec<_>>>()?;
    let (schema, deferred) = (plan.schema_json(), plan.deferred());
    let stability = match plan.stability() {
        Stability::Fixed => "fixed",
        Stability::Clock => "clock",
        Stability::Chance => "chance",
    };
    let clock = plan.clock().map(|clock| ClockBounds {
        lifetime_us: clock.lifetime_us as f64,
        follows: clock.follows.iter().flatten().copied().collect(),
    });
    let analyze = plan.explains() == Some(Explain::Analyze);
    let order = plan.order().map(|(order, limit)| Order {
        descending: order == TimeOrder::Descending,
        limit: limit.map(|limit| limit as f64),
    });
    let histogram_seconds = plan.histogram_seconds();
    Ok(PlanAnswer {
        handle: PLANS.insert(Arc::new(plan)),
        leaves,
        deferred,
        schema,
        stability: stability.to_owned(),
        clock,
        analyze,
        order,
        histogram_seconds,
    })
}

#[napi]
pub fn free_plan(plan: u32) {
    PLANS.take(plan);
}

/// The operators of a run with what each counted so far.
#[napi(catch_unwind)]
pub fn explain_run(run: u32) -> napi::Result<String> {
    with_run(run, |run| Ok(run.explain_analyze()))
}

#[napi(catch_unwind)]
pub fn limit_queries(memory_bytes: f64, spill_folder: Option<String>, spill_bytes: f64) {
    let spill = spill_folder
        .as_deref()
        .map(|folder| (Path::new(folder), spill_bytes as u64));
    *RESOURCES.write().unwrap_or_else(PoisonError::into_inner) = Resources::new(memory_bytes as usize, spill);
}

#[napi]
pub fn query_use() -> QueryUse {
    let resources = resources();
    QueryUse {
        memory_bytes: resources.memory_bytes() as f64,
        spilled_bytes: resources.spilled_bytes() as f64,
    }
}

fn resources() -> Resources {
    RESOURCES.read().unwrap_or_else(PoisonError::into_inner).clone()
}

#[napi]
pub fn open_query() -> u32 {
    QUERIES.insert(Cancel::default())
}

#[napi]
pub fn cancel_query(query: u32) {
    if let Ok(cancel) = cancel_of(Some(query)) {
        cancel.stop();
    }
}

#[napi]
pub fn close_query(query: u32) {
    QUERIES.take(query);
}

/// By which work for the query is stopped; work for none is not. Work on a query that is closed has nobody to answer to.
pub fn cancel_of(query: Option<u32>) -> napi::Result<Cancel> {
    let Some(query) = query else {
        return Ok(Cancel::default());
    };
    QUERIES.get(query).ok_or_else(|| failure::bytes(ScanError::Cancelled))
}

#[napi(catch_unwind)]
pub fn start_run(plan: u32, memory_bytes: f64, query: Option<u32>) -> napi::Result<u32> {
    let run = Run::start(
        &*shared_plan(plan)?,
        memory_bytes as usize,
        &resources(),
        cancel_of(query)?,
    )
    .map_err(failure::sql)?;
    Ok(RUNS.insert(run))
}

#[napi(catch_unwind)]
pub fn push_run(run: u32, leaf: u32, ipc: Uint8Array) -> napi::Result<()> {
    with_run(run, |run| run.push(leaf as usize, &ipc).map_err(failure::sql))
}

/// Likewise of an answer that was held, and is not any more.
#[napi(catch_unwind)]
pub fn push_held(run: u32, leaf: u32, held: u32) -> napi::Result<()> {
    let ipc = take_held(held)?;
    with_run(run, |run| run.push(leaf as usize, &ipc).map_err(failure::sql))
}

#[napi(catch_unwind)]
pub fn push_count(run: u32, leaf: u32, rows: f64) -> napi::Result<()> {
    with_run(run, |run| {
        run.push_count(leaf as usize, rows as u64).map_err(failure::sql)
    })
}

#[napi(catch_unwind)]
pub fn finish_leaf(run: u32, leaf: u32) -> napi::Result<()> {
    with_run(run, |run| {
        run.finish_leaf(leaf as usize);
        Ok(())
    })
}

#[napi(catch_unwind)]
pub fn advance_run(run: u32) -> napi::Result<RunProgress> {
    with_run(run, |run| {
        let progress = run.advance_slice().map_err(failure::sql)?;
        Ok(RunProgress {
            done: progress.done,
            runnable: progress.runnable,
            output_rows: progress.output_rows as f64,
            queued_bytes: progress.queued_bytes.iter().map(|bytes| *bytes as f64).collect(),
            satisfied: progress.leaf_satisfied,
            left_out: progress.left_out,
            requests: progress
                .requests
                .iter()
                .map(|(leaf, request)| {
                    let (leaf, request) = (*leaf as u32, RequestText::of(request)?);
                    Ok(LeafRequest { leaf, request })
                })
                .collect::<napi::Result<Vec<_>>>()?,
        })
    })
}

#[napi(catch_unwind)]
pub fn take_rows(run: u32, format: String) -> napi::Result<Rows> {
    let format = match format.as_str() {
        "objects" => Format::JsonObjects,
        "arrays" => Format::JsonArrays,
        "csv" => Format::Csv,
        "ndjson" => Format::Ndjson,
        other => return Err(failure::bytes(format!("BUG: row format {other}"))),
    };
    let taken = with_run(run, |run| run.take_rows(format).map_err(failure::sql));
    taken.map(rows_of)
}

#[napi(catch_unwind)]
pub fn open_export(plan: u32, options: String) -> napi::Result<u32> {
    let options: ExportOptions = serde_json::from_str(&options).map_err(failure::bytes)?;
    let export = shared_plan(plan)?.export(options).map_err(failure::sql)?;
    Ok(EXPORTS.insert(export))
}

#[napi(catch_unwind)]
pub fn take_export(run: u32, export: u32) -> napi::Result<ExportedRows> {
    let mut file = EXPORTS.take(export).ok_or_else(|| no_export(export))?;
    let taken = with_run(run, |run| run.take_export(&mut file).map_err(failure::sql));
    EXPORTS.put(export, file);
    let (bytes, rows) = taken?;
    Ok(ExportedRows {
        bytes: hold(bytes),
        rows: rows as f64,
    })
}

#[napi(catch_unwind)]
pub fn finish_export(export: u32) -> napi::Result<Uint8Array> {
    let file = EXPORTS.take(export).ok_or_else(|| no_export(export))?;
    Ok(Uint8Array::from(file.finish().map_err(failure::sql)?))
}

#[napi]
pub fn free_export(export: u32) {
    EXPORTS.take(export);
}

fn rows_of((bytes, rows): (Vec<u8>, u64)) -> Rows {
    Rows {
        bytes: Uint8Array::from(bytes),
        rows: rows as f64,
    }
}

fn no_export(handle: u32) -> napi::Error {
    failure::bytes(format!("BUG: no export {handle}, or it is in use"))
}

#[napi]
pub fn free_run(run: u32) {
    // The lock is held for both, so that a step that ends between them sees it.
    let mut abandoned = ABANDONED.lock().unwrap_or_else(PoisonError::into_inner);
    if RUNS.take(run).is_none() {
        abandoned.insert(run);
    }
}

fn shared_plan(handle: u32) -> napi::Result<Arc<Plan>> {
    PLANS
        .get(handle)
        .ok_or_else(|| failure::bytes(format!("BUG: no plan {handle}")))
}

/// Takes the run out of the table for one step; after an error it is put back too, for `free_run`.
fn with_run<T>(handle: u32, step: impl FnOnce(&mut Run) -> napi::Result<T>) -> napi::Result<T> {
    let mut run = RUNS
        .take(handle)
        .ok_or_else(|| failure::bytes(format!("BUG: no run {handle}, or it is in use")))?;
    let result = step(&mut run);
    let mut abandoned = ABANDONED.lock().unwrap_or_else(PoisonError::into_inner);
    if !abandoned.remove(&handle) {
        RUNS.put(handle, run);
    }
    result
}
