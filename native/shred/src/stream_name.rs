//! Stream names as they are stored.

/// Turns every run of characters outside `[A-Za-z0-9_:]` into one `_` and lower-cases the rest.
pub fn normalize_stream(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    let mut in_run = false;
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || character == '_' || character == ':' {
            normal.push(character.to_ascii_lowercase());
            in_run = false;
        } else if !in_run {
            normal.push('_');
            in_run = true;
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::normalize_stream;

    #[test]
    fn names() {
        for (name, normal) in [
            ("", ""),
            ("Logs", "logs"),
            ("a:b_C9", "a:b_c9"),
            ("a--b", "a_b"),
            ("a_-b", "a__b"),
            ("****", "_"),
            ("größe", "gr_e"),
            ("nginx.access-2024.01", "nginx_access_2024_01"),
        ] {
            assert_eq!(normalize_stream(name), normal, "{name}");
        }
    }
}
