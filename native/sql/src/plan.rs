//! From a statement to a plan: parse, resolve, optimise, and the leaves that have to be answered.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use basalt_scan::request::ScanRequest;
use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, SchemaError};
use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::displayable;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use futures::executor::block_on;

use crate::apart::{is_collision, tell_apart};
use crate::bags::number_rows;
use crate::clock::{self, ClockBounds, Timeless};
use crate::context::PlanContext;
use crate::deadline::{self, PLANNING_MAX};
use crate::drift;
use crate::encode::{Export, ExportOptions};
use crate::error::{INVALID_SQL, STREAM_NOT_FOUND, SqlError};
use crate::functions::{HISTOGRAM, Histogram};
use crate::leaf::LeafExec;
use crate::optimize::optimize;
use crate::parse::{Explain, Parsed, parse, place_of};
use crate::prepare::{TIME_ALIAS, TimeOrder, has_limit, newest_first, rename_time_alias, time_order};
use crate::run::charge;
use crate::session::{function_names, state_for};
use crate::shadow::rename_shadows;
use crate::stability::Stability;
use crate::total_order::total_order;
use crate::unlisted::with_unlisted;
use crate::using::coalesce_keys;
use crate::wide;
use crate::wording::worded;

/// Planning recurses as deep as a statement nests, in large frames; see the limits in `parse`.
const STACK_BYTES: usize = 64 << 20;
/// The most streams that one statement may read.
pub const LEAVES_MAX: usize = 256;

/// A planned statement. It can be run any number of times, each time with its leaves answered anew.
#[derive(Debug)]
pub struct Plan {
    pub(crate) physical: Arc<dyn ExecutionPlan>,
    pub(crate) state: Arc<SessionState>,
    /// In the order of `requests`; true marks a leaf that a recursive query reads again and again.
    pub(crate) leaves: Vec<(LeafExec, bool)>,
    /// EXPLAIN: the answer, which is known without reading anything.
    pub(crate) answer: Option<RecordBatch>,
    pub(crate) names: Arc<[String]>,
    requests: Vec<ScanRequest>,
    explain: Option<Explain>,
    stability: Stability,
    clock: Option<ClockBounds>,
    order: Option<(TimeOrder, Option<u64>)>,
    histogram_seconds: Option<f64>,
    timings: Timings,
}

/// Microseconds that each stage of planning took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    pub parse_us: u64,
    pub resolve_us: u64,
    pub optimize_us: u64,
    pub physical_us: u64,
}

/// Plans one statement. Reads nothing.
///
/// # Errors
/// Any code of `error` but 20008.
pub fn plan(sql: &str, context: &PlanContext) -> Result<Plan, SqlError> {
    let plan = || with_unlisted(context, |context| plan_for_a_while(sql, context));
    let in_time = || deadline::within(PLANNING_MAX, plan);
    let guarded = || catch_unwind(AssertUnwindSafe(in_time));
    stacker::grow(STACK_BYTES, guarded).unwrap_or_else(|thrown| {
        Err(deadline::error_of(thrown.as_ref()).unwrap_or_else(|| {
            let text = worded(&reason(thrown.as_ref()));
            SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        }))
    })
}

pub(crate) fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("unknown reason").to_owned()
}

/// Plans, and where it is asked for finds out how the plan follows the clock, by planning for a later moment too.
fn plan_for_a_while(sql: &str, context: &PlanContext) -> Result<Plan, SqlError> {
    let (mut plan, bounds_only) = charge::to_plan(|| plan_here(sql, context))?;
    let asked = context.follow_clock && plan.explain.is_none();
    if asked && plan.stability == Stability::Clock && bounds_only {
        let later = PlanContext {
            now_us: context.now_us.saturating_add(clock::LIFETIME_US),
            ..context.clone()
        };
        let (later, _) = charge::to_plan(|| plan_here(sql, &later))?;
        plan.clock = clock::compare(&plan.timeless(), &later.timeless());
    }
    Ok(plan)
}

/// The plan, and whether the clock does nothing in it but bound the event time.
fn plan_here(sql: &str, context: &PlanContext) -> Result<(Plan, bool), SqlError> {
    match plan_once(sql, context, false)? {
        Some(planned) => Ok(planned),
        None => plan_once(sql, context, true)?.ok_or_else(|| {
            let text = "two expressions have one name: give each a name of its own with AS, in a subquery";
            SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        }),
    }
}

/// With `apart`, expressions of one name are told apart from the start; `None` where the optimiser finds only then that they have to be.
fn plan_once(sql: &str, context: &PlanContext, apart: bool) -> Result<Option<(Plan, bool)>, SqlError> {
    let mut clock = Instant::now();
    let mut lap = || {
        let us = clock.elapsed().as_micros() as u64;
        clock = Instant::now();
        us
    };
    let mut parsed = parse(sql)?;
    if apart {
        tell_apart(&mut parsed.query);
    }
    let parse_us = lap();

    let state = state_for(context)?;
    let tokens = parsed.tokens.clone();
    let failed = |error: DataFusionError| {
        let functions = || function_names(&state);
        let error = SqlError::planning(&error, &functions);
        match error
            .unknown
            .as_deref()
            .and_then(|name| place_of(name, &tokens).map(|(place, called)| (name, place, called)))
        {
            Some((name, place, true)) if error.code == STREAM_NOT_FOUND => {
                SqlError::no_function(name, &functions()).at(place.line, place.column)
            }
            Some((_, place, _)) => error.clone().at(place.line, place.column),
            None => error,
        }
    };
    let mut logical = resolve(&mut parsed, &state, context).map_err(failed)?;
    if context.default_order {
        logical = newest_first(logical).map_err(failed)?;
    }
    let order = time_order(&logical);
    if !has_limit(&parsed.query) && (context.from > 0 || context.size.is_some()) {
        logical = page(logical, context).map_err(failed)?;
    }
    if order.is_none() {
        logical = total_order(logical).map_err(failed)?;
    }
    let stability = Stability::of(&logical).map_err(failed)?;
    let histogram_seconds = histogram_seconds(&logical, &Histogram::of(context)).map_err(failed)?;
    let bounds_only = clock::only_bounds_time(&logical).map_err(failed)?;
    let resolve_us = lap();

    let names = output_names(logical.schema());
    let optimized = match optimize(logical, &state) {
        Err(error) if is_collision(&error) => match apart {
            true => return Err(failed(error)),
            false => return Ok(None),
        },
        optimized => optimized.map_err(failed)?,
    };
    let optimize_us = lap();

    let physical = block_on(state.query_planner().create_physical_plan(&optimized, &state)).map_err(failed)?;
    let physical_us = lap();

    let timings = Timings {
        parse_us,
        resolve_us,
        optimize_us,
        physical_us,
    };
    let mut plan = assemble(physical, Arc::new(state), names, (parsed.explain, stability), timings)?;
    plan.order = order.filter(|_| plan.explain.is_none());
    plan.histogram_seconds = histogram_seconds;
    Ok(Some((plan, bounds_only)))
}

/// Resolves names. Expressions that are given one name are told apart.
/// Where `timestamp` is no column, it is tried as a name of the event time: so a real column, an alias
/// or a subquery's column of that name always wins.
fn resolve(parsed: &mut Parsed, state: &SessionState, context: &PlanContext) -> Result<LogicalPlan, DataFusionError> {
    if wide::is_wide(context)
        && let Some(narrowed) = wide::narrowed(&parsed.query)
    {
        let statement = statement(Box::new(narrowed), context)?;
        // What is wrong with the statement is told of the statement as it was written.
        if let Ok(plan) = basalt_sql_resolve::resolve(state, statement)
            && let Some(plan) = wide::widened(&plan)?
        {
            return Ok(plan);
        }
    }
    let mut collision = None;
    let logical = loop {
        let mut query = parsed.query.clone();
        if collision.is_some() {
            tell_apart(&mut query);
        }
        let error = match basalt_sql_resolve::resolve(state, statement(query, context)?) {
            Ok(plan) => break plan,
            Err(error) => error,
        };
        if collision.is_none() && is_collision(&error) {
            collision = Some(error);
            continue;
        }
        let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let place = span.map(|span| (span.start.line, span.start.column));
        if !is_unresolved_alias(&error) || !rename_time_alias(parsed, place)? {
            return Err(collision.unwrap_or(error));
        }
    };
    let queries_only = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    queries_only.verify_plan(&logical)?;
    Ok(logical)
}

/// The query without what the planner refuses or gets wrong.
fn statement(mut query: Box<ast::Query>, context: &PlanContext) -> Result<Statement, DataFusionError> {
    drift::mark(&mut query, context);
    rename_shadows(&mut query);
    coalesce_keys(&mut query)?;
    number_rows(&mut query)?;
    Ok(Statement::Statement(Box::new(ast::Statement::Query(query))))
}

/// True when the planner met a `timestamp` that is no column.
fn is_unresolved_alias(error: &DataFusionError) -> bool {
    let DataFusionError::SchemaError(inner, _) = error.find_root() else {
        return false;
    };
    matches!(inner.as_ref(), SchemaError::FieldNotFound { field, .. } if field.name == TIME_ALIAS)
}

fn page(plan: LogicalPlan, context: &PlanContext) -> Result<LogicalPlan, DataFusionError> {
    let skip = usize::try_from(context.from).unwrap_or(usize::MAX);
    let fetch = context.size.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    LogicalPlanBuilder::from(plan).limit(skip, fetch)?.build()
}

/// The width of the first call of `histogram` in the plan.
fn histogram_seconds(plan: &LogicalPlan, histogram: &Histogram) -> Result<Option<f64>, DataFusionError> {
    let mut seconds = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::ScalarFunction(call) = expr
                    && call.name() == HISTOGRAM
                {
                    seconds = seconds.or(histogram.seconds(&call.args));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(seconds)
}

/// Result columns are named as written; of two with one name the second carries its stream.
fn output_names(schema: &DFSchema) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(schema.fields().len());
    let mut taken = HashSet::new();
    for (qualifier, field) in schema.iter() {
        let mut name = field.name().clone();
        if taken.contains(&name)
            && let Some(qualifier) = qualifier
        {
            name = format!("{}.{name}", qualifier.table());
        }
        let base = name.clone();
        let mut copy = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}:{copy}");
            copy += 1;
        }
        names.push(name);
    }
    names
}

fn assemble(
    physical: Arc<dyn ExecutionPlan>,
    state: Arc<SessionState>,
    names: Vec<String>,
    (explain, stability): (Option<Explain>, Stability),
    timings: Timings,
) -> Result<Plan, SqlError> {
    let mut leaves = Vec::new();
    collect_leaves(&physical, false, &mut leaves);
    if leaves.len() > LEAVES_MAX {
        let message = format!(
            "Search SQL not valid: it reads {} streams, more than {LEAVES_MAX}",
            leaves.len()
        );
        return Err(SqlError::new(INVALID_SQL, message));
    }
    let requests = leaves.iter().map(|(leaf, _)| leaf.request()).collect();
    let mut plan = Plan {
        physical,
        state,
        leaves,
        answer: None,
        names: names.into(),
        requests,
        explain,
        stability,
        clock: None,
        order: None,
        histogram_seconds: None,
        timings,
    };
    if explain == Some(Explain::Plan) {
        plan.answer_explain();
    }
    Ok(plan)
}

fn collect_leaves(plan: &Arc<dyn ExecutionPlan>, replayed: bool, leaves: &mut Vec<(LeafExec, bool)>) {
    if let Some(leaf) = plan.downcast_ref::<LeafExec>() {
        leaves.push((leaf.clone(), replayed));
    }
    let recursive = plan.downcast_ref::<RecursiveQueryExec>().is_some();
    for (i, child) in plan.children().into_iter().enumerate() {
        collect_leaves(child, replayed || (recursive && i > 0), leaves);
    }
}

impl Plan {
    /// What has to be scanned, in the order of the leaf numbers of a run.
    pub fn leaves(&self) -> &[ScanRequest] {
        &self.requests
    }

    /// For each leaf, whether it is to be answered only after a run told its complete request (`Progress::requests`).
    pub fn deferred(&self) -> Vec<bool> {
        self.leaves.iter().map(|(leaf, _)| leaf.awaits_keys()).collect()
    }

    /// The result's columns as JSON: `[{"name":"level","type":"Utf8"}]`, with the types of Arrow.
    pub fn schema_json(&self) -> String {
        let schema = self.schema();
        let columns: Vec<serde_json::Value> = self
            .names
            .iter()
            .zip(schema.fields())
            .map(|(name, field)| serde_json::json!({ "name": name, "type": field.data_type().to_string() }))
            .collect();
        serde_json::Value::Array(columns).to_string()
    }

    /// The plan as an indented tree; each scan shows its request as JSON.
    pub fn explain(&self) -> String {
        displayable(self.physical.as_ref()).indent(false).to_string()
    }

    /// What the statement asks to explain, if anything.
    pub fn explains(&self) -> Option<Explain> {
        self.explain
    }

    pub fn stability(&self) -> Stability {
        self.stability
    }

    /// How to use the plan after the moment it was made in; `None` when that was not asked for, or it depends on the clock in another
    /// way or not at all.
    pub fn clock(&self) -> Option<&ClockBounds> {
        self.clock.as_ref()
    }

    /// Set where the rows are those of one stream, each by itself, in order of time: what the plan answers in one range of time after
    /// the other is what it answers in all of it, up to the statement's own limit.
    pub fn order(&self) -> Option<(TimeOrder, Option<u64>)> {
        self.order
    }

    /// The width of the first `histogram()` of the statement.
    pub fn histogram_seconds(&self) -> Option<f64> {
        self.histogram_seconds
    }

    /// Begins a file of the rows of runs of this plan.
    ///
    /// # Errors
    /// 20008 for a column that the format cannot hold.
    pub fn export(&self, options: impl Into<ExportOptions>) -> Result<Export, SqlError> {
        Export::new(options.into(), &self.names, &self.schema())
    }

    fn timeless(&self) -> Timeless {
        let mut tree = self.explain();
        for request in &self.requests {
            if let Ok(time) = serde_json::to_string(&request.time) {
                tree = tree.replace(&time, "~");
            }
        }
        let times = self.requests.iter().map(|request| [request.time.min, request.time.max]);
        Timeless {
            tree,
            times: times.collect(),
        }
    }

    pub fn timings(&self) -> Timings {
        self.timings
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        match &self.answer {
            Some(answer) => answer.schema(),
            None => self.physical.schema(),
        }
    }

    fn answer_explain(&mut self) {
        let text = self.explain();
        let lines = StringArray::from(text.lines().collect::<Vec<_>>());
        let schema = Arc::new(Schema::new(vec![Field::new("plan", DataType::Utf8, false)]));
        self.answer = RecordBatch::try_new(schema, vec![Arc::new(lines)]).ok();
        self.names = vec!["plan".to_owned()].into();
        self.leaves.clear();
        self.requests.clear();
    }

    /// Partitions that the top of the plan has; a run reads exactly one.
    pub(crate) fn partitions(&self) -> usize {
        self.physical.output_partitioning().partition_count()
    }
}
