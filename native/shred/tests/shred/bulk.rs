//! Bulk bodies.

use crate::cells::{Cell, NOW, Row, rows_of, shred};
use basalt_shred::BodyFormat;
use basalt_shred::BodyFormat::Bulk;
use basalt_shred::{BulkAction, Outcome, RECORDS_MAX, ShredLimits, ShredRequest};
use std::sync::Arc;

fn shred_bulk(body: impl AsRef<[u8]>, stream: &str) -> (Vec<(String, Vec<Row>)>, Outcome) {
    let request = ShredRequest {
        body: body.as_ref(),
        format: Bulk,
        organization: 1,
        stream,
    };
    let (batches, mut outcomes) = shred(&[request], &ShredLimits::default());
    let groups = batches
        .iter()
        .map(|group| (group.stream.clone(), rows_of(&group.batch)))
        .collect();
    (groups, outcomes.remove(0))
}

#[derive(Debug, Clone)]
struct Item {
    action: BulkAction,
    stream: String,
    id: Option<String>,
    status: u16,
    error: Option<(String, String)>,
}

/// Reads the entries as they are documented (src/bulk_items.rs), each as often as its run is long.
fn items_of(outcome: &Outcome) -> Vec<Item> {
    let bytes = outcome.items.clone().into_bytes();
    let mut at = 0;
    let mut items = Vec::new();
    let mut stream = String::new();
    fn number(bytes: &[u8], at: &mut usize) -> usize {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[*at];
            *at += 1;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    fn string(bytes: &[u8], at: &mut usize) -> String {
        let length = number(bytes, at);
        *at += length;
        String::from_utf8(bytes[*at - length..*at].to_vec()).unwrap()
    }
    while at < bytes.len() {
        let flags = bytes[at];
        at += 1;
        let run = number(&bytes, &mut at);
        if flags & 16 == 0 {
            stream = string(&bytes, &mut at);
        }
        let id = (flags & 4 != 0).then(|| string(&bytes, &mut at));
        let (mut status, mut error) = (201, None);
        if flags & 8 != 0 {
            status = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            at += 2;
            error = Some((string(&bytes, &mut at), string(&bytes, &mut at)));
        }
        let action = match flags & 3 {
            0 => BulkAction::Index,
            1 => BulkAction::Create,
            2 => BulkAction::Update,
            _ => BulkAction::Delete,
        };
        let item = Item {
            action,
            stream: stream.clone(),
            id,
            status,
            error,
        };
        items.extend(std::iter::repeat_n(item, run));
    }
    items
}

fn text(value: &str) -> Option<Cell> {
    Some(Cell::String(value.to_owned()))
}

#[test]
fn documents_go_to_their_streams() {
    let body = concat!(
        "{\"index\":{\"_index\":\"App-Logs\",\"_id\":\"one\"}}\n{\"a\":1,\"_id\":\"own\"}\n",
        "{\"create\":{}}\r\n{\"a\":2}\r\n",
        "\n  \n{ \"create\" : { \"_index\" : \"app_logs\", \"_type\":\"_doc\", \"routing\": null } }\n\n{\"a\":3}\n",
        "{\"index\":{\"_id\":17}}\n{\"@timestamp\":\"2023-11-14T22:13:20Z\"}",
    );
    let (groups, outcome) = shred_bulk(body, "fallback");
    assert_eq!(
        (outcome.rejected.clone(), outcome.successful, outcome.failed),
        (None, 4, 0)
    );
    assert_eq!(groups.len(), 2);
    assert_eq!((groups[0].0.as_str(), groups[0].1.len()), ("app_logs", 2));
    assert_eq!(groups[0].1[0].get("_id").cloned(), text("one"));
    assert_eq!(groups[0].1[1].get("_id"), None);
    assert_eq!(groups[1].0, "fallback");
    assert_eq!(groups[1].1[0].get("_timestamp"), Some(&Cell::Int(NOW)));
    assert_eq!(
        groups[1].1[1].get("_timestamp"),
        Some(&Cell::Int(1_700_000_000_000_000))
    );
    assert_eq!(groups[1].1[1].get("_id").cloned(), text("17"));
    let all = items_of(&outcome);
    let items: Vec<_> = all
        .iter()
        .map(|item| (item.action, item.stream.as_str(), item.id.as_deref(), item.status))
        .collect();
    assert_eq!(
        items,
        [
            (BulkAction::Index, "app_logs", Some("one"), 201),
            (BulkAction::Create, "fallback", None, 201),
            (BulkAction::Create, "app_logs", None, 201),
            (BulkAction::Index, "fallback", Some("17"), 201),
        ]
    );
}

#[test]
fn items_fail_alone() {
    let body = concat!(
        "{\"index\":{}}\n{\"a\":1}\n",
        "{\"index\":{}}\n{\"a\":}\n",
        "{\"index\":{}}\n[1]\n",
        "{\"index\":{}}\n{\"_timestamp\":\"x\"}\n",
        "{\"delete\":{\"_id\":\"gone\"}}\n",
        "{\"update\":{\"_id\":\"u\"}}\n{\"doc\":{\"a\":9}}\n",
        "{\"index\":{\"_index\":\"****\"}}\n{\"a\":5}\n",
        "{\"index\":{\"_index\":\"\"}}\n{\"a\":6}\n",
        "{\"index\":{}}\n{\"a\":2}\n",
        "{\"index\":{}}\n",
    );
    let (groups, outcome) = shred_bulk(body, "s");
    assert_eq!((outcome.successful, outcome.failed), (2, 8));
    assert_eq!(groups.len(), 1);
    assert_eq!(
        groups[0].1.iter().map(|row| row["a"].clone()).collect::<Vec<_>>(),
        [Cell::Int(1), Cell::Int(2)]
    );
    let all = items_of(&outcome);
    let errors: Vec<_> = all
        .iter()
        .map(|item| {
            (
                item.status,
                item.error
                    .as_ref()
                    .map(|(kind, reason)| (kind.as_str(), reason.as_str())),
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            (201, None),
            (
                400,
                Some((
                    "mapper_parsing_exception",
                    "line 4, column 6: expected a value, found '}'"
                ))
            ),
            (
                400,
                Some((
                    "mapper_parsing_exception",
                    "a record must be a JSON object, found an array"
                ))
            ),
            (
                422,
                Some((
                    "timestamp_parsing_failed",
                    "Can't parse timestamp: \"x\" is no date and time"
                ))
            ),
            (
                400,
                Some((
                    "illegal_argument_exception",
                    "deleting a document is not supported: records cannot be changed"
                ))
            ),
            (
                400,
                Some((
                    "illegal_argument_exception",
                    "updating a document is not supported: records cannot be changed"
                ))
            ),
            (
                400,
                Some((
                    "invalid_index_name_exception",
                    "the name of the stream must have 1 to 256 bytes, and not be '_'"
                ))
            ),
            (
                400,
                Some((
                    "invalid_index_name_exception",
                    "the name of the stream must have 1 to 256 bytes, and not be '_'"
                ))
            ),
            (201, None),
            (400, Some(("mapper_parsing_exception", "the document line is missing"))),
        ]
    );
    assert_eq!(all[4].action, BulkAction::Delete);
    assert_eq!(all[4].id.as_deref(), Some("gone"));
    let records: Vec<u32> = outcome.errors.iter().map(|error| error.record).collect();
    assert_eq!(records, [1, 2, 3, 4, 5, 6, 7, 9]);
}

#[test]
fn unusable_action_lines_refuse_the_body() {
    let good = "{\"index\":{}}\n{\"a\":1}\n\n";
    for (line, message) in [
        (
            "{\"a\":1}",
            "line 4: an action must be index, create, update or delete, found \"a\"",
        ),
        ("5", "line 4: an action must be a JSON object, found a number"),
        (
            "{}",
            "line 4: an action must name index, create, update or delete, found {}",
        ),
        (
            "{\"index\":5}",
            "line 4: the value of index must be a JSON object, found a number",
        ),
        (
            "{\"index\":{\"_index\":5}}",
            "line 4: _index must be a string, found a number",
        ),
        (
            "{\"index\":{\"_id\":[]}}",
            "line 4: _id must be a string, found an array",
        ),
        (
            "{\"index\":{},\"create\":{}}",
            "line 4: an action line must hold one action",
        ),
        (
            "{\"index\":{}",
            "unusable action line: line 4, column 12 (byte 33): expected ',' or '}', found the end of the line",
        ),
        (
            "{\"index\":{}} x",
            "unusable action line: line 4, column 14 (byte 35): expected the end of the line, found 'x'",
        ),
        (
            "oops",
            "unusable action line: line 4, column 1 (byte 22): expected a value, found 'o'",
        ),
    ] {
        let (groups, outcome) = shred_bulk(format!("{good}{line}\n{{\"a\":2}}\n"), "s");
        assert!(groups.is_empty(), "{line}");
        assert!(items_of(&outcome).is_empty() && outcome.successful == 0, "{line}");
        assert_eq!(outcome.rejected.unwrap().message, message, "{line}");
    }
    for body in ["", "\n \r\n"] {
        assert_eq!(
            shred_bulk(body, "s").1.rejected.unwrap().message,
            "empty body: expected at least one record"
        );
    }
}

#[test]
fn invalid_utf8_is_replaced() {
    let (groups, outcome) = shred_bulk(b"{\"index\":{}}\n{\"a\":\"x\xffy\"}\n", "s");
    assert_eq!((outcome.successful, outcome.failed), (1, 0));
    assert_eq!(groups[0].1[0].get("a").cloned(), text("x\u{fffd}y"));
}

#[test]
fn no_default_stream() {
    let (groups, outcome) = shred_bulk(
        "{\"index\":{}}\n{\"a\":1}\n{\"index\":{\"_index\":\"X\"}}\n{\"a\":2}\n",
        "",
    );
    assert_eq!((groups.len(), groups[0].0.as_str()), (1, "x"));
    assert_eq!(
        items_of(&outcome).iter().map(|item| item.status).collect::<Vec<_>>(),
        [400, 201]
    );
}

#[test]
fn more_records_than_a_block_has_rows_are_refused_and_those_of_others_stay() {
    let many = "{}\n".repeat(RECORDS_MAX as usize + 1);
    let most = "{}\n".repeat(RECORDS_MAX as usize);
    let bulk = "{\"index\":{}}\n{}\n".repeat(RECORDS_MAX as usize + 1);
    let array = format!("[{}{{}}]", "{},".repeat(RECORDS_MAX as usize));
    let bodies = [
        ("{\"a\":1}", BodyFormat::Json),
        (many.as_str(), BodyFormat::Multi),
        (array.as_str(), BodyFormat::Json),
        (many.as_str(), BodyFormat::Json),
        (bulk.as_str(), BodyFormat::Bulk),
        (most.as_str(), BodyFormat::Multi),
        ("{\"a\":2}", BodyFormat::Json),
    ];
    let requests: Vec<_> = bodies
        .iter()
        .map(|(body, format)| ShredRequest {
            body: body.as_bytes(),
            format: *format,
            organization: 1,
            stream: "s",
        })
        .collect();
    let shredded = basalt_shred::shred(&requests, NOW, &ShredLimits::default(), &|_, _| Ok(Arc::default()));
    let refused: Vec<_> = shredded
        .outcomes
        .iter()
        .map(|outcome| outcome.rejected.as_ref().map(|rejection| rejection.is_too_large))
        .collect();
    assert_eq!(
        refused,
        [None, Some(true), Some(true), Some(true), Some(true), None, None]
    );
    let batches = shredded.groups.into_iter().flat_map(|group| group.batches(usize::MAX));
    let rows: Vec<_> = batches.map(|batch| batch.rows).collect();
    assert_eq!(rows, [1, RECORDS_MAX as usize, 1]);
}
