//! Reads processes from `/proc`.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;

use super::census::Census;

/// Longest part of a command line that is compared, in octets.
const LINE: u64 = 1 << 16;
/// Octets of `stat` to read, enough for all fields up to the state; names of kernel threads may be long.
const STAT: u64 = 512;

/// The IDs of all processes.
pub(super) fn pids() -> BTreeSet<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// All processes of at least one kind, with their kinds.
pub(super) fn all(census: &Census) -> HashMap<u32, Vec<usize>> {
    let found = pids().into_iter().map(|pid| (pid, kinds_of(census, pid)));
    found.filter(|(_, kinds)| !kinds.is_empty()).collect()
}

/// The kinds of a process; none when it has exited.
pub(super) fn kinds_of(census: &Census, pid: u32) -> Vec<usize> {
    let Some(stat) = read(pid, "stat", STAT) else { return Vec::new() };
    let Some(comm) = living(&stat) else { return Vec::new() };
    census.kinds_of(comm, || Some(words(&read(pid, "cmdline", LINE)?)))
}

fn read(pid: u32, file: &str, most: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    File::open(format!("/proc/{pid}/{file}")).ok()?.take(most).read_to_end(&mut text).ok()?;
    Some(text)
}

/// The short name in `/proc/PID/stat`; `None` for a zombie or dead process (proc(5)).
fn living(stat: &[u8]) -> Option<&[u8]> {
    let from = stat.iter().position(|octet| *octet == b'(')?.saturating_add(1);
    // The name itself may contain parentheses.
    let to = stat.iter().rposition(|octet| *octet == b')')?;
    let state = stat.get(to.saturating_add(2))?;
    (!matches!(state, b'Z' | b'X' | b'x')).then(|| stat.get(from..to)).flatten()
}

/// The words of `/proc/PID/cmdline`, which are terminated by NUL.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    if line.is_empty() {
        return Vec::new();
    }
    line.split(|octet| *octet == 0).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zombies_have_no_name() {
        assert_eq!(living(b"12 (sleep) S 1 12"), Some(&b"sleep"[..]));
        assert_eq!(living(b"12 (a) S (b) R 1"), Some(&b"a) S (b"[..]));
        assert_eq!(living(b"12 (sleep) Z 1 12"), None);
        assert_eq!(living(b"12 (sleep"), None);
    }

    #[test]
    fn a_command_line_is_split_at_nul() {
        assert_eq!(words(b"prog\0\0last\0"), [b"prog".to_vec(), Vec::new(), b"last".to_vec()]);
        assert_eq!(words(b"title"), [b"title".to_vec()]);
        assert!(words(b"").is_empty() && words(b"\0").is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (living(&bytes), words(&bytes));
        }
    }
}
