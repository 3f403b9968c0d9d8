//! The decoded form of rows: typed columns of equal length.

/// The column types. The numbers are on disk; 0 is reserved so that zeroed bytes never pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ColumnType {
    Int64 = 1,
    Float64 = 2,
    Bool = 3,
    String = 4,
    /// JSON text of an array, or of an object below the flattening depth.
    Json = 5,
    /// Whole numbers of which some do not fit an int64 (but 64 bits without a sign), as decimal digits; or `true` and `false` for 1 and 0.
    Decimal = 6,
    /// Text of values of which some were sent as numbers, and some may have been booleans.
    TextNumber = 7,
    /// Text of values of which some were sent as booleans.
    TextBool = 8,
}

impl ColumnType {
    pub fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Int64,
            2 => Self::Float64,
            3 => Self::Bool,
            4 => Self::String,
            5 => Self::Json,
            6 => Self::Decimal,
            7 => Self::TextNumber,
            8 => Self::TextBool,
            _ => return None,
        })
    }

    /// The name used in scan requests and on the TypeScript side.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Json => "json",
            Self::Decimal => "decimal",
            Self::TextNumber => "textnumber",
            Self::TextBool => "textbool",
        }
    }

    /// Whether the values are held as strings.
    pub fn is_text(self) -> bool {
        match self {
            Self::Int64 | Self::Float64 | Self::Bool => false,
            Self::String | Self::Json | Self::Decimal | Self::TextNumber | Self::TextBool => true,
        }
    }
}

/// Strings laid end to end: string `i` is `bytes[offsets[i]..offsets[i + 1]]`, always valid UTF-8.
/// Invariant: `offsets.len() == count + 1`, `offsets[0] == 0`, offsets never fall, the last is `bytes.len()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub offsets: Vec<u32>,
    pub bytes: Vec<u8>,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl Text {
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.offsets.len() == 1
    }

    pub fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// Appends one string. The caller keeps the total under 4 GiB (a batch is far smaller).
    pub fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.offsets.push(self.bytes.len() as u32);
    }
}

/// Strings of a column, plainly or through a dictionary. Both mean the same rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strings {
    Plain(Text),
    /// Row `i` is `entries.get(codes[i])`. Entries are distinct, in order of first appearance.
    Dictionary {
        codes: Vec<u32>,
        entries: Text,
    },
}

impl Strings {
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Dictionary { codes, .. } => codes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, row: usize) -> &[u8] {
        match self {
            Self::Plain(text) => text.get(row),
            Self::Dictionary { codes, entries } => entries.get(codes[row] as usize),
        }
    }
}

/// Which rows have a value: bit `row % 64` of word `row / 64`, 1 = present. Bits past the last row are 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validity {
    pub words: Vec<u64>,
}

impl Validity {
    pub fn is_valid(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }
}

/// The types whose strings spell values of other types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelled {
    Decimal,
    TextNumber,
    TextBool,
}

impl Spelled {
    pub fn column_type(self) -> ColumnType {
        match self {
            Self::Decimal => ColumnType::Decimal,
            Self::TextNumber => ColumnType::TextNumber,
            Self::TextBool => ColumnType::TextBool,
        }
    }
}

/// The values of one column, one per row; a null row holds a placeholder (0, false, or the empty string; with a
/// dictionary any code in range) that readers must not look at.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Bool(Vec<bool>),
    String(Strings),
    Json(Strings),
    Spelled(Spelled, Strings),
}

impl Values {
    pub fn column_type(&self) -> ColumnType {
        match self {
            Self::Int64(_) => ColumnType::Int64,
            Self::Float64(_) => ColumnType::Float64,
            Self::Bool(_) => ColumnType::Bool,
            Self::String(_) => ColumnType::String,
            Self::Json(_) => ColumnType::Json,
            Self::Spelled(spelled, _) => spelled.column_type(),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Int64(values) => values.len(),
            Self::Float64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::String(strings) | Self::Json(strings) | Self::Spelled(_, strings) => strings.len(),
        }
    }

    /// The strings, of a type that is held as such.
    pub fn strings(&self) -> Option<&Strings> {
        match self {
            Self::String(strings) | Self::Json(strings) | Self::Spelled(_, strings) => Some(strings),
            Self::Int64(_) | Self::Float64(_) | Self::Bool(_) => None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One named column. `validity` is `None` when no row is null.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub validity: Option<Validity>,
    pub values: Values,
}

/// Rows as columns, in arrival order (or time order after a merge). Every column has `rows` values; names are distinct;
/// `_timestamp` is present, `Int64`, microseconds since 1970, and never null.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    pub rows: usize,
    pub columns: Vec<Column>,
}

/// The column every batch has.
pub const TIME_COLUMN: &str = "_timestamp";
