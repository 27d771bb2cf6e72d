//! Encoding of a file, and characters that are easily mistaken for others.

use super::diag::Class;
use super::line::Line;
use super::place::At;
use super::report::Report;

/// Octets that are examined to detect UTF-16 without a byte order mark.
const SAMPLE: usize = 4096;

/// How a file differs from UTF-8 text with line feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Foreign {
    utf16: bool,
    /// Lines end in CR alone.
    cr_only: bool,
    /// A byte order mark was removed.
    mark: bool,
}

/// Decodes the text of a file and detects its encoding. Octets that are not UTF-8 become U+FFFD.
pub(crate) fn decode(bytes: Vec<u8>) -> (String, Foreign) {
    let utf16 = is_utf16(&bytes);
    let text = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    // Some editors put a byte order mark before the first line.
    let (text, mark) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest.to_owned(), true),
        None => (text, false),
    };
    let returns = memchr::memchr_iter(b'\r', text.trim_end_matches('\r').as_bytes()).next().is_some();
    let cr_only = returns && !utf16 && memchr::memchr(b'\n', text.as_bytes()).is_none();
    (text, Foreign { utf16, cr_only, mark })
}

fn is_utf16(bytes: &[u8]) -> bool {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    // ASCII text in UTF-16 has a NUL in every other octet, and only there.
    let sample = bytes.get(..bytes.len().min(SAMPLE)).unwrap_or_default();
    let nuls = |first: usize| sample.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (nuls(0), nuls(1));
    let half = sample.len() / 2;
    half > 1 && (even.max(odd)).saturating_mul(4) > half.saturating_mul(3) && even.min(odd) == 0
}

impl Foreign {
    /// Reports the encoding; false when the file cannot be read in it.
    pub fn report(self, file: u32, report: &mut Report) -> bool {
        let at = At { file, ..At::default() };
        if self.utf16 {
            report.error(Class::General, at, "the file is UTF-16").help("convert it: iconv -f UTF-16 -t UTF-8");
        } else if self.cr_only {
            report
                .error(Class::General, at, "the lines of the file end in a carriage return alone: it is one long line")
                .help("convert it: tr '\\r' '\\n'");
        } else if self.mark {
            report
                .warn(Class::General, at, "the file begins with a byte order mark")
                .help("save it as UTF-8 without one");
        }
        !self.utf16 && !self.cr_only
    }
}

/// Characters of a file that are easily mistaken for others: for each kind, the first place and the number.
#[derive(Debug, Default)]
pub(crate) struct OddCharacters([Option<(At, char, u32)>; KINDS.len()]);

/// Text of the message about each kind, and the remedy.
const KINDS: [(&str, &str); 4] = [
    ("the text is not UTF-8", "save the file as UTF-8"),
    ("looks like a blank but is part of the word", "replace it by a space"),
    ("is invisible but part of the word", "remove it"),
    ("is not a quote: it is part of the word", "write \""),
];

fn kind(c: char) -> Option<usize> {
    match c {
        '\u{fffd}' => Some(0),
        '\u{85}'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Some(1),
        '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => Some(2),
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => Some(3),
        _ => None,
    }
}

impl OddCharacters {
    /// Examines a line without its comment. Within quotes only text that is not UTF-8 counts.
    pub fn look(&mut self, line: &Line<'_>) {
        let mut quoted = false;
        for (byte, c) in line.text.char_indices() {
            quoted ^= c == '"';
            let Some(n) = kind(c).filter(|n| !quoted || *n == 0) else { continue };
            let Some(found) = self.0.get_mut(n) else { continue };
            let (.., count) = found.get_or_insert_with(|| (line.at(byte, c.len_utf8()), c, 0));
            *count = count.saturating_add(1);
        }
    }

    /// Reports each kind once.
    pub fn report(self, report: &mut Report) {
        for (found, (text, help)) in self.0.into_iter().zip(KINDS) {
            let Some((at, c, count)) = found else { continue };
            let what = match c {
                '\u{fffd}' => text.to_owned(),
                c => format!("the character U+{:04X} {text}", u32::from(c)),
            };
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            report.warn(Class::General, at, what + &times).help(help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_detected() {
        let utf16 = |text: &str, big: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let none = Foreign::default();
        for (bytes, expected) in [
            (b"a\nb\n".to_vec(), none),
            (b"a\r\nb\r\n".to_vec(), none),
            (b"a\r".to_vec(), none),
            (b"\0a".to_vec(), none),
            (b"router_id\0x\n".to_vec(), none),
            (b"".to_vec(), none),
            (b"a\rb".to_vec(), Foreign { cr_only: true, ..none }),
            (b"\xef\xbb\xbfa\n".to_vec(), Foreign { mark: true, ..none }),
            (utf16("\u{feff}router_id\n", false), Foreign { utf16: true, ..none }),
            (utf16("router_id\n", true), Foreign { utf16: true, ..none }),
            (utf16("router_id é\n", false), Foreign { utf16: true, ..none }),
        ] {
            assert_eq!(decode(bytes.clone()).1, expected, "{bytes:?}");
        }
    }
}
