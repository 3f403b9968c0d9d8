//! SQL over streams: plans a statement into scan requests and a residual plan, runs the residual plan over the answers,
//! and encodes its rows.
//!
//! The flow, a file each: `parse` -> `prepare` -> `catalog` and `rules` (names, `_timestamp`, `match_all`) -> DataFusion's
//! optimisers -> `pushdown` (filters, aggregates, top-k move into `leaf`) -> `plan` -> `run` -> `encode`.
//!
//! Nothing here reads storage, blocks, or starts a thread: whoever holds a [`Plan`] answers its leaves.

mod apart;
mod bags;
mod catalog;
mod clock;
mod context;
mod cut;
mod deadline;
mod dialect;
mod digits;
mod distinct_from;
mod drift;
mod encode;
mod error;
mod function_list;
mod functions;
mod leaf;
mod optimize;
mod parse;
mod plan;
mod prepare;
mod pushdown;
mod resources;
mod rules;
mod run;
mod session;
mod shadow;
mod stability;
mod statement_size;
mod stream_table;
mod suggest;
mod syntax;
mod total_order;
mod unlisted;
mod using;
mod wide;
mod wording;

pub use clock::ClockBounds;
pub use context::{ColumnInfo, FieldType, PlanContext, StreamInfo};
pub use encode::{Export, ExportFormat, ExportOptions, Format, ParquetCodec, TimestampType};
pub use error::{
    CANCELLED, EXECUTION, FIELD_NOT_FOUND, FULL_TEXT_NOT_FOUND, FUNCTION_NOT_FOUND, INVALID_PARAMETER, INVALID_SQL,
    STREAM_NOT_FOUND, SqlError, TYPE_MISMATCH,
};
pub use function_list::function_list;
pub use functions::FunctionInfo;
pub use leaf::functions::leaf_functions;
pub use leaf::outline::outline;
pub use parse::{Explain, OPERATORS_MAX, SQL_BYTES_MAX};
pub use plan::{LEAVES_MAX, Plan, Timings, plan};
pub use prepare::TimeOrder;
pub use resources::Resources;
pub use run::{Progress, Run};
pub use stability::Stability;
