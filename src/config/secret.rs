//! Keeps passwords and keys out of everything that is shown.

use super::suggest::distance;

/// What stands in place of a secret.
pub(crate) const MASK: &str = "********";

/// Keywords whose arguments are secrets: `auth_pass`, `key` of `auth_hmac`, `password` of `SSL`.
const KEYWORDS: &[&str] = &["auth_pass", "key", "password"];

/// Masks a line of a file: all after a keyword of secrets (or a misspelt `auth_pass`), and each known secret.
pub(crate) fn mask(line: &str, secrets: &[String]) -> String {
    let mut cut = None;
    let mut at = 0usize;
    for piece in line.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '{' | '}')) {
        let word = piece.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '{' | '}'));
        let end = at.saturating_add(word.len());
        if KEYWORDS.contains(&word) || (word != "auth_type" && distance(word, "auth_pass", 2) <= 2) {
            cut = Some(end);
            break;
        }
        at = at.saturating_add(piece.len());
    }
    let (head, tail) = line.split_at(cut.unwrap_or(line.len()));
    let mut shown = shown(head, secrets);
    if !tail.trim().is_empty() {
        shown.push(' ');
        shown.push_str(MASK);
    }
    shown
}

/// A text with each known secret masked, and without control characters that could play tricks on a terminal.
pub(crate) fn shown(text: &str, secrets: &[String]) -> String {
    let visible = |c: char| {
        if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
    };
    let mut shown: String = text.chars().map(visible).collect();
    for secret in secrets {
        if shown.contains(secret.as_str()) {
            shown = shown.replace(secret.as_str(), MASK);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (line, shown) in [
            ("  auth_pass s3cret", "  auth_pass ********"),
            (
                "authentication { auth_type PASS auth_pass s3cret }",
                "authentication { auth_type PASS auth_pass ********",
            ),
            ("auth_pas s3cret", "auth_pas ********"),
            ("auth_type PASS", "auth_type PASS"),
            ("auth_pass", "auth_pass"),
            ("$PW=s3cret # mine", "$PW=******** # mine"),
            ("priority 100", "priority 100"),
        ] {
            assert_eq!(mask(line, &["s3cret".to_owned()]), shown);
        }
    }
}
