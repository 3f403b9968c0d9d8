//! One record: its text to the cells of a row, in a single pass.
//!
//! The pass knows only "fits" and "does not fit". What is wrong is then found by [`RecordParser::explain`], which walks
//! the record once more, strictly.

use crate::cursor::Cursor;
use crate::duplicate::without_duplicates;
use crate::group::GroupBuilder;
use crate::limits::{FLATTEN_LEVELS_MAX, ShredLimits};
use crate::outcome::Outcome;
use crate::overflow::Overflow;
use crate::problem::{Problem, SyntaxError, kind_of};
use crate::skip::Flaw;
use std::ops::Range;

/// Why the single pass gave up.
pub(crate) enum Fail {
    /// The strict walk will tell.
    Unclear,
    Timestamp(String),
    Names,
    /// A key came again and one of its values is an object, so columns would mix both.
    Duplicate,
}

/// Why a record is not stored, and where it ends.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Its text is not JSON: there is no telling where it ends.
    Syntax(SyntaxError),
    Record {
        end: usize,
        problem: Problem,
    },
}

/// An object whose member is being read.
pub(crate) struct Frame {
    pub parent: u32,
    pub prefix_len: usize,
}

/// Buffers that outlive a record.
#[derive(Default)]
pub(crate) struct Scratch {
    pub frames: Vec<Frame>,
    /// The folded keys of the open objects, each with a `_` after it.
    pub prefix: Vec<u8>,
    pub text: Vec<u8>,
    pub overflow: Overflow,
}

pub(crate) struct RecordParser<'s, 'b> {
    pub cursor: Cursor<'b>,
    pub limits: &'s ShredLimits,
    pub now_us: i64,
    pub scratch: &'s mut Scratch,
    /// The event time of the record at hand, if it has one; or why it is none. A later value replaces both.
    pub time_us: Option<i64>,
    pub time_problem: Option<String>,
    /// Where a `_timestamp` that means no time stands; the record is stored with the time of its arrival, and the value beside it.
    pub odd_time: Option<Range<usize>>,
    /// What is to be told of the record that was read, though it is stored.
    pub warning: Option<String>,
    pub record_start: usize,
    /// Duplicate keys were removed from the text.
    pub is_unique: bool,
}

impl<'s, 'b> RecordParser<'s, 'b> {
    pub fn new(cursor: Cursor<'b>, limits: &'s ShredLimits, now_us: i64, scratch: &'s mut Scratch) -> Self {
        Self {
            cursor,
            limits,
            now_us,
            scratch,
            time_us: None,
            time_problem: None,
            odd_time: None,
            warning: None,
            record_start: 0,
            is_unique: false,
        }
    }

    /// Reads the record at `start` (no white space before it) into the row at hand, which the caller then commits with the
    /// returned time or rolls back; after a refusal it is rolled back already. Returns the record's end and its time.
    #[inline]
    pub fn read(&mut self, group: &mut GroupBuilder, start: usize) -> Result<(usize, i64), Refusal> {
        let mark = group.mark();
        group.begin_record();
        let fail = if self.cursor.peek(start) != b'{' {
            Fail::Unclear
        } else {
            match self.read_object(group, start) {
                Ok(end) if end - start <= self.limits.record_bytes_max => {
                    return Ok((end, self.time_us.unwrap_or(self.now_us)));
                }
                Ok(_) => Fail::Unclear,
                Err(fail) => fail,
            }
        };
        group.roll_back(mark);
        self.explain(group, start, fail)
    }

    /// What is wrong with the record at `start`; or the record stored after all, without its duplicate keys.
    #[cold]
    fn explain(&mut self, group: &mut GroupBuilder, start: usize, fail: Fail) -> Result<(usize, i64), Refusal> {
        let depth_max = self.limits.depth_max;
        let skipped = self.cursor.skip_value(start, 0, depth_max).map_err(Refusal::Syntax)?;
        let (end, bytes_max) = (skipped.end, self.limits.record_bytes_max);
        let problem = match (skipped.flaw, fail) {
            _ if self.cursor.bytes[start] != b'{' => Problem::NotAnObject {
                found: kind_of(self.cursor.bytes[start]),
            },
            _ if end - start > bytes_max => Problem::TooLarge {
                bytes: end - start,
                bytes_max,
            },
            (Some(Flaw::TooDeep), _) => Problem::TooDeep { depth_max },
            (Some(Flaw::LoneSurrogate { at }), _) => Problem::LoneSurrogate { at },
            (Some(Flaw::NotANumber { at }), _) => Problem::NotANumber { at },
            (None, Fail::Timestamp(reason)) => Problem::Timestamp(reason),
            (None, Fail::Names) => Problem::Names,
            (None, Fail::Duplicate) => return self.read_unique(group, start, end),
            (None, Fail::Unclear) => Problem::Syntax(SyntaxError {
                at: start,
                expected: "a record",
            }),
        };
        Err(Refusal::Record { end, problem })
    }

    fn read_unique(&mut self, group: &mut GroupBuilder, start: usize, end: usize) -> Result<(usize, i64), Refusal> {
        let (text, removed) = without_duplicates(self.cursor, start, self.levels());
        let cursor = Cursor {
            bytes: &text,
            lines: false,
        };
        let mut parser = RecordParser::new(cursor, self.limits, self.now_us, self.scratch);
        parser.is_unique = true;
        match parser.read(group, 0) {
            Ok((_, time)) => {
                self.warning = parser.warning.take();
                if let Some(key) = removed {
                    self.tell_replaced(&key);
                }
                Ok((end, time))
            }
            Err(Refusal::Syntax(error)) => Err(Refusal::Syntax(error)),
            Err(Refusal::Record { problem, .. }) => Err(Refusal::Record { end, problem }),
        }
    }

    /// Tells the outcome what there is to tell of the record that was stored, which is the next one that it counts.
    pub fn tell(&mut self, outcome: &mut Outcome) {
        if let Some(warning) = self.warning.take() {
            outcome.warn(outcome.records(), &warning);
        }
    }

    /// How many nested keys are joined.
    pub fn levels(&self) -> usize {
        self.limits.flatten_levels.clamp(1, FLATTEN_LEVELS_MAX)
    }
}
