//! The scan request: what a leaf of a query asks of blocks, as plain data that travels as JSON.
//!
//! Built by the SQL crate, read by the pruning code in TypeScript, executed by this crate. Its JSON form is mirrored by
//! the types in `src/query/scan-request.ts`; change both together.

use serde::{Deserialize, Serialize};

/// One leaf of a query: rows of one stream that pass `time` and `filter`, shaped by `output`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScanRequest {
    pub stream: String,
    /// Every column that filter or output names, once, with the type it has in the stream today.
    /// Blocks may hold an older type; the scan casts by the rules of `basalt_scan::cast`. A block without the column holds nulls.
    pub columns: Vec<ColumnRef>,
    /// Half-open range of `_timestamp` in microseconds, always applied exactly.
    pub time: TimeRange,
    pub filter: Option<Filter>,
    pub output: Output,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ColumnRef {
    pub name: String,
    #[serde(rename = "type")]
    pub column_type: RequestType,
}

/// `basalt_block::ColumnType` as the request spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestType {
    Int64,
    Float64,
    Bool,
    String,
    Json,
}

/// `min` is inclusive, `max` exclusive; `None` is unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimeRange {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

/// A predicate in negation normal form: there is no NOT node, each leaf carries its own negation, and a leaf is false
/// (in both senses) where its column is null. So AND and OR over "is true" are exact under SQL's three-valued logic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "op",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Filter {
    And {
        args: Vec<Filter>,
    },
    Or {
        args: Vec<Filter>,
    },
    /// `column <cmp> value`; the literal has the column's type (json compares as string). Floats compare by
    /// IEEE total order as Arrow's kernels do.
    Compare {
        column: String,
        cmp: Comparison,
        value: Literal,
    },
    /// `column [NOT] IN values`; values are non-null and of the column's type.
    In {
        column: String,
        values: Vec<Literal>,
        negated: bool,
    },
    /// SQL LIKE/ILIKE with `%`, `_` and backslash escape, over string or json columns.
    Like {
        column: String,
        pattern: String,
        negated: bool,
        ignore_case: bool,
    },
    /// Substring test; `ignore_case` folds Unicode by lower-casing both sides.
    Contains {
        column: String,
        needle: String,
        negated: bool,
        ignore_case: bool,
    },
    /// Unanchored regular expression of the `regex` crate's syntax.
    Regex {
        column: String,
        pattern: String,
        negated: bool,
        ignore_case: bool,
    },
    /// `column IS NULL`, or IS NOT NULL when negated. (True where the column is null; the one leaf that is.)
    IsNull {
        column: String,
        negated: bool,
    },
    /// A constant: false selects nothing.
    Constant {
        value: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
}

/// A typed constant. JSON: `{"int64":5}`, `{"float64":"1.5"}`, `{"bool":true}`, `{"string":"x"}`. A float is a text, since readers of
/// JSON numbers need not round as a reader of Rust's floats does, and one unit in the last place finds other rows.
/// NaN and infinities never appear (the planner leaves such filters above the leaf).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Literal {
    Int64(i64),
    #[serde(with = "float_text")]
    Float64(f64),
    Bool(bool),
    String(String),
}

/// A float as the shortest text that reads back as the same bits.
mod float_text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;
    use std::borrow::Cow;

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:?}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| D::Error::custom(format!("{text:?} is no number")))
    }
}

/// As the last name in `project` it stands for a column of int64 that no stream can have: places of rows in order of arrival, rising. It
/// tells rows of equal time apart, across blocks and scans.
pub const ARRIVAL: &str = "#arrival";

/// The shape of the answer. Each answer is an Arrow IPC stream whose columns are named and ordered as listed here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Output {
    /// The columns of passing rows, in storage order, at most `limit` rows.
    /// Arrow types: int64 Int64, float64 Float64, bool Boolean, string and json Utf8. Zero columns: only the row count.
    Rows { project: Vec<String>, limit: Option<u64> },
    /// The first `limit` passing rows in `_timestamp` order. Ties: the row that was stored first comes first when ascending,
    /// last when descending. Same Arrow types as `Rows`.
    TopTime {
        project: Vec<String>,
        descending: bool,
        limit: u64,
    },
    /// Partial aggregation: one row per group, columns `group0..`, then the state columns of each aggregate
    /// `agg0_<state>`, `agg1_<state>`, ... No groups: always exactly one row.
    Aggregate {
        groups: Vec<Group>,
        aggregates: Vec<Aggregate>,
        /// What `combine` may leave out of the groups of all answers. A scan answers all its groups.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        top: Option<Top>,
    },
}

/// The groups that come first by one column of the answer: at least `limit` of them, and all that are equal to the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Top {
    /// Of the answer; numbers and bools only. Floats follow total order.
    pub column: usize,
    pub descending: bool,
    pub nulls_first: bool,
    pub limit: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Group {
    /// The column's value (null is a group of its own). Arrow type as in `Rows`.
    Column { column: String },
    /// `origin + floor((value - origin) / width) * width` of an int64 column, all in microseconds. Arrow type Int64; null stays null.
    Bucket { column: String, width: i64, origin: i64 },
}

/// One aggregate and its state columns. All ignore nulls, except `CountRows`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Aggregate {
    /// `agg<i>_count` Int64: rows.
    CountRows,
    /// `agg<i>_count` Int64: rows with a value.
    Count { column: String },
    /// `agg<i>_sum` Int64 (wrapping, as DataFusion's) or Float64; null when no row had a value. Only int64 and float64 columns.
    Sum { column: String },
    /// `agg<i>_min` in the column's Arrow type; null when no row had a value. All types but json.
    Min { column: String },
    /// `agg<i>_max`, likewise.
    Max { column: String },
    /// `agg<i>_count` Int64 and `agg<i>_sum` Float64 (each value cast to f64 first); both null when no row had a value. Only int64
    /// and float64 columns.
    Average { column: String },
    /// `agg<i>_sketch` Binary, never null: a `Sketch` of the values, each cast to f64 first. Only int64 and float64 columns.
    Sketch { column: String },
    /// Any other function, whose states are kept by the `Functions` that the scan is given: `agg<i>_0`, `agg<i>_1`, ... of its types.
    Function {
        name: String,
        arguments: Vec<Argument>,
        distinct: bool,
    },
}

/// An argument of an aggregate function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Argument {
    /// `cast`: the type that the function wants where it is not the column's.
    Column {
        column: String,
        cast: Option<RequestType>,
    },
    Constant {
        value: Literal,
    },
}
