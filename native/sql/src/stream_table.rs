//! One stream as a table: says which filters a leaf can apply, and makes the leaf.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use basalt_scan::request::{ColumnRef, Output, RequestType, ScanRequest, TimeRange};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::context::{ColumnInfo, FieldType, StreamInfo};
use crate::digits;
use crate::leaf::LeafExec;
use crate::pushdown::combine::all_of;
use crate::pushdown::filter::translate;
use crate::pushdown::time_range::split_time;

/// The column of event time: int64 microseconds, never null.
pub(crate) const TIME_COLUMN: &str = "_timestamp";

/// In the metadata of a field: its int64 values are event times. The planner hands it on with the values, through names and subqueries.
pub(crate) const TIME_TAG: &str = "basalt.event_time";

/// One stream, bounded by the time range of the request.
#[derive(Debug)]
pub(crate) struct StreamTable {
    name: String,
    columns: Arc<Columns>,
    full_text: Vec<String>,
    schema: SchemaRef,
    bounds: TimeRange,
    next_leaf: Arc<AtomicUsize>,
    rows: Option<u64>,
}

/// The types of a stream's columns.
#[derive(Debug)]
pub(crate) struct Columns(HashMap<String, RequestType>);

impl Columns {
    pub fn get(&self, name: &str) -> Option<RequestType> {
        self.0.get(name).copied()
    }

    /// The Arrow type that a scan answers for a column of this type.
    pub fn arrow(column_type: RequestType) -> DataType {
        match column_type {
            RequestType::Int64 => DataType::Int64,
            RequestType::Float64 => DataType::Float64,
            RequestType::Bool => DataType::Boolean,
            RequestType::String | RequestType::Json => DataType::Utf8,
        }
    }

    /// The named columns with their types, each once, in order of first mention.
    pub fn refs<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<ColumnRef> {
        let mut refs: Vec<ColumnRef> = Vec::new();
        let mut seen = HashSet::new();
        for name in names {
            if let Some(column_type) = self.get(name)
                && seen.insert(name)
            {
                refs.push(ColumnRef {
                    name: name.to_owned(),
                    column_type,
                });
            }
        }
        refs
    }
}

impl StreamTable {
    pub fn new(stream: &StreamInfo, bounds: TimeRange, next_leaf: Arc<AtomicUsize>) -> Self {
        let time = ColumnInfo {
            name: TIME_COLUMN.to_owned(),
            column_type: FieldType::Int64,
        };
        let listed = stream.columns.iter().any(|column| column.name == TIME_COLUMN);
        let mut types = HashMap::with_capacity(stream.columns.len() + 1);
        let mut fields = Vec::with_capacity(stream.columns.len() + 1);
        for column in (!listed).then_some(&time).into_iter().chain(&stream.columns) {
            let is_time = column.name == TIME_COLUMN;
            let column_type = if is_time { FieldType::Int64 } else { column.column_type };
            if types.insert(column.name.clone(), column_type.scanned()).is_none() {
                let field = Field::new(&column.name, column_type.arrow(), !is_time);
                let tags = is_time.then(|| (TIME_TAG.to_owned(), String::new()));
                fields.push(field.with_metadata(tags.into_iter().collect()));
            }
        }
        StreamTable {
            name: stream.name.clone(),
            columns: Arc::new(Columns(types)),
            full_text: stream.full_text_columns.clone(),
            schema: Arc::new(Schema::new(fields)),
            bounds,
            next_leaf,
            rows: stream.rows,
        }
    }

    /// Columns of the stream as a scan answers them.
    fn scanned(&self, schema: &SchemaRef) -> SchemaRef {
        let differs = |field: &Field| match self.columns.get(field.name()) {
            Some(scanned) if Columns::arrow(scanned) != *field.data_type() => Some(Columns::arrow(scanned)),
            _ => None,
        };
        if schema.fields().iter().all(|field| differs(field).is_none()) {
            return Arc::clone(schema);
        }
        let fields = schema.fields().iter().map(|field| match differs(field) {
            Some(scanned) => Arc::new(Field::new(field.name(), scanned, field.is_nullable())),
            None => Arc::clone(field),
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The columns that `match_all` searches: those of the stream's list that exist and hold text.
    pub fn full_text(&self) -> impl Iterator<Item = &str> {
        self.full_text
            .iter()
            .map(String::as_str)
            .filter(|name| matches!(self.columns.get(name), Some(RequestType::String | RequestType::Json)))
    }
}

#[async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match translate(filter, &self.columns) {
                Some(_) => TableProviderFilterPushDown::Exact,
                None => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(projection) => Arc::new(self.schema.project(projection)?),
            None => Arc::clone(&self.schema),
        };
        let mut parts = Vec::with_capacity(filters.len());
        for filter in filters {
            let part = translate(filter, &self.columns).ok_or_else(|| {
                DataFusionError::Internal(format!(
                    "a filter that a leaf cannot apply was pushed into it: {filter}"
                ))
            })?;
            parts.push(part);
        }
        let (time, filter) = split_time(all_of(parts), self.bounds);
        let project: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let request = ScanRequest {
            stream: self.name.clone(),
            columns: Vec::new(),
            time,
            filter,
            output: Output::Rows {
                project,
                limit: limit.map(|limit| limit as u64),
            },
        };
        let id = self.next_leaf.fetch_add(1, Ordering::Relaxed);
        let columns = Arc::clone(&self.columns);
        let leaf = LeafExec::new(id, request, columns, self.scanned(&schema)).with_stream_rows(self.rows);
        digits::read(Arc::new(leaf), &schema)
    }
}
