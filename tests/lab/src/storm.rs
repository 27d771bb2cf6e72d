//! Storms: hundreds of unrelated links, or thousands of unrelated routes, created and deleted beside a daemon.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::netns::Netns;

/// Creates `pairs` veth pairs in a namespace, both ends up.
pub fn make_links(netns: &Netns, pairs: usize) {
    netns.enter(|| make_links_here(pairs));
}

/// Deletes the pairs that [`make_links`] created.
pub fn delete_links(netns: &Netns, pairs: usize) {
    netns.enter(|| delete_links_here(pairs));
}

/// [`make_links`] in the namespace of the calling thread.
pub fn make_links_here(pairs: usize) {
    let line = |n| format!("link add sa{n} type veth peer name sb{n}\nlink set sa{n} up\nlink set sb{n} up\n");
    batch(&(0..pairs).map(line).collect::<String>());
}

/// [`delete_links`] in the namespace of the calling thread.
pub fn delete_links_here(pairs: usize) {
    batch(&(0..pairs).map(|n| format!("link del sa{n}\n")).collect::<String>());
}

/// Sets `count` routes of another protocol (BGP), as a router that learns a table.
pub fn make_routes(netns: &Netns, count: usize) {
    netns.enter(|| batch(&routes("add", count)));
}

/// Removes the routes that [`make_routes`] set.
pub fn delete_routes(netns: &Netns, count: usize) {
    netns.enter(|| batch(&routes("del", count)));
}

fn routes(verb: &str, count: usize) -> String {
    let line = |n| format!("route {verb} 172.{}.{}.{}/32 dev eth0 proto 186\n", 16 + n / 65536, n / 256 % 256, n % 256);
    (0..count).map(line).collect()
}

/// Runs `ip -batch`.
fn batch(lines: &str) {
    let mut ip = Command::new("ip");
    let mut ip = ip.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().expect("iproute2 is installed");
    ip.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("ip reads its input");
    assert!(ip.wait().expect("our own child").success(), "ip -batch failed");
}
