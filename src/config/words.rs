//! Tokenisers: for words of a line, for scripts, and for regular expressions.

use std::borrow::Cow;

use super::line::{Line, is_space};
use super::place::At;

/// A word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word<'t> {
    /// The text without quotes.
    pub text: Cow<'t, str>,
    /// Byte offset in the text of the line, including the quote.
    pub start: usize,
    /// Byte offset after it, including the quote.
    pub end: usize,
    /// Whether it was in quotes.
    pub quoted: bool,
}

impl Word<'_> {
    /// The place of the word.
    pub fn at(&self, line: &Line<'_>) -> At {
        line.at(self.start, self.end.saturating_sub(self.start))
    }
}

/// Splits a line at white space; `"..."` is one word, and ends a bare word before it. The second value is the offset of an
/// unpaired quote; the text after it is the last word.
pub(crate) fn split(text: &str) -> (Vec<Word<'_>>, Option<usize>) {
    let mut words = Vec::new();
    let open = split_into(text, &mut words);
    (words, open)
}

/// [`split`] into an empty list.
pub(crate) fn split_into<'t>(text: &'t str, words: &mut Vec<Word<'t>>) -> Option<usize> {
    let bytes = text.as_bytes();
    let tail = |from: usize| bytes.get(from..).unwrap_or_default();
    // Separators are ASCII, so a word never ends inside a character.
    let until = |from: usize, ends: fn(u8) -> bool| {
        tail(from).iter().position(|byte| ends(*byte)).map(|len| from.saturating_add(len))
    };
    let mut at = 0usize;
    loop {
        let start = until(at, |byte| !is_space(byte.into()))?;
        let quoted = bytes.get(start) == Some(&b'"');
        let from = start.saturating_add(usize::from(quoted));
        let found = match quoted {
            true => until(from, |byte| byte == b'"'),
            false => until(from, |byte| is_space(byte.into()) || byte == b'"'),
        };
        let to = found.unwrap_or(bytes.len());
        at = to.saturating_add(usize::from(quoted && found.is_some()));
        words.push(Word { text: text.get(from..to).unwrap_or_default().into(), start, end: at, quoted });
        if quoted && found.is_none() {
            return Some(start);
        }
    }
}

/// Splits the command of a script keyword, from byte `from` on: single and double quotes count, also inside a word, and a
/// backslash escapes the character after it.
pub(crate) fn split_script(text: &str, from: usize) -> (Vec<Word<'static>>, Option<usize>) {
    let mut words: Vec<Word<'static>> = Vec::new();
    let mut current: Option<Word<'static>> = None;
    let mut open: Option<(char, usize)> = None;
    let mut chars = text.char_indices().skip_while(|(i, _)| *i < from).peekable();
    while let Some((i, c)) = chars.next() {
        if open.is_none() && is_space(c) {
            words.extend(current.take());
            continue;
        }
        let word = current.get_or_insert_with(|| Word { text: Cow::default(), start: i, end: i, quoted: false });
        word.end = i.saturating_add(c.len_utf8());
        match (c, open) {
            ('\\', _) => {
                let Some((j, next)) = chars.next() else { break };
                word.text.to_mut().push(next);
                word.end = j.saturating_add(next.len_utf8());
            }
            (c, Some((quote, _))) if c == quote => open = None,
            ('"' | '\'', None) => {
                word.quoted |= word.start == i;
                open = Some((c, i));
            }
            _ => word.text.to_mut().push(c),
        }
    }
    words.extend(current);
    (words, open.map(|(_, i)| i))
}

/// The pattern of a `regex` line, from byte `from` on: one word, with all escapes inside quotes. False = an unpaired quote.
pub(crate) fn pattern(text: &str, from: usize) -> Option<(Word<'_>, bool)> {
    let tail = text.get(from..).unwrap_or("");
    let skipped = tail.trim_start_matches(is_space);
    let start = text.len().saturating_sub(skipped.len());
    let Some(inner) = skipped.strip_prefix('"') else {
        let len = skipped.find(is_space).unwrap_or(skipped.len());
        let word = skipped.get(..len).filter(|w| !w.is_empty())?;
        return Some((Word { text: word.into(), start, end: start.saturating_add(len), quoted: false }, true));
    };
    let mut out = String::new();
    let mut chars = inner.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => {
                let end = start.saturating_add(i).saturating_add(2);
                return Some((Word { text: out.into(), start, end, quoted: true }, true));
            }
            '\\' => out.extend(escape(&mut chars)),
            _ => out.push(c),
        }
    }
    Some((Word { text: out.into(), start, end: text.len(), quoted: true }, false))
}

fn escape(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Option<char> {
    let (_, c) = chars.next()?;
    let mut digits = |radix: u32, most: usize, first: Option<char>| {
        let mut value = first.and_then(|f| f.to_digit(radix)).unwrap_or(0);
        let mut n = usize::from(first.is_some());
        while n < most {
            let Some(d) = chars.peek().and_then(|(_, c)| c.to_digit(radix)) else {
                break;
            };
            value = value.wrapping_mul(radix).wrapping_add(d);
            chars.next();
            n = n.saturating_add(1);
        }
        char::from_u32(value & 0xff)
    };
    match c {
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'E' => Some('\x1b'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        '0'..='7' => digits(8, 3, Some(c)),
        'x' => digits(16, 2, None),
        'c' => chars.next().and_then(|(_, c)| char::from_u32(u32::from(c) & 0x1f)),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'w>(words: &'w [Word<'_>]) -> Vec<&'w str> {
        words.iter().map(|w| &*w.text).collect()
    }

    #[test]
    fn plain() {
        for (line, words, unpaired) in [
            ("a  b\tc", vec!["a", "b", "c"], None),
            ("a \"b c\" d", vec!["a", "b c", "d"], None),
            ("foo\"bar\"baz", vec!["foo", "bar", "baz"], None),
            ("a \"\" b", vec!["a", "", "b"], None),
            ("prior \"itt y", vec!["prior", "itt y"], Some(6)),
            ("'foo bar' x\\ y", vec!["'foo", "bar'", "x\\", "y"], None),
            ("", vec![], None),
        ] {
            let (got, open) = split(line);
            assert_eq!((texts(&got), open), (words, unpaired), "{line}");
        }
    }

    #[test]
    fn scripts() {
        for (line, words, unpaired) in [
            ("n /bin/x a b", vec!["/bin/x", "a", "b"], None),
            ("n \"/bin/x 'a b'\" root", vec!["/bin/x 'a b'", "root"], None),
            ("n '/bin/x' a\\ b", vec!["/bin/x", "a b"], None),
            ("n a\"b c\"d", vec!["ab cd"], None),
            ("n \"a \\\"b\\\"\"", vec!["a \"b\""], None),
            ("n 'open", vec!["open"], Some(2)),
        ] {
            let (got, open) = split_script(line, 1);
            assert_eq!((texts(&got), open), (words, unpaired), "{line}");
        }
    }

    #[test]
    fn patterns() {
        for (line, want) in [("regex a+b rest", "a+b"), ("regex \"a b\\tc\\x41\\101\\cA\\\"\"", "a b\tcAA\x01\"")] {
            assert_eq!(pattern(line, 5).unwrap().0.text, want, "{line}");
        }
        assert!(!pattern("regex \"open", 5).unwrap().1);
        assert!(pattern("regex", 5).is_none());
    }
}
