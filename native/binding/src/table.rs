//! Values that JavaScript knows by number.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Handles to values of one kind. A taken value is out of the table while a thread works on it, so two threads never share one.
pub struct Table<T> {
    entries: Mutex<HashMap<u32, T>>,
    next: AtomicU32,
}

impl<T> Table<T> {
    pub fn new() -> Self {
        Self {
            entries: Mutex::new(HashMap::new()),
            next: AtomicU32::new(1),
        }
    }

    pub fn insert(&self, value: T) -> u32 {
        let handle = self.next.fetch_add(1, Ordering::Relaxed);
        self.put(handle, value);
        handle
    }

    pub fn put(&self, handle: u32, value: T) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(handle, value);
    }

    pub fn take(&self, handle: u32) -> Option<T> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&handle)
    }
}

impl<T: Clone> Table<T> {
    pub fn get(&self, handle: u32) -> Option<T> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&handle).cloned()
    }
}
