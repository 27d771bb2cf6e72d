//! Help and completions, derived from the keyword tree.

use std::fmt::Write;

use super::{Body, Keyword, ROOT, Status, find};

/// Text for the status of a keyword.
pub fn status_text(keyword: &Keyword) -> String {
    match keyword.status {
        Status::Acted => "acted on".to_owned(),
        Status::NoEffect => "no effect".to_owned(),
        Status::Unneeded(why) => format!("no effect: {why}"),
        Status::Alias(of) => format!("same as {of}"),
        Status::Deprecated(instead) => format!("deprecated, use {instead}"),
    }
}

/// The keywords of a block, by path from the top level (`["vrrp_instance", "authentication"]`); `None` when the block does not exist.
pub fn keywords_in(path: &[&str]) -> Option<Vec<&'static Keyword>> {
    let mut sets = ROOT;
    for name in path {
        sets = find(sets, name).map(Keyword::block).filter(|s| !s.is_empty())?;
    }
    Some(sets.iter().flat_map(|s| s.iter()).collect())
}

/// Names that may follow in a block, for shell and editor completion.
pub fn completions(path: &[&str], start: &str) -> Vec<&'static str> {
    let all = keywords_in(path).unwrap_or_default();
    all.into_iter().map(|k| k.name).filter(|n| n.starts_with(start)).collect()
}

/// Help on a keyword in all of its blocks: path, arguments, meaning, rule, default, first release, status.
/// Empty for a word that is not a keyword.
pub fn keyword_help(name: &str) -> String {
    let mut out = String::new();
    walk(&mut |path, keyword| {
        if keyword.name == name {
            entry(path, keyword, &mut out);
        }
    });
    out
}

/// The table of supported keywords: one line with the status for each keyword of the tree.
pub fn overview() -> String {
    let mut out = String::new();
    walk(&mut |path, keyword| {
        let indent = "  ".repeat(path.len());
        let line = format!("{indent}{} {}", keyword.name, keyword.usage);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:<60} {}", line.trim_end(), status_text(keyword));
    });
    out
}

/// Calls `f` for each keyword, with the names of its outer blocks.
pub fn walk(f: &mut dyn FnMut(&[&'static str], &'static Keyword)) {
    fn level(
        sets: &'static [&'static [Keyword]],
        path: &mut Vec<&'static str>,
        f: &mut dyn FnMut(&[&'static str], &'static Keyword),
    ) {
        for keyword in sets.iter().flat_map(|s| s.iter()) {
            f(path, keyword);
            path.push(keyword.name);
            match keyword.body {
                Body::Block(inner) | Body::Loose(inner, _) => level(inner, path, f),
                Body::Entries(kinds) => kinds.iter().for_each(|k| f(path, k)),
                Body::Words(kind) => f(path, kind),
                Body::None => {}
            }
            path.pop();
        }
    }
    level(ROOT, &mut Vec::new(), f);
}

fn entry(path: &[&str], keyword: &Keyword, out: &mut String) {
    let place = if path.is_empty() { "top level".to_owned() } else { path.join(" / ") };
    let _ = writeln!(out, "{} {}", keyword.name, keyword.usage);
    let rows = [
        ("in", place.as_str()),
        ("", keyword.help),
        ("values", keyword.rule),
        ("default", keyword.default),
        ("since", keyword.since),
        ("status", &status_text(keyword)),
    ];
    for (label, text) in rows.into_iter().filter(|(_, t)| !t.is_empty()) {
        let _ = writeln!(out, "    {label:<8} {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_block() {
        let text = keyword_help("smtp_alert");
        for place in ["global_defs", "vrrp_instance", "virtual_server / real_server"] {
            assert!(text.contains(&format!("in       {place}\n")), "{place} in {text}");
        }
        assert!(keyword_help("priority").contains("1..255"));
        assert_eq!(keyword_help("banana"), "");
    }

    #[test]
    fn completions_of_a_block() {
        assert_eq!(completions(&["vrrp_instance", "authentication"], "auth_p"), ["auth_pass"]);
        assert!(completions(&[], "vrrp_").contains(&"vrrp_instance"));
        assert!(completions(&["no_such_block"], "").is_empty());
    }

    #[test]
    fn the_overview_has_the_statuses_in_use() {
        let text = overview();
        for status in ["acted on", "same as", "deprecated, use", "no effect"] {
            assert!(text.contains(status), "{status}");
        }
    }
}
