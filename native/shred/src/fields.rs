//! The columns that a stream has, over all its rows: who shreds asks before a record brings a new one.

use foldhash::fast::FixedState;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

/// Columns of one stream. Each costs 64 bytes and its name in the header of every block that has it, its type in the stream's schema, and a
/// place in the answer of `SELECT *`; so many are a few megabytes of each. Fields beyond them are in the overflow column.
pub const STREAM_COLUMNS_MAX: usize = 20_000;

/// Names by their hashes, so that thousands of streams cost little. Two names of one hash (one in 10^11 pairs of a full stream) make a
/// column too many, and nothing else.
#[derive(Default)]
pub struct StreamFields {
    sets: Mutex<Sets>,
}

#[derive(Default)]
struct Sets {
    columns: Hashes,
    /// Of fields that are known to be in the overflow column: of the name, and of name and type.
    overflow_names: Hashes,
    overflow: Hashes,
    is_overflow_closed: bool,
}

type Hashes = HashSet<u64, BuildHasherDefault<Hashed>>;

/// The hash of a hash.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

fn hash(bytes: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(bytes)
}

fn pair_hash(name: &str, type_name: &str) -> u64 {
    hash([name, ":", type_name].concat().as_bytes())
}

impl StreamFields {
    /// Whether the stream has the column.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.lock().columns.contains(&hash(name.as_bytes()))
    }

    /// Whether there is room for one more column beside `new` ones. Batches at the same time do not know of each other's new ones, so
    /// a stream may end up with a few more than it should.
    pub(crate) fn has_room(&self, new: usize) -> bool {
        self.lock().columns.len() + new < STREAM_COLUMNS_MAX
    }

    /// From here on the stream has these columns.
    pub fn add<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let mut sets = self.lock();
        sets.columns.extend(names.map(|name| hash(name.as_bytes())));
    }

    /// Whether it is to be told that the stream has a field of this type in its overflow column: until `add_overflow` says that it is
    /// known, and where no more are listed only of those that are.
    pub fn is_news(&self, name: &str, type_name: &str) -> bool {
        let sets = self.lock();
        let name_hash = hash(name.as_bytes());
        let is_listed = || sets.columns.contains(&name_hash) || sets.overflow_names.contains(&name_hash);
        !sets.overflow.contains(&pair_hash(name, type_name)) && (!sets.is_overflow_closed || is_listed())
    }

    /// From here on it is known that the stream has these fields of these types in its overflow column.
    pub fn add_overflow<'a>(&self, fields: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut sets = self.lock();
        for (name, type_name) in fields {
            sets.overflow_names.insert(hash(name.as_bytes()));
            sets.overflow.insert(pair_hash(name, type_name));
        }
    }

    /// The stream has as many fields as are listed: of others only these are news.
    pub fn close_overflow<'a>(&self, others: impl Iterator<Item = &'a str>) {
        let mut sets = self.lock();
        sets.is_overflow_closed = true;
        sets.overflow_names.extend(others.map(|name| hash(name.as_bytes())));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sets> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
