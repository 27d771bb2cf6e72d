//! Remedies for words that are not keywords of their block.

use super::keywords::{self, Keyword, ROOT, Status};
use super::suggest::nearest;

/// Block, a word that is often written there by mistake, and the remedy. The block `""` is any.
const MEANT: [(&str, &str, &str); 14] = [
    (
        "virtual_server",
        "timeout",
        "write persistence_timeout SECS for connections of one client, or connect_timeout SECS for checks",
    ),
    ("real_server", "timeout", "write connect_timeout SECS for its checks"),
    ("global_defs", "debug", "remove it; the option -D makes the log more detailed"),
    ("virtual_routes", "gateway", "write via ADDR"),
    ("static_routes", "gateway", "write via ADDR"),
    ("virtual_routes", "gw", "write via ADDR"),
    ("vrrp_instance", "garp_interval", "write vrrp_garp_interval SECS in global_defs, or a garp_group"),
    ("vrrp_instance", "gna_interval", "write vrrp_gna_interval SECS in global_defs, or a garp_group"),
    ("vrrp_instance", "lvs_sync_daemon", "write lvs_sync_daemon IFNAME INSTANCE in global_defs"),
    ("", "sync_instance", "it was removed: write vrrp_sync_group NAME { group { INSTANCE ... } }"),
    ("", "real_server_group", "it was removed: write a real_server block for each server"),
    ("", "real_group", "it was removed: write a real_server block for each server"),
    ("", "plugin_dir", "it was removed without a replacement: delete the line"),
    ("", "virtual_server_groups", "write virtual_server_group NAME { ADDR PORT ... }"),
];

/// The remedy for a word that is often written in this block by mistake.
pub(crate) fn meant(block: &str, word: &str) -> Option<&'static str> {
    let checker = block.ends_with("_CHECK") || block.ends_with("_GET");
    if checker && word == "timeout" {
        return Some("write connect_timeout SECS");
    }
    MEANT.iter().find(|(of, name, _)| (of.is_empty() || *of == block) && *name == word).map(|(_, _, remedy)| *remedy)
}

/// The remedy for a word that is no part of a configuration.
pub(crate) fn foreign(word: &str) -> Option<&'static str> {
    if ["<<<<<<<", "=======", ">>>>>>>"].contains(&word) {
        return Some("it marks a conflict of a merge: choose one of the versions");
    }
    let comment = ["//", "--", "/*", ";"].iter().any(|start| word.starts_with(start));
    comment.then_some("if it is a comment, begin it with # or !")
}

/// The remedy for an unknown keyword of a block; `None` = the top level.
pub(crate) fn hint(block: Option<&str>, sets: &'static [&'static [Keyword]], word: &str) -> Option<String> {
    if word.starts_with('@') {
        return Some("a line has one condition, at its start".to_owned());
    }
    if let Some(remedy) = meant(block.unwrap_or_default(), word).or_else(|| foreign(word)) {
        return Some(remedy.to_owned());
    }
    let elsewhere = places_of(word);
    // The successor of an old keyword may be a keyword of this block.
    let successor = elsewhere.iter().find_map(|place| match place.keyword.status {
        Status::Deprecated(of) | Status::Alias(of) => keywords::find(sets, of),
        _ => None,
    });
    if let Some(successor) = successor {
        return Some(format!("write {} {}", successor.name, successor.usage).trim_end().to_owned());
    }
    if !elsewhere.is_empty() {
        return Some(format!("'{word}' is a keyword of {}", named(&elsewhere)));
    }
    let names = sets.iter().flat_map(|s| s.iter()).map(|k| k.name);
    nearest(word, names).map(|near| format!("did you mean '{near}'?"))
}

/// The remedy for a list entry that is a keyword of another block.
pub(crate) fn keyword_elsewhere(list: &str, word: &str) -> Option<String> {
    if let Some(remedy) = meant(list, word) {
        return Some(remedy.to_owned());
    }
    let elsewhere = places_of(word);
    let of_servers = elsewhere.iter().any(|place| place.block == "virtual_server");
    match (list, of_servers) {
        ("virtual_server_group", true) => {
            Some("write 'virtual_server group NAME {' for the service of a group".to_owned())
        }
        _ if elsewhere.is_empty() => None,
        _ => Some(format!("'{word}' is a keyword of {}", named(&elsewhere))),
    }
}

/// A block with the keyword that a word is there.
struct Known {
    /// Its name; empty for the top level.
    block: &'static str,
    keyword: &'static Keyword,
}

fn named(places: &[Known]) -> String {
    let name = |place: &Known| match place.block {
        "" => "the top level".to_owned(),
        name => format!("'{name}'"),
    };
    places.iter().take(4).map(name).collect::<Vec<_>>().join(", ")
}

/// The blocks that a word is a keyword of.
fn places_of(word: &str) -> Vec<Known> {
    fn walk(sets: &'static [&'static [Keyword]], block: &'static str, word: &str, found: &mut Vec<Known>) {
        if let Some(keyword) = keywords::find(sets, word).filter(|k| !k.is_placeholder())
            && !found.iter().any(|place| place.block == block)
        {
            found.push(Known { block, keyword });
        }
        for keyword in sets.iter().flat_map(|s| s.iter()) {
            walk(keyword.block(), keyword.name, word, found);
        }
    }
    let mut found = Vec::new();
    walk(ROOT, "", word, &mut found);
    found
}
