//! The columns of all streams, for whoever shreds: one table for all ingest workers: what one of them makes a column the others know.

use basalt_shred::StreamFields;
use napi_derive::napi;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// By organization and stream.
type Streams = HashMap<(String, String), Arc<StreamFields>>;

static STREAMS: LazyLock<Mutex<Streams>> = LazyLock::new(|| Mutex::new(HashMap::new()));

/// What is known of a stream, from now on too.
pub fn fields_of(organization: &str, stream: &str) -> Arc<StreamFields> {
    let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(streams.entry((organization.to_owned(), stream.to_owned())).or_default())
}

#[napi(catch_unwind)]
pub fn add_fields(organization: String, stream: String, names: Vec<String>) {
    fields_of(&organization, &stream).add(names.iter().map(String::as_str));
}

/// `fields` is a `name:type` list, comma-joined. With `only`, no other new names are taken from here on.
#[napi(catch_unwind)]
pub fn add_overflow_fields(organization: String, stream: String, fields: String, only: Option<Vec<String>>) {
    let of_stream = fields_of(&organization, &stream);
    of_stream.add_overflow(fields.split(',').filter_map(|field| field.rsplit_once(':')));
    if let Some(only) = only {
        of_stream.close_overflow(only.iter().map(String::as_str));
    }
}

#[napi(catch_unwind)]
pub fn forget_fields(organization: String, stream: String) {
    let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
    streams.remove(&(organization, stream));
}
