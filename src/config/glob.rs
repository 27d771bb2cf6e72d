//! File name patterns of `include`: brace alternatives, `~`, `*`, `?`, `[...]`.

use std::path::{Path, PathBuf};

/// Most alternatives of a pattern.
const MOST_ALTERNATIVES: usize = 1024;

/// Most paths that a pattern matches.
const MOST_MATCHES: usize = 10_000;

/// Expands `{a,b}` alternatives, also nested ones; `None` when there are too many.
pub(crate) fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let mut done = Vec::new();
    let mut todo = vec![pattern.to_owned()];
    while let Some(next) = todo.pop() {
        if done.len().saturating_add(todo.len()) > MOST_ALTERNATIVES {
            return None;
        }
        match first_braces(&next) {
            None => done.push(next),
            Some((head, choices, tail)) => {
                let all: Vec<String> = choices.iter().rev().map(|c| format!("{head}{c}{tail}")).collect();
                todo.extend(all);
            }
        }
    }
    Some(done)
}

/// Splits at the first balanced `{...}` with a comma.
fn first_braces(text: &str) -> Option<(&str, Vec<&str>, &str)> {
    for (open, _) in text.match_indices('{') {
        let inner_start = open.saturating_add(1);
        let (mut depth, mut start, mut choices) = (0u32, inner_start, Vec::new());
        for (i, c) in text.char_indices().filter(|(i, _)| *i >= inner_start) {
            match c {
                '{' => depth = depth.saturating_add(1),
                '}' if depth == 0 => {
                    if choices.is_empty() {
                        break;
                    }
                    choices.push(text.get(start..i)?);
                    return Some((text.get(..open)?, choices, text.get(i.saturating_add(1)..)?));
                }
                '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    choices.push(text.get(start..i)?);
                    start = i.saturating_add(1);
                }
                _ => {}
            }
        }
    }
    None
}

/// Whether a pattern has wildcards.
pub(crate) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The existing paths that match, sorted. `pattern` has no braces; a relative pattern starts at `directory`.
pub(crate) fn matches(pattern: &str, directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![if pattern.starts_with('/') { PathBuf::from("/") } else { directory.to_path_buf() }];
    for part in pattern.split('/').filter(|p| !p.is_empty()) {
        let mut next = Vec::new();
        for base in &found {
            if !has_wildcard(part) {
                let path = base.join(part);
                next.extend(path.symlink_metadata().is_ok().then_some(path));
                continue;
            }
            let here = if base.as_os_str().is_empty() { Path::new(".") } else { base.as_path() };
            let Ok(entries) = std::fs::read_dir(here) else {
                continue;
            };
            let mut names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
            names.retain(|n| (!n.starts_with('.') || part.starts_with('.')) && fits(part, n));
            names.sort();
            next.extend(names.into_iter().map(|n| base.join(n)));
            next.truncate(MOST_MATCHES);
        }
        found = next;
    }
    found
}

/// Whether a name matches a pattern of one path component.
fn fits(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut pi, mut ni) = (0usize, 0usize);
    // Where to continue when the last `*` has to match one more character.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&c) = n.get(ni) {
        let step = match p.get(pi) {
            Some('*') => {
                retry = Some((pi, ni));
                pi = pi.saturating_add(1);
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(p.get(pi..).unwrap_or_default(), c),
            Some('\\') => (p.get(pi.saturating_add(1)) == Some(&c)).then_some(2),
            other => (other == Some(&c)).then_some(1),
        };
        if let Some(len) = step {
            pi = pi.saturating_add(len);
            ni = ni.saturating_add(1);
        } else if let Some((star, taken)) = retry {
            pi = star.saturating_add(1);
            ni = taken.saturating_add(1);
            retry = Some((star, ni));
        } else {
            return false;
        }
    }
    p.get(pi..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// Length of the `[...]` at the start of the pattern if it matches the character; an unclosed `[` matches itself.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let Some(end) = pattern.iter().skip(first + 1).position(|c| *c == ']').map(|n| n.saturating_add(first + 1)) else {
        return (c == '[').then_some(1);
    };
    let set = pattern.get(first..end).unwrap_or_default();
    let mut inside = false;
    let mut i = 0usize;
    while let Some(low) = set.get(i) {
        match (set.get(i.saturating_add(1)), set.get(i.saturating_add(2))) {
            (Some('-'), Some(high)) => {
                inside |= (*low..=*high).contains(&c);
                i = i.saturating_add(3);
            }
            _ => {
                inside |= *low == c;
                i = i.saturating_add(1);
            }
        }
    }
    (inside != negated).then_some(end.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, fit) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a]x", "bx", true),
            ("[]]x", "]x", true),
            ("[x", "[x", true),
            ("*a*b*c", "xxaxxbxxc", true),
            ("*a*b*c", "xxaxxbxx", false),
            ("\\*", "*", true),
            ("", "", true),
            ("***", "", true),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn braces_are_expanded() {
        for (pattern, all) in [
            ("a{b,c}d", "abd acd"),
            ("{a,b}{c,d}", "ac ad bc bd"),
            ("a{b,{c,d}}", "ab ac ad"),
            ("a{b}", "a{b}"),
            ("a{,b}", "a ab"),
            ("plain", "plain"),
            ("a{b,c", "a{b,c"),
        ] {
            assert_eq!(alternatives(pattern).unwrap().join(" "), all, "{pattern}");
        }
        assert!(alternatives(&"{a,b}".repeat(30)).is_none());
    }
}
