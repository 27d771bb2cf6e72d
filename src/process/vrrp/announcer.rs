//! Sends gratuitous ARPs and unsolicited neighbor advertisements, paced per interface.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::kernel::{ArpSocket, NdSocket, sysctl};
use crate::reactor::clock;
use crate::vrrp::{AddressId, InstanceId, Tables};
use crate::wire::{arp, ndisc};

/// Pause for a running look-up of interfaces before the next starts.
const LOOK_UP_PAUSE: Duration = Duration::from_millis(5);
/// Frames sent between two readings of the clock.
const CHUNK: usize = 8;

/// Frames that wait to be sent.
pub(super) struct Announcer {
    arp: ArpSocket,
    nd: Option<NdSocket>,
    queues: BTreeMap<(u32, bool), Queue>,
    /// Number of frames that could not be sent.
    pub(super) failed: u64,
}

#[derive(Debug, Default)]
struct Queue {
    addresses: VecDeque<AddressId>,
    not_before: Duration,
    /// It waits for the look-up of its interface.
    looking_up: bool,
}

impl Queue {
    fn is_ready(&self) -> bool {
        !self.addresses.is_empty() && !self.looking_up
    }
}

impl Announcer {
    pub(super) fn open() -> io::Result<Announcer> {
        // A kernel without IPv6 has no ICMPv6 sockets, and no addresses to announce with them.
        Ok(Announcer { arp: ArpSocket::open()?, nd: NdSocket::open().ok(), queues: BTreeMap::new(), failed: 0 })
    }

    /// Handles the result of a look-up: its queues are ready.
    pub(super) fn look_up_turn(&mut self) -> io::Result<()> {
        let result = self.arp.take_look_up();
        for ((ifindex, _), queue) in &mut self.queues {
            if std::mem::take(&mut queue.looking_up) && !self.arp.knows(*ifindex) {
                // The interface has been removed.
                self.failed += queue.addresses.len() as u64;
                queue.addresses.clear();
            }
        }
        self.queues.retain(|_, queue| !queue.addresses.is_empty());
        result
    }

    pub(super) fn push(&mut self, id: AddressId, count: u32, tables: &Tables) {
        let Some(row) = tables.addresses.get(&id) else { return };
        let Some(ifindex) = row.ifindex else { return };
        let queue = self.queues.entry((ifindex, row.config.ip.is_ipv6())).or_default();
        queue.addresses.extend((0..count).map(|_| id));
    }

    pub(super) fn cancel(&mut self, owner: InstanceId) {
        for queue in self.queues.values_mut() {
            queue.addresses.retain(|id| id.0 != owner.0);
        }
        self.queues.retain(|_, queue| !queue.addresses.is_empty());
    }

    /// When the next frame may be sent, by interface and whether it is for IPv6, where frames wait.
    pub(super) fn paces(&self) -> impl Iterator<Item = ((u32, bool), Duration)> {
        self.queues.iter().map(|(key, queue)| (*key, queue.not_before))
    }

    /// When the next frame may be sent.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.queues.values().filter(|queue| queue.is_ready()).map(|queue| queue.not_before).min()
    }

    /// Sends the frames that are due, at most until `until`, when an advert is due. Sends at least one chunk.
    pub(super) fn run(&mut self, tables: &Tables, until: Option<Duration>) {
        loop {
            let now = clock::now();
            let due = self.queues.iter_mut().find(|(_, queue)| queue.is_ready() && queue.not_before <= now);
            let Some((key, queue)) = due.map(|(key, queue)| (*key, queue)) else { return };
            let (ifindex, ipv6) = key;
            if !ipv6 && !self.arp.knows(ifindex) {
                // A running look-up may have started before the interface was created.
                if self.arp.is_looking_up() {
                    queue.not_before = now + LOOK_UP_PAUSE;
                } else {
                    self.arp.look_up();
                    queue.looking_up = true;
                }
                continue;
            }
            for _ in 0..CHUNK {
                let Some(queue) = self.queues.get_mut(&key) else { break };
                let Some(id) = queue.addresses.pop_front() else {
                    self.queues.remove(&key);
                    break;
                };
                let pause = pause(id, tables);
                queue.not_before = now + pause;
                self.send(id, tables);
                if !pause.is_zero() {
                    break;
                }
            }
            if until.is_some_and(|until| until <= clock::now()) {
                return;
            }
        }
    }

    fn send(&mut self, id: AddressId, tables: &Tables) {
        let Some(row) = tables.addresses.get(&id).filter(|row| row.state.installed) else { return };
        let Some(link) = row.ifindex.and_then(|index| tables.interfaces.get(index)) else { return };
        let Some(mac) = link.mac.filter(|_| !link.noarp && link.up) else { return };
        let sent = match (row.config.ip, &self.nd) {
            (IpAddr::V4(ip), _) => self.arp.send(link.index, &arp::Gratuitous { mac, ip }),
            (IpAddr::V6(target), Some(nd)) => {
                let router = sysctl::forwards_ipv6(&link.name);
                nd.send(link.index, &ndisc::Unsolicited { target, mac, router })
            }
            (IpAddr::V6(_), None) => Ok(()),
        };
        self.failed += u64::from(sent.is_err());
    }
}

impl AsRawFd for Announcer {
    /// Readable when a look-up has ended.
    fn as_raw_fd(&self) -> RawFd {
        self.arp.as_raw_fd()
    }
}

/// `garp_interval` or `gna_interval` of the address's instance.
fn pause(id: AddressId, tables: &Tables) -> Duration {
    let Some(row) = tables.addresses.get(&id) else { return Duration::ZERO };
    let garp = tables.instances.get(&InstanceId(id.0)).map(|row| row.config.garp);
    garp.map_or(Duration::ZERO, |garp| if row.config.ip.is_ipv4() { garp.garp_interval } else { garp.gna_interval })
}
