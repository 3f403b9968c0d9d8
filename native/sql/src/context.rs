//! What a statement is planned against: the streams it may name, the time range and the paging of the request.

use basalt_scan::request::RequestType;
use datafusion::arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use crate::digits::DECIMAL;

/// The surroundings of one statement, as plain data (JSON in camelCase).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanContext {
    /// The streams that the statement may read. Every stream it names must be here.
    pub streams: Vec<StreamInfo>,
    /// Names of all streams, for "did you mean" of a name that is not in `streams`.
    #[serde(default)]
    pub stream_names: Vec<String>,
    /// The value of `now()`, microseconds since the epoch.
    pub now_us: i64,
    /// First `_timestamp` that any leaf may read, microseconds; absent is unbounded.
    #[serde(default)]
    pub start_time: Option<i64>,
    /// First `_timestamp` that no leaf may read any more, microseconds; absent is unbounded.
    #[serde(default)]
    pub end_time: Option<i64>,
    /// Rows to skip. Like `size` it counts only for a statement without a LIMIT of its own.
    #[serde(default)]
    pub from: u64,
    /// The most rows to return; absent is unbounded.
    #[serde(default)]
    pub size: Option<u64>,
    /// Order a plain query of one stream by `_timestamp`, newest first, when it names no order of its own.
    #[serde(default)]
    pub default_order: bool,
    /// The width of `histogram()` where the statement names none; absent follows the time range.
    #[serde(default)]
    pub histogram_interval_seconds: Option<u64>,
    /// The time zone of `histogram()` where the statement names none; absent is UTC.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Whether to find out how the plan follows the clock, which takes a second planning; for statements that come again.
    #[serde(default)]
    pub follow_clock: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamInfo {
    pub name: String,
    /// In the order that `SELECT *` gives. `_timestamp` is always a column; where the list lacks it, it comes first.
    pub columns: Vec<ColumnInfo>,
    /// About how many rows it has, if known: joins keep the smaller side in memory.
    #[serde(default)]
    pub rows: Option<u64>,
    /// Rows with an earlier `_timestamp` (microseconds) have expired: no leaf may read them. Absent is none.
    #[serde(default)]
    pub start_time: Option<i64>,
    /// It may have more fields, in the overflow column.
    #[serde(default)]
    pub unlisted: bool,
    /// The columns that `match_all` searches.
    #[serde(default)]
    pub full_text_columns: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ColumnInfo {
    pub name: String,
    #[serde(rename = "type")]
    pub column_type: FieldType,
}

/// The type of a field: what all its values are, or what texts are among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    Int64,
    Float64,
    Bool,
    String,
    Json,
    /// Whole numbers, some of them from 2^63 up.
    Decimal,
    /// Numbers, some of them fractions and some whole ones from 2^63 up.
    DecimalFloat,
    /// Texts and numbers, maybe booleans.
    TextNumber,
    /// Texts and booleans.
    TextBool,
}

impl FieldType {
    /// The type in which scans answer it.
    pub fn scanned(self) -> RequestType {
        match self {
            Self::Int64 => RequestType::Int64,
            Self::Float64 => RequestType::Float64,
            Self::Bool => RequestType::Bool,
            Self::String | Self::Decimal | Self::DecimalFloat | Self::TextNumber | Self::TextBool => {
                RequestType::String
            }
            Self::Json => RequestType::Json,
        }
    }

    /// The type that statements see.
    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::Int64 => DataType::Int64,
            Self::Float64 | Self::DecimalFloat => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Decimal => DECIMAL,
            Self::String | Self::Json | Self::TextNumber | Self::TextBool => DataType::Utf8,
        }
    }
}
