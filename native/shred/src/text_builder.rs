//! A column of strings or of JSON text while it is built.

use crate::dictionary::DictionaryBuilder;
use crate::text_append::append;
use basalt_block::{Strings, Text, Values};

pub(crate) struct TextBuilder {
    store: Store,
    is_json: bool,
    /// The first row of a JSON column whose value is not JSON text: it makes the column one of strings.
    mixed_from: Option<usize>,
}

enum Store {
    Dictionary(Box<DictionaryBuilder>),
    Plain(Text),
}

impl TextBuilder {
    pub fn new(is_json: bool) -> Self {
        Self {
            store: Store::Dictionary(Box::new(DictionaryBuilder::new())),
            is_json,
            mixed_from: None,
        }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Dictionary(builder) => builder.len(),
            Store::Plain(text) => text.len(),
        }
    }

    #[inline(always)]
    pub fn push(&mut self, value: &[u8], is_json: bool) {
        if self.is_json && !is_json && self.mixed_from.is_none() {
            self.mixed_from = Some(self.len());
        }
        match &mut self.store {
            Store::Plain(text) => append(text, value),
            Store::Dictionary(builder) => {
                if !builder.push(value) {
                    self.store = Store::Plain(builder.to_plain());
                }
            }
        }
    }

    /// Appends rows without a value up to `rows`.
    pub fn pad(&mut self, rows: usize) {
        match &mut self.store {
            Store::Dictionary(builder) => builder.pad(rows),
            Store::Plain(text) => {
                let end = text.bytes.len() as u32;
                text.offsets.resize(rows + 1, end);
            }
        }
    }

    pub fn truncate(&mut self, rows: usize) {
        self.mixed_from = self.mixed_from.filter(|&row| row < rows);
        match &mut self.store {
            Store::Dictionary(builder) => builder.truncate(rows),
            Store::Plain(text) => {
                text.offsets.truncate(rows + 1);
                text.bytes.truncate(text.offsets.last().map_or(0, |&end| end as usize));
            }
        }
    }

    pub fn finish(self) -> Values {
        let strings = match self.store {
            Store::Dictionary(builder) => builder.finish(),
            Store::Plain(text) => Strings::Plain(text),
        };
        if self.is_json && self.mixed_from.is_none() {
            Values::Json(strings)
        } else {
            Values::String(strings)
        }
    }
}
