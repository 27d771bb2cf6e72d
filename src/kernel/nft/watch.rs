//! Watches for changes of our tables by other programs, on a thread of its own.
//!
//! A firewall may change thousands of elements of its own tables a second. For each of its messages the thread compares the
//! name of the table.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;

use super::super::attributes::{find, text};
use super::super::netlink::{Message, NetlinkSocket, messages};
use super::socket::OwnPorts;
use super::wire::{GEN_PROGRAM, GROUP, NEWGEN, SUBSYSTEM, TABLE, number};
use crate::config::model::{Family, ReceiveBuffer};
use crate::reactor::{Feed, Feeder, feed};

/// Length of `struct nfgenmsg`.
const HEADER: usize = 4;
/// Receive buffer of the socket, in octets.
const BUFFER: u32 = 1 << 20;
/// Longest datagram of notifications (`NLMSG_GOODSIZE` is at most 8 KiB; single messages may be longer).
const DATAGRAM: usize = 64 << 10;
/// Interval of the checks whether the loop still needs the thread.
const PATIENCE: Duration = Duration::from_secs(1);

/// A table to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedTable {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
}

/// Another program has changed a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableTouched {
    /// The family of the table.
    pub family: Family,
    /// Name of the program; empty if notifications were lost, after which each table counts as changed.
    pub program: String,
}

/// The tables that a watch watches, which may change while it runs.
#[derive(Clone, Debug, Default)]
pub struct WatchedTables {
    tables: Arc<Mutex<Vec<WatchedTable>>>,
}

impl WatchedTables {
    /// Watches these tables from now on.
    pub fn set(&self, tables: Vec<WatchedTable>) {
        *self.lock() = tables;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<WatchedTable>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts to watch tables. Changes by the sockets of `own` do not count.
///
/// # Errors
/// When the kernel has no netfilter, or the system has no descriptors or threads left.
pub fn watch_tables(tables: WatchedTables, own: OwnPorts) -> io::Result<Feed<TableTouched>> {
    let socket = NetlinkSocket::netfilter(GROUP)?;
    // Without it the kernel's default applies.
    let _ = socket.receive_buffer(ReceiveBuffer { octets: Some(BUFFER), force: true });
    let (feed, feeder) = feed()?;
    let mut watch = Watch { socket, tables, own, touched: Vec::new(), feeder };
    std::thread::Builder::new().name("nftables".into()).spawn(move || watch.run())?;
    Ok(feed)
}

struct Watch {
    socket: NetlinkSocket<OwnedFd>,
    tables: WatchedTables,
    own: OwnPorts,
    /// The families of the tables that the present transaction has changed.
    touched: Vec<Family>,
    feeder: Feeder<TableTouched>,
}

impl Watch {
    fn run(&mut self) {
        let mut buffer = vec![0; DATAGRAM];
        while !self.feeder.is_over() {
            match self.socket.receive(&mut buffer) {
                Ok(datagram) => messages(datagram).for_each(|message| self.take(&message)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.socket.wait_readable(PATIENCE).is_err() {
                        return;
                    }
                }
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => self.lost(),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => self.lost(),
                Err(_) => return,
            }
        }
    }

    /// Notifications were lost.
    fn lost(&mut self) {
        self.touched.clear();
        for table in self.tables.lock().iter() {
            self.feeder.send(TableTouched { family: table.family, program: String::new() });
        }
    }

    fn take(&mut self, message: &Message<'_>) {
        let [subsystem, kind] = message.kind.to_be_bytes();
        if subsystem != SUBSYSTEM {
            return;
        }
        let attributes = message.payload.get(HEADER..).unwrap_or_default();
        if kind == NEWGEN {
            for family in std::mem::take(&mut self.touched) {
                let program = find(attributes, GEN_PROGRAM).map(text).unwrap_or_default();
                self.feeder.send(TableTouched { family, program });
            }
            return;
        }
        if self.own.contains(message.port) {
            return;
        }
        let is_ours = |table: &&WatchedTable| {
            let name = find(attributes, TABLE).and_then(|name| name.strip_suffix(b"\0"));
            message.payload.first() == Some(&number(table.family)) && name == Some(table.name.as_bytes())
        };
        let family = self.tables.lock().iter().find(is_ours).map(|table| table.family);
        self.touched.extend(family.filter(|family| !self.touched.contains(family)));
    }
}
