//! What functions allocate, charged before they do: to the memory of the run whose step the thread does, or to what the plan that it
//! makes may keep of folded constants.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, make_array};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation, human_readable_size};

use crate::error::{EXECUTION, SqlError};

/// What folded constants of one plan may take, all together.
const CONSTANTS_BYTES_MAX: usize = 4 << 20;

enum Budget {
    Run(Arc<dyn MemoryPool>),
    Plan { left_bytes: usize },
}

thread_local! {
    static CURRENT: RefCell<Option<Budget>> = const { RefCell::new(None) };
}

/// Does a step of the run whose memory `pool` is.
pub(super) fn to_run<T>(pool: &Arc<dyn MemoryPool>, step: impl FnOnce() -> T) -> T {
    within(Budget::Run(Arc::clone(pool)), step)
}

/// Makes a plan. Constants that are too large for it are left to its runs.
pub(crate) fn to_plan<T>(step: impl FnOnce() -> T) -> T {
    let left_bytes = CONSTANTS_BYTES_MAX;
    within(Budget::Plan { left_bytes }, step)
}

fn within<T>(budget: Budget, step: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(Some(budget));
    let result = step();
    CURRENT.replace(outer);
    result
}

/// Takes `bytes` for the function `name`, before it allocates them. They are given back when the reservation is dropped; those of a plan
/// are not. `None` where there is nothing to give back.
pub(crate) fn charge(name: &str, bytes: usize) -> Result<Option<MemoryReservation>> {
    CURRENT.with_borrow_mut(|budget| match budget {
        Some(Budget::Run(pool)) => {
            let reservation = MemoryConsumer::new(format!("{name}()")).register(pool);
            reservation.try_grow(bytes)?;
            Ok(Some(reservation))
        }
        Some(Budget::Plan { left_bytes }) => {
            *left_bytes = left_bytes.checked_sub(bytes).ok_or_else(|| too_large(name, bytes))?;
            Ok(None)
        }
        None if bytes > CONSTANTS_BYTES_MAX => Err(too_large(name, bytes).into()),
        None => Ok(None),
    })
}

fn too_large(name: &str, bytes: usize) -> SqlError {
    SqlError::new(
        EXECUTION,
        format!(
            "Search SQL execute error: {name}() needs {}, but the constants of a statement may take {}",
            human_readable_size(bytes),
            human_readable_size(CONSTANTS_BYTES_MAX)
        ),
    )
}

/// The bytes that an array takes by itself. Its buffers may be shared with others, so their sizes would count too often.
pub(crate) fn own_bytes(array: &ArrayRef) -> usize {
    // The length is the low half of a view; what the views point to is not counted in a slice.
    let viewed = |views: &[u128]| views.iter().map(|view| size_of::<u128>() + *view as u32 as usize).sum();
    match array.data_type() {
        DataType::Utf8View => viewed(array.as_string_view().views()),
        DataType::BinaryView => viewed(array.as_binary_view().views()),
        _ => {
            let data = array.to_data();
            data.get_slice_memory_size()
                .unwrap_or_else(|_| data.get_array_memory_size())
        }
    }
}

/// A buffer that gives back what was charged for it when the last of its users lets go of it.
struct Charged {
    buffer: Buffer,
    _memory: MemoryReservation,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_slice()
    }
}

/// The same array, over whose first buffer `memory` is held.
pub(crate) fn keep(array: &ArrayRef, memory: Option<MemoryReservation>) -> Result<ArrayRef> {
    let data = array.to_data();
    let mut buffers = data.buffers().to_vec();
    let (Some(first), Some(memory)) = (buffers.first_mut(), memory) else {
        return Ok(Arc::clone(array));
    };
    let held = Charged {
        buffer: first.clone(),
        _memory: memory,
    };
    *first = Buffer::from(Bytes::from_owner(held));
    Ok(make_array(data.into_builder().buffers(buffers).build()?))
}
