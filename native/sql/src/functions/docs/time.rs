//! Times. A time is a timestamp, int64 microseconds such as `_timestamp`, or the text of one.

use super::Entry;

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "histogram",
        form: "histogram(time [, 'number unit' [, 'zone']])",
        about: "The begin of the bucket of that width that the time is in. Without a width it follows the time range of the \
                search. With a time zone, an offset or an IANA name, buckets are those of clocks on the wall there.",
        example: "SELECT histogram(_timestamp, '1 hour', 'Europe/Berlin') AS t, count(*) FROM logs GROUP BY t ORDER BY t",
    },
    Entry {
        name: "timestamp_bucket",
        form: "timestamp_bucket('number unit', time)",
        about: "The begin of the bucket of that width that the time is in.",
        example: "SELECT timestamp_bucket('1 hour', _timestamp) AS t, count(*) FROM logs GROUP BY t ORDER BY t",
    },
    Entry {
        name: "time_range",
        form: "time_range(time, 'from', 'to')",
        about: "Whether a time is not before the first and before the second of two constant times.",
        example: "SELECT count(*) FROM logs WHERE time_range(_timestamp, '2026-03-04', '2026-03-05 06:00:00')",
    },
    Entry {
        name: "date_format",
        form: "date_format(time, 'form' [, 'zone'])",
        about: "A time as text, in a form of strftime such as '%Y-%m-%d %H:%M', in UTC or in the time zone.",
        example: "SELECT date_format(_timestamp, '%d.%m.%Y %H:%M', 'Asia/Kolkata') FROM logs",
    },
    Entry {
        name: "cast_to_timestamp",
        form: "cast_to_timestamp(value)",
        about: "Microseconds since 1970 of a time, a text of one, or a number of seconds, milliseconds, microseconds or \
                nanoseconds by its size. Null for a text that is no time.",
        example: "SELECT cast_to_timestamp('2026-03-05T12:00:00Z')",
    },
];
