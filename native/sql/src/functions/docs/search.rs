//! Searching in texts.

use super::Entry;

pub(super) const ALL: &[Entry] = &[
    Entry {
        name: "match_all",
        form: "match_all('text')",
        about: "Whether one of the stream's full-text fields holds the text, in any case. 'v*' asks for a word that begins \
                with v, '*v' for one that ends with it, 're:v' for a match of the regular expression v; '' and '*' are \
                always true. Only where FROM names a stream.",
        example: "SELECT * FROM logs WHERE match_all('connection refused')",
    },
    Entry {
        name: "fuzzy_match_all",
        form: "fuzzy_match_all('word', distance)",
        about: "Whether a word of one of the stream's full-text fields can be made the given one, in any case, by at most \
                that many insertions, deletions and replacements of characters (0 to 10).",
        example: "SELECT * FROM logs WHERE fuzzy_match_all('timeout', 1)",
    },
    Entry {
        name: "fuzzy_match",
        form: "fuzzy_match(field, 'word', distance)",
        about: "Whether a word of the field can be made the given one, in any case, by at most that many insertions, \
                deletions and replacements of characters (0 to 10).",
        example: "SELECT * FROM logs WHERE fuzzy_match(message, 'request', 2)",
    },
    Entry {
        name: "str_match",
        form: "str_match(field, 'text')",
        about: "Whether the field holds the text, in the same case.",
        example: "SELECT * FROM logs WHERE str_match(message, 'Request')",
    },
    Entry {
        name: "str_match_ignore_case",
        form: "str_match_ignore_case(field, 'text')",
        about: "Whether the field holds the text, in any case.",
        example: "SELECT * FROM logs WHERE str_match_ignore_case(message, 'REQUEST')",
    },
    Entry {
        name: "re_match",
        form: "re_match(field, 'pattern')",
        about: "Whether the regular expression matches anywhere in the field. (?i) at its start ignores case.",
        example: "SELECT * FROM logs WHERE re_match(message, '(?i)^request [0-9]+')",
    },
    Entry {
        name: "re_not_match",
        form: "re_not_match(field, 'pattern')",
        about: "Whether the regular expression matches nowhere in the field. Null where the field is.",
        example: "SELECT * FROM logs WHERE re_not_match(message, 'user1[0-9]')",
    },
    Entry {
        name: "re_matches",
        form: "re_matches(field, 'pattern')",
        about: "The groups of all matches of the regular expression, in their order, as a list; the matches themselves \
                where it has no groups.",
        example: "SELECT re_matches(message, '([a-z]+)([0-9]+)') FROM logs",
    },
    Entry {
        name: "regexp_match_to_fields",
        form: "regexp_match_to_fields(field, 'pattern')",
        about: "The named groups of the first match of the regular expression as a struct; null without a match.",
        example: "SELECT regexp_match_to_fields(message, 'user(?<number>[0-9]+)')['number'] FROM logs",
    },
    Entry {
        name: "string_to_array_v2",
        form: "string_to_array_v2(field, 'characters')",
        about: "The parts of a text between any of the characters, as a list without empty parts.",
        example: "SELECT string_to_array_v2(message, ' ,;') FROM logs",
    },
];
