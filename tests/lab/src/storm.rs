//! Links of others: made and deleted by the hundred beside a daemon that has nothing to do with them.

use std::io::Write;
use std::process::Stdio;

use crate::netns::Netns;

/// Makes `pairs` veth pairs in a namespace, both ends up.
pub fn make_links(netns: &Netns, pairs: usize) {
    let line = |n| format!("link add sa{n} type veth peer name sb{n}\nlink set sa{n} up\nlink set sb{n} up\n");
    batch(netns, &(0..pairs).map(line).collect::<String>());
}

/// Deletes the pairs that [`make_links`] made.
pub fn delete_links(netns: &Netns, pairs: usize) {
    batch(netns, &(0..pairs).map(|n| format!("link del sa{n}\n")).collect::<String>());
}

/// Runs `ip -batch`.
fn batch(netns: &Netns, lines: &str) {
    let mut ip = netns.command("ip");
    let mut ip = ip.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().expect("iproute2 is installed");
    ip.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("ip reads its input");
    assert!(ip.wait().expect("our own child").success(), "ip -batch has carried out all lines");
}
