//! Addresses, routes, rules and commands as lines, in the words and the order of C keepalived.

mod address;
mod route;
mod rule;

use std::net::IpAddr;

use crate::config::model::Script;

pub(super) use address::address;
pub(super) use route::route;
pub(super) use rule::rule;

/// A line of words.
#[derive(Debug, Default)]
struct Line(String);

impl Line {
    fn word(&mut self, word: impl std::fmt::Display) {
        let space = if self.0.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut self.0, format_args!("{space}{word}"));
    }

    /// A keyword and its value, if there is one.
    fn value(&mut self, keyword: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.word(format_args!("{keyword} {value}"));
        }
    }

    /// Words that are there or not.
    fn flags(&mut self, flags: &[(bool, &str)]) {
        flags.iter().filter(|(is_set, _)| *is_set).for_each(|(_, word)| self.word(word));
    }
}

/// An address with its prefix length, unless that is the whole address.
fn network((ip, length): (IpAddr, u8)) -> String {
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    if length == whole { ip.to_string() } else { format!("{ip}/{length}") }
}

/// The words of a command, each in quotation marks.
pub(super) fn command(script: &Script) -> String {
    let words: Vec<String> = script.argv.iter().map(|word| format!("'{word}'")).collect();
    words.join(" ")
}
