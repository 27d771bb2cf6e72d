//! The reference part of keepalived.conf(5), derived from the keyword tree.

use std::fmt::Write;

use super::{Keyword, status_text, walk};

/// The reference in roff: a section for each block, with a paragraph for each keyword.
pub fn manual() -> String {
    let mut blocks: Vec<(String, String)> = Vec::new();
    walk(&mut |path, keyword| {
        let title = if path.is_empty() { "TOP LEVEL".to_owned() } else { path.join(" / ") };
        let at = blocks.iter().position(|(of, _)| *of == title).unwrap_or_else(|| {
            blocks.push((title, String::new()));
            blocks.len() - 1
        });
        if let Some((_, text)) = blocks.get_mut(at) {
            entry(keyword, text);
        }
    });
    // Writing to a String cannot fail.
    blocks.into_iter().fold(String::new(), |mut out, (title, text)| {
        let _ = writeln!(out, ".SS {}\n{}", escape(&title), text.trim_end());
        out
    })
}

fn entry(keyword: &Keyword, out: &mut String) {
    let _ = writeln!(out, ".TP\n\\fB{}\\fR {}", escape(keyword.name), escape(keyword.usage));
    let mut sentences = vec![keyword.help.to_owned()];
    let texts = [("Values", keyword.rule), ("Default", keyword.default), ("Since", keyword.since)];
    sentences.extend(texts.iter().filter(|(_, text)| !text.is_empty()).map(|(label, text)| format!("{label}: {text}")));
    if keyword.status != super::Status::Acted {
        sentences.push(format!("Here: {}", status_text(keyword)));
    }
    let lines = sentences.iter().filter(|text| !text.is_empty()).map(|text| escape(text));
    let _ = writeln!(out, "{}.", lines.collect::<Vec<_>>().join(".\n"));
}

/// Escapes text for roff: hyphens that can be copied, codes for other characters, and no control lines.
fn escape(text: &str) -> String {
    let mut out = String::new();
    if text.starts_with(['.', '\'']) {
        out.push_str("\\&");
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_a_section() {
        let text = manual();
        for part in [".SS TOP LEVEL\n", ".SS vrrp_instance / authentication\n", ".TP\n\\fBadvert_int\\fR "] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("\n\n"), "no empty lines");
        assert_eq!(escape(".x-y\\"), "\\&.x\\-y\\e");
        assert_eq!(escape("±1"), "\\[u00B1]1");
    }
}
