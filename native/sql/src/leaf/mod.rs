//! The leaf of a plan: one scan request, answered from outside while the plan runs.

mod answer;
pub(crate) mod functions;
mod keys;
mod named_columns;
pub(crate) mod once;
pub(crate) mod outline;

use std::fmt;
use std::sync::Arc;

use basalt_scan::request::{ARRIVAL, Aggregate, Filter, Group, Literal, Output, RequestType, ScanRequest, Top};
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream,
};

use crate::pushdown::combine::all_of;
use crate::run::queue::LeafQueues;
use crate::stream_table::Columns;
use answer::{answer_schema, convert};
use keys::{KeySource, KeyedStream};
use named_columns::named_columns;

/// Reads one stream. `schema` is what the plan above sees; `answer` is what a scan sends for the request.
#[derive(Debug, Clone)]
pub(crate) struct LeafExec {
    id: usize,
    request: ScanRequest,
    columns: Arc<Columns>,
    answer: SchemaRef,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    /// Rows of the whole stream, if known.
    stream_rows: Option<u64>,
    keys: Option<KeySource>,
}

/// Of the rows of a stream a filter keeps about one in this many, where nothing better is known.
const FILTER_KEEPS_ONE_IN: u64 = 5;

impl LeafExec {
    /// A leaf of rows: `schema` holds the projected columns in the order of the request.
    pub fn new(id: usize, request: ScanRequest, columns: Arc<Columns>, schema: SchemaRef) -> Self {
        let properties = properties(&schema);
        LeafExec {
            id,
            request,
            columns,
            answer: Arc::clone(&schema),
            schema,
            properties,
            stream_rows: None,
            keys: None,
        }
    }

    pub fn with_stream_rows(self, stream_rows: Option<u64>) -> Self {
        LeafExec { stream_rows, ..self }
    }

    /// Unique in its plan.
    pub fn id(&self) -> usize {
        self.id
    }

    /// The request with the types of every column that it names.
    pub fn request(&self) -> ScanRequest {
        let names = named_columns(self.request.filter.as_ref(), &self.request.output);
        ScanRequest {
            columns: self.columns.refs(names),
            ..self.request.clone()
        }
    }

    pub fn output(&self) -> &Output {
        &self.request.output
    }

    pub fn column_type(&self, name: &str) -> Option<RequestType> {
        self.columns.get(name)
    }

    /// The schema of the IPC streams that answer this leaf.
    pub fn answer_schema(&self) -> &SchemaRef {
        &self.answer
    }

    /// True when an answer can be told by its number of rows alone.
    pub fn is_counted(&self) -> bool {
        match &self.request.output {
            Output::Rows { project, .. } => project.is_empty(),
            Output::Aggregate { groups, aggregates, .. } => {
                groups.is_empty() && aggregates.iter().all(|aggregate| *aggregate == Aggregate::CountRows)
            }
            Output::TopTime { .. } => false,
        }
    }

    /// The most rows that this leaf gives to the plan, over all answers.
    pub fn rows_max(&self) -> Option<u64> {
        match &self.request.output {
            Output::Rows { limit, .. } => *limit,
            _ => None,
        }
    }

    /// This leaf answering only its first rows by time; `None` when it does not answer all rows now.
    pub fn with_top_time(&self, descending: bool, limit: u64) -> Option<LeafExec> {
        let Output::Rows { project, limit: None } = &self.request.output else {
            return None;
        };
        let output = Output::TopTime {
            project: project.clone(),
            descending,
            limit,
        };
        Some(LeafExec {
            request: ScanRequest {
                output,
                ..self.request.clone()
            },
            ..self.clone()
        })
    }

    /// This leaf with a last column that puts rows of equal time in order of arrival; `None` where it does not answer rows.
    pub fn with_arrival(&self) -> Option<LeafExec> {
        let output = match &self.request.output {
            Output::Rows { project, limit: None } => Output::Rows {
                project: with_arrival(project)?,
                limit: None,
            },
            Output::TopTime {
                project,
                descending,
                limit,
            } => Output::TopTime {
                project: with_arrival(project)?,
                descending: *descending,
                limit: *limit,
            },
            _ => return None,
        };
        let fields = self.schema.fields().iter().map(Arc::clone);
        let arrival = Arc::new(Field::new(ARRIVAL, DataType::Int64, false));
        let schema = Arc::new(Schema::new(fields.chain([arrival]).collect::<Vec<_>>()));
        let answered = self.answer.fields().iter().map(Arc::clone);
        let arrival = Arc::new(Field::new(ARRIVAL, DataType::Int64, true));
        Some(LeafExec {
            request: ScanRequest {
                output,
                ..self.request.clone()
            },
            answer: Arc::new(Schema::new(answered.chain([arrival]).collect::<Vec<_>>())),
            properties: properties(&schema),
            schema,
            ..self.clone()
        })
    }

    /// This leaf answering aggregate states, which the plan above sees as `schema`; `None` as above.
    pub fn with_aggregate(
        &self,
        groups: Vec<Group>,
        aggregates: Vec<Aggregate>,
        schema: SchemaRef,
    ) -> Option<LeafExec> {
        if !matches!(self.request.output, Output::Rows { limit: None, .. }) {
            return None;
        }
        let answer = Arc::new(answer_schema(&groups, &aggregates, &self.columns)?);
        if answer.fields().len() != schema.fields().len() {
            return None;
        }
        let output = Output::Aggregate {
            groups,
            aggregates,
            top: None,
        };
        let request = ScanRequest {
            output,
            ..self.request.clone()
        };
        let properties = properties(&schema);
        Some(LeafExec {
            request,
            answer,
            schema,
            properties,
            stream_rows: None,
            ..self.clone()
        })
    }

    /// This leaf with only those groups wanted that come first by a column of its schema; `None` where it cannot tell.
    pub fn with_top(&self, top: Top) -> Option<LeafExec> {
        let Output::Aggregate {
            groups,
            aggregates,
            top: None,
        } = &self.request.output
        else {
            return None;
        };
        // The two zeros, and NaNs of all kinds, are one group only in the final step.
        let floats = groups.iter().any(|group| match group {
            Group::Column { column } => self.column_type(column) == Some(RequestType::Float64),
            Group::Bucket { .. } => false,
        });
        let ordered = matches!(
            self.answer.fields().get(top.column)?.data_type(),
            DataType::Int64 | DataType::Float64 | DataType::Boolean
        );
        // With keys there may be several requests, none of which has all rows of a group.
        if groups.is_empty() || floats || !ordered || self.keys.is_some() {
            return None;
        }
        let output = Output::Aggregate {
            groups: groups.clone(),
            aggregates: aggregates.clone(),
            top: Some(top),
        };
        Some(LeafExec {
            request: ScanRequest {
                output,
                ..self.request.clone()
            },
            ..self.clone()
        })
    }

    /// This leaf with only the rows whose `column` has a value that column `index` of `plan` has; `None` where it does not
    /// answer all rows now, or for types whose equality is not that of their bytes.
    pub fn with_keys(&self, column: &str, plan: Arc<dyn ExecutionPlan>, index: usize) -> Option<LeafExec> {
        let key_type = self.column_type(column)?;
        let same_type = plan.schema().fields().get(index)?.data_type() == &Columns::arrow(key_type);
        let one = plan.properties().output_partitioning().partition_count() == 1;
        if self.keys.is_some()
            || !matches!(key_type, RequestType::Int64 | RequestType::String)
            || !same_type
            || !one
            || !matches!(self.request.output, Output::Rows { limit: None, .. })
        {
            return None;
        }
        // Until the keys are known, this keeps whoever looks at the request from taking all rows for wanted.
        let known = Filter::IsNull {
            column: column.to_owned(),
            negated: true,
        };
        let keys = KeySource {
            plan,
            index,
            column: column.to_owned(),
        };
        Some(LeafExec {
            request: self.filtered(known),
            keys: Some(keys),
            ..self.clone()
        })
    }

    fn filtered(&self, filter: Filter) -> ScanRequest {
        let both = self.request.filter.iter().cloned().chain([filter]);
        ScanRequest {
            filter: all_of(both.collect()),
            ..self.request.clone()
        }
    }

    /// True when the request is not complete before `request_with` was told its keys.
    pub fn awaits_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// The request for rows with these keys.
    pub fn request_with(&self, keys: Vec<Literal>) -> Option<ScanRequest> {
        let wanted = Filter::In {
            column: self.keys.as_ref()?.column.clone(),
            values: keys,
            negated: false,
        };
        let leaf = LeafExec {
            request: self.filtered(wanted),
            ..self.clone()
        };
        Some(leaf.request())
    }

    /// An answer as the plan above sees it.
    pub fn convert(&self, answer: &RecordBatch) -> Result<RecordBatch> {
        let columns = answer
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(array, field)| convert(array, field.data_type()))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(answer.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

/// `None` where it is there already.
fn with_arrival(project: &[String]) -> Option<Vec<String>> {
    let known = project.iter().any(|name| name == ARRIVAL);
    (!known).then(|| project.iter().cloned().chain([ARRIVAL.to_owned()]).collect())
}

/// The leaf yields when it has served its share (see `run::queue`), so no wrapper has to make it cooperative.
fn properties(schema: &SchemaRef) -> Arc<PlanProperties> {
    let properties = PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(schema)),
        Partitioning::UnknownPartitioning(1),
        EmissionType::Incremental,
        Boundedness::Bounded,
    );
    Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative))
}

impl DisplayAs for LeafExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let request = serde_json::to_string(&self.request()).map_err(|_| fmt::Error)?;
        write!(f, "Scan: {request}")?;
        match &self.keys {
            Some(keys) => write!(f, ", with the values of {:?} that come from below", keys.column),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for LeafExec {
    fn name(&self) -> &str {
        "LeafExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.keys.iter().map(|keys| &keys.plan).collect()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(keys), Some(plan)) = (&self.keys, children.pop()) else {
            return Ok(self);
        };
        let keys = Some(KeySource { plan, ..keys.clone() });
        Ok(Arc::new(LeafExec {
            keys,
            ..self.as_ref().clone()
        }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return Err(DataFusionError::Internal(format!(
                "a leaf has one partition, not {partition}"
            )));
        }
        let queues = LeafQueues::of(&context)?;
        let rows = queues.open(self)?;
        let Some(keys) = &self.keys else { return Ok(rows) };
        let pool = Arc::clone(context.memory_pool());
        let queue = queues.find(self)?;
        let found = keys.plan.execute(0, context)?;
        Ok(Box::pin(KeyedStream::new(found, keys.index, queue, rows, &pool)))
    }

    /// An estimate of the rows, by which joins choose the side that they keep in memory.
    fn partition_statistics(&self, _partition: Option<usize>) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Some(all) = self.stream_rows {
            let filtered = if self.request.filter.is_some() {
                all / FILTER_KEEPS_ONE_IN
            } else {
                all
            };
            let rows = filtered.min(self.rows_max().unwrap_or(u64::MAX));
            statistics.num_rows = Precision::Inexact(usize::try_from(rows).unwrap_or(usize::MAX));
        }
        Ok(Arc::new(statistics))
    }

    /// A limit on rows is kept by the leaf itself, whatever several answers add up to.
    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let Output::Rows { project, limit: old } = &self.request.output else {
            return None;
        };
        let limit = match (limit.map(|limit| limit as u64), *old) {
            (Some(new), Some(old)) => Some(new.min(old)),
            (new, old) => new.or(old),
        };
        let output = Output::Rows {
            project: project.clone(),
            limit,
        };
        Some(Arc::new(LeafExec {
            request: ScanRequest {
                output,
                ..self.request.clone()
            },
            ..self.clone()
        }))
    }

    fn fetch(&self) -> Option<usize> {
        self.rows_max()
            .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }
}
