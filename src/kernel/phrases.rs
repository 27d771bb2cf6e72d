//! The words of keepalived.conf that the kernel's messages about routes and rules speak of.
//!
//! Few messages come with the attribute that was refused.

use super::attributes::Attributes;

/// Phrases of the kernel and the words they may be about.
const PHRASES: [(&str, &[&str]); 18] = [
    ("nexthop device", &["dev"]),
    ("gateway", &["via"]),
    ("prefsrc", &["src"]),
    ("source address", &["src", "from"]),
    ("dst address", &["to"]),
    ("prefix length", &["to"]),
    ("encapsulation", &["encap"]),
    ("encap", &["encap"]),
    ("congestion", &["congctl"]),
    ("feature mask", &["features"]),
    ("uid range", &["uidrange"]),
    ("sport range", &["sport"]),
    ("dport range", &["dport"]),
    ("goto", &["goto"]),
    ("dsfield", &["tos"]),
    ("onlink", &["onlink"]),
    ("scope", &["scope"]),
    ("table", &["table"]),
];

/// The word of the request that a message of the kernel is about.
pub(super) fn word(text: &str, request: &Attributes) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let matching = PHRASES.iter().filter(|(phrase, _)| text.contains(phrase));
    matching.flat_map(|(_, words)| *words).copied().find(|word| request.has_word(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_request_are_named() {
        let mut request = Attributes::after(&[]);
        request.word("via");
        request.word("from");
        assert_eq!(word("Nexthop has invalid gateway", &request), Some("via"));
        assert_eq!(word("Invalid source address", &request), Some("from"));
        assert_eq!(word("Invalid prefsrc address", &request), None);
        assert_eq!(word("No such device", &request), None);
    }
}
