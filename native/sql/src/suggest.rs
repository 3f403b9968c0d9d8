//! "Did you mean": the known names nearest to an unknown one.

use std::collections::BTreeSet;

const SUGGESTIONS_MAX: usize = 3;
/// Longer names are not worth a quadratic comparison.
const NAME_CHARS_MAX: usize = 128;

/// At most three of `known` that differ from `name` by few edits, or contain it; the nearest first, each once.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let name = name.to_lowercase();
    let edits_max = name.chars().count().div_ceil(3).max(1);
    let scored: BTreeSet<(usize, &str)> = known
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let edits = distance(&name, &lower)?;
            let inside = name.len() > 2 && lower.contains(&name);
            (edits <= edits_max || inside).then_some((edits, candidate))
        })
        .collect();
    let mut names: Vec<String> = Vec::new();
    for (_, candidate) in scored {
        if names.len() < SUGGESTIONS_MAX && !names.iter().any(|taken| taken == candidate) {
            names.push(candidate.to_owned());
        }
    }
    names
}

/// Edit distance where a swap of neighbours counts once (optimal string alignment).
fn distance(left: &str, right: &str) -> Option<usize> {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    if left.len() > NAME_CHARS_MAX || right.len() > NAME_CHARS_MAX {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in right.iter().enumerate() {
            let mut edits = (above[j] + usize::from(from != to))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *from == right[j - 1] && left[i - 1] == *to {
                edits = edits.min(before[j - 1] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first() {
        assert_eq!(nearest("levle", ["message", "level", "levels"]), ["level", "levels"]);
        assert_eq!(nearest("response", ["response_time", "other"]), ["response_time"]);
        assert!(nearest("zzz", ["level"]).is_empty());
    }

    #[test]
    fn a_swap_is_one_edit() {
        assert_eq!(distance("ab", "ba"), Some(1));
        assert_eq!(distance("kitten", "sitting"), Some(3));
    }
}
