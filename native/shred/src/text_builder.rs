//! A column of strings, of JSON text or of digits while it is built.

use crate::column_builder::{Kind, Value};
use crate::dictionary::DictionaryBuilder;
use crate::text_append::append;
use basalt_block::{Spelled, Strings, Text, Values};

pub(crate) struct TextBuilder {
    store: Store,
    /// The first row with a value of each kind.
    first: [Option<usize>; KINDS.len()],
}

/// In the order of their numbers.
const KINDS: [Kind; 7] = [
    Kind::Bool,
    Kind::Int,
    Kind::Float,
    Kind::Decimal,
    Kind::Number,
    Kind::String,
    Kind::Json,
];

enum Store {
    Dictionary(Box<DictionaryBuilder>),
    Plain(Text),
}

impl TextBuilder {
    pub fn new() -> Self {
        Self {
            store: Store::Dictionary(Box::new(DictionaryBuilder::new())),
            first: [None; KINDS.len()],
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
    pub fn push(&mut self, value: &[u8], kind: Kind) {
        if self.first[kind as usize].is_none() {
            self.first[kind as usize] = Some(self.len());
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

    /// What a row that has a value was given.
    pub fn value(&self, row: usize) -> Value<'_> {
        let text = match &self.store {
            Store::Dictionary(builder) => builder.get(row),
            Store::Plain(text) => text.get(row),
        };
        // Which kinds there are is told by the first row of each: of the others it makes no difference, and the column begins with one
        // that is a text as it is.
        let of_row = (0..).zip(self.first).find(|(_, first)| *first == Some(row));
        let earliest = (0..)
            .zip(self.first)
            .filter(|(_, first)| first.is_some())
            .min_by_key(|(_, first)| *first);
        match of_row.or(earliest) {
            Some((kind, _)) => KINDS[kind].value(text),
            None => Value::String(text),
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
        for first in &mut self.first {
            *first = first.filter(|&row| row < rows);
        }
        match &mut self.store {
            Store::Dictionary(builder) => builder.truncate(rows),
            Store::Plain(text) => {
                text.offsets.truncate(rows + 1);
                text.bytes.truncate(text.offsets.last().map_or(0, |&end| end as usize));
            }
        }
    }

    /// The kinds of values that there are.
    fn kinds(&self) -> Kinds {
        Kinds(self.first.map(|first| first.is_some()))
    }

    pub fn finish(self) -> Values {
        let kinds = self.kinds();
        let strings = match self.store {
            Store::Dictionary(builder) => builder.finish(),
            Store::Plain(text) => Strings::Plain(text),
        };
        kinds.values(strings)
    }
}

/// Which kinds of values a column has met, by [`Kind`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kinds([bool; KINDS.len()]);

impl Kinds {
    pub fn add(&mut self, kind: Kind) {
        self.0[kind as usize] = true;
    }

    pub fn has(self, kind: Kind) -> bool {
        self.0[kind as usize]
    }

    /// Whether values of these kinds together are text.
    pub fn is_text(self) -> bool {
        self.has(Kind::String) || self.has(Kind::Json) || self.has(Kind::Number)
    }

    fn has_number(self) -> bool {
        [Kind::Int, Kind::Float, Kind::Decimal, Kind::Number]
            .into_iter()
            .any(|kind| self.has(kind))
    }

    /// Values of these kinds that are kept as their texts.
    pub fn values(self, strings: Strings) -> Values {
        if !self.is_text() {
            return match self.has(Kind::Float) {
                true => Values::Float64(floats(&strings)),
                false => Values::Spelled(Spelled::Decimal, strings),
            };
        }
        if self.has_number() {
            Values::Spelled(Spelled::TextNumber, strings)
        } else if self.has(Kind::Bool) {
            Values::Spelled(Spelled::TextBool, strings)
        } else if self.has(Kind::String) {
            Values::String(strings)
        } else {
            Values::Json(strings)
        }
    }
}

/// Numbers, and truth values as 1 and 0; 0 where there is no value.
fn floats(strings: &Strings) -> Vec<f64> {
    let value = |row| match std::str::from_utf8(strings.get(row)) {
        Ok("true") => 1.0,
        Ok(text) => text.parse().unwrap_or(0.0),
        Err(_) => 0.0,
    };
    (0..strings.len()).map(value).collect()
}
