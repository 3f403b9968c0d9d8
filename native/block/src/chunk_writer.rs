//! Chunk writer: one column as a directory, its dictionary if it has one, and its pages.

use crate::codec::{self, Bools, Codes, Floats, Ints, Kind, NO_VALUES, TextSlice, Texts, validity};
use crate::column::{Text, Validity};
use crate::directory::{DetailEntry, DictionaryEntry, Directory, PageEntry, directory_bytes};
use crate::entry_counts;
use crate::header::Bound;
use crate::index::{gram_filter, value_filter};
use crate::reader::PAGE_ROWS;
use crate::section::{Section, SectionEntry};
use crate::template::{self, Templates};
use crate::writer::{EncodeOptions, Layout, Stored};

/// What only the writing of a chunk tells of its column.
pub(crate) struct Written {
    /// Of a numeric or bool column; strings have theirs already.
    pub bounds: Option<(Bound, Bound)>,
    pub sections: u8,
}

/// Appends the chunk.
pub(crate) fn append_chunk(
    stored: &Stored<'_>,
    validity: Option<&Validity>,
    rows: usize,
    options: &EncodeOptions,
    out: &mut Vec<u8>,
) -> Written {
    let page_count = rows.div_ceil(PAGE_ROWS);
    let start = out.len();
    let sections = match options.layout {
        Layout::Wal => Vec::new(),
        Layout::Segment => sections_of(stored, validity),
    };
    let head_bytes = directory_bytes(page_count, sections.len());
    out.resize(start + head_bytes, 0);
    let dictionary = match stored {
        Stored::Codes { entries, .. } => Some(append_dictionary(entries, options, out)),
        Stored::Templates(templates) => Some(append_templates(templates, out)),
        _ => None,
    };
    let sections = append_sections(&sections, start, out);
    let mut writer = PageWriter {
        validity,
        rows,
        options,
        chunk_start: start,
        pages: Vec::new(),
        out,
    };
    let bounds = match stored {
        Stored::Int64(values) => writer.append_ints(values),
        Stored::Float64(values) => writer.append_floats(values),
        Stored::Bool(values) => writer.append_bools(values),
        Stored::Codes { codes, .. } => {
            writer.append_fixed::<Codes, u32>(codes, |_| None);
            None
        }
        Stored::Text(text) => {
            writer.append_texts(text);
            None
        }
        Stored::Templates(templates) => {
            writer.append_templates(templates);
            None
        }
    };
    let directory = Directory {
        dictionary,
        pages: writer.pages,
        sections,
    };
    directory.write(&mut out[start..start + head_bytes]);
    Written {
        bounds,
        sections: directory.sections.len() as u8,
    }
}

/// The sections that pay for this column.
fn sections_of(stored: &Stored<'_>, validity: Option<&Validity>) -> Vec<Section> {
    match stored {
        Stored::Codes { codes, entries } => vec![entry_counts::section(codes, validity, entries.len())],
        Stored::Templates(templates) => {
            let entries = templates.entries().len();
            vec![entry_counts::section(templates.codes(), validity, entries)]
        }
        Stored::Text(text) => {
            // Identifiers are compared as a whole; hardly anybody searches within them, and they are full of grams.
            let filter = value_filter::section(text, validity).or_else(|| gram_filter::section(text));
            filter.into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn append_sections(sections: &[Section], chunk_start: usize, out: &mut Vec<u8>) -> Vec<SectionEntry> {
    let mut entries = Vec::with_capacity(sections.len());
    for section in sections {
        entries.push(SectionEntry::of(section, (out.len() - chunk_start) as u64));
        out.extend_from_slice(&section.bytes);
    }
    entries
}

fn append_dictionary(entries: &Text, options: &EncodeOptions, out: &mut Vec<u8>) -> DictionaryEntry {
    let start = out.len();
    let strings = TextSlice::of(entries);
    let encoding = codec::encode::<Texts>(strings, &Texts::collect(strings), options, out);
    let bytes = &out[start..];
    DictionaryEntry {
        count: entries.len() as u32,
        bytes: bytes.len() as u32,
        crc: crc32fast::hash(bytes),
        encoding,
    }
}

fn append_templates(templates: &Templates, out: &mut Vec<u8>) -> DictionaryEntry {
    let (encoding, bytes) = templates.dictionary();
    out.extend_from_slice(bytes);
    DictionaryEntry {
        count: templates.entries().len() as u32,
        bytes: bytes.len() as u32,
        crc: crc32fast::hash(bytes),
        encoding,
    }
}

type Range = ([u8; 8], [u8; 8]);

struct PageWriter<'a> {
    validity: Option<&'a Validity>,
    rows: usize,
    options: &'a EncodeOptions,
    /// Where in `out` the chunk begins.
    chunk_start: usize,
    pages: Vec<PageEntry>,
    out: &'a mut Vec<u8>,
}

impl PageWriter<'_> {
    fn append_ints(&mut self, values: &[i64]) -> Option<(Bound, Bound)> {
        let mut bounds: Option<(i64, i64)> = None;
        self.append_fixed::<Ints, i64>(values, |stats| {
            let (min, max) = bounds.unwrap_or((stats.min, stats.max));
            bounds = Some((min.min(stats.min), max.max(stats.max)));
            Some((stats.min.to_le_bytes(), stats.max.to_le_bytes()))
        });
        bounds.map(|(min, max)| (Bound::Int64(min), Bound::Int64(max)))
    }

    fn append_floats(&mut self, values: &[f64]) -> Option<(Bound, Bound)> {
        let mut bounds: Option<(f64, f64)> = None;
        let mut has_nan = false;
        self.append_fixed::<Floats, f64>(values, |stats| {
            let (min, max) = bounds.unwrap_or((stats.min, stats.max));
            has_nan |= stats.has_nan;
            bounds = Some((
                if stats.min.total_cmp(&min).is_lt() {
                    stats.min
                } else {
                    min
                },
                if stats.max.total_cmp(&max).is_gt() {
                    stats.max
                } else {
                    max
                },
            ));
            (!stats.has_nan).then(|| (stats.min.to_le_bytes(), stats.max.to_le_bytes()))
        });
        bounds
            .filter(|_| !has_nan)
            .map(|(min, max)| (Bound::Float64(min), Bound::Float64(max)))
    }

    fn append_bools(&mut self, values: &[bool]) -> Option<(Bound, Bound)> {
        let (mut trues, mut count) = (0, 0);
        self.append_fixed::<Bools, bool>(values, |stats| {
            trues += stats.trues;
            count += stats.count;
            None
        });
        (count > 0).then_some((Bound::Bool(trues == count), Bound::Bool(trues > 0)))
    }

    /// All pages of values of one size; `visit` sees the statistics of each page that has values and gives its range.
    fn append_fixed<K, T>(&mut self, values: &[T], mut visit: impl FnMut(&K::Stats) -> Option<Range>)
    where
        T: Copy + 'static,
        K: for<'v> Kind<Values<'v> = &'v [T]>,
    {
        let mut dense = Vec::new();
        for (index, page_values) in values.chunks(PAGE_ROWS).enumerate() {
            let words = self.page_words(index, page_values.len());
            let present = match &words {
                None => page_values,
                Some(words) => {
                    dense.clear();
                    validity::for_each_present(words, |row| dense.push(page_values[row]));
                    &dense
                }
            };
            self.append_page::<K>(words.as_deref(), page_values.len(), present.len(), present, &mut visit);
        }
    }

    fn append_texts(&mut self, text: &Text) {
        let mut offsets = Vec::new();
        let mut bytes = Vec::new();
        for (index, start) in (0..self.rows).step_by(PAGE_ROWS).enumerate() {
            let rows = PAGE_ROWS.min(self.rows - start);
            let words = self.page_words(index, rows);
            let all = TextSlice {
                offsets: &text.offsets[start..=start + rows],
                bytes: &text.bytes,
            };
            let present = match &words {
                None => all,
                Some(words) => {
                    offsets.clear();
                    bytes.clear();
                    offsets.push(0);
                    validity::for_each_present(words, |row| {
                        bytes.extend_from_slice(all.get(row));
                        offsets.push(bytes.len() as u32);
                    });
                    TextSlice {
                        offsets: &offsets,
                        bytes: &bytes,
                    }
                }
            };
            self.append_page::<Texts>(words.as_deref(), rows, present.count(), present, &mut |_| None);
        }
    }

    fn append_templates(&mut self, templates: &Templates) {
        let mut digits = template::PageWriter::new(templates);
        let mut dense = Vec::new();
        for (index, codes) in templates.codes().chunks(PAGE_ROWS).enumerate() {
            let words = self.page_words(index, codes.len());
            let present = match &words {
                None => codes,
                Some(words) => {
                    dense.clear();
                    validity::for_each_present(words, |row| dense.push(codes[row]));
                    &dense
                }
            };
            self.append_page::<Codes>(words.as_deref(), codes.len(), present.len(), present, &mut |_| None);
            let start = self.out.len();
            if !present.is_empty() {
                digits.append(present, self.out);
            }
            let detail = &self.out[start..];
            let detail = DetailEntry {
                bytes: detail.len() as u32,
                crc: crc32fast::hash(detail),
            };
            if let Some(page) = self.pages.last_mut() {
                page.bytes += detail.bytes;
                page.detail = Some(detail);
            }
        }
    }

    /// The validity of a page, `None` when no row of it is null.
    fn page_words(&self, index: usize, rows: usize) -> Option<Vec<u64>> {
        let words = validity::slice(&self.validity?.words, index * PAGE_ROWS, rows);
        let present: u32 = words.iter().map(|word| word.count_ones()).sum();
        (present as usize != rows).then_some(words)
    }

    fn append_page<K: Kind>(
        &mut self,
        words: Option<&[u64]>,
        rows: usize,
        count: usize,
        present: K::Values<'_>,
        visit: &mut impl FnMut(&K::Stats) -> Option<Range>,
    ) {
        let start = self.out.len();
        let validity = match words {
            None => validity::NO_NULLS,
            Some(words) => validity::encode(words, rows, rows - count, self.out),
        };
        let validity_bytes = (self.out.len() - start) as u32;
        let (encoding, range) = if count == 0 {
            (NO_VALUES, None)
        } else {
            let stats = K::collect(present);
            (
                codec::encode::<K>(present, &stats, self.options, self.out),
                visit(&stats),
            )
        };
        let bytes = &self.out[start..];
        self.pages.push(PageEntry {
            offset: (start - self.chunk_start) as u64,
            bytes: bytes.len() as u32,
            crc: crc32fast::hash(bytes),
            null_count: (rows - count) as u32,
            encoding,
            validity,
            validity_bytes,
            range,
            detail: None,
        });
    }
}
