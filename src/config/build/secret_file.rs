//! Files with keys and passwords.

use std::path::Path;

use super::super::diag::Class;
use super::super::place::At;
use super::context::Ctx;

/// The octets of a file with a secret: those before a NUL, without the ends of lines at the end. `noun` is what the file has,
/// and `consequence` is a clause for the message if it cannot be read.
pub(super) fn read(path: &str, at: At, noun: &str, consequence: &str, ctx: &mut Ctx<'_, '_>) -> Option<Vec<u8>> {
    let path = Path::new(path);
    // Only a path is quoted in messages, as a secret may have been written in its place.
    let name =
        if path.is_absolute() { format!("the {noun} file {}", path.display()) } else { format!("the {noun} file") };
    let file = match ctx.answers.key_file(path) {
        Ok(file) => file,
        Err(why) => {
            let text = format!("{name} {why}: {consequence}");
            ctx.mistake(at, text, format!("write the path of a small regular file with the {noun}"));
            return None;
        }
    };
    if file.exposed {
        let text = format!(
            "{name} can be read or changed by its group or others: the {noun} is used, although it may be known to them"
        );
        ctx.report.fault(Class::Security, at, text).help("chmod 600 FILE");
    }
    let text = file.octets.split(|octet| *octet == 0).next().unwrap_or_default();
    let end = text.iter().rposition(|octet| !matches!(octet, b'\r' | b'\n')).map_or(0, |last| last.saturating_add(1));
    Some(text.get(..end).unwrap_or_default().to_vec())
}
