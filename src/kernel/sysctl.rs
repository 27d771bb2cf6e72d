//! Settings of interfaces and of the network namespace under `/proc/sys/net`, and restoring their original values.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which tree of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tree {
    /// `net.ipv4.conf`.
    Ipv4,
    /// `net.ipv6.conf`.
    Ipv6,
    /// `net`: settings that are no interface's; the place of the interface has the protocol, for example `ipv4`.
    Net,
}

/// Reads a setting of an interface (or of `all`, `default`), without the newline.
///
/// `NotFound` when the interface or the setting does not exist, or the kernel has no IPv6.
pub fn read(tree: Tree, interface: &str, setting: &str) -> io::Result<String> {
    let value = fs::read_to_string(path(tree, interface, setting)?)?;
    Ok(value.trim_end().to_owned())
}

/// Writes a setting that need not be restored: that of an interface which is removed later.
pub fn write(tree: Tree, interface: &str, setting: &str, value: &str) -> io::Result<()> {
    let path = path(tree, interface, setting)?;
    // Writing the same value again may still take the kernel's RTNL lock.
    if fs::read_to_string(&path)?.trim_end() == value { Ok(()) } else { fs::write(path, value) }
}

/// The interfaces that have settings, with `all` and `default`.
pub fn interfaces(tree: Tree) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(root(tree))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Whether an interface forwards IPv6: neighbour advertisements then have the router flag. False when the setting cannot
/// be read.
pub fn forwards_ipv6(interface: &str) -> bool {
    read(Tree::Ipv6, interface, "forwarding").is_ok_and(|value| value != "0")
}

/// The changed settings with their original values; passed on to a process that replaces this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    before: BTreeMap<(Tree, String, String), String>,
}

impl Changes {
    /// No changes yet.
    pub fn new() -> Changes {
        Changes::default()
    }

    /// The settings of IPv4 that were changed, by interface and name, with their values before.
    pub fn before(&self) -> impl Iterator<Item = ((String, String), &str)> {
        let of_ipv4 = self.before.iter().filter(|((tree, ..), _)| *tree == Tree::Ipv4);
        of_ipv4.map(|((_, interface, setting), value)| ((interface.clone(), setting.clone()), value.as_str()))
    }

    /// Writes a setting and records its value from before the first change.
    pub fn set(&mut self, tree: Tree, interface: &str, setting: &str, value: &str) -> io::Result<()> {
        let old = read(tree, interface, setting)?;
        if old == value {
            return Ok(());
        }
        fs::write(path(tree, interface, setting)?, value)?;
        self.before.entry((tree, interface.to_owned(), setting.to_owned())).or_insert(old);
        Ok(())
    }

    /// Restores some settings of one interface, if they were changed.
    pub fn restore(&mut self, interface: &str, settings: &[&str]) -> io::Result<()> {
        self.restore_where(|name, setting| name == interface && settings.contains(&setting))
    }

    /// Restores all changed settings. Tries every one and returns the first error, ignoring interfaces that have vanished.
    pub fn restore_all(&mut self) -> io::Result<()> {
        self.restore_where(|_, _| true)
    }

    fn restore_where(&mut self, which: impl Fn(&str, &str) -> bool) -> io::Result<()> {
        let mut result = Ok(());
        self.before.retain(|(tree, interface, setting), old| {
            if !which(interface, setting) {
                return true;
            }
            let written = path(*tree, interface, setting).and_then(|path| fs::write(path, old.as_str()));
            match written {
                Err(e) if e.kind() != io::ErrorKind::NotFound && result.is_ok() => result = Err(e),
                _ => {}
            }
            false
        });
        result
    }
}

/// The file of a setting; `InvalidInput` when a name would lead to another directory.
fn path(tree: Tree, interface: &str, setting: &str) -> io::Result<PathBuf> {
    let misleading = |name: &str| name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']);
    if misleading(interface) || misleading(setting) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok([root(tree), interface, setting].iter().collect())
}

fn root(tree: Tree) -> &'static str {
    match tree {
        Tree::Ipv4 => "/proc/sys/net/ipv4/conf",
        Tree::Ipv6 => "/proc/sys/net/ipv6/conf",
        Tree::Net => "/proc/sys/net",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_setting() {
        assert_eq!(read(Tree::Ipv4, "lo", "tag").unwrap(), "0");
        assert!(read(Tree::Net, "ipv4", "igmp_link_local_mcast_reports").is_ok());
    }

    #[test]
    fn an_unknown_interface_is_not_found() {
        assert_eq!(read(Tree::Ipv4, "no-such-if", "tag").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!forwards_ipv6("no-such-if"));
    }

    #[test]
    fn a_name_cannot_lead_to_another_directory() {
        for name in ["", ".", "..", "../../ipv6/conf/lo", "a/b", "a\0b"] {
            assert_eq!(read(Tree::Ipv4, name, "tag").unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
            assert_eq!(read(Tree::Ipv4, "lo", name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
            assert_eq!(read(Tree::Net, "ipv4", name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
