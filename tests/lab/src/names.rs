//! A name server that never answers, for programs started in a namespace.

use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;

use crate::netns::Netns;

/// Address of the name server for programs of the namespace.
pub const NAME_SERVER: &str = "127.0.0.53";

/// Files that replace those of /etc for programs started in a namespace, until this is dropped.
#[derive(Debug)]
pub struct Etc(PathBuf);

impl Etc {
    /// Configures a name server that does not answer while the returned socket is open; user look-ups use it too.
    /// A query times out after twice `patience` seconds.
    pub fn with_dead_name_server(netns: &Netns, patience: u32) -> (Etc, UdpSocket) {
        let etc = Etc(PathBuf::from("/etc/netns").join(netns.name()));
        fs::create_dir_all(&etc.0).expect("root may write to /etc");
        etc.write("resolv.conf", &format!("nameserver {NAME_SERVER}\noptions timeout:{patience} attempts:2\n"));
        etc.write("nsswitch.conf", "passwd: files hesiod\ngroup: files\nhosts: files dns\n");
        let socket = netns.enter(|| UdpSocket::bind((NAME_SERVER, 53)).expect("a free port"));
        (etc, socket)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).expect("our own directory");
    }
}

impl Drop for Etc {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("our own directory");
        // Fails while other labs have files there.
        let _ = fs::remove_dir("/etc/netns");
    }
}
