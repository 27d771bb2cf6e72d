//! "Did you mean": near misses of a misspelt word.

/// The nearest of `candidates` to `word`, if it is near enough to be meant.
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

/// Edits (insert, remove, replace, swap neighbours) from `a` to `b`; anything above `limit` is `limit + 1`.
pub(crate) fn distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let over = limit.saturating_add(1);
    if a.len().abs_diff(b.len()) > limit {
        return over;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, cb) in b.iter().enumerate() {
            let get = |v: &[usize], k: usize| v.get(k).copied().unwrap_or(over);
            let mut best = get(&last, j).saturating_add(usize::from(ca != cb));
            best = best.min(get(&row, j).saturating_add(1)).min(get(&last, j.saturating_add(1)).saturating_add(1));
            let swapped =
                i > 0 && j > 0 && a.get(i.wrapping_sub(1)) == Some(cb) && b.get(j.wrapping_sub(1)) == Some(ca);
            if swapped {
                best = best.min(get(&before, j.wrapping_sub(1)).saturating_add(1));
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(over).min(over)
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
