//! The table: a pattern of what the libraries tell, and what is told in its place.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// The first that matches counts. A text is matched without the heads that `plain` takes off.
pub(super) const RULES: &[(&str, &str)] = &[
    // Names and columns.
    (
        "^Unsupported compound identifier '([^']*)'.*$",
        "'${1}' has too many parts: write stream.field",
    ),
    (
        r#"^Column in (.+?) must be in GROUP BY or an aggregate function: While expanding wildcard, column "(.+?)" must appear.*$"#,
        "${2} in ${1} is neither grouped nor in an aggregate function: add it to GROUP BY, or write max(${2})",
    ),
    (
        "^HAVING clause references: (.*) must appear in the GROUP BY.*$",
        "HAVING is about groups, and ${1} is neither grouped nor in an aggregate function: filter rows with WHERE",
    ),
    (
        r"^Order by column out of bounds, specified: (\d+), max: (\d+)$",
        "ORDER BY ${1} names no result column: they are numbered from 1 to ${2}",
    ),
    (
        r"^Cannot find column with position (\d+) in SELECT clause\. Valid columns: 1 to (\d+)$",
        "GROUP BY ${1} names no result column: they are numbered from 1 to ${2}",
    ),
    (
        "^Order by index starts at 1.*$",
        "ORDER BY 0 names no result column: they are numbered from 1",
    ),
    ("^Invalid qualifier (.*)$", "'${1}' is no stream of this query"),
    (r"^SELECT \* with no tables specified.*$", "'*' needs a FROM"),
    (
        r"^Source table contains (\d+) columns but only (\d+) names.*$",
        "the alias names ${2} columns, where there are ${1}",
    ),
    (
        r#"^Projections require unique expression names but the expression "(.+?)" at position \d+ and .*$"#,
        "two result columns are called ${1}: give one another name with AS",
    ),
    (
        r#"^WITH query name "(.*)" specified more than once$"#,
        r#"WITH names "${1}" twice: give one of them another name"#,
    ),
    (
        r"^table '(?:\w+\.)*(\w+)' not found$",
        "there is no stream or WITH part called ${1}",
    ),
    (
        "^Argument (.*?) to grouping function is not in grouping columns.*$",
        "grouping(${1}) needs ${1} in GROUP BY",
    ),
    (
        r"^Schema contains duplicate (?:un)?qualified field name (.*)$",
        "two columns are called ${1}: give one of them another name with AS",
    ),
    (
        r"^Schema contains qualified field name (.*?) and unqualified field name (.*?) which.*$",
        "two columns are called ${2}: give one of them another name with AS",
    ),
    (
        r"^Unterminated string literal(.*)$",
        "a text in quotes does not end: close it with '${1}",
    ),
    (
        r"^Expected close delimiter '(.)' before EOF\.?(.*)$",
        "a name in quotes does not end: close it with ${1}${2}",
    ),
    (
        r"^Unexpected EOF while in a multi-line comment(.*)$",
        "a comment does not end: close it with */${1}",
    ),
    (
        r"^\[return_type\] (\w+) not supported for Null$",
        "${1} takes a value, and no '*'",
    ),
    // Operators and types.
    (
        "^Cannot coerce arithmetic expression (.+) ([-+*/%]) (.+) to valid types.*$",
        "${1} ${2} ${3} has no meaning: cast one side to the other's type",
    ),
    (
        "^Cannot get result type for (?:temporal|decimal) operation (.+?) ([-+*/%]) (.+?):.*$",
        "${1} ${2} ${3} has no meaning: cast one side to the other's type",
    ),
    (
        "^Cannot infer common (?:argument |string )?type for .*? operation (.+)$",
        "${1} has no meaning: cast one side to the other's type",
    ),
    (
        "^There isn't a common type to coerce (.+) and (.+) in (.+) expression.*$",
        "${3} compares texts, not ${1} with ${2}: write CAST(... AS VARCHAR)",
    ),
    (
        "^Cannot create filter with non-boolean predicate '(.*)' returning (.+)$",
        "a condition is true or false, but ${1} is ${2}: compare it with a value",
    ),
    (
        "^Unary operator 'NOT' requires a boolean expression, got (.+)$",
        "NOT takes a condition, not ${1}",
    ),
    (
        "^Unary operator '(.)' only supports.*$",
        "'${1}' takes a number or an interval",
    ),
    (
        "^Cannot cast (?:string|value) '((?s:.*))' to value of (.+?) type.*$",
        "'${1}' is no ${2}; TRY_CAST gives NULL for such values",
    ),
    (
        "^Can't cast value (.*) to type (.+)$",
        "${1} does not fit ${2}; TRY_CAST gives NULL for such values",
    ),
    (
        "^Unable to cast to (.+) for converting.*$",
        "a value does not fit ${1}; TRY_CAST gives NULL for such values",
    ),
    (
        "^(?:Unsupported CAST|Casting) from (.*?) to (.*?)(?: not supported)?$",
        "${1} cannot be cast to ${2}",
    ),
    (
        "^Cannot automatically convert (.*) to (.*)$",
        "${1} is not taken for ${2}: write a CAST",
    ),
    (
        r"^Unsupported SQL type (?:\(precision/scale not supported\) )?(.*)$",
        "there is no type ${1}: write BIGINT, DOUBLE, DECIMAL(p, s), VARCHAR, BOOLEAN, TIMESTAMP, DATE, TIME or INTERVAL",
    ),
    (
        r"^Decimal\(precision = (\d+), scale = (-?\d+)\) should.*$",
        "DECIMAL(${1}, ${2}) is no type: it has 1 to 76 digits, of which no more stand behind the point",
    ),
    (
        r"^(\S+) is too (?:large|small) to store in a Decimal\d+ of precision (\d+)\. (?:Max|Min) is (\S+)$",
        "${1} does not fit a decimal of ${2} digits, of which the last is ${3}",
    ),
    (
        "^Incompatible inputs for Union:.*$",
        "the queries of a UNION give a column in types that do not fit: cast it in one of them",
    ),
    (
        r"^\[return_type\] (\w+) not supported for (.*)$",
        "${1} does not take ${2}",
    ),
    (
        r"^Cannot access field at argument \d+: type (.*) is not.*$",
        "a value of type ${1} has no fields: write json_get(field, 'name') for a text that is JSON",
    ),
    (
        r"^Unexpected argument type to '(\w+)' at position (\d+), expected a string, got (\w+)\.?$",
        "argument ${2} of ${1} has to be a text that is JSON, not ${3}",
    ),
    (
        r"^Unexpected argument type to '(\w+)' at position (\d+), expected an? (.*), got (\w+)\.?$",
        "argument ${2} of ${1} has to be ${3}, not ${4}",
    ),
    (
        r"^unnest\(\) can only be applied.*$",
        "unnest takes a list: write unnest(cast_to_arr(field)) for a text that is a JSON array",
    ),
    // Times.
    (
        "^Error parsing timestamp from '((?s:.*))': .*$",
        "'${1}' is not a time: write '2026-01-31 12:00:00' or an RFC 3339 time",
    ),
    (
        r#"^Invalid input syntax for type interval: "(.*)"$"#,
        "'${1}' is not an interval: write numbers and units, as in INTERVAL '5 minutes'",
    ),
    (
        r#"^Invalid timezone "?(.*?)"?: .*$"#,
        "'${1}' is not a time zone: write an offset such as '+05:30' or a name such as 'Europe/Berlin'",
    ),
    (
        r"^Unsupported date_trunc granularity: '(.*)'\. Supported values are: (.*)$",
        "date_trunc does not cut to '${1}': write one of ${2}",
    ),
    (
        "^Date part '(.*)' not supported$",
        "'${1}' is no part of a time: write year, quarter, month, week, day, dow, doy, hour, minute, second, millisecond, \
         microsecond, nanosecond or epoch",
    ),
    (
        "^Format error$",
        "the form of to_char is not valid: write one such as '%Y-%m-%d %H:%M:%S'",
    ),
    (
        "^DATE_BIN stride must be.*$",
        "the width of date_bin has to be longer than nothing",
    ),
    (
        "^(Month|Day) value '(.*)' is out of range$",
        "make_date: ${1} ${2} is out of range",
    ),
    // Clauses.
    (
        "^(LIMIT|OFFSET) must be >= ?0, '(.*)' was provided$",
        "${1} is a whole number from 0, not ${2}",
    ),
    (
        "^Expected (LIMIT|OFFSET) to be an integer or null, but got (.*)$",
        "${1} is a whole number from 0, not ${2}",
    ),
    (
        r"^(UNION|INTERSECT|EXCEPT)(?: \w+)? queries have different number of columns$",
        "the queries of ${1} have to give equally many columns",
    ),
    (
        r"^Inconsistent data length across values list: got (\d+) values in row (\d+) but expected (\d+)$",
        "row ${2} of VALUES has ${1} values, those before it ${3}",
    ),
    (
        "^SELECT DISTINCT ON expressions must match initial ORDER BY.*$",
        "the first expressions of ORDER BY have to be those of DISTINCT ON",
    ),
    (
        "^QUALIFY clause requires.*$",
        "QUALIFY needs a window function: filter rows with WHERE, groups with HAVING",
    ),
    (
        "^Too many columns! The subquery should only return one column: (.*)$",
        "a subquery that stands for a value gives one column, not ${1}",
    ),
    (
        "^Scalar subquery returned more than one row$",
        "a subquery that stands for a value gave several rows: write an aggregate or LIMIT 1 in it, or compare with IN",
    ),
    (
        r"^(?:DDL|DML|Statement) not supported: (?:\w+)$",
        "only queries are run: leave INTO out",
    ),
    (
        "^Placeholder '(.*)' was not provided.*$",
        "${1} is a parameter, and a search has no values for parameters: write the value",
    ),
    (
        r"^Unsupported SQL unary operator (?:PG|BangNot)?(\w+).*$",
        "an operator before a value is none that is known here",
    ),
    (
        r"^Unsupported binary operator: .*$",
        "an operator between two values is none that is known here",
    ),
    ("^TOP$", "TOP is not known: write LIMIT at the end"),
    (
        r"^Unsupported ast node (?:in \w+: )?Pivot.*$",
        "PIVOT is not supported: write an aggregate with FILTER (WHERE ...) for each column",
    ),
    (
        r"^Unsupported ast node (?:in \w+: )?Collate.*$",
        "COLLATE is not supported: texts are compared by their code points",
    ),
    (r"^Unsupported ast node (?:in \w+: )?(\w+).*$", "${1} is not supported"),
    (
        "^Unsupported JOIN operator (?:Cross|Outer)Apply.*$",
        "APPLY is not supported: write JOIN LATERAL (...) ON true",
    ),
    (
        r"^Unsupported JOIN operator (\w+).*$",
        "a join of the kind ${1} is not supported",
    ),
    (
        "^Substring without for/from.*$",
        "the form is substr(text, start [, length])",
    ),
    (
        "^LATERAL syntax is not supported for.*$",
        "LATERAL is not supported with this kind of join",
    ),
    (
        "^Unsupported Value 'NationalStringLiteral.*$",
        "N'...' is not supported: write '...'",
    ),
    (
        "^Unsupported Value '(?:Single|Double)QuotedByteStringLiteral.*$",
        "B'...' is not supported: write a number",
    ),
    (
        r"^Unsupported Value '(\w+?)(?:Literal)?\(.*$",
        "a literal of the kind ${1} is not supported",
    ),
    (
        "^Invalid HexStringLiteral '(.*)'$",
        "x'${1}' is not made of pairs of hexadecimal digits",
    ),
    // Aggregates and windows.
    (
        "^Aggregate function calls cannot be nested: '(.*?)' is nested inside '(.*)'$",
        "${2} has an aggregate function within another: compute ${1} in a subquery",
    ),
    (
        "^Aggregate functions are not allowed in the WHERE clause.*$",
        "WHERE is about rows and takes no aggregate functions: use HAVING",
    ),
    (
        "^Aggregate function calls cannot contain window.*$",
        "an aggregate function takes no window function: compute that in a subquery",
    ),
    (
        "^The window (.*) is not defined!$",
        "there is no window called ${1}: add WINDOW ${1} AS (...)",
    ),
    (
        "^The window (.*) is defined multiple times!$",
        "WINDOW names ${1} twice",
    ),
    (
        r"^Invalid window frame: start bound \((.*)\) cannot be larger than end bound \((.*)\)$",
        "the frame begins at ${1} and ends before that, at ${2}",
    ),
    (
        "^Invalid window frame: frame offsets.*$",
        "the offsets of a frame of ROWS or GROUPS are constant whole numbers from 0",
    ),
    (
        "^RANGE requires exactly one ORDER BY.*$",
        "RANGE with an offset needs ORDER BY with exactly one expression",
    ),
    ("^GROUPS requires.*$", "GROUPS needs an ORDER BY"),
    (
        r"^There is only support Literal types for field at idx: \d+ in Window Function$",
        "the offset and the default of lag and lead have to be constants",
    ),
    (
        "^Expected an integer value$",
        "the offset of lag and lead has to be a whole number",
    ),
    (
        "^NTILE requires a positive integer$",
        "ntile needs a whole number from 1",
    ),
    (
        "^(?:Physical plan does not support logical expression|Unsupported logical expr) WindowFunction.*$",
        "window functions stand only in SELECT, ORDER BY and QUALIFY: filter by them with QUALIFY, or in a query around",
    ),
    (
        r#"^(?:Physical plan does not support logical expression|Unsupported logical expr) OuterReferenceColumn\(.*?name: "(\w+)".*$"#,
        "a subquery cannot use '${1}' of the query around it in this form: write it as a join",
    ),
    (
        "^(?:Physical plan does not support logical expression|Unsupported logical expr) Wildcard.*$",
        "'*' is an argument of count only",
    ),
    (
        "^(?:Physical plan does not support logical expression|Unsupported logical expr) Unnest.*$",
        "unnest stands only in SELECT and FROM: use it in a subquery",
    ),
    (
        "^(?:Physical plan does not support logical expression|Unsupported logical expr) (?:Exists|InSubquery|ScalarSubquery).*$",
        "a subquery of this form is not supported here: write it as a join",
    ),
    (
        "^COUNT DISTINCT with multiple arguments$",
        "count(DISTINCT ...) takes one argument: write count(DISTINCT (a, b))",
    ),
    (
        "^In an aggregate with DISTINCT, ORDER BY.*$",
        "an aggregate with DISTINCT can be ordered only by its own argument",
    ),
    (
        r"^Percentile value must be between 0\.0 and 1\.0 inclusive, (.*) is invalid$",
        "a percentile is from 0 to 1, not ${1}",
    ),
    // Values.
    (
        r"^(?s:.*)(?:regex parse error|Regular expression did not compile)(?s:.*)error: ([^\n~]*)(?s:.*)$",
        "a regular expression is not valid: ${1}",
    ),
    (
        r"^(\w+)Array overflow on abs\((.*)\)$",
        "abs(${2}) does not fit its type",
    ),
    (
        "^Overflow happened on:? (.*)$",
        "${1} does not fit its type: cast to DOUBLE",
    ),
    ("^Divide by zero.*$", "division by zero"),
    (
        r"^Failed to decode value using (\w+): (.*)$",
        "decode found no ${1}: ${2}",
    ),
    (
        r"^There is no built-in (?:encoding|digest algorithm) named '(.*)', currently supported \w+ are: (.*)$",
        "'${1}' is not known: write one of ${2}",
    ),
    ("^invalid Unicode scalar value: (.*)$", "chr(${1}) is no character"),
    (
        "^negative count not allowed: (.*)$",
        "the length of substr cannot be ${1}",
    ),
    (
        r"^(\w+) requested length (\d+) too large, maximum.*$",
        "${1} of ${2} characters is too long",
    ),
    (
        "^field position must not be zero$",
        "the place in split_part counts from 1, or from -1 at the end",
    ),
    (r"^(\w+) function requires (.*) arguments$", "${1} takes ${2} arguments"),
    (
        r"^Argument #(\d+) must be an? (.*), got (.*)$",
        "argument ${1} has to be ${2}, not ${3}",
    ),
    (
        r"^unnest\(\) does not support null yet$",
        "unnest takes a list, and NULL is none",
    ),
    (
        "^Arguments must be literals$",
        "generate_series and range in FROM take constants: write unnest(range(1, n)) in SELECT for one of each row",
    ),
    ("^Step cannot be zero$", "the step of a series cannot be zero"),
];

static COMPILED: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let compile = |pattern| RegexBuilder::new(pattern).dot_matches_new_line(true).build();
    let compiled = RULES
        .iter()
        .map(|(pattern, text)| Some((compile(pattern).ok()?, *text)));
    compiled.flatten().collect()
});

pub(super) fn lookup(raw: &str) -> Option<String> {
    COMPILED.iter().find_map(|(pattern, text)| {
        let found = pattern.captures(raw)?;
        let mut out = String::new();
        found.expand(text, &mut out);
        Some(out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), RULES.len());
    }
}
