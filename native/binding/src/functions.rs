//! What a statement may call.

use crate::failure;
use napi_derive::napi;

/// Every function as JSON.
#[napi(catch_unwind)]
pub fn function_list() -> napi::Result<String> {
    let list = basalt_sql::function_list().map_err(failure::sql)?;
    serde_json::to_string(&list).map_err(failure::bytes)
}
