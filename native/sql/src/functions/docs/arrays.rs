//! JSON texts that hold arrays.

use super::Entry;

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "arrcount",
        form: "arrcount(json_array)",
        about: "The number of items of a JSON text that is an array; null for any other text.",
        example: "SELECT arrcount(spath(attrs, 'list')) FROM logs",
    },
    Entry {
        name: "arrindex",
        form: "arrindex(json_array, start [, end])",
        about: "The items of a JSON text from one place up to and with another, as JSON; with one place, that item. Places \
                count from 0, negative ones from the end.",
        example: "SELECT arrindex('[\"a\", \"b\", \"c\"]', 0, 1)",
    },
    Entry {
        name: "arrjoin",
        form: "arrjoin(json_array, 'between')",
        about: "The items of a JSON text one after the other, with a text between them.",
        example: "SELECT arrjoin('[\"a\", \"b\", 3]', ', ')",
    },
    Entry {
        name: "arrsort",
        form: "arrsort(json_array)",
        about: "The items of a JSON text in rising order: numbers by value, texts by their bytes.",
        example: "SELECT arrsort('[3, 10, 2]')",
    },
    Entry {
        name: "arr_descending",
        form: "arr_descending(json_array)",
        about: "The items of a JSON text in falling order.",
        example: "SELECT arr_descending('[3, 10, 2]')",
    },
    Entry {
        name: "arrzip",
        form: "arrzip(json_array, json_array, 'between')",
        about: "The items of two JSON texts in pairs, each pair a text with another one between. There are as many pairs as \
                the shorter array has items.",
        example: "SELECT arrzip('[\"a\", \"b\"]', '[1, 2]', '=')",
    },
    Entry {
        name: "cast_to_arr",
        form: "cast_to_arr(json_array)",
        about: "A JSON text as a list of texts, for the array functions and unnest.",
        example: "SELECT unnest(cast_to_arr(spath(attrs, 'list'))) FROM logs",
    },
    Entry {
        name: "to_array_string",
        form: "to_array_string(array)",
        about: "A list as a JSON text.",
        example: "SELECT to_array_string(array_distinct(cast_to_arr('[1, 2, 2]')))",
    },
];
