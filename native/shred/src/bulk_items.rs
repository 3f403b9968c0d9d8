//! What became of each action of a bulk body, as bytes: a body may have millions of them, nearly all alike.
//!
//! A run of actions with the same outcome is one entry: a byte of flags (bits 0 and 1 the action, 2: has an id, 3: failed, 4: the stream
//! of the entry before), the length of the run, then what the flags say: stream, id, status (16 bits, little-endian), type and reason of
//! the error. Lengths are varints (LEB128), texts their bytes behind their length. `src/protocols/bulk-items.ts` reads it.

use crate::outcome::BulkAction;

const HAS_ID: u8 = 4;
const FAILED: u8 = 8;
const SAME_STREAM: u8 = 16;

/// Failures of one body whose reason is told in full.
const REASONS_MAX: usize = 1000;
const REASON_LEFT_OUT: &str = "not stored; reasons are told of the first 1000 failures of a body only";

/// Why an action was refused: status, type, reason.
pub(crate) type ItemError = (u16, &'static str, String);

#[derive(Debug, Clone, PartialEq, Default)]
pub struct BulkItems {
    bytes: Vec<u8>,
    /// The entry of the run at hand, without its length.
    flags: u8,
    details: Vec<u8>,
    run: u64,
    stream: Option<String>,
    failures: usize,
    scratch: Vec<u8>,
}

impl BulkItems {
    pub(crate) fn push(&mut self, action: BulkAction, stream: &str, id: Option<&str>, error: Option<ItemError>) {
        let mut flags = action as u8;
        self.scratch.clear();
        if self.stream.as_deref() == Some(stream) {
            flags |= SAME_STREAM;
        } else {
            put_text(&mut self.scratch, stream);
            self.stream = Some(stream.to_owned());
        }
        if let Some(id) = id {
            flags |= HAS_ID;
            put_text(&mut self.scratch, id);
        }
        if let Some((status, kind, reason)) = error {
            flags |= FAILED;
            self.failures += 1;
            let told = if self.failures > REASONS_MAX {
                REASON_LEFT_OUT
            } else {
                &reason
            };
            self.scratch.extend_from_slice(&status.to_le_bytes());
            put_text(&mut self.scratch, kind);
            put_text(&mut self.scratch, told);
        }
        // The first entry of a stream names it, those behind it do not: the two are no run.
        if self.run > 0 && flags == self.flags && self.scratch == self.details {
            self.run += 1;
            return;
        }
        self.end_run();
        self.flags = flags;
        self.run = 1;
        std::mem::swap(&mut self.details, &mut self.scratch);
    }

    fn end_run(&mut self) {
        if self.run == 0 {
            return;
        }
        self.bytes.push(self.flags);
        put_varint(&mut self.bytes, self.run);
        self.bytes.extend_from_slice(&self.details);
        self.run = 0;
    }

    /// All entries.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.end_run();
        self.bytes
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_varint(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_like_actions_take_a_few_bytes() {
        let mut items = BulkItems::default();
        for _ in 0..1_000_000 {
            items.push(BulkAction::Create, "logs", None, None);
        }
        assert_eq!(
            items.into_bytes(),
            [&[1, 1, 4][..], b"logs", &[17, 0xbf, 0x84, 0x3d]].concat()
        );
    }

    #[test]
    fn reasons_are_bounded_and_failures_are_not_lost() {
        let mut items = BulkItems::default();
        for line in 0..100_000 {
            let reason = format!("line {line} is wrong");
            items.push(BulkAction::Index, "s", None, Some((400, "bad", reason)));
        }
        let bytes = items.into_bytes();
        assert!(bytes.len() < 40_000);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("line 999 is wrong") && !text.contains("line 1000 is wrong"));
        assert!(text.ends_with(REASON_LEFT_OUT));
    }

    #[test]
    fn what_differs_is_an_entry_of_its_own() {
        let mut items = BulkItems::default();
        items.push(BulkAction::Index, "a", Some("1"), None);
        items.push(BulkAction::Index, "a", Some("2"), None);
        items.push(BulkAction::Delete, "b", Some("2"), Some((400, "t", "r".into())));
        assert_eq!(
            items.into_bytes(),
            [
                &[HAS_ID, 1, 1][..],
                b"a\x011",
                &[HAS_ID | SAME_STREAM, 1, 1],
                b"2",
                &[3 | HAS_ID | FAILED, 1, 1],
                b"b\x012",
                &[0x90, 0x01, 1],
                b"t\x01r",
            ]
            .concat()
        );
    }
}
