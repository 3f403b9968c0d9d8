//! `sum` of int64, which fails where the sum does not fit. It is DataFusion's over decimals of 128 bits, so that only a sum that is told
//! to anybody has to fit, not each on the way to it.

use std::sync::Arc;

use basalt_scan::ScanError;
use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, Expr, GroupsAccumulator, Operator,
    ReversedUDAF, Signature,
};

use crate::error::SqlError;

const WIDE: DataType = DataType::Decimal128(38, 0);

/// DataFusion's `sum`, with int64 checked.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct CheckedSum(pub Arc<AggregateUDF>);

fn is_int64(args: &AccumulatorArgs) -> bool {
    args.return_field.data_type() == &DataType::Int64
}

/// The arguments of the same sum over decimals.
fn widened<'a>(args: &AccumulatorArgs<'a>) -> AccumulatorArgs<'a> {
    let return_field = Arc::new(Field::new(args.return_field.name(), WIDE, true));
    AccumulatorArgs {
        return_field,
        ..args.clone()
    }
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.0.return_type(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match (is_int64(&args), args.is_distinct) {
            (false, _) => self.0.accumulator(args)?,
            (true, true) => Box::new(Distinct(self.0.accumulator(args)?)),
            (true, false) => Box::new(Narrowed(self.0.accumulator(widened(&args))?)),
        })
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match (is_int64(&args), args.is_distinct) {
            (false, _) => self.0.create_sliding_accumulator(args)?,
            // Known at every row without a look at all values, which a check would need.
            (true, true) => self.0.create_sliding_accumulator(args)?,
            (true, false) => Box::new(Narrowed(self.0.create_sliding_accumulator(widened(&args))?)),
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        if !is_int64(&args) {
            return self.0.create_groups_accumulator(args);
        }
        Ok(Box::new(Groups(self.0.create_groups_accumulator(widened(&args))?)))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify_expr_op_literal(
        &self,
        function: &AggregateFunction,
        arg: &Expr,
        op: Operator,
        literal: &Expr,
        arg_is_left: bool,
    ) -> Result<Option<Expr>> {
        let inner = self.0.inner();
        inner.simplify_expr_op_literal(function, arg, op, literal, arg_is_left)
    }
}

fn wide(values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    // Behind the sum a state of a window has its count, which stays.
    let (sums, rest) = values.split_at(1.min(values.len()));
    let sums = sums.iter().map(|sum| Ok(cast(sum, &WIDE)?));
    sums.chain(rest.iter().map(|array| Ok(Arc::clone(array)))).collect()
}

fn narrow_array(sums: &ArrayRef) -> Result<ArrayRef> {
    let sums = sums.as_primitive_opt::<Decimal128Type>().ok_or_else(damaged)?;
    let narrow: Int64Array = sums.try_unary::<_, Int64Type, _>(narrow)?;
    Ok(Arc::new(narrow))
}

fn narrow(sum: i128) -> Result<i64> {
    // As a scan says it.
    i64::try_from(sum).map_err(|_| SqlError::of_scan(&ScanError::Overflow(format!("the sum {sum}"))).into())
}

fn damaged() -> DataFusionError {
    DataFusionError::Internal("a sum of another type".to_owned())
}

#[derive(Debug)]
struct Narrowed(Box<dyn Accumulator>);

impl Accumulator for Narrowed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(&wide(values)?)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.retract_batch(&wide(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(&wide(states)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.0.evaluate()? {
            ScalarValue::Decimal128(sum, ..) => Ok(ScalarValue::Int64(sum.map(narrow).transpose()?)),
            _ => Err(damaged()),
        }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut state = self.0.state()?;
        if let Some(sum) = state.first_mut() {
            *sum = self.evaluate()?;
        }
        Ok(state)
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

/// A sum of different values: the state lists them, and is added up here.
#[derive(Debug)]
struct Distinct(Box<dyn Accumulator>);

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let state = self.0.state()?;
        let Some(ScalarValue::List(list)) = state.first() else {
            return Err(damaged());
        };
        let values = list.values().as_primitive_opt::<Int64Type>().ok_or_else(damaged)?;
        let mut present = values.iter().flatten().map(i128::from).peekable();
        let sum = present.peek().is_some().then(|| present.sum());
        Ok(ScalarValue::Int64(sum.map(narrow).transpose()?))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

struct Groups(Box<dyn GroupsAccumulator>);

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.0.update_batch(&wide(values)?, groups, filter, total)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.0.merge_batch(&wide(values)?, groups, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        narrow_array(&self.0.evaluate(emit_to)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.0.state(emit_to)?.iter().map(narrow_array).collect()
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let states = self.0.convert_to_state(&wide(values)?, filter)?;
        states.iter().map(narrow_array).collect()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
