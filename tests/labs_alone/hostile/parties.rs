//! Hostile parties that repeat their attacks in parallel until they are stopped.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lab::netns::{Netns, next_lab};
use lab::storm::{delete_links_here, make_links, make_links_here};
use lab::{Forged, Lab};

use super::conf::{ADDRESSES, INSTANCES};

/// Adverts of each kind in a round.
const BURST: usize = 1000;
/// Pause between two rounds, so that the number of adverts is bounded.
const REST: Duration = Duration::from_millis(300);
/// A fault of a forged advert.
type Fault = fn(&mut Forged);

/// Adverts that are sent to all routers; a backup with priority 100 must ignore each of them.
const FAULTS: [Fault; 8] = [
    |forged| forged.priority = 50,
    |forged| forged.checksum_error = 0x0101,
    |forged| forged.vrid = INSTANCES + 1,
    |forged| forged.resize = -5,
    |forged| forged.resize = -1000,
    |forged| forged.ttl = 1,
    |forged| forged.version = 2,
    // A valid resignation shortens the backup's timer, so only the master is sent this one.
    |forged| (forged.priority, forged.only_to) = (0, Some(1)),
];

/// Threads of the parties; dropping it stops them.
pub struct Parties {
    stop: Arc<AtomicBool>,
    threads: Vec<(&'static str, JoinHandle<usize>)>,
}

impl Parties {
    /// Starts the senders of adverts and the storms of links.
    pub fn start(lab: &mut Lab) -> Self {
        let mut parties = Self { stop: Arc::default(), threads: Vec::new() };
        let mut vrid = 0;
        parties.work("forged adverts", &lab.client, move || {
            vrid = vrid % INSTANCES + 1;
            for spoil in FAULTS {
                advert(vrid, spoil).send_many_here(BURST);
            }
            std::thread::sleep(REST);
        });
        let router = lab.router(1).netns();
        parties.work("links beside the master", router, || {
            make_links_here(100);
            delete_links_here(100);
        });
        parties.work("a namespace with 1,000 links", router, || {
            let netns = Netns::new(next_lab(), "storm");
            make_links(&netns, 500);
            drop(netns);
        });
        parties
    }

    /// Starts a thread that repeats `round` in a namespace.
    fn work(&mut self, name: &'static str, netns: &Netns, mut round: impl FnMut() + Send + 'static) {
        let stop = self.stop.clone();
        let thread = netns.spawn(move || {
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                round();
                rounds += 1;
            }
            rounds
        });
        self.threads.push((name, thread));
    }

    /// Stops all threads; returns the number of rounds of each.
    pub fn end(mut self) -> Vec<(&'static str, usize)> {
        self.stop.store(true, Ordering::Relaxed);
        let threads = self.threads.drain(..);
        threads.map(|(name, thread)| (name, thread.join().unwrap_or_else(|_| panic!("{name} has failed")))).collect()
    }
}

impl Drop for Parties {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for (_, thread) in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// An advert with a higher priority than router 1, with a fault.
fn advert(vrid: u8, spoil: Fault) -> Forged {
    let vips = (1..=ADDRESSES).map(|address| format!("10.{}.{vrid}.1", 100 + address).parse().expect("an address"));
    let mut forged = Forged::right(3, vrid, 254, 10, &vips.collect::<Vec<IpAddr>>());
    spoil(&mut forged);
    forged
}
