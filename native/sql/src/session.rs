//! The planner's state that all queries share: functions, rules and options, built once in a process.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use chrono::DateTime;
use datafusion::config::{ConfigNonZeroUsize, ConfigOptions, Dialect};
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::combine_partial_final_agg::CombinePartialFinalAggregate;
use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::join_selection::JoinSelection;
use datafusion::physical_optimizer::limit_pushdown::LimitPushdown;
use datafusion::physical_optimizer::limit_pushdown_past_window::LimitPushPastWindows;
use datafusion::physical_optimizer::limited_distinct_aggregation::LimitedDistinctAggregation;
use datafusion::physical_optimizer::output_requirements::OutputRequirements;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_optimizer::topk_aggregation::TopKAggregation;
use datafusion::physical_optimizer::update_aggr_exprs::OptimizeAggregateOrder;
use datafusion::prelude::SessionConfig;

use crate::catalog::{CATALOG, Catalogs, SCHEMA, Streams};
use crate::context::PlanContext;
use crate::cut::CutByBytes;
use crate::error::{INVALID_PARAMETER, SqlError};
use crate::functions::{self, Histogram};
use crate::pushdown::PushIntoLeaf;
use crate::rules::{
    BagRule, BoundGrowth, CheckIntegers, GroupLimits, MatchAllRule, OneZero, PatternRule, PlaceholderPlanner,
    PlaceholderRule, SanePlans, ShownRule, StopJoinFilters, SubqueryRule, TimePlanner, TimeRule, UnnestJoinRule,
    UnnestPlanner, UnnestRule, WindowKeys, YieldInJoins, ZeroLiterals,
};

/// Rows in a batch of the residual plan.
const BATCH_ROWS: usize = 8192;

/// The shared state with the streams, the clock and the time range of one query.
pub(crate) fn state_for(context: &PlanContext) -> Result<SessionState, SqlError> {
    static BASE: OnceLock<Result<SessionState, SqlError>> = OnceLock::new();
    let mut state = BASE.get_or_init(build).clone()?;
    state.register_catalog_list(Arc::new(Catalogs(Streams::new(context))));
    state
        .register_udf(Arc::new(ScalarUDF::new_from_impl(Histogram::of(context))))
        .map_err(|error| SqlError::planning(&error, &Vec::new))?;
    let now_us = context.now_us;
    let now = DateTime::from_timestamp_micros(now_us)
        .ok_or_else(|| SqlError::new(INVALID_PARAMETER, format!("now is out of range: {now_us} microseconds")))?;
    state.mark_start_execution();
    state.execution_props_mut().query_execution_start_time = Some(now);
    Ok(state)
}

/// Every name that may be called, for suggestions.
pub(crate) fn function_names(state: &SessionState) -> Vec<String> {
    let scalar = state
        .scalar_functions()
        .keys()
        .chain(state.higher_order_functions().keys());
    let others = state
        .aggregate_functions()
        .keys()
        .chain(state.window_functions().keys());
    scalar
        .chain(others)
        .chain(state.table_functions().keys())
        .cloned()
        .collect()
}

/// Of planning, which holds nothing worth counting and has no use for a disk. Runs have their own (`resources`).
fn runtime() -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    RuntimeEnvBuilder::new().with_disk_manager_builder(disk).build_arc()
}

fn build() -> Result<SessionState, SqlError> {
    let runtime = runtime().map_err(|error| SqlError::planning(&error, &Vec::new))?;
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(PlaceholderPlanner), Arc::new(TimePlanner)];
    planners.extend(SessionStateDefaults::default_expr_planners());
    let mut state = SessionStateBuilder::new()
        .with_config(SessionConfig::from(options()))
        .with_runtime_env(runtime)
        .with_catalog_list(Arc::new(Catalogs(Streams::new(&PlanContext::default()))))
        .with_expr_planners(planners)
        .with_relation_planners(vec![Arc::new(UnnestPlanner)])
        .with_scalar_functions(functions::scalar().into_iter().chain(functions::unwritten()).collect())
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(functions::aggregate())
        .with_window_functions(functions::window())
        .with_table_functions(
            SessionStateDefaults::default_table_functions()
                .into_iter()
                .map(|function| (function.name().to_owned(), function))
                .collect::<HashMap<_, _>>(),
        )
        .with_analyzer_rules(analyzer_rules())
        .with_optimizer_rule(Arc::new(OneZero))
        .with_optimizer_rule(Arc::new(CheckIntegers))
        .with_optimizer_rule(Arc::new(WindowKeys))
        .with_physical_optimizer_rules(physical_rules())
        .build();
    functions::register_json(&mut state).map_err(|error| SqlError::planning(&error, &Vec::new))?;
    Ok(state)
}

fn options() -> ConfigOptions {
    let mut options = ConfigOptions::new();
    options.catalog.create_default_catalog_and_schema = false;
    options.catalog.information_schema = false;
    options.catalog.default_catalog = CATALOG.to_owned();
    options.catalog.default_schema = SCHEMA.to_owned();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    options.execution.target_partitions = 1;
    options.execution.planning_concurrency = 1;
    options.execution.collect_statistics = false;
    if let Ok(rows) = ConfigNonZeroUsize::try_new(BATCH_ROWS) {
        options.execution.batch_size = rows;
    }
    // Leaves cannot use a filter that appears while they run, so none is made.
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    options.optimizer.filter_null_join_keys = true;
    // IS NOT TRUE is never null, but its physical form says that it may be; nothing else ever differed.
    options.execution.skip_physical_aggregate_schema_check = true;
    options
}

/// Rewrites of placeholders, times and full-text searches come before types are coerced, because they decide types.
fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![
        Arc::new(BagRule),
        Arc::new(ShownRule),
        Arc::new(UnnestJoinRule),
        Arc::new(UnnestRule),
        Arc::new(PlaceholderRule),
        Arc::new(PatternRule),
        Arc::new(TimeRule),
        Arc::new(MatchAllRule),
        Arc::new(ResolveGroupingFunction::new()),
        Arc::new(SubqueryRule),
        Arc::new(TypeCoercion::new()),
        Arc::new(ZeroLiterals),
        Arc::new(CheckIntegers),
        Arc::new(BoundGrowth),
    ]
}

/// DataFusion's rules in their order, without those that only serve files, statistics and several partitions.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    vec![
        Arc::new(OutputRequirements::new_add_mode()),
        Arc::new(JoinSelection::new()),
        Arc::new(LimitedDistinctAggregation::new()),
        Arc::new(EnsureRequirements::new()),
        Arc::new(CombinePartialFinalAggregate::new()),
        Arc::new(OptimizeAggregateOrder::new()),
        Arc::new(ProjectionPushdown::new()),
        Arc::new(OutputRequirements::new_remove_mode()),
        Arc::new(TopKAggregation::new()),
        Arc::new(GroupLimits),
        Arc::new(LimitPushPastWindows::new()),
        Arc::new(LimitPushdown::new()),
        Arc::new(ProjectionPushdown::new()),
        Arc::new(PushIntoLeaf),
        Arc::new(EnsureCooperative::new()),
        Arc::new(YieldInJoins),
        Arc::new(StopJoinFilters),
        Arc::new(CutByBytes),
        Arc::new(SanePlans),
    ]
}
