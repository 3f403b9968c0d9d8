//! Records in which a key comes twice and one of its values is an object: the earlier value would leave columns behind.
//! Such a record is rewritten without the members that are overridden, and read again.

use crate::cursor::Cursor;
use crate::escape::decode_string;
use crate::flatten::fold_key;
use crate::slots::key_end;
use basalt_block::column::TIME_COLUMN;
use std::collections::HashMap;
use std::ops::Range;

struct Member {
    /// As sent, with its quotes.
    key: Range<usize>,
    value: Range<usize>,
}

/// The text of the object at `start`, which is valid JSON, with only the last member of each key, down to `levels` nested
/// objects, and the first key of a member that is left out. `levels` bounds the recursion.
pub(crate) fn without_duplicates(cursor: Cursor, start: usize, levels: usize) -> (Vec<u8>, Option<String>) {
    let mut text = Vec::new();
    let mut removed = None;
    write_object(cursor, start, levels, true, &mut text, &mut removed);
    (text, removed)
}

fn write_object(
    cursor: Cursor,
    start: usize,
    levels: usize,
    is_record: bool,
    into: &mut Vec<u8>,
    removed: &mut Option<String>,
) {
    let members = members_of(cursor, start);
    let keys: Vec<Vec<u8>> = members.iter().map(|member| decoded(cursor, member)).collect();
    let last: HashMap<&[u8], usize> = keys
        .iter()
        .enumerate()
        .map(|(place, key)| (key.as_slice(), place))
        .collect();
    into.push(b'{');
    for (place, (member, key)) in members.iter().zip(&keys).enumerate() {
        if last.get(key.as_slice()) != Some(&place) {
            removed.get_or_insert_with(|| String::from_utf8_lossy(key).into_owned());
            continue;
        }
        if into.last() != Some(&b'{') {
            into.push(b',');
        }
        into.extend_from_slice(&cursor.bytes[member.key.clone()]);
        into.push(b':');
        // What is kept as it was sent: an empty object, and an object where the time should be.
        let is_kept = cursor.peek(cursor.space(member.value.start + 1)) == b'}' || (is_record && is_time(key));
        if levels > 1 && cursor.peek(member.value.start) == b'{' && !is_kept {
            write_object(cursor, member.value.start, levels - 1, false, into, removed);
        } else {
            into.extend_from_slice(&cursor.bytes[member.value.clone()]);
        }
    }
    into.push(b'}');
}

fn is_time(key: &[u8]) -> bool {
    let mut name = Vec::new();
    fold_key(key, &mut name);
    name == TIME_COLUMN.as_bytes()
}

fn decoded(cursor: Cursor, member: &Member) -> Vec<u8> {
    let mut key = Vec::new();
    match decode_string(cursor.bytes, member.key.start + 1, &mut key) {
        Some(_) => key,
        None => cursor.bytes[member.key.clone()].to_vec(),
    }
}

/// The members of the object at `start`, as far as they can be read.
fn members_of(cursor: Cursor, start: usize) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = cursor.space(start + 1);
    while cursor.peek(at) == b'"' {
        let Ok(key_end) = key_end(cursor, at) else { break };
        let value_start = cursor.space(cursor.space(key_end) + 1);
        let Ok(value) = cursor.skip_value(value_start, 0, usize::MAX) else {
            break;
        };
        members.push(Member {
            key: at..key_end,
            value: value_start..value.end,
        });
        at = cursor.space(value.end);
        if cursor.peek(at) == b',' {
            at = cursor.space(at + 1);
        }
    }
    members
}
