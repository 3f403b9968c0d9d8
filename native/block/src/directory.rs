//! The head of a chunk: where its dictionary and pages are, how they are encoded, and their checksums.
//!
//! Layout: 24 fixed bytes (u32 pages, u32 dictionary entries, u32 dictionary bytes, u32 dictionary crc32, u8 dictionary
//! encoding, 7 zero), 48 bytes per page, 16 bytes per section, crc32 of all that. The dictionary follows at once, then the
//! sections and the pages back to back.

use crate::cursor::{Cursor, Damage};
use crate::section::{ENTRY_BYTES as SECTION_BYTES, SectionEntry};

const FIXED_BYTES: usize = 24;
const PAGE_BYTES: usize = 48;
const RANGE_FLAG: u16 = 1;
const DETAIL_FLAG: u16 = 2;

/// Where the dictionary is: right behind the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DictionaryEntry {
    pub count: u32,
    pub bytes: u32,
    pub crc: u32,
    pub encoding: u8,
}

/// The part of a page that can be left unread, behind the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetailEntry {
    pub bytes: u32,
    pub crc: u32,
}

/// One page. Its bytes are the validity part (`validity_bytes`), the values part, then the detail if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageEntry {
    /// Bytes from the start of the chunk.
    pub offset: u64,
    pub bytes: u32,
    /// Of all bytes of the page but the detail.
    pub crc: u32,
    pub null_count: u32,
    pub encoding: u8,
    pub validity: u8,
    pub validity_bytes: u32,
    /// Least and greatest present value as 8 raw bytes each, of int64 and float64 pages (no NaN).
    pub range: Option<Range>,
    /// Of pages of templates: the digits. Stored in place of a range, which strings have not.
    pub detail: Option<DetailEntry>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Directory {
    pub dictionary: Option<DictionaryEntry>,
    pub pages: Vec<PageEntry>,
    /// In the order of their payloads; each kind once at most.
    pub sections: Vec<SectionEntry>,
}

/// Bytes of a directory of so many pages and sections, crc included.
pub fn directory_bytes(page_count: usize, section_count: usize) -> usize {
    FIXED_BYTES + page_count * PAGE_BYTES + section_count * SECTION_BYTES + 4
}

impl Directory {
    /// Fills `into`, which has `directory_bytes(pages, sections)` bytes.
    pub fn write(&self, into: &mut [u8]) {
        let mut bytes = Vec::with_capacity(into.len());
        let dictionary = self.dictionary.unwrap_or(DictionaryEntry {
            count: 0,
            bytes: 0,
            crc: 0,
            encoding: 0,
        });
        bytes.extend_from_slice(&(self.pages.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&dictionary.count.to_le_bytes());
        bytes.extend_from_slice(&dictionary.bytes.to_le_bytes());
        bytes.extend_from_slice(&dictionary.crc.to_le_bytes());
        bytes.push(dictionary.encoding);
        bytes.resize(FIXED_BYTES, 0);
        for page in &self.pages {
            bytes.extend_from_slice(&page.offset.to_le_bytes());
            bytes.extend_from_slice(&page.bytes.to_le_bytes());
            bytes.extend_from_slice(&page.crc.to_le_bytes());
            bytes.extend_from_slice(&page.null_count.to_le_bytes());
            bytes.extend_from_slice(&[page.encoding, page.validity]);
            let (flags, (min, max)) = match (page.range, page.detail) {
                (Some(range), _) => (RANGE_FLAG, range),
                (None, Some(detail)) => (DETAIL_FLAG, detail.to_slots()),
                (None, None) => (0, Range::default()),
            };
            bytes.extend_from_slice(&flags.to_le_bytes());
            bytes.extend_from_slice(&page.validity_bytes.to_le_bytes());
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&min);
            bytes.extend_from_slice(&max);
        }
        self.sections.iter().for_each(|section| section.write(&mut bytes));
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        into.copy_from_slice(&bytes);
    }

    /// `bytes` is `directory_bytes(page_count, section_count)` long. Dictionary, sections and pages must lie back to back
    /// from there to the end of the chunk, so that no byte of it escapes the checksums.
    pub fn parse(bytes: &[u8], page_count: usize, section_count: usize, chunk_bytes: u64) -> Result<Self, Damage> {
        let (content, stored) = bytes.split_at_checked(bytes.len().wrapping_sub(4)).unwrap_or_default();
        let expected_bytes = directory_bytes(page_count, section_count);
        if bytes.len() != expected_bytes || crc32fast::hash(content).to_le_bytes() != stored {
            return Err(Damage::new("chunk directory checksum"));
        }
        let mut cursor = Cursor::new(content);
        let pages = cursor.u32()? as usize;
        if pages != page_count {
            return Err(Damage(format!(
                "{pages} pages in the chunk directory, {page_count} expected"
            )));
        }
        let dictionary = DictionaryEntry {
            count: cursor.u32()?,
            bytes: cursor.u32()?,
            crc: cursor.u32()?,
            encoding: cursor.u8()?,
        };
        cursor.take(7)?;
        let mut sections_cursor = Cursor::new(&content[FIXED_BYTES + page_count * PAGE_BYTES..]);
        let mut end = bytes.len() as u64 + u64::from(dictionary.bytes);
        let mut sections: Vec<SectionEntry> = Vec::with_capacity(section_count);
        for _ in 0..section_count {
            let section = SectionEntry::parse(&mut sections_cursor, end)?;
            if sections.iter().any(|other| other.kind == section.kind) {
                return Err(Damage(format!("two sections of kind {}", section.kind)));
            }
            end += u64::from(section.bytes);
            sections.push(section);
        }
        let mut entries = Vec::with_capacity(page_count);
        for index in 0..page_count {
            let page = PageEntry::parse(&mut cursor)?;
            if page.offset != end || page.validity_bytes > page.head_bytes() {
                return Err(Damage(format!(
                    "page {index} is at byte {} of the chunk, {end} expected",
                    page.offset
                )));
            }
            end += u64::from(page.bytes);
            entries.push(page);
        }
        if end != chunk_bytes {
            return Err(Damage(format!(
                "pages end at byte {end} of a chunk of {chunk_bytes} bytes"
            )));
        }
        Ok(Self {
            dictionary: (dictionary.count > 0).then_some(dictionary),
            pages: entries,
            sections,
        })
    }
}

type Range = ([u8; 8], [u8; 8]);

impl DetailEntry {
    fn to_slots(self) -> Range {
        let mut slots = Range::default();
        slots.0[..4].copy_from_slice(&self.bytes.to_le_bytes());
        slots.0[4..].copy_from_slice(&self.crc.to_le_bytes());
        slots
    }

    fn from_slots(slots: Range) -> Self {
        let word = u64::from_le_bytes(slots.0);
        Self {
            bytes: word as u32,
            crc: (word >> 32) as u32,
        }
    }
}

impl PageEntry {
    /// Bytes before the detail.
    pub fn head_bytes(&self) -> u32 {
        self.bytes - self.detail.map_or(0, |detail| detail.bytes)
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Damage> {
        let (offset, bytes, crc, null_count) = (cursor.u64()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let (encoding, validity) = (cursor.u8()?, cursor.u8()?);
        let flags = cursor.u16()?;
        let validity_bytes = cursor.u32()?;
        cursor.take(4)?;
        let (min, max) = (cursor.u64()?.to_le_bytes(), cursor.u64()?.to_le_bytes());
        let range = (flags & RANGE_FLAG != 0).then_some((min, max));
        let detail = (flags & DETAIL_FLAG != 0).then(|| DetailEntry::from_slots((min, max)));
        if detail.is_some_and(|detail| detail.bytes > bytes || range.is_some()) {
            return Err(Damage(format!("a page of {bytes} bytes contradicts its detail")));
        }
        Ok(Self {
            offset,
            bytes,
            crc,
            null_count,
            encoding,
            validity,
            validity_bytes,
            range,
            detail,
        })
    }
}
