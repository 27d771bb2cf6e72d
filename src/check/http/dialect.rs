//! Translation of PCRE2 compile options into the text of a pattern, since the library accepts only some of them as options.

use crate::config::lvs::RegexCheck;

/// Options that PCRE2 also accepts as items at the start of a pattern.
const ITEMS: [(&str, &str); 2] =
    [("no_dotstar_anchor", "(*NO_DOTSTAR_ANCHOR)"), ("no_start_optimize", "(*NO_START_OPT)")];
/// Options that PCRE2 also accepts as settings within a pattern.
const SETTINGS: [(&str, &str); 3] = [("dupnames", "(?J)"), ("ungreedy", "(?U)"), ("no_auto_capture", "(?n)")];
/// Prefixes of the items at the start of a pattern; other words in capitals are verbs.
const ITEM_WORDS: [&str; 8] = ["UTF", "UCP", "NO", "LIMIT_", "CR", "LF", "ANY", "BSR_"];

/// Returns the items at the start of the pattern, and the rest of the pattern with its options translated.
///
/// The caller handles `caseless`, `dotall`, `extended`, `multiline`, `no_auto_possess`, `ucp`, `utf` and `firstline`.
/// `auto_callout`, `alt_verbnames`, `never_backslash_c`, `never_ucp`, `never_utf` and `use_offset_limit` have no effect
/// on matches.
pub(super) fn translate(check: &RegexCheck) -> (String, String) {
    let has = |name: &str| check.options.iter().any(|option| option == name);
    let chosen = |list: &[(&str, &'static str)]| -> String {
        list.iter().filter(|(option, _)| has(option)).map(|(_, item)| *item).collect()
    };
    let pattern = as_text(&check.pattern);
    let (own_items, pattern) = pattern.split_at_checked(items(&pattern)).unwrap_or(("", &pattern));
    let mut body = chosen(&SETTINGS);
    let dialect = Dialect {
        end_only: has("dollar_endonly") && !has("multiline"),
        circumflex: has("alt_circumflex") && has("multiline"),
        empty_class: has("allow_empty_class"),
        unset_backref: has("match_unset_backref"),
        bsux: has("alt_bsux"),
    };
    if dialect == Dialect::default() {
        body.push_str(pattern);
    } else {
        dialect.rewrite(pattern, &mut body);
    }
    if has("extended") {
        // Terminates a comment at the end of the pattern.
        body.push('\n');
    }
    (chosen(&ITEMS) + own_items, body)
}

/// Length of the items at the start of a pattern.
fn items(pattern: &str) -> usize {
    let mut length = 0;
    while let Some(item) = pattern.get(length..).and_then(|rest| rest.strip_prefix("(*")) {
        let Some(end) = item.find(')').filter(|_| ITEM_WORDS.iter().any(|word| item.starts_with(word))) else { break };
        length += "(*)".len() + end;
    }
    length
}

/// Converts a pattern to text. Octets that are not UTF-8 become escapes.
fn as_text(pattern: &[u8]) -> String {
    let mut text = String::new();
    for chunk in pattern.utf8_chunks() {
        text.push_str(chunk.valid());
        for octet in chunk.invalid() {
            text.push_str(&format!("\\x{octet:02x}"));
        }
    }
    text
}

/// The options that change the meaning of parts of a pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Dialect {
    /// `dollar_endonly`, which only has an effect without `multiline`.
    end_only: bool,
    /// `alt_circumflex`, which only has an effect with `multiline`.
    circumflex: bool,
    /// `allow_empty_class`.
    empty_class: bool,
    /// `match_unset_backref`, for `\1` to `\9`.
    unset_backref: bool,
    /// `alt_bsux`: escapes as in ECMAScript.
    bsux: bool,
}

impl Dialect {
    fn rewrite(self, mut rest: &str, text: &mut String) {
        while let Some(next) = rest.chars().next() {
            let token = match next {
                '\\' => escape(rest),
                '[' => class(rest),
                _ => next.len_utf8(),
            };
            let (token, after) = rest.split_at_checked(token).unwrap_or((rest, ""));
            match token {
                "$" if self.end_only => text.push_str(r"\z"),
                "^" if self.circumflex => text.push_str(r"(?:^|(?<=\n)\z)"),
                "[]" | "[^]" if !self.empty_class => {
                    // The first bracket is a member of the class, which extends to the next bracket.
                    let end = class_end(rest, token.len());
                    let (whole, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                    text.push_str(whole);
                    rest = after;
                    continue;
                }
                "[]" => text.push_str("(?!)"),
                "[^]" => text.push_str("(?s:.)"),
                _ => match token.strip_prefix('\\') {
                    Some(escaped) => self.escaped(escaped, token, text),
                    None => text.push_str(token),
                },
            }
            rest = after;
        }
    }

    /// Translates an escape. `escaped` is the token without its backslash.
    fn escaped(self, escaped: &str, token: &str, text: &mut String) {
        match escaped.split_at_checked(1).unwrap_or((escaped, "")) {
            (digit @ ("1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"), "") if self.unset_backref => {
                text.push_str(&format!(r"(?({digit})\{digit})"));
            }
            ("u" | "x", "") if self.bsux => text.push_str(escaped),
            ("u" | "x", digits) if self.bsux => text.push_str(&format!(r"\x{{{digits}}}")),
            ("U", "") if self.bsux => text.push('U'),
            // Other escapes are unchanged.
            _ => text.push_str(token),
        }
    }
}

/// Length of the escape at the start of `text`: a backslash, a character and its digits or quoted text.
fn escape(text: &str) -> usize {
    let mut after = text.chars().skip(1);
    let hex = |count: usize| {
        let digits = text.get(2..2 + count);
        if digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit())) { 2 + count } else { 2 }
    };
    match after.next() {
        Some('Q') => text.find(r"\E").map_or(text.len(), |at| at + 2),
        Some('u') => hex(4),
        Some('x') => hex(2),
        Some('1'..='9') => 2,
        Some(other) => 1 + other.len_utf8(),
        None => 1,
    }
}

/// Length of the character class at the start of `text`; `[]` and `[^]` count as empty classes.
fn class(text: &str) -> usize {
    for empty in ["[]", "[^]"] {
        if text.starts_with(empty) {
            return empty.len();
        }
    }
    class_end(text, 1)
}

/// End of the character class that has been read up to `from`.
fn class_end(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(rest) = text.get(at..) {
        let Some(next) = rest.chars().next() else { break };
        match next {
            ']' => return at + 1,
            '\\' => at += escape(rest),
            '[' if rest.starts_with("[:") => at += rest.find(":]").map_or(1, |end| end + 2),
            other => at += other.len_utf8(),
        }
    }
    text.len()
}
