//! Errors on their way to TypeScript: JSON in the message, so that fields survive.

use basalt_scan::ScanError;
use basalt_sql::SqlError;
use serde_json::json;
use std::fmt::Display;

/// Bytes, files or scans that failed.
pub fn bytes(error: impl Display) -> napi::Error {
    napi::Error::from_reason(json!({ "kind": "bytes", "message": error.to_string() }).to_string())
}

/// A scan that failed; what the statement is to blame for is an error of the statement.
pub fn scan(error: ScanError) -> napi::Error {
    match error {
        ScanError::Overflow(_) | ScanError::Function { .. } | ScanError::Pattern(_) | ScanError::Limit(_) => {
            sql(SqlError::of_scan(&error))
        }
        other => bytes(other),
    }
}

/// A query that cannot be planned or run.
pub fn sql(error: SqlError) -> napi::Error {
    let body = json!({
        "kind": "sql",
        "code": error.code,
        "message": error.message,
        "detail": error.detail,
        "suggestions": error.suggestions,
        "line": error.line,
        "column": error.column,
    });
    napi::Error::from_reason(body.to_string())
}
