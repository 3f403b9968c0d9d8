//! The column of a block that a slot stands for.

use crate::cast::{Cast, cast_between};
use crate::error::ScanError;
use crate::plan::Slot;
use crate::request::RequestType;
use basalt_block::{ColumnView as HeaderColumn, HeaderView};

/// The block's own column, unless all its rows are null, and how it becomes the slot's type.
pub(super) fn resolve(
    header: &HeaderView,
    slot: &Slot,
    offset: u64,
) -> Result<(Option<HeaderColumn>, Cast), ScanError> {
    let found = header
        .find(&slot.name)
        .map_err(|error| ScanError::Block { offset, error })?;
    let Some(entry) = found.filter(|entry| (entry.null_count as usize) < header.rows()) else {
        return Ok((None, Cast::Same));
    };
    let from = entry.column_type;
    let cast = cast_between(from, slot.column_type).ok_or_else(|| {
        let (name, to) = (&slot.name, type_name(slot.column_type));
        ScanError::Internal(format!(
            "the block at byte {offset} holds column {name:?} as {}, which cannot become the stream's {to}",
            from.name()
        ))
    })?;
    Ok((Some(entry), cast))
}

pub fn type_name(column_type: RequestType) -> &'static str {
    match column_type {
        RequestType::Int64 => "int64",
        RequestType::Float64 => "float64",
        RequestType::Bool => "bool",
        RequestType::String => "string",
        RequestType::Json => "json",
    }
}
