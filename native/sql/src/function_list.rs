//! The functions that a statement may call.

use crate::context::PlanContext;
use crate::error::SqlError;
use crate::functions::{self, FunctionInfo};
use crate::session::state_for;

/// Every function with how it is called and what it does, by name.
///
/// # Errors
/// None that a user can cause.
pub fn function_list() -> Result<Vec<FunctionInfo>, SqlError> {
    Ok(functions::list(&state_for(&PlanContext::default())?))
}
