//! A hostile AgentX master (RFC 2741).

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;

/// The behaviours of the master, used in turn for successive sessions.
const MANNERS: [fn(UnixStream); 5] = [garbage, half_pdu, silence, flood, unread_flood];
/// Longest time of a session, so that each behaviour has its turn.
const SESSION: Duration = Duration::from_millis(1500);

const HEADER: usize = 20;
const OPEN: u8 = 1;
const REGISTER: u8 = 3;
const GET_BULK: u8 = 7;
const RESPONSE: u8 = 18;
const NETWORK_ORDER: u8 = 0x10;
/// Session ID assigned to subagents.
const SESSION_ID: u32 = 7;
/// The subtree that is requested.
const ROOT: [u32; 10] = [1, 3, 6, 1, 4, 1, 9586, 100, 5, 2];
/// Octets of the longest PDU that a subagent may accept.
const LONG: usize = 128 * 1024;
/// Requests of the flood written at once.
const BURST: usize = 64;

/// The master; dropping it stops it.
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

    /// How many times all behaviours have been used.
    pub fn rounds(&self) -> usize {
        self.sessions.load(Ordering::Relaxed) / MANNERS.len()
    }
}

impl Drop for HostileMaster {
    fn drop(&mut self) {
        // Ends the thread that accepts sessions.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// Sends octets that are not a PDU.
fn garbage(mut stream: UnixStream) {
    let block: Vec<u8> = (0..65536_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    while stream.write_all(&block).is_ok() {}
}

/// Sends a long PDU without its last octet.
fn half_pdu(mut stream: UnixStream) {
    let head = header(RESPONSE, [0; 3], LONG.try_into().expect("32 bits"));
    let _ = stream.write_all(&[&head[..], &[0; LONG - 1]].concat());
    std::thread::sleep(SESSION);
}

/// Neither reads nor sends.
fn silence(stream: UnixStream) {
    std::thread::sleep(SESSION);
    drop(stream);
}

/// Answers all PDUs correctly, and sends requests without end.
fn flood(stream: UnixStream) {
    let Ok(mut requests) = stream.try_clone() else { return };
    answer_until(&stream, REGISTER);
    std::thread::spawn(move || answer_until(&stream, 0));
    request_for_ever(&mut requests);
}

/// Sends requests without end and never reads an answer.
fn unread_flood(mut stream: UnixStream) {
    answer_until(&stream, REGISTER);
    request_for_ever(&mut stream);
}

/// Answers PDUs until one of type `last`, or until the subagent closes the connection.
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
        // sysUpTime 0, no error.
        let answer = [&header(RESPONSE, [session, number(8), number(12)], 8)[..], &[0; 8]].concat();
        if head[1] != RESPONSE && stream.write_all(&answer).is_err() || head[1] == last {
            return;
        }
    }
}

fn request_for_ever(stream: &mut UnixStream) {
    let mut number = 0;
    let mut request = || {
        number += 1;
        get_bulk(number)
    };
    while stream.write_all(&std::iter::repeat_with(&mut request).take(BURST).collect::<Vec<_>>().concat()).is_ok() {}
}

/// A GetBulk of four ranges with the maximum of repetitions.
fn get_bulk(number: u32) -> Vec<u8> {
    let identifier = [ROOT.len() as u8, 0, 1, 0].into_iter().chain(ROOT.iter().flat_map(|part| part.to_be_bytes()));
    // A null end: no bound.
    let range: Vec<u8> = identifier.chain([0; 4]).collect();
    let payload = [&[0, 0, 0xff, 0xff][..], &range.repeat(4)].concat();
    let length = u32::try_from(payload.len()).expect("small");
    [&header(GET_BULK, [SESSION_ID, number, number], length)[..], &payload].concat()
}

/// A header. `numbers` are the session, transaction and packet IDs.
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
