//! `array_has_all` and `array_has_any` of long lists, which compare each value with each: for some of the sought values at a time, with a
//! look at whether the query was cancelled between them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::text::answer;
use crate::run::cancel;

/// Comparisons between two looks; some milliseconds.
const COMPARISONS: usize = 1 << 23;

/// The function itself, in parts where its lists are long.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct InShortLists {
    pub inner: Arc<ScalarUDF>,
    /// Whether all parts have to hold, or any.
    pub all: bool,
}

impl InShortLists {
    fn holds(&self, args: &ScalarFunctionArgs, list: &ListArray, sought: &ArrayRef, rows: usize) -> Result<bool> {
        let DataType::List(field) = list.data_type() else {
            return Ok(false);
        };
        for first in (0..sought.len()).step_by(rows) {
            cancel::check()?;
            let part = sought.slice(first, rows.min(sought.len() - first));
            let part = ListArray::try_new(Arc::clone(field), OffsetBuffer::from_lengths([part.len()]), part, None)?;
            let value = self.inner.invoke_with_args(ScalarFunctionArgs {
                args: vec![
                    ColumnarValue::Array(Arc::new(list.clone())),
                    ColumnarValue::Array(Arc::new(part)),
                ],
                number_rows: 1,
                ..args.clone()
            })?;
            let value = value.into_array(1)?;
            let holds = value.as_boolean().value(0);
            if holds != self.all {
                return Ok(holds);
            }
        }
        Ok(self.all)
    }
}

impl ScalarUDFImpl for InShortLists {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let lists: Vec<&ListArray> = arrays.iter().filter_map(|array| array.as_list_opt::<i32>()).collect();
        let [lists, sought] = lists.as_slice() else {
            return self.inner.invoke_with_args(args);
        };
        let lengths = lists.offsets().lengths().zip(sought.offsets().lengths());
        let most = lengths.fold(0usize, |most, (list, sought)| most.max(list.saturating_mul(sought)));
        if most <= COMPARISONS || lists.value_type() != sought.value_type() {
            return self.inner.invoke_with_args(args);
        }
        let mut found = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            found.push(match lists.is_valid(row) && sought.is_valid(row) {
                true => {
                    let list = ListArray::slice(lists, row, 1);
                    let rows = (COMPARISONS / lists.value_length(row).max(1) as usize).max(1);
                    Some(self.holds(&args, &list, &sought.value(row), rows)?)
                }
                false => None,
            });
        }
        answer(&args.args, Arc::new(BooleanArray::from(found)))
    }
}
