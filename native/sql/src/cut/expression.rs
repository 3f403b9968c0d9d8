//! An expression that is evaluated for some rows at a time where its functions would answer too much for all: conditions, and what
//! aggregates are given.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;

use super::{Attempt, attempt, parts};
use crate::run::{cancel, charge};

#[derive(Debug, Eq)]
pub(super) struct InParts(pub Arc<dyn PhysicalExpr>);

impl InParts {
    fn array(&self, batch: &RecordBatch, rows: usize) -> Result<ArrayRef> {
        let mut arrays = Vec::new();
        for part in parts(batch, rows) {
            cancel::check()?;
            arrays.push(self.evaluate(&part)?.into_array(part.num_rows())?);
        }
        let views: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let bytes = arrays.iter().map(charge::own_bytes).sum();
        let charged = charge::charge(&self.0.to_string(), bytes)?;
        charge::keep(&concat(&views)?, charged)
    }
}

// Derived, it would want to move out of the pointer.
impl PartialEq for InParts {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl Hash for InParts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for InParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PhysicalExpr for InParts {
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.0.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.0.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.0.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        match attempt(batch, |batch| self.0.evaluate(batch))? {
            Attempt::Done(value) => Ok(value),
            Attempt::Rows(rows) => Ok(ColumnarValue::Array(self.array(batch, rows)?)),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(match children.pop() {
            Some(child) => Arc::new(InParts(child)),
            None => self,
        })
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_sql(f)
    }
}
