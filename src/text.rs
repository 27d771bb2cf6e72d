//! Text for messages: errors without numbers, and counts with their nouns.

use std::borrow::Cow;
use std::io;

/// The standard library's suffix of system errors.
const NUMBER: &str = " (os error ";

/// The text of an error, without its number: "Permission denied".
pub fn reason(error: &io::Error) -> String {
    let text = plain(&error.to_string()).into_owned();
    let mut letters = text.chars();
    match letters.next() {
        // An error kind without a system error: capitalised as system errors are.
        Some(first) if error.get_ref().is_none() && error.raw_os_error().is_none() => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => text,
    }
}

/// Removes the numbers of system errors from a text.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(NUMBER) {
        return text.into();
    }
    let mut pieces = text.split(NUMBER);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
        match rest.strip_prefix(')') {
            Some(rest) => out.push_str(rest),
            None => {
                out.push_str(NUMBER);
                out.push_str(piece);
            }
        }
    }
    out.into()
}

/// A count with its noun: "1 change", "2 changes".
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// "was" or "were", for a count.
pub fn was(count: usize) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_no_numbers() {
        for (error, expected) in [
            (io::Error::from_raw_os_error(13), "Permission denied"),
            (io::ErrorKind::PermissionDenied.into(), "Permission denied"),
            (
                io::Error::other(format!("cannot read x: {}", io::Error::from_raw_os_error(2))),
                "cannot read x: No such file or directory",
            ),
            (io::Error::other("it is a link"), "it is a link"),
        ] {
            assert_eq!(reason(&error), expected);
        }
        assert_eq!(plain("a (os error 5), b (os error 12); (os error x)"), "a, b; (os error x)");
    }

    #[test]
    fn counts_have_singular_and_plural() {
        assert_eq!(counted(1, "change"), "1 change");
        assert_eq!([0, 2].map(|n| counted(n, "change")), ["0 changes", "2 changes"]);
    }
}
