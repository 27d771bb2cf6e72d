//! The packet capture: a packet socket in the bridge's namespace, with time stamps of the kernel.

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::frame::{Advert, Frame, is_report, parse};
use crate::netns::Netns;
use crate::{Stamp, wait_for};

/// A frame that entered the bridge.
#[derive(Debug, Clone)]
pub struct CapturedFrame {
    /// When the kernel received it.
    pub at: Stamp,
    /// Number of the router (from 1) that sent it, by its port; 0 is the client.
    pub from: usize,
    /// The Ethernet source address.
    pub mac: [u8; 6],
    /// The decoded frame.
    pub frame: Frame,
    /// The octets of the frame.
    pub octets: Vec<u8>,
}

/// A report of group memberships or a router solicitation: when it was received, the router that sent it, and the Ethernet
/// source address.
pub type Report = (Stamp, usize, [u8; 6]);

/// A running capture of all frames that the routers and the client send.
#[derive(Debug)]
pub struct Capture {
    frames: Arc<Mutex<Vec<CapturedFrame>>>,
    reports: Arc<Mutex<Vec<Report>>>,
    ports: Arc<Mutex<HashMap<usize, usize>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Starts capturing in `bridge`, on the ports named by [`Capture::watch`].
    pub fn start(bridge: &Netns) -> Self {
        let frames = Arc::new(Mutex::new(Vec::new()));
        let ports = Arc::new(Mutex::new(HashMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let socket = bridge.enter(open);
        let reports = Arc::new(Mutex::new(Vec::new()));
        let (records, known, ending) = (frames.clone(), ports.clone(), stop.clone());
        let found = reports.clone();
        let thread = std::thread::spawn(move || run(&socket, &known, &records, &found, &ending));
        Self { frames, reports, ports, stop, thread: Some(thread) }
    }

    /// Assigns frames that enter through the interface `port` to `router`.
    pub fn watch(&self, port: usize, router: usize) {
        self.ports.lock().expect("not poisoned").insert(port, router);
    }

    /// All frames so far, in order of arrival.
    pub fn frames(&self) -> MutexGuard<'_, Vec<CapturedFrame>> {
        self.frames.lock().expect("the capture has not panicked")
    }

    /// All reports of group memberships (IGMP, MLD) and router solicitations so far.
    pub fn reports(&self) -> Vec<Report> {
        self.reports.lock().expect("the capture has not panicked").clone()
    }

    /// Writes all frames so far to a file in the format of pcap-savefile(5).
    pub fn save(&self, file: &Path) -> std::io::Result<()> {
        /// Magic number for nanosecond time stamps, version 2.4, two reserved fields, snapshot length, Ethernet.
        const HEADER: [u32; 6] = [0xa1b2_3c4d, 4 << 16 | 2, 0, 0, 65535, 1];
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let mut all = words(&HEADER);
        for frame in self.frames().iter() {
            let (seconds, length) = (frame.at.as_secs().try_into(), frame.octets.len().try_into());
            let (seconds, length) = (seconds.expect("before 2106"), length.expect("a frame"));
            all.extend(words(&[seconds, frame.at.subsec_nanos(), length, length]));
            all.extend(&frame.octets);
        }
        std::fs::write(file, all)
    }

    /// Drops all frames so far, to save memory in long labs.
    pub fn clear(&self) {
        self.frames().clear();
    }

    /// The adverts that `router` sent for `vrid` at or after `since`.
    pub fn adverts(&self, router: usize, vrid: u8, since: Stamp) -> Vec<(Stamp, Advert)> {
        let frames = self.frames();
        let recent = frames.iter().filter(|frame| frame.at >= since && frame.from == router);
        recent
            .filter_map(|frame| match &frame.frame {
                Frame::Vrrp(advert) if advert.vrid == vrid => Some((frame.at, advert.clone())),
                _ => None,
            })
            .collect()
    }

    /// Time of the last advert of `router` for `vrid` with a priority above 0.
    pub fn last_advert(&self, router: usize, vrid: u8) -> Option<Stamp> {
        self.frames().iter().rev().find(|frame| frame.claims(router, vrid)).map(|frame| frame.at)
    }

    /// Time of the first advert of `router` for `vrid` at or after `since` with a priority above 0.
    pub fn first_advert(&self, router: usize, vrid: u8, since: Stamp) -> Option<Stamp> {
        let frames = self.frames();
        frames.iter().find(|frame| frame.at >= since && frame.claims(router, vrid)).map(|h| h.at)
    }

    /// Waits for [`Capture::first_advert`].
    pub fn await_advert(&self, router: usize, vrid: u8, since: Stamp, limit: Duration) -> Stamp {
        let what = format!("router {router} sends adverts for VRID {vrid}");
        wait_for(limit, &what, || self.first_advert(router, vrid, since))
    }

    /// Whether `router` has announced `address` by gratuitous ARP or neighbour advertisement since `since`.
    pub fn announced(&self, router: usize, address: std::net::IpAddr, since: Stamp) -> bool {
        self.frames().iter().any(|frame| {
            frame.from == router
                && frame.at >= since
                && match frame.frame {
                    Frame::GratuitousArp(target) => address == target,
                    Frame::NeighbourAdvert(target) => address == target,
                    Frame::Vrrp(_) => false,
                }
        })
    }

    /// The times of `router`'s adverts between two times, by VRID.
    pub fn schedule(&self, router: usize, from: Stamp, to: Stamp) -> HashMap<u8, Vec<Stamp>> {
        let mut schedule: HashMap<u8, Vec<Stamp>> = HashMap::new();
        for frame in self.frames().iter().filter(|frame| frame.at >= from && frame.at <= to) {
            if let Frame::Vrrp(advert) = &frame.frame
                && frame.from == router
            {
                schedule.entry(advert.vrid).or_default().push(frame.at);
            }
        }
        schedule
    }
}

impl CapturedFrame {
    fn claims(&self, router: usize, vrid: u8) -> bool {
        let Frame::Vrrp(advert) = &self.frame else {
            return false;
        };
        self.from == router && advert.vrid == vrid && advert.priority > 0
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Every protocol (ETH_P_ALL).
const ALL: u16 = 0x0003_u16.to_be();
/// Kernel buffer: 255 instances of 20 addresses announce themselves in one burst.
const BUFFER: usize = 64 << 20;

fn open() -> Socket {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ALL)))).expect("a packet socket");
    // Ignore frames that leave the bridge: `ld type; jeq OUTGOING drop; accept`.
    socket
        .attach_filter(&[
            SockFilter::new(0x28, 0, 0, 0xffff_f004),
            SockFilter::new(0x15, 0, 1, 4),
            SockFilter::new(0x06, 0, 0, 0),
            SockFilter::new(0x06, 0, 0, 0x0004_0000),
        ])
        .expect("a filter");
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("time stamps");
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).expect("root may set the buffer size");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    socket
}

fn run(
    socket: &Socket,
    ports: &Mutex<HashMap<usize, usize>>,
    records: &Mutex<Vec<CapturedFrame>>,
    reports: &Mutex<Vec<Report>>,
    ending: &AtomicBool,
) {
    let mut buffer = vec![0_u8; 65536];
    let mut control = cmsg_space!(TimeSpec);
    while !ending.load(Ordering::Relaxed) {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let descriptor = socket.as_raw_fd();
        let flags = MsgFlags::empty();
        let Ok(message) = recvmsg::<LinkAddr>(descriptor, &mut slices, Some(&mut control), flags) else {
            continue; // Timeout.
        };
        let at = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
                _ => None,
            })
        });
        let ports = ports.lock().expect("not poisoned");
        let from = message.address.and_then(|address| ports.get(&address.ifindex()).copied());
        let length = message.bytes;
        let octets = &buffer[..length];
        if let (Some(at), Some(from), true) = (at, from, is_report(octets)) {
            let mac = octets[6..12].try_into().expect("six octets");
            reports.lock().expect("not poisoned").push((at, from, mac));
        }
        let frame = parse(octets);
        if let (Some(at), Some(from), Some(frame)) = (at, from, frame) {
            // A decoded frame has at least 12 octets.
            let mac = buffer[6..12].try_into().expect("six octets");
            records.lock().expect("not poisoned").push(CapturedFrame {
                at,
                from,
                mac,
                frame,
                octets: buffer[..length].to_vec(),
            });
        }
    }
}
