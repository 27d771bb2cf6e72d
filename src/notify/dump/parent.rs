//! Dump of the parent: the global definitions as in C keepalived, and what C keepalived does not show.

use std::fmt::Display;

use super::global::{self, Setting, Writing};
use super::text::Text;
use crate::config::model::Global;

/// A child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its name in the log.
    pub name: &'static str,
    /// Its process id.
    pub pid: u32,
    /// Seconds since its start.
    pub age: u64,
}

/// The global definitions, the children, and the configuration with its secrets masked. `global` is `None` if the
/// configuration cannot be read back.
pub fn data(
    global: Option<&Global>,
    setting: &Setting,
    children: impl Iterator<Item = Child>,
    configuration: impl Display,
) -> String {
    let mut out = Text::default();
    if let Some(global) = global {
        global::definitions(&mut out, global, setting, Writing::Parent);
    }
    out.section("Processes");
    for Child { name, pid, age } in children {
        out.line(format_args!(" Child process {name}: pid {pid}, {age} s old"));
    }
    out.section("Configuration");
    out.line(configuration);
    out.finish()
}
