//! Hexadecimal dumps: octets as digits and text, 16 per line.

use std::io::{self, Write};

const LINE_LENGTH: usize = 16;

/// A dump of octets that arrive in pieces.
#[derive(Debug, Default)]
pub(super) struct Dump {
    offset: usize,
    line: Vec<u8>,
}

impl Dump {
    /// Adds octets and writes the complete lines.
    pub fn add(&mut self, out: &mut dyn Write, octets: &[u8]) -> io::Result<()> {
        for octet in octets {
            self.line.push(*octet);
            if self.line.len() == LINE_LENGTH {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    /// Writes the last, incomplete line.
    pub fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.flush(out) }
    }

    /// Writes a dump of all octets at once.
    pub fn whole(mut self, out: &mut dyn Write, octets: &[u8]) -> io::Result<()> {
        self.add(out, octets)?;
        self.end(out)
    }

    fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{:06}  ", self.offset)?;
        for at in 0..LINE_LENGTH {
            match self.line.get(at) {
                Some(octet) => write!(out, "{octet:02x} ")?,
                None => write!(out, "   ")?,
            }
        }
        let graphic = |octet: &u8| if octet.is_ascii_graphic() || *octet == b' ' { char::from(*octet) } else { '.' };
        writeln!(out, " {}", self.line.iter().map(graphic).collect::<String>())?;
        self.offset = self.offset.saturating_add(self.line.len());
        self.line.clear();
        Ok(())
    }
}

/// Writes the title of a section.
pub(super) fn title(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "--- {text} ---")
}

/// Replaces the control characters of a header, which could control the terminal.
pub(super) fn printable(text: &str) -> String {
    let line_end = text.replace("\r\n", "\n");
    line_end.chars().map(|c| if c.is_control() && c != '\n' { '.' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Dump, printable};

    #[test]
    fn the_dump_does_not_depend_on_the_pieces() {
        let octets: Vec<u8> = (0..40).map(|n| n + 50).collect();
        let whole = {
            let mut out = Vec::new();
            Dump::default().whole(&mut out, &octets).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(whole.lines().count(), 3);
        assert!(
            whole.starts_with("000000  32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 40 41  23456789:;<=>?@A\n"),
            "{whole}"
        );
        assert!(whole.ends_with("000032  52 53 54 55 56 57 58 59                          RSTUVWXY\n"), "{whole}");
        for size in 1..20 {
            let (mut dump, mut out) = (Dump::default(), Vec::new());
            octets.chunks(size).for_each(|piece| dump.add(&mut out, piece).unwrap());
            dump.end(&mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), whole);
        }
    }

    #[test]
    fn control_characters_are_not_shown() {
        assert_eq!(printable("a\r\nb\x1b[2J\r\n"), "a\nb.[2J\n");
    }
}
