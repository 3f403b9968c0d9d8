//! The columns of all streams, for whoever shreds: one table for all ingest workers: what one of them makes a column the others know.

use basalt_shred::StreamFields;
use napi_derive::napi;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// By organization and stream.
type Streams = HashMap<(String, String), Arc<StreamFields>>;

static STREAMS: LazyLock<Mutex<Streams>> = LazyLock::new(|| Mutex::new(HashMap::new()));
static STREAMS_MAX: AtomicUsize = AtomicUsize::new(usize::MAX);

fn streams() -> MutexGuard<'static, Streams> {
    STREAMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of a stream, from now on too; the second is whether it is new.
pub fn fields_of(organization: &str, stream: &str) -> Result<(Arc<StreamFields>, bool), String> {
    let mut streams = streams();
    let key = (organization.to_owned(), stream.to_owned());
    if let Some(known) = streams.get(&key) {
        return Ok((Arc::clone(known), false));
    }
    let max = STREAMS_MAX.load(Ordering::Relaxed);
    if streams.len() >= max {
        return Err(format!(
            "no place for a new stream '{stream}': the server has {max}, as many as its memory limit allows; \
             delete streams, put a field into the records instead of a name for each, or raise memoryLimitBytes"
        ));
    }
    Ok((Arc::clone(streams.entry(key).or_default()), true))
}

/// A new stream got no row after all.
pub fn forget_unused(organization: &str, stream: &str) {
    let mut streams = streams();
    let key = (organization.to_owned(), stream.to_owned());
    // Another batch may have begun to fill it.
    if streams.get(&key).is_some_and(|fields| Arc::strong_count(fields) == 1) {
        streams.remove(&key);
    }
}

/// Records for more streams than this are refused, but for those that are known already.
#[napi(catch_unwind)]
pub fn limit_streams(max: u32) {
    STREAMS_MAX.store(max as usize, Ordering::Relaxed);
}

#[napi(catch_unwind)]
pub fn add_fields(organization: String, stream: String, names: Vec<String>) {
    known(organization, stream).add(names.iter().map(String::as_str));
}

/// `fields` is a `name:type` list, comma-joined. With `only`, no other new names are taken from here on.
#[napi(catch_unwind)]
pub fn add_overflow_fields(organization: String, stream: String, fields: String, only: Option<Vec<String>>) {
    let of_stream = known(organization, stream);
    of_stream.add_overflow(fields.split(',').filter_map(|field| field.rsplit_once(':')));
    if let Some(only) = only {
        of_stream.close_overflow(only.iter().map(String::as_str));
    }
}

#[napi(catch_unwind)]
pub fn forget_fields(organization: String, stream: String) {
    streams().remove(&(organization, stream));
}

/// Of a stream that is there, whatever the limit says.
fn known(organization: String, stream: String) -> Arc<StreamFields> {
    Arc::clone(streams().entry((organization, stream)).or_default())
}
