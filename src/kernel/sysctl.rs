//! Interface settings under `/proc/sys/net`, put back as they were.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::PathBuf;

/// Which tree of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tree {
    /// `net.ipv4.conf`.
    Ipv4,
    /// `net.ipv6.conf`.
    Ipv6,
}

impl Tree {
    fn word(self) -> &'static str {
        match self {
            Tree::Ipv4 => "ipv4",
            Tree::Ipv6 => "ipv6",
        }
    }
}

/// Reads a setting of an interface (or of `all`, `default`), without the newline.
///
/// `NotFound` when there is no such interface or setting, or the kernel has no IPv6.
pub fn read(tree: Tree, interface: &str, setting: &str) -> io::Result<String> {
    let value = fs::read_to_string(path(tree, interface, setting)?)?;
    Ok(value.trim_end().to_owned())
}

/// Writes a setting that need not be put back: that of an interface which goes itself.
pub fn write(tree: Tree, interface: &str, setting: &str, value: &str) -> io::Result<()> {
    let path = path(tree, interface, setting)?;
    // Writing what is so already may still take the kernel's lock.
    if fs::read_to_string(&path)?.trim_end() == value { Ok(()) } else { fs::write(path, value) }
}

/// The interfaces that have settings, with `all` and `default`.
pub fn interfaces(tree: Tree) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(root(tree))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Whether an interface forwards IPv6, which makes this machine a router in its neighbour advertisements. An interface
/// that cannot be asked does not.
pub fn forwards_ipv6(interface: &str) -> bool {
    read(Tree::Ipv6, interface, "forwarding").is_ok_and(|value| value != "0")
}

/// Changed settings and what they were before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    before: BTreeMap<(Tree, String, String), String>,
}

impl Changes {
    /// Nothing changed yet.
    pub fn new() -> Changes {
        Changes::default()
    }

    /// Sets a setting; what it was before the first change is remembered.
    pub fn set(&mut self, tree: Tree, interface: &str, setting: &str, value: &str) -> io::Result<()> {
        let old = read(tree, interface, setting)?;
        if old == value {
            return Ok(());
        }
        fs::write(path(tree, interface, setting)?, value)?;
        self.before.entry((tree, interface.to_owned(), setting.to_owned())).or_insert(old);
        Ok(())
    }

    /// What was before, one line for each setting, for a replacement of this process.
    pub fn to_lines(&self, word: &str) -> String {
        let mut lines = String::new();
        for ((tree, interface, setting), old) in &self.before {
            // Writing to a string can not fail.
            let _ = writeln!(lines, "{word} {} {interface} {setting} {old}", tree.word());
        }
        lines
    }

    /// Takes over what a predecessor changed, from lines of [`Changes::to_lines`] among others.
    pub fn from_lines(word: &str, text: &str) -> Changes {
        let mut changes = Changes::new();
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(5, ' ').collect();
            let [first, tree, interface, setting, old] = words[..] else { continue };
            let Some(tree) = [Tree::Ipv4, Tree::Ipv6].into_iter().find(|of| of.word() == tree) else { continue };
            if first == word {
                changes.before.insert((tree, interface.to_owned(), setting.to_owned()), old.to_owned());
            }
        }
        changes
    }

    /// Puts some settings of one interface back, if they were changed.
    pub fn restore(&mut self, interface: &str, settings: &[&str]) -> io::Result<()> {
        self.restore_where(|name, setting| name == interface && settings.contains(&setting))
    }

    /// Puts all changed settings back. Every one is tried; the first failure is returned, except that of a vanished
    /// interface, whose settings are gone with it.
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

/// The file of a setting; `InvalidInput` when a name would lead elsewhere.
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_setting() {
        assert_eq!(read(Tree::Ipv4, "lo", "tag").unwrap(), "0");
    }

    #[test]
    fn a_replacement_knows_what_was_before() {
        let mut changes = Changes::new();
        changes.before.insert((Tree::Ipv4, "eth0".into(), "arp_ignore".into()), "0".into());
        changes.before.insert((Tree::Ipv6, "eth0".into(), "forwarding".into()), "1".into());
        let text =
            format!("MASTER 100 preempt 0 VI_1\n{}sysctl ipv9 a b c\nother ipv4 a b c\n", changes.to_lines("sysctl"));
        assert_eq!(Changes::from_lines("sysctl", &text).before, changes.before);
    }

    #[test]
    fn an_unknown_interface_is_not_found() {
        assert_eq!(read(Tree::Ipv4, "no-such-if", "tag").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!forwards_ipv6("no-such-if"));
    }

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for name in ["", ".", "..", "../../ipv6/conf/lo", "a/b", "a\0b"] {
            assert_eq!(read(Tree::Ipv4, name, "tag").unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
            assert_eq!(read(Tree::Ipv4, "lo", name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
