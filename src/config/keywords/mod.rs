//! The keyword tree: every block, keyword and entry word of `keepalived.conf` as data.
//!
//! Parsing, validation, the `-d` dump, help and completions all derive from it. A row says the name,
//! what this release does with it ([`Status`]), the grammar of its arguments, and how the manual writes
//! arguments, rule, default, first release and meaning. To change what is warned about, edit the status.

mod address;
mod check;
mod checkers;
mod global;
mod help;
mod keyword;
mod manual;
mod root;
mod route;
mod rule;
mod track;
mod vrrp;

pub use help::{completions, keyword_help, keywords_in, overview, status_text, walk};
pub use keyword::{Body, Keyword, Kind, Status, Term, canonical, find};
pub use manual::manual;
pub use root::ROOT;
