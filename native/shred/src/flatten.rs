//! Keys as column names: ASCII letters in lower case, `_` for every other ASCII character outside `[a-z0-9_]`. What lies beyond
//! ASCII stays as it is, so that keys which differ only there stay apart.

/// Appends the folded form of a decoded key. An empty key is `_`.
pub(crate) fn fold_key(key: &[u8], into: &mut Vec<u8>) {
    if key.is_empty() {
        into.push(b'_');
    }
    for &byte in key {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | 0x80.. => into.push(byte),
            b'A'..=b'Z' => into.push(byte.to_ascii_lowercase()),
            _ => into.push(b'_'),
        }
    }
}

/// A folded name as a string: bodies are UTF-8, and folding takes no character apart.
pub(crate) fn name_of(folded: &[u8]) -> String {
    String::from_utf8_lossy(folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding() {
        for (key, name) in [
            ("", "_"),
            ("level", "level"),
            ("Level", "level"),
            ("@timestamp", "_timestamp"),
            ("a.b-c d", "a_b_c_d"),
            ("größe", "größe"),
            ("GRÖßE", "grÖße"),
            ("日本", "日本"),
            ("状态", "状态"),
            ("😀 X", "😀_x"),
            ("A9_z", "a9_z"),
            ("a\u{0}b", "a_b"),
            ("\u{212a}", "\u{212a}"),
        ] {
            let mut folded = Vec::new();
            fold_key(key.as_bytes(), &mut folded);
            assert_eq!(name_of(&folded), name, "{key}");
        }
    }
}
