//! Messages on the terminal. A closed terminal or a full disk does not stop the program, whose exit status reports
//! success or failure anyway.

use std::fmt::Display;
use std::io::{self, Write};

use crate::text::plain;

/// Writes a message to standard error. Errors are ignored.
pub fn message(text: impl Display) {
    let _ = write_line(&mut io::stderr().lock(), &text);
}

/// Writes the requested answer to standard output.
///
/// # Errors
/// If it cannot be written completely: a reader must not mistake a part for the answer.
pub fn answer(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write_line(&mut out, &text).and_then(|()| out.flush())
}

/// Writes a text to standard output after a control sequence.
///
/// # Errors
/// If it cannot be written completely.
pub fn screen(control: &str, text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(control.as_bytes())?;
    write_line(&mut out, &text).and_then(|()| out.flush())
}

/// Writes a text at once, with a newline at its end.
fn write_line(out: &mut dyn Write, text: &dyn Display) -> io::Result<()> {
    let mut text = plain(&text.to_string()).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    out.write_all(text.as_bytes())
}
