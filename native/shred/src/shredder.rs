//! All requests of one call: each body to the rows of its stream.

use crate::body::{EMPTY_BODY, shred_json, text_start};
use crate::bulk::shred_bulk;
use crate::cursor::Cursor;
use crate::fields::StreamFields;
use crate::group::GroupBuilder;
use crate::limits::{BODIES_BYTES_MAX, RECORDS_MAX, ShredLimits};
use crate::lines::shred_lines;
use crate::outcome::{Group, Outcome, Shredded};
use crate::record::{RecordParser, Scratch};
use crate::request::{BodyFormat, ShredRequest};
use std::collections::HashMap;
use std::sync::Arc;

/// Finds what is known of the fields of an (organization, stream); or says why there can be no such stream.
pub type FieldsOf<'a> = &'a dyn Fn(u32, &str) -> Result<Arc<StreamFields>, String>;

/// Shreds request bodies into the rows of each (organization, stream).
///
/// `now_us` (microseconds since 1970) is the time of records that bring none. The columns that a stream gets are added to its fields;
/// nothing else is changed. A body refused as a whole, or a record refused alone, leaves nothing behind; no input panics. The
/// bodies of one call may hold 1 GiB together; those beyond are refused.
pub fn shred(requests: &[ShredRequest], now_us: i64, limits: &ShredLimits, fields_of: FieldsOf) -> Shredded {
    let mut groups = Groups::new(now_us, limits, fields_of);
    let mut scratch = Scratch::default();
    let mut bytes = 0usize;
    let mut outcomes = Vec::with_capacity(requests.len());
    for request in requests {
        bytes = bytes.saturating_add(request.body.len());
        if bytes > BODIES_BYTES_MAX {
            outcomes.push(Outcome::refuse_size(format!(
                "more than {BODIES_BYTES_MAX} bytes in one batch of requests"
            )));
            continue;
        }
        groups.begin_request(request.body.len());
        let mut outcome = Outcome::default();
        outcomes.push(match shred_request(request, &mut groups, &mut scratch, &mut outcome) {
            Ok(()) if outcome.is_overfull() => {
                groups.roll_back_request();
                Outcome::refuse_size(format!(
                    "the body has more than {RECORDS_MAX} records; send smaller batches"
                ))
            }
            Ok(()) => outcome,
            Err(message) => {
                groups.roll_back_request();
                Outcome::refuse(message)
            }
        });
    }
    Shredded {
        groups: groups.finish(),
        outcomes,
    }
}

fn shred_request(
    request: &ShredRequest,
    groups: &mut Groups,
    scratch: &mut Scratch,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let body = request.body;
    let invalid_at = invalid_utf8_at(body);
    if request.format == BodyFormat::Bulk {
        return match invalid_at {
            None => shred_bulk(request, body, groups, scratch, outcome),
            Some(_) => shred_bulk(
                request,
                String::from_utf8_lossy(body).as_bytes(),
                groups,
                scratch,
                outcome,
            ),
        };
    }
    let mut parser = RecordParser::new(
        Cursor {
            bytes: body,
            lines: false,
        },
        groups.limits,
        groups.now_us,
        scratch,
    );
    let group = groups.get(request.organization, request.stream)?;
    if request.format == BodyFormat::Json {
        return shred_json(&mut parser, group, invalid_at, outcome);
    }
    shred_lines(&mut parser, group, text_start(body), invalid_at.is_none(), outcome);
    if outcome.records() == 0 {
        Err(EMPTY_BODY.to_owned())
    } else {
        Ok(())
    }
}

fn invalid_utf8_at(body: &[u8]) -> Option<usize> {
    if body.is_ascii() || simdutf8::basic::from_utf8(body).is_ok() {
        return None;
    }
    std::str::from_utf8(body).err().map(|error| error.valid_up_to())
}

/// The groups of one call, in order of first use.
pub(crate) struct Groups<'a> {
    pub now_us: i64,
    pub limits: &'a ShredLimits,
    fields_of: FieldsOf<'a>,
    groups: Vec<GroupBuilder>,
    /// By stream, then organization.
    index: HashMap<String, Vec<(u32, usize)>>,
    /// The groups that the request at hand touched.
    touched: Vec<usize>,
    last: usize,
    /// Of the request at hand, at most.
    records_max: usize,
}

impl<'a> Groups<'a> {
    fn new(now_us: i64, limits: &'a ShredLimits, fields_of: FieldsOf<'a>) -> Self {
        Self {
            now_us,
            limits,
            fields_of,
            groups: Vec::new(),
            index: HashMap::new(),
            touched: Vec::new(),
            last: 0,
            records_max: 0,
        }
    }

    /// The group of a stream, for rows of the request at hand; or why the stream takes none.
    pub fn get(&mut self, organization: u32, stream: &str) -> Result<&mut GroupBuilder, String> {
        let records_max = self.records_max;
        let is_it = |group: &GroupBuilder| {
            group.organization == organization && group.stream == stream && has_place(group, records_max)
        };
        if !self.groups.get(self.last).is_some_and(is_it) {
            self.last = self.find_or_add(organization, stream)?;
        }
        let group = &mut self.groups[self.last];
        if group.request_mark.is_none() {
            group.request_mark = Some(group.mark());
            self.touched.push(self.last);
        }
        Ok(group)
    }

    fn find_or_add(&mut self, organization: u32, stream: &str) -> Result<usize, String> {
        let place = self.groups.len();
        let fields = || (self.fields_of)(organization, stream);
        let fields = match self.index.get_mut(stream) {
            Some(places) => match places.iter_mut().find(|(other, _)| *other == organization) {
                Some((_, last)) => {
                    if has_place(&self.groups[*last], self.records_max) {
                        return Ok(*last);
                    }
                    *last = place;
                    fields()?
                }
                None => {
                    let fields = fields()?;
                    places.push((organization, place));
                    fields
                }
            },
            None => {
                let fields = fields()?;
                self.index.insert(stream.to_owned(), vec![(organization, place)]);
                fields
            }
        };
        self.groups.push(GroupBuilder::new(
            organization,
            stream.to_owned(),
            fields,
            self.limits.columns_max,
        ));
        Ok(place)
    }

    fn begin_request(&mut self, body_bytes: usize) {
        // A record has two bytes at least, and what parts it from the next one.
        self.records_max = (body_bytes / 3 + 1).min(RECORDS_MAX as usize);
        for place in self.touched.drain(..) {
            self.groups[place].request_mark = None;
        }
    }

    fn roll_back_request(&mut self) {
        for &place in &self.touched {
            let group = &mut self.groups[place];
            if let Some(mark) = group.request_mark {
                group.roll_back(mark);
            }
        }
    }

    fn finish(self) -> Vec<Group> {
        self.groups.into_iter().filter_map(GroupBuilder::finish).collect()
    }
}

/// A block may have as many rows as a body records: what could become more goes on in another group of the same stream.
#[inline(always)]
fn has_place(group: &GroupBuilder, records_max: usize) -> bool {
    let rows = group.rows();
    rows == 0 || group.request_mark.is_some() || rows + records_max <= RECORDS_MAX as usize
}
