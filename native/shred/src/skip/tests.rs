use super::*;

fn skip(text: &str) -> Result<Skipped, SyntaxError> {
    Cursor {
        bytes: text.as_bytes(),
        lines: false,
    }
    .skip_value(0, 0, 100)
}

#[test]
fn ends_of_values() {
    for text in [
        "{}",
        "[]",
        "[ ]",
        "{ }",
        "1",
        "-1.5e+3",
        "\"a\\n\"",
        "true",
        "[1,[2,{\"a\":[]}]]",
        "{\"a\":{\"b\":[null]}}",
    ] {
        assert_eq!(
            skip(&format!("{text} ,")),
            Ok(Skipped {
                end: text.len(),
                flaw: None
            }),
            "{text}"
        );
    }
}

#[test]
fn what_was_expected() {
    for (text, at, expected) in [
        ("", 0, "a value"),
        ("[1 2]", 3, "',' or ']'"),
        ("[1,]", 3, "a value"),
        ("{\"a\" 1}", 5, "':'"),
        ("{\"a\":1 \"b\"}", 7, "',' or '}'"),
        ("{\"a\":1,}", 7, "a key"),
        ("{1}", 1, "a key or '}'"),
        ("{\"a\":tru}", 5, "a value"),
        ("[01]", 2, "no digit after a leading 0"),
        ("\"a", 2, "'\"'"),
        ("\"a\nb\"", 2, "'\"' or an escaped control character"),
        ("\"\\x\"", 2, "one of \"\\/bfnrtu after a backslash"),
        ("\"\\u12g4\"", 5, "four hexadecimal digits after \\u"),
        ("[1}", 2, "',' or ']'"),
        ("{\"a\":1]", 6, "',' or '}'"),
    ] {
        assert_eq!(skip(text), Err(SyntaxError { at, expected }), "{text}");
    }
}

#[test]
fn flaws_do_not_stop_the_walk() {
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    assert_eq!(
        skip(&deep),
        Ok(Skipped {
            end: 202,
            flaw: Some(Flaw::TooDeep)
        })
    );
    assert_eq!(skip(&deep[1..201]), Ok(Skipped { end: 200, flaw: None }));
    for text in [
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
    ] {
        assert_eq!(
            skip(text),
            Ok(Skipped {
                end: text.len(),
                flaw: Some(Flaw::LoneSurrogate { at: 1 })
            }),
            "{text}"
        );
    }
    assert_eq!(skip("\"\\ud83d\\ude00\"").map(|skipped| skipped.flaw), Ok(None));
}

#[test]
fn containers_remember_their_kind_beyond_one_word() {
    for depth in [63, 64, 65, 127, 128, 129, 300] {
        let kinds: Vec<bool> = (0..depth).map(|level| level % 3 == 0).collect();
        let open: String = kinds
            .iter()
            .map(|&object| if object { "{\"k\":" } else { "[" })
            .collect();
        let close: String = kinds
            .iter()
            .rev()
            .map(|&object| if object { "}" } else { "]" })
            .collect();
        let text = format!("{open}1{close}");
        assert_eq!(skip(&text).map(|skipped| skipped.end), Ok(text.len()));
        let wrong = text.replacen("1}", "1]", 1).replacen("1]]", "1}]", 1);
        if wrong != text {
            assert!(skip(&wrong).is_err());
        }
    }
}
