//! An AgentX master (RFC 2741) that means harm, as no snmpd does.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;

/// How the master treats a session, one manner after the other.
const MANNERS: [fn(UnixStream); 5] = [garbage, half_pdu, silence, flood, deaf_flood];
/// A session ends after this time, so that each manner has its turn.
const SESSION: Duration = Duration::from_millis(1500);

const HEADER: usize = 20;
const OPEN: u8 = 1;
const REGISTER: u8 = 3;
const GET_BULK: u8 = 7;
const RESPONSE: u8 = 18;
const NETWORK_ORDER: u8 = 0x10;
/// Session that subagents are told.
const SESSION_ID: u32 = 7;
/// The subtree that is asked for.
const ROOT: [u32; 10] = [1, 3, 6, 1, 4, 1, 9586, 100, 5, 2];
/// Octets of a PDU that a subagent may still believe to be one.
const LONG: usize = 128 * 1024;
/// Requests of the flood that are written at once.
const BURST: usize = 64;

/// The master; it ends when dropped.
#[derive(Debug)]
pub struct HostileMaster {
    listener: UnixListener,
    sessions: Arc<AtomicUsize>,
}

impl HostileMaster {
    /// Listens on a Unix socket.
    pub fn start(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a path of our own");
        let sessions = Arc::new(AtomicUsize::new(0));
        let (taker, count) = (listener.try_clone().expect("a descriptor"), sessions.clone());
        std::thread::spawn(move || {
            for stream in taker.incoming().map_while(Result::ok) {
                let manner = MANNERS[count.fetch_add(1, Ordering::Relaxed) % MANNERS.len()];
                let end = stream.try_clone().expect("a descriptor");
                std::thread::spawn(move || manner(stream));
                std::thread::spawn(move || {
                    std::thread::sleep(SESSION);
                    let _ = end.shutdown(Shutdown::Both);
                });
            }
        });
        Self { listener, sessions }
    }

    /// How often each manner has been shown at least.
    pub fn rounds(&self) -> usize {
        self.sessions.load(Ordering::Relaxed) / MANNERS.len()
    }
}

impl Drop for HostileMaster {
    fn drop(&mut self) {
        // Ends the waiting for sessions.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// Octets that are no PDU.
fn garbage(mut stream: UnixStream) {
    let block: Vec<u8> = (0..65536_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    while stream.write_all(&block).is_ok() {}
}

/// A long PDU of which the last octet never comes.
fn half_pdu(mut stream: UnixStream) {
    let head = header(RESPONSE, [0; 3], LONG.try_into().expect("32 bits"));
    let _ = stream.write_all(&[&head[..], &[0; LONG - 1]].concat());
    std::thread::sleep(SESSION);
}

/// Nothing is read or said.
fn silence(stream: UnixStream) {
    std::thread::sleep(SESSION);
    drop(stream);
}

/// All is answered as it should be, beside requests without end.
fn flood(stream: UnixStream) {
    let Ok(mut requests) = stream.try_clone() else { return };
    answer_until(&stream, REGISTER);
    std::thread::spawn(move || answer_until(&stream, 0));
    ask_for_ever(&mut requests);
}

/// Requests without end, of which no answer is ever read.
fn deaf_flood(mut stream: UnixStream) {
    answer_until(&stream, REGISTER);
    ask_for_ever(&mut stream);
}

/// Answers requests until one of type `last` has come, or the subagent has gone.
fn answer_until(mut stream: &UnixStream, last: u8) {
    let mut head = [0; HEADER];
    while stream.read_exact(&mut head).is_ok() {
        let number = |at: usize| {
            let octets = head[at..at + 4].try_into().expect("four octets");
            if head[2] & NETWORK_ORDER == 0 { u32::from_le_bytes(octets) } else { u32::from_be_bytes(octets) }
        };
        let mut payload = stream.take(number(16).into());
        if std::io::copy(&mut payload, &mut std::io::sink()).is_err() {
            return;
        }
        let session = if head[1] == OPEN { SESSION_ID } else { number(4) };
        // The time the master is up, no error.
        let answer = [&header(RESPONSE, [session, number(8), number(12)], 8)[..], &[0; 8]].concat();
        if head[1] != RESPONSE && stream.write_all(&answer).is_err() || head[1] == last {
            return;
        }
    }
}

fn ask_for_ever(stream: &mut UnixStream) {
    let mut number = 0;
    let mut request = || {
        number += 1;
        get_bulk(number)
    };
    while stream.write_all(&std::iter::repeat_with(&mut request).take(BURST).collect::<Vec<_>>().concat()).is_ok() {}
}

/// A request for as much as there can be, four times.
fn get_bulk(number: u32) -> Vec<u8> {
    let identifier = [ROOT.len() as u8, 0, 1, 0].into_iter().chain(ROOT.iter().flat_map(|part| part.to_be_bytes()));
    // Without an end.
    let range: Vec<u8> = identifier.chain([0; 4]).collect();
    let payload = [&[0, 0, 0xff, 0xff][..], &range.repeat(4)].concat();
    let length = u32::try_from(payload.len()).expect("small");
    [&header(GET_BULK, [SESSION_ID, number, number], length)[..], &payload].concat()
}

/// A header with the numbers of session, transaction and packet.
fn header(kind: u8, numbers: [u32; 3], length: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&[1, kind, NETWORK_ORDER, 0]);
    let numbers = numbers.into_iter().chain([length]);
    header[4..]
        .chunks_exact_mut(4)
        .zip(numbers)
        .for_each(|(field, number)| field.copy_from_slice(&number.to_be_bytes()));
    header
}
