//! JSON texts.

use super::Entry;

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "spath",
        form: "spath(json, 'path')",
        about: "The value at a path of keys and places with dots between them, as text; null where there is none.",
        example: "SELECT spath(attrs, 'a.b') FROM logs",
    },
    Entry {
        name: "json_get",
        form: "json_get(json, key [, key ...])",
        about: "The value at a path of keys (texts) and places (numbers), of whatever type it is.",
        example: "SELECT json_get(attrs, 'a', 'n') FROM logs",
    },
    Entry {
        name: "json_get_str",
        form: "json_get_str(json, key [, key ...])",
        about: "The text at a path of keys and places; null where there is none or another type.",
        example: "SELECT json_get_str(attrs, 'a', 'b') FROM logs",
    },
    Entry {
        name: "json_get_int",
        form: "json_get_int(json, key [, key ...])",
        about: "The whole number at a path of keys and places; null where there is none or another type.",
        example: "SELECT json_get_int(attrs, 'list', 1) FROM logs",
    },
    Entry {
        name: "json_get_float",
        form: "json_get_float(json, key [, key ...])",
        about: "The number at a path of keys and places; null where there is none or another type.",
        example: "SELECT json_get_float(attrs, 'a', 'n') FROM logs",
    },
    Entry {
        name: "json_get_bool",
        form: "json_get_bool(json, key [, key ...])",
        about: "The boolean at a path of keys and places; null where there is none or another type.",
        example: "SELECT json_get_bool('{\"ok\": true}', 'ok')",
    },
    Entry {
        name: "json_get_json",
        form: "json_get_json(json, key [, key ...])",
        about: "The value at a path of keys and places as JSON text.",
        example: "SELECT json_get_json(attrs, 'a') FROM logs",
    },
    Entry {
        name: "json_get_array",
        form: "json_get_array(json, key [, key ...])",
        about: "The array at a path of keys and places, as a list of JSON texts.",
        example: "SELECT json_get_array(attrs, 'list') FROM logs",
    },
    Entry {
        name: "json_as_text",
        form: "json_as_text(json, key [, key ...])",
        about: "The value at a path of keys and places as text, as the operator ->> gives it.",
        example: "SELECT json_as_text(attrs, 'a', 'n'), attrs ->> 'list' FROM logs",
    },
    Entry {
        name: "json_contains",
        form: "json_contains(json, key [, key ...])",
        about: "Whether there is a value at a path of keys and places.",
        example: "SELECT count(*) FROM logs WHERE json_contains(attrs, 'a', 'b')",
    },
    Entry {
        name: "json_length",
        form: "json_length(json [, key ...])",
        about: "The number of items or fields of the array or object at a path of keys and places.",
        example: "SELECT json_length(attrs, 'list') FROM logs",
    },
    Entry {
        name: "json_object_keys",
        form: "json_object_keys(json [, key ...])",
        about: "The keys of the object at a path of keys and places, as a list.",
        example: "SELECT json_object_keys(attrs) FROM logs",
    },
    Entry {
        name: "json_from_scalar",
        form: "json_from_scalar(value)",
        about: "A text, number or boolean as the same kind of value that json_get gives.",
        example: "SELECT json_from_scalar(status) FROM logs",
    },
    Entry {
        name: "json_union_to_text",
        form: "json_union_to_text(value)",
        about: "A value of json_get as JSON text.",
        example: "SELECT json_union_to_text(json_get(attrs, 'a')) FROM logs",
    },
];
