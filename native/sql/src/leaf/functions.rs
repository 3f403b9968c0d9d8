//! DataFusion's aggregate functions for scans: a leaf groups the rows, the function's own accumulator keeps the states, so
//! they fit the final step of the same function.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use basalt_scan::request::{Argument, Literal, RequestType};
use basalt_scan::{Functions, States};
use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, new_empty_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{AggregateUDF, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal as Constant};
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr};

use crate::functions;
use crate::stream_table::Columns;

/// The aggregate functions that a scan request may name.
pub fn leaf_functions() -> &'static dyn Functions {
    &LeafFunctions
}

struct LeafFunctions;

impl Functions for LeafFunctions {
    fn states(
        &self,
        name: &str,
        arguments: &[(Argument, Option<RequestType>)],
        distinct: bool,
    ) -> Result<Box<dyn States>, String> {
        let states = GroupStates::new(name, arguments, distinct).map_err(|error| error.strip_backtrace())?;
        Ok(Box::new(states))
    }
}

/// The types of a function's states; an error where it cannot be told so much.
pub(crate) fn state_types(
    name: &str,
    arguments: &[(Argument, Option<RequestType>)],
    distinct: bool,
) -> Result<Vec<DataType>> {
    let (call, _) = call(name, arguments, distinct)?;
    types_of(&call)
}

fn types_of(call: &AggregateFunctionExpr) -> Result<Vec<DataType>> {
    let fields = call.state_fields()?;
    Ok(fields.iter().map(|field| field.data_type().clone()).collect())
}

/// The function over the argument columns, and their schema.
fn call(
    name: &str,
    arguments: &[(Argument, Option<RequestType>)],
    distinct: bool,
) -> Result<(AggregateFunctionExpr, SchemaRef)> {
    static ALL: LazyLock<HashMap<String, Arc<AggregateUDF>>> = LazyLock::new(|| {
        let all = functions::aggregate().into_iter();
        all.map(|function| (function.name().to_owned(), function)).collect()
    });
    let function = ALL
        .get(name)
        .ok_or_else(|| DataFusionError::Plan(format!("the aggregate function {name:?} is unknown")))?;
    let (mut fields, mut exprs) = (Vec::new(), Vec::new());
    for (argument, column_type) in arguments {
        let expr: Arc<dyn PhysicalExpr> = match (argument, column_type) {
            (Argument::Column { cast, .. }, Some(column_type)) => {
                let index = fields.len();
                let field = format!("argument{index}");
                let column = Arc::new(Column::new(&field, index));
                fields.push(Field::new(field, Columns::arrow(*column_type), true));
                match cast {
                    Some(to) => Arc::new(CastExpr::new(column, Columns::arrow(*to), None)),
                    None => column,
                }
            }
            (Argument::Constant { value }, _) => Arc::new(Constant::new(scalar(value))),
            (Argument::Column { column, .. }, None) => {
                return Err(DataFusionError::Internal(format!("column {column:?} has no type")));
            }
        };
        exprs.push(expr);
    }
    let schema = Arc::new(Schema::new(fields));
    let call = AggregateExprBuilder::new(Arc::clone(function), exprs)
        .schema(Arc::clone(&schema))
        .alias(name)
        .with_distinct(distinct)
        .build()?;
    Ok((call, schema))
}

fn scalar(value: &Literal) -> ScalarValue {
    match value {
        Literal::Int64(value) => ScalarValue::Int64(Some(*value)),
        Literal::Float64(value) => ScalarValue::Float64(Some(*value)),
        Literal::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Literal::String(value) => ScalarValue::Utf8(Some(value.clone())),
    }
}

struct GroupStates {
    /// Over the argument columns.
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
    accumulator: Box<dyn GroupsAccumulator>,
    types: Vec<DataType>,
}

impl GroupStates {
    fn new(name: &str, arguments: &[(Argument, Option<RequestType>)], distinct: bool) -> Result<Self> {
        let (call, schema) = call(name, arguments, distinct)?;
        let types = types_of(&call)?;
        let accumulator = if call.groups_accumulator_supported() {
            call.create_groups_accumulator()?
        } else {
            // Made once here, so that what it refuses is told now.
            call.create_accumulator()?;
            let call = call.clone();
            Box::new(GroupsAccumulatorAdapter::new(move || call.create_accumulator()))
        };
        Ok(GroupStates {
            arguments: call.expressions(),
            schema,
            accumulator,
            types,
        })
    }

    fn update_rows(
        &mut self,
        columns: &[ArrayRef],
        ids: &[usize],
        only: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        let options = RecordBatchOptions::new().with_row_count(Some(ids.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.to_vec(), &options)?;
        let values = self
            .arguments
            .iter()
            .map(|argument| argument.evaluate(&batch)?.into_array(ids.len()))
            .collect::<Result<Vec<_>>>()?;
        self.accumulator.update_batch(&values, ids, only, groups)
    }

    fn finish_groups(&mut self, groups: usize) -> Result<Vec<ArrayRef>> {
        // An accumulator knows of a group only once it was told the number of groups.
        let fields = self.schema.fields().iter();
        let none: Vec<ArrayRef> = fields.map(|field| new_empty_array(field.data_type())).collect();
        // With a filter, since values without nulls and without one pass for values of every group, even if there are none.
        let nothing = BooleanArray::from(Vec::<bool>::new());
        self.update_rows(&none, &[], Some(&nothing), groups)?;
        self.accumulator.state(EmitTo::All)
    }
}

fn told<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|error| error.strip_backtrace())
}

impl States for GroupStates {
    fn types(&self) -> Vec<DataType> {
        self.types.clone()
    }

    fn update(&mut self, columns: &[ArrayRef], ids: &[usize], groups: usize) -> Result<(), String> {
        told(self.update_rows(columns, ids, None, groups))
    }

    fn merge(&mut self, states: &[ArrayRef], ids: &[usize], groups: usize) -> Result<(), String> {
        told(self.accumulator.merge_batch(states, ids, groups))
    }

    fn finish(&mut self, groups: usize) -> Result<Vec<ArrayRef>, String> {
        told(self.finish_groups(groups))
    }

    fn bytes(&self) -> usize {
        self.accumulator.size()
    }
}
