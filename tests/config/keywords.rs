//! Compares the keyword tree with the table of keywords: the same keywords, except [`ADDED`], with the same texts.

use std::collections::{BTreeMap, BTreeSet};

use keepalived::config::keywords::{Body, Keyword, Kind, Status, Term, walk};

/// A row of the table.
struct Row {
    block: &'static str,
    keyword: &'static str,
    arguments: &'static str,
    kind: &'static str,
    rule: &'static str,
    default: &'static str,
    since: &'static str,
    meaning: &'static str,
}

fn table() -> Vec<Row> {
    let text = include_str!("../data/keywords.tsv");
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [block, keyword, arguments, kind, rule, default, since, meaning] = fields[..] else { panic!("{line}") };
            Row { block, keyword, arguments, kind, rule, default, since, meaning }
        })
        .collect()
}

/// Keywords of the tree by block, with the names of blocks of the table.
fn tree() -> BTreeMap<String, Vec<&'static Keyword>> {
    let mut blocks: BTreeMap<String, Vec<&'static Keyword>> = BTreeMap::new();
    walk(&mut |path, keyword| {
        let block = match path {
            [] => "(root)".to_owned(),
            ["virtual_server_group"] => "virtual_server_group (entries)".to_owned(),
            ["static_ipaddress" | "static_routes" | "static_rules"] => {
                format!("{} (entry words)", path[0])
            }
            ["vrrp_instance", "virtual_ipaddress"] => "virtual_ipaddress (entry words)".to_owned(),
            ["vrrp_instance", "virtual_routes" | "virtual_rules"] => {
                format!("{} (entry words)", path.join("/"))
            }
            _ => path.join("/"),
        };
        blocks.entry(block.clone()).or_default().push(keyword);
        // The words of address, route and rule entries. Virtual routes and rules have the words of static ones.
        if block.ends_with("(entry words)") && !block.contains('/') {
            for term in keyword.args {
                let Term::Named(sets) = term else { continue };
                let list = blocks.entry(block.clone()).or_default();
                for word in sets.iter().flat_map(|s| s.iter()) {
                    if !list.iter().any(|k| std::ptr::eq(*k, word)) {
                        list.push(word);
                    }
                }
            }
        }
    });
    blocks
}

/// Keywords of the tree that are not in the table: the forms of the 1.2 user guide and the entries of plain lists.
const ADDED: &[(&str, &str)] = &[
    ("(root)", "nat_mask"),
    ("global_defs", "nat_mask"),
    ("global_defs", "smtp_connection_timeout"),
    ("global_defs/notification_email", "EMAIL"),
    ("track_group/group", "INSTANCE"),
    ("vrrp_sync_group/group", "INSTANCE"),
    ("garp_group/interfaces", "IFNAME"),
    ("vrrp_instance/virtual_ipaddress_excluded", "ADDRESS"),
    ("static_rules (entry words)", "type"),
];

#[test]
fn tree_and_table_have_the_same_keywords() {
    let tree = tree();
    let in_tree: BTreeSet<(String, String)> =
        tree.iter().flat_map(|(b, list)| list.iter().map(move |k| (b.clone(), k.name.to_owned()))).collect();
    let mut in_table: BTreeSet<(String, String)> =
        table().iter().map(|r| (r.block.to_owned(), r.keyword.to_owned())).collect();
    in_table.extend(ADDED.iter().map(|(b, k)| ((*b).to_owned(), (*k).to_owned())));
    let missing: Vec<_> = in_table.difference(&in_tree).collect();
    let extra: Vec<_> = in_tree.difference(&in_table).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}\nextra {extra:#?}");
}

#[test]
fn tree_and_table_have_the_same_texts() {
    let tree = tree();
    let mut wrong = Vec::new();
    for row in table() {
        let Some(k) = tree.get(row.block).and_then(|l| l.iter().find(|k| k.name == row.keyword)) else {
            continue;
        };
        let same = (k.usage, k.rule, k.default, k.since, k.help)
            == (row.arguments, row.rule, row.default, row.since, row.meaning);
        if !same {
            wrong.push(format!("{}/{}: text of the row", row.block, row.keyword));
        }
        if let Some(why) = grammar_differs(k, &row) {
            wrong.push(format!("{}/{}: {why}: {:?}", row.block, row.keyword, k.args));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compares the grammar with the type and the range in the table.
fn grammar_differs(k: &Keyword, row: &Row) -> Option<String> {
    let kinds: Vec<Kind> = k
        .args
        .iter()
        .filter_map(|t| match t {
            Term::One(kind) | Term::Opt(kind) | Term::Many(kind) => Some(*kind),
            _ => None,
        })
        .collect();
    let braces = row.arguments.ends_with('}');
    if braces != !matches!(k.body, Body::None) {
        return Some("braces".into());
    }
    let required = k.args.iter().any(|t| matches!(t, Term::One(_) | Term::Script | Term::Pattern));
    let optional = row.arguments.is_empty() || row.arguments.starts_with('[') || row.arguments.starts_with('{');
    let words_only =
        matches!(row.kind, "mixed" | "words" | "hex bytes" | "strings") || row.arguments.ends_with("-LINE");
    if required == optional
        && !words_only
        && row.kind != "entry"
        && !row.arguments.contains("] ")
        && row.kind != "enum"
        && row.kind != "type"
    {
        let bare_name = row.keyword == "virtual_server";
        if !bare_name && !row.arguments.starts_with("[lock]") && !row.arguments.starts_with("[SRC/]") {
            return Some(format!("'{}' but required = {required}", row.arguments));
        }
    }
    if row.kind == "flag" && row.arguments.is_empty() && !k.args.is_empty() {
        return Some("a flag has no arguments".into());
    }
    if row.kind == "script" && !k.args.iter().any(|t| matches!(t, Term::Script | Term::OptScript)) {
        return Some("a script".into());
    }
    if row.arguments == "[BOOL]" && kinds != [Kind::Bool] {
        return Some("a boolean".into());
    }
    if row.kind == "interface"
        && !row.arguments.is_empty()
        && !kinds.contains(&Kind::Interface)
        && !matches!(row.keyword, "vrf")
    {
        return Some("an interface".into());
    }
    let (low, high) = range(row.rule)?;
    let fits = kinds.iter().any(|kind| match *kind {
        Kind::Uint(l, h) => l as f64 == low && h as f64 == high,
        Kind::Int(l, h) => (l as f64 - low).abs() <= 1.0 && (h as f64 - high).abs() <= 1.0,
        Kind::Decimal(l, h, places) => {
            let unit = 10f64.powi(i32::from(places));
            // 0 may be accepted and taken as another value.
            let least = l as f64 / unit == low || (l == 0 && row.rule.contains("0 is taken"));
            least && (h as f64 / unit - high).abs() < 0.001
        }
        Kind::NumberOrName(h) => low == 0.0 && h as f64 == high,
        Kind::Scope => (low, high) == (0.0, 255.0),
        Kind::Numbers(l, h) => l as f64 == low && h as f64 == high,
        Kind::Lifetime => (low, high) == (0.0, f64::from(u32::MAX)),
        _ => false,
    });
    // Options have their own ranges, and a note is not a range of the argument.
    let elsewhere = k.args.iter().any(|t| matches!(t, Term::Named(_))) || k.args.is_empty();
    let clamped = row.rule.starts_with("clamped") || row.rule.starts_with("NUMBER") || row.rule.contains("/ 0..128");
    let whole_words = kinds.iter().all(|k| {
        matches!(
            k,
            Kind::Text | Kind::Service | Kind::Mask | Kind::Prefix | Kind::Address | Kind::Interface | Kind::OneOf(_)
        )
    });
    (!fits && !elsewhere && !clamped && !whole_words).then(|| format!("range {low}..{high}"))
}

/// The first `a..b` of a rule.
fn range(rule: &str) -> Option<(f64, f64)> {
    let at = rule.find("..")?;
    let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-');
    let head = &rule[..at];
    let start = head.rfind(|c| !number(c)).map_or(0, |i| i + 1);
    let tail = &rule[at + 2..];
    let end = tail.find(|c| !number(c)).unwrap_or(tail.len());
    Some((head[start..].parse().ok()?, tail[..end].trim_end_matches('.').parse().ok()?))
}

#[test]
fn other_spellings_take_the_same_arguments() {
    for (block, list) in tree() {
        for k in &list {
            let (Status::Alias(of) | Status::Deprecated(of)) = k.status else {
                continue;
            };
            let Some(target) = list.iter().find(|t| t.name == of) else {
                continue;
            };
            assert_eq!(format!("{:?}", k.args), format!("{:?}", target.args), "{block}: {} and {of}", k.name);
        }
    }
}
