//! Suggestions for misspelt words.

use strsim::osa_distance;

/// The candidate with the smallest edit distance to `word`, if that is small enough for a misspelling.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = match word.chars().count() {
        0..=2 => return None,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    let lower = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|c| (distance(&lower, &c.to_ascii_lowercase(), limit), c))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Edits (insert, remove, replace, swap neighbors) from `a` to `b`; more than `limit` if the lengths alone require that.
pub(crate) fn distance(a: &str, b: &str, limit: usize) -> usize {
    // Lengths in octets are good enough: keywords are ASCII.
    if a.len().abs_diff(b.len()) > limit { limit.saturating_add(1) } else { osa_distance(a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, d) in
            [("", "", 0), ("priority", "prority", 1), ("ab", "ba", 1), ("state", "stat", 1), ("abc", "xyz", 3)]
        {
            assert_eq!(distance(a, b, 5), d, "{a} {b}");
        }
        assert_eq!(distance("short", "muchlongerword", 3), 4);
    }

    #[test]
    fn near_misses() {
        let words = ["vrrp_instance", "vrrp_script", "priority", "state"];
        assert_eq!(nearest("vrrp_instence", words), Some("vrrp_instance"));
        assert_eq!(nearest("Priority", words), Some("priority"));
        assert_eq!(nearest("banana", words), None);
        assert_eq!(nearest("xx", words), None);
    }
}
