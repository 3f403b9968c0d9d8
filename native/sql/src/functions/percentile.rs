//! `approx_percentile_cont` and `approx_median` by sketches with a bounded relative error (see `basalt_scan::Sketch`), and
//! percentile functions that take their input in any order.

mod exact;

use std::mem::size_of;
use std::sync::Arc;

use basalt_scan::Sketch;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Documentation, EmitTo, GroupsAccumulator, Signature,
};

/// A percentile function of DataFusion's with sketches for states. Its arguments and errors are the original's.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Sketched(pub Arc<AggregateUDF>);

impl Sketched {
    /// The share of values below the one that is asked for, by the second argument; the median without one.
    fn share(args: &AccumulatorArgs) -> Result<f64> {
        let share = match args.exprs.get(1) {
            None => 0.5,
            Some(share) => match share.evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty())))? {
                ColumnarValue::Scalar(ScalarValue::Float64(Some(share))) => share,
                other => return Err(DataFusionError::Internal(format!("a percentile of {other:?}"))),
            },
        };
        let descending = args.order_bys.first().is_some_and(|key| key.options.descending);
        Ok(if descending { 1.0 - share } else { share })
    }
}

impl AggregateUDFImpl for Sketched {
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
        let name = format_state_name(args.name, "sketch");
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        // Checks the arguments.
        self.0.accumulator(args.clone())?;
        Ok(Box::new(One {
            share: Self::share(&args)?,
            sketch: Sketch::default(),
            answer: args.return_field.data_type().clone(),
        }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.0.accumulator(args.clone())?;
        Ok(Box::new(Groups {
            share: Self::share(&args)?,
            sketches: Vec::new(),
            bytes: 0,
            answer: args.return_field.data_type().clone(),
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn supports_within_group_clause(&self) -> bool {
        self.0.supports_within_group_clause()
    }
}

fn floats(array: &ArrayRef) -> Result<Float64Array> {
    Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

fn sketches_of(array: &ArrayRef) -> Result<&BinaryArray> {
    array.as_binary_opt::<i32>().ok_or_else(damaged)
}

fn damaged() -> DataFusionError {
    DataFusionError::Internal("the state of a percentile is no sketch".to_owned())
}

fn bytes_of(sketch: &Sketch) -> Vec<u8> {
    let mut bytes = Vec::new();
    sketch.write(&mut bytes);
    bytes
}

#[derive(Debug)]
struct One {
    share: f64,
    sketch: Sketch,
    answer: DataType,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in floats(&values[0])?.iter().flatten() {
            self.sketch.add(value);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for bytes in sketches_of(&states[0])?.iter().flatten() {
            self.sketch.merge_bytes(bytes).ok_or_else(damaged)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::Float64(self.sketch.quantile(self.share)).cast_to(&self.answer)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(bytes_of(&self.sketch)))])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sketch.bytes()
    }
}

struct Groups {
    share: f64,
    sketches: Vec<Sketch>,
    /// Held by the sketches, beside themselves.
    bytes: usize,
    answer: DataType,
}

impl Groups {
    fn take(&mut self, emit_to: EmitTo) -> Vec<Sketch> {
        let taken = emit_to.take_needed(&mut self.sketches);
        self.bytes -= taken.iter().map(Sketch::bytes).sum::<usize>().min(self.bytes);
        taken
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.sketches.resize_with(total_num_groups, Sketch::default);
        let values = floats(&values[0])?;
        for (row, &group) in group_indices.iter().enumerate() {
            let wanted = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if wanted && values.is_valid(row) {
                self.bytes += self.sketches[group].add(values.value(row));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.sketches.resize_with(total_num_groups, Sketch::default);
        for (bytes, &group) in sketches_of(&values[0])?.iter().zip(group_indices) {
            if let Some(bytes) = bytes {
                self.bytes += self.sketches[group].merge_bytes(bytes).ok_or_else(damaged)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let told = self.take(emit_to).into_iter().map(|sketch| sketch.quantile(self.share));
        let told: ArrayRef = Arc::new(told.collect::<Float64Array>());
        Ok(cast(&told, &self.answer)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let bytes = self.take(emit_to).into_iter().map(|sketch| bytes_of(&sketch));
        Ok(vec![Arc::new(BinaryArray::from_iter_values(bytes))])
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = floats(&values[0])?;
        let states = values.iter().enumerate().map(|(row, value)| {
            let wanted = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            let mut sketch = Sketch::default();
            if let (true, Some(value)) = (wanted, value) {
                sketch.add(value);
            }
            bytes_of(&sketch)
        });
        Ok(vec![Arc::new(BinaryArray::from_iter_values(states))])
    }

    fn size(&self) -> usize {
        self.sketches.capacity() * size_of::<Sketch>() + self.bytes
    }
}

/// An exact percentile function: it keeps all values and sorts them itself, whatever their order in the input.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Unordered(pub Arc<AggregateUDF>);

impl AggregateUDFImpl for Unordered {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
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

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arg_types)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let original = self.0.accumulator(args.clone())?;
        if *args.return_field.data_type() != DataType::Float64 || args.is_distinct {
            return Ok(original);
        }
        Ok(Box::new(exact::One::new(Sketched::share(&args)?)))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let original = self.0.create_groups_accumulator(args.clone())?;
        if *args.return_field.data_type() != DataType::Float64 {
            return Ok(original);
        }
        Ok(Box::new(exact::Groups::new(original, Sketched::share(&args)?)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn supports_within_group_clause(&self) -> bool {
        self.0.supports_within_group_clause()
    }
}
