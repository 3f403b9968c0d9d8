//! The values of a page as the scan works on them: slices, whether the page was decoded just now or lies in the page cache.

use basalt_block::codec::TextSlice;
use basalt_block::{NumberedPage, PageValues as DecodedValues};

#[derive(Debug, Clone, Copy)]
pub enum PageValues<'a> {
    Int64(&'a [i64]),
    Float64(&'a [f64]),
    Bool(&'a [bool]),
    /// Into the column's dictionary, always in range.
    Codes(Codes<'a>),
    Text(TextSlice<'a>),
}

/// A page of strings as stems and numbers (`NumberedPage`), each row's stem below the number of stems.
#[derive(Clone, Copy)]
pub struct NumberedView<'a> {
    /// Bit words, 1 = present; `None`: no nulls.
    pub validity: Option<&'a [u64]>,
    pub stems: TextSlice<'a>,
    pub codes: &'a [u8],
    pub numbers: &'a [u32],
}

impl<'a> NumberedView<'a> {
    pub fn of(page: &'a NumberedPage) -> Self {
        Self {
            validity: page.validity.as_ref().map(|validity| validity.words.as_slice()),
            stems: TextSlice::of(&page.stems),
            codes: &page.codes,
            numbers: &page.numbers,
        }
    }
}

/// Codes of 32 bits as they are decoded, or no wider than the dictionary needs as the page cache holds them.
#[derive(Debug, Clone, Copy)]
pub enum Codes<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
}

/// `$body` with the codes as one slice; it is compiled for each width.
macro_rules! with_codes {
    ($codes:expr, $slice:ident => $body:expr) => {
        match $codes {
            $crate::page_view::Codes::U8($slice) => $body,
            $crate::page_view::Codes::U16($slice) => $body,
            $crate::page_view::Codes::U32($slice) => $body,
        }
    };
}
pub(crate) use with_codes;

/// One code of some width.
pub trait Code: Copy + Eq {
    fn index(self) -> usize;
    /// The code, which must fit.
    fn of(code: u32) -> Self;
}

macro_rules! code {
    ($($type:ty),*) => {
        $(impl Code for $type {
            #[inline(always)]
            fn index(self) -> usize {
                self as usize
            }

            fn of(code: u32) -> Self {
                code as $type
            }
        })*
    };
}
code!(u8, u16, u32);

impl Codes<'_> {
    pub fn len(&self) -> usize {
        with_codes!(self, codes => codes.len())
    }

    #[inline(always)]
    pub fn get(&self, row: usize) -> usize {
        with_codes!(self, codes => codes[row].index())
    }
}

impl<'a> PageValues<'a> {
    pub fn of(values: &'a DecodedValues) -> Self {
        match values {
            DecodedValues::Int64(values) => Self::Int64(values),
            DecodedValues::Float64(values) => Self::Float64(values),
            DecodedValues::Bool(values) => Self::Bool(values),
            DecodedValues::Codes(codes) => Self::Codes(Codes::U32(codes)),
            DecodedValues::Text(text) => Self::Text(TextSlice::of(text)),
        }
    }

    pub fn rows(&self) -> usize {
        match self {
            Self::Int64(values) => values.len(),
            Self::Float64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Codes(codes) => codes.len(),
            Self::Text(text) => text.count(),
        }
    }
}
