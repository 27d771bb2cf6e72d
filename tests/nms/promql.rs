//! The names of metrics in an expression of PromQL.

/// Words of PromQL that are no metrics: operators, aggregations without arguments in front, modifiers.
const WORDS: [&str; 14] = [
    "and",
    "or",
    "unless",
    "on",
    "ignoring",
    "by",
    "without",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "inf",
    "nan",
    "atan2",
];

/// Words that a list of labels follows.
const BEFORE_LABELS: [&str; 6] = ["on", "ignoring", "by", "without", "group_left", "group_right"];

/// The metrics that an expression reads. Matchers, ranges, lists of labels and functions are skipped.
pub fn metrics(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = expression;
    let mut before = String::new();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '{' => closing(rest, '}'),
            '[' => closing(rest, ']'),
            '(' if BEFORE_LABELS.contains(&before.as_str()) => closing(rest, ')'),
            '"' => 1 + rest[1..].find('"').map_or(rest.len() - 1, |end| end + 1),
            c if c.is_ascii_digit() => {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len())
            }
            c if is_name(c) => rest.find(|c: char| !is_name(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if first.is_ascii_alphabetic() {
            let is_call = after.trim_start().starts_with('(') && !WORDS.contains(&token);
            let is_aggregation =
                ["by", "without"].iter().any(|word| after.trim_start().starts_with(&format!("{word} ")));
            if !is_call && !is_aggregation && !WORDS.contains(&token) {
                found.push(token.to_owned());
            }
        }
        if !token.trim().is_empty() {
            token.clone_into(&mut before);
        }
        rest = after;
    }
    found
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':')
}

/// The octets to the end of what `close` ends; text in quotes does not end it.
fn closing(text: &str, close: char) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if c == close && !quoted => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[test]
fn metrics_are_told_from_functions_labels_and_words() {
    let expression = r#"count by (cluster, name) (a:b{x="}(",y=~"z"} == 2) > 1.5e3
      or on (job) group_left (label) increase(c_total[5m]) unless d offset 5m and time() - e"#;
    assert_eq!(metrics(expression), ["a:b", "c_total", "d", "e"]);
}
