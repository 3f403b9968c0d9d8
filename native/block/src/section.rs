//! Sections: what a chunk keeps besides dictionary and pages, each read on its own and only when it is asked for.
//!
//! A section may be missing and a reader may skip any: values never depend on one. Layout of an entry in the directory:
//! u8 kind, 3 zero, u32 bytes, u32 crc32 of the payload, 4 zero.

use crate::cursor::{Cursor, Damage};

/// Rows of each dictionary entry (`entry_counts`).
pub const ENTRY_COUNTS: u8 = 1;
/// Pages that may hold a value (`index::value_filter`).
pub const VALUE_FILTER: u8 = 2;
/// Pages that may hold a piece of an identifier (`index::gram_filter`).
pub const GRAM_FILTER: u8 = 3;

pub const ENTRY_BYTES: usize = 16;

/// What to call a kind, known or not.
pub fn name_of(kind: u8) -> String {
    match kind {
        ENTRY_COUNTS => "entry counts".into(),
        VALUE_FILTER => "value filter".into(),
        GRAM_FILTER => "gram filter".into(),
        other => format!("kind {other}"),
    }
}

/// A section to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// On disk; 0 is reserved, each kind is in a chunk once at most.
    pub kind: u8,
    pub bytes: Vec<u8>,
}

/// A section as the directory has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionEntry {
    pub kind: u8,
    pub bytes: u32,
    pub crc: u32,
    /// Bytes from the start of the chunk: not stored, the payloads lie back to back.
    pub offset: u64,
}

impl SectionEntry {
    pub fn of(section: &Section, offset: u64) -> Self {
        Self {
            kind: section.kind,
            bytes: section.bytes.len() as u32,
            crc: crc32fast::hash(&section.bytes),
            offset,
        }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.kind, 0, 0, 0]);
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
    }

    /// `offset` is where the payload begins.
    pub fn parse(cursor: &mut Cursor<'_>, offset: u64) -> Result<Self, Damage> {
        let kind = cursor.u8()?;
        cursor.take(3)?;
        let (bytes, crc) = (cursor.u32()?, cursor.u32()?);
        cursor.take(4)?;
        if kind == 0 {
            return Err(Damage::new("a section of kind 0"));
        }
        Ok(Self {
            kind,
            bytes,
            crc,
            offset,
        })
    }
}
