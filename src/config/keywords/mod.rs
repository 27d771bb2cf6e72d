//! The keyword tree: every block, keyword and entry word of `keepalived.conf` as data.
//!
//! Parsing, validation, the `-d` dump, help, the manual and completions derive from it. A row has the name, the [`Status`]
//! in this release, the grammar of the arguments, and the texts of the manual: arguments, rule, default, first release and
//! meaning. The status decides about warnings.

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
mod trap_target;
mod vrrp;

pub use help::{completions, keyword_help, keywords_in, overview, status_text, walk};
pub use keyword::{Body, Keyword, Kind, Lenience, Status, Term, canonical, find};
pub use manual::manual;
pub use root::ROOT;
