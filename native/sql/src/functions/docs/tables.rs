//! Functions that make rows, and of the program itself.

use super::Entry;

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "generate_series",
        form: "generate_series(first, last [, step])",
        about: "Rows with the numbers or times from the first up to and with the last, in a column value.",
        example: "SELECT * FROM generate_series(1, 3)",
    },
    Entry {
        name: "version",
        form: "version()",
        about: "The name and the version of the program.",
        example: "SELECT version()",
    },
    Entry {
        name: "range",
        form: "range(first, end [, step])",
        about: "As a table: rows with the numbers or times from the first up to the end, without it. As a scalar function: \
                the same as a list.",
        example: "SELECT * FROM range(0, 3)",
    },
];
