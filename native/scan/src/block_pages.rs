//! Decoded parts of one block in the page cache: pages, dictionaries, templates and chunk directories, as bytes and back.
//!
//! They were checked when they were read from the file and decoded; a hit is used as it is, in place. An entry's note says
//! what its bytes are: bits 0 to 31 rows (strings of a dictionary), bits 32 to 39 the `Layout`, bit 40 whether validity words
//! come first, bits 48 to 63 the stems of a numbered page.

use crate::page_view::{Codes, NumberedView, PageValues};
use basalt_block::codec::TextSlice;
use basalt_block::{Chunk, NumberedPage, Page, PageValues as DecodedValues, ReadAt, Text, Validity};
use basalt_cache::{Key, PageCache, Pinned};
use zerocopy::{FromBytes, IntoBytes, TryFromBytes};

/// Which block of which file the pages are of, and the cache they may be in.
#[derive(Clone, Copy)]
pub struct BlockPages<'s> {
    pub cache: Option<&'s PageCache<'s>>,
    /// Never used for two files while the cache lives.
    pub file: u64,
    pub offset: u64,
}

/// A cached page, borrowed.
pub struct CachedPage<'s> {
    bytes: Pinned<'s>,
}

/// A cached dictionary, or cached templates, borrowed.
pub struct CachedText<'s> {
    bytes: Pinned<'s>,
}

/// A cached page of stems and numbers, borrowed.
pub struct CachedNumbers<'s> {
    bytes: Pinned<'s>,
}

/// Kinds of cached things (`Key::kind`).
const PAGE: u32 = 1;
const STRINGS: u32 = 2;
const DIRECTORY: u32 = 3;
const TEMPLATE_PAGE: u32 = 4;
const SHAPES: u32 = 5;
const NUMBERED_PAGE: u32 = 6;

/// Layouts of values.
const INT64: u64 = 1;
const FLOAT64: u64 = 2;
const BOOL: u64 = 3;
const CODES_U8: u64 = 4;
const CODES_U16: u64 = 5;
const CODES_U32: u64 = 6;
const TEXT: u64 = 7;
const NUMBERED: u64 = 8;
const VALIDITY: u64 = 1 << 40;
const STEMS_SHIFT: u32 = 48;

/// Pages of text are large, so one is taken only when it is asked for again.
const TEXT_REQUESTS_MIN: u32 = 2;

impl<'s> BlockPages<'s> {
    fn key(&self, kind: u32, column: usize, page: usize) -> Key {
        Key {
            file: self.file,
            offset: self.offset,
            column: column as u32,
            page: page as u32,
            kind,
        }
    }

    pub fn page(&self, column: usize, page: usize) -> Option<CachedPage<'s>> {
        let bytes = self.cache?.get(&self.key(PAGE, column, page))?;
        Some(CachedPage { bytes })
    }

    /// Offers a page that was not found. `entries`: of the column's dictionary.
    pub fn keep_page(&self, column: usize, page: usize, content: &Page, entries: usize) {
        self.keep(self.key(PAGE, column, page), content, entries);
    }

    /// The template numbers of a page.
    pub fn template_page(&self, column: usize, page: usize) -> Option<CachedPage<'s>> {
        let bytes = self.cache?.get(&self.key(TEMPLATE_PAGE, column, page))?;
        Some(CachedPage { bytes })
    }

    pub fn keep_template_page(&self, column: usize, page: usize, content: &Page, templates: usize) {
        self.keep(self.key(TEMPLATE_PAGE, column, page), content, templates);
    }

    fn keep(&self, key: Key, content: &Page, entries: usize) {
        let Some(cache) = self.cache else { return };
        let (validity, flag) = validity_part(&content.validity);
        let requests_min = if let DecodedValues::Text(_) = content.values {
            TEXT_REQUESTS_MIN
        } else {
            1
        };
        let keep = |layout: u64, bytes: usize, write: &dyn Fn(&mut [u8])| {
            let note = content.rows as u64 | layout << 32 | flag;
            cache.insert(&key, note, validity.len() + bytes, requests_min, |into| {
                let (words, values) = into.split_at_mut(validity.len());
                words.copy_from_slice(validity);
                write(values);
            })
        };
        match &content.values {
            DecodedValues::Int64(values) => keep(INT64, size_of_val(&values[..]), &|into| {
                into.copy_from_slice(values.as_bytes())
            }),
            DecodedValues::Float64(values) => keep(FLOAT64, size_of_val(&values[..]), &|into| {
                into.copy_from_slice(values.as_bytes())
            }),
            DecodedValues::Bool(values) => keep(BOOL, values.len(), &|into| into.copy_from_slice(values.as_bytes())),
            DecodedValues::Codes(codes) if entries <= 1 << 8 => keep(CODES_U8, codes.len(), &|into| {
                into.iter_mut().zip(codes).for_each(|(into, &code)| *into = code as u8);
            }),
            DecodedValues::Codes(codes) if entries <= 1 << 16 => keep(CODES_U16, codes.len() * 2, &|into| {
                let into = into.as_chunks_mut::<2>().0;
                into.iter_mut()
                    .zip(codes)
                    .for_each(|(into, &code)| *into = (code as u16).to_ne_bytes());
            }),
            DecodedValues::Codes(codes) => keep(CODES_U32, codes.len() * 4, &|into| {
                into.copy_from_slice(codes.as_bytes())
            }),
            DecodedValues::Text(text) => keep(TEXT, text_bytes(text), &|into| write_text(text, into)),
        };
    }

    /// A page of strings as stems and numbers.
    pub fn numbered_page(&self, column: usize, page: usize) -> Option<CachedNumbers<'s>> {
        let bytes = self.cache?.get(&self.key(NUMBERED_PAGE, column, page))?;
        Some(CachedNumbers { bytes })
    }

    pub fn keep_numbered_page(&self, column: usize, page: usize, content: &NumberedPage) {
        let Some(cache) = self.cache else { return };
        let (validity, flag) = validity_part(&content.validity);
        let note = content.rows as u64 | NUMBERED << 32 | flag | (content.stems.len() as u64) << STEMS_SHIFT;
        // From the most to the least aligned.
        let parts = [
            validity,
            content.numbers.as_bytes(),
            content.stems.offsets.as_bytes(),
            &content.codes,
            &content.stems.bytes,
        ];
        let bytes = parts.iter().map(|part| part.len()).sum();
        cache.insert(&self.key(NUMBERED_PAGE, column, page), note, bytes, 1, |mut into| {
            for part in parts {
                let (own, rest) = into.split_at_mut(part.len());
                own.copy_from_slice(part);
                into = rest;
            }
        });
    }

    /// The dictionary of a column, or its templates: it has one of them.
    pub fn strings(&self, column: usize) -> Option<CachedText<'s>> {
        let bytes = self.cache?.get(&self.key(STRINGS, column, 0))?;
        Some(CachedText { bytes })
    }

    pub fn keep_strings(&self, column: usize, text: &Text) {
        if let Some(cache) = self.cache {
            let key = self.key(STRINGS, column, 0);
            cache.insert(&key, text.len() as u64, text_bytes(text), 1, |into| {
                write_text(text, into)
            });
        }
    }

    /// The shapes of a column's templates, encoded as in the file (`Chunk::shape_bytes`).
    pub fn shapes(&self, column: usize) -> Option<Pinned<'s>> {
        self.cache?.get(&self.key(SHAPES, column, 0))
    }

    pub fn keep_shapes(&self, column: usize, shapes: &[u8]) {
        if let Some(cache) = self.cache {
            cache.insert(&self.key(SHAPES, column, 0), 0, shapes.len(), 1, |into| {
                into.copy_from_slice(shapes)
            });
        }
    }

    /// The bytes of a chunk's directory.
    pub fn directory(&self, column: usize) -> Option<Pinned<'s>> {
        self.cache?.get(&self.key(DIRECTORY, column, 0))
    }

    pub fn keep_directory<S: ReadAt + ?Sized>(&self, column: usize, chunk: &Chunk<S>) {
        if let Some(cache) = self.cache {
            let directory = chunk.directory_bytes();
            cache.insert(&self.key(DIRECTORY, column, 0), 0, directory.len(), 1, |into| {
                into.copy_from_slice(&directory)
            });
        }
    }
}

/// The words of a page's validity as bytes, and the bit of its note that tells of them.
fn validity_part(validity: &Option<Validity>) -> (&[u8], u64) {
    match validity {
        Some(validity) => (validity.words.as_bytes(), VALIDITY),
        None => (&[], 0),
    }
}

fn text_bytes(text: &Text) -> usize {
    size_of_val(&text.offsets[..]) + text.bytes.len()
}

fn write_text(text: &Text, into: &mut [u8]) {
    let (offsets, bytes) = into.split_at_mut(size_of_val(&text.offsets[..]));
    offsets.copy_from_slice(text.offsets.as_bytes());
    bytes.copy_from_slice(&text.bytes);
}

/// As `write_text` wrote it. `None` if the bytes are something else, which they never are.
fn read_text(bytes: &[u8], strings: usize) -> Option<TextSlice<'_>> {
    let (offsets, bytes) = bytes.split_at_checked((strings + 1) * size_of::<u32>())?;
    Some(TextSlice {
        offsets: FromBytes::ref_from_bytes(offsets).ok()?,
        bytes,
    })
}

impl CachedPage<'_> {
    /// Validity words and values; `None` if the entry makes no sense, which a page that was put in never does.
    pub fn parts(&self) -> Option<(Option<&[u64]>, PageValues<'_>)> {
        let note = self.bytes.note();
        let rows = note as u32 as usize;
        let (validity, bytes) = if note & VALIDITY == 0 {
            (None, &self.bytes[..])
        } else {
            let (words, bytes) = self.bytes.split_at_checked(rows.div_ceil(64) * size_of::<u64>())?;
            (Some(FromBytes::ref_from_bytes(words).ok()?), bytes)
        };
        let values = match note >> 32 & 0xFF {
            INT64 => PageValues::Int64(FromBytes::ref_from_bytes(bytes).ok()?),
            FLOAT64 => PageValues::Float64(FromBytes::ref_from_bytes(bytes).ok()?),
            BOOL => PageValues::Bool(TryFromBytes::try_ref_from_bytes(bytes).ok()?),
            CODES_U8 => PageValues::Codes(Codes::U8(bytes)),
            CODES_U16 => PageValues::Codes(Codes::U16(FromBytes::ref_from_bytes(bytes).ok()?)),
            CODES_U32 => PageValues::Codes(Codes::U32(FromBytes::ref_from_bytes(bytes).ok()?)),
            TEXT => PageValues::Text(read_text(bytes, rows)?),
            _ => return None,
        };
        Some((validity, values))
    }
}

impl CachedNumbers<'_> {
    /// `None` as above.
    pub fn view(&self) -> Option<NumberedView<'_>> {
        let note = self.bytes.note();
        let (rows, stems) = (note as u32 as usize, (note >> STEMS_SHIFT) as usize);
        let words = if note & VALIDITY == 0 { 0 } else { rows.div_ceil(64) };
        let (validity, bytes) = self.bytes.split_at_checked(words * size_of::<u64>())?;
        let (numbers, bytes) = bytes.split_at_checked(rows * size_of::<u32>())?;
        let (offsets, bytes) = bytes.split_at_checked((stems + 1) * size_of::<u32>())?;
        let (codes, bytes) = bytes.split_at_checked(rows)?;
        Some(NumberedView {
            validity: match words {
                0 => None,
                _ => Some(FromBytes::ref_from_bytes(validity).ok()?),
            },
            stems: TextSlice {
                offsets: FromBytes::ref_from_bytes(offsets).ok()?,
                bytes,
            },
            codes,
            numbers: FromBytes::ref_from_bytes(numbers).ok()?,
        })
    }
}

impl CachedText<'_> {
    pub fn text(&self) -> Option<TextSlice<'_>> {
        read_text(&self.bytes, self.bytes.note() as usize)
    }
}
