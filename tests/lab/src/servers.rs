//! Servers that forward connections to a real server, or misbehave as no real server does.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;

use crate::hostile;
use crate::netns::Netns;

/// The behaviour of a [`Relay`] towards new connections.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// Forwards the connection to the real server.
    Honest,
    /// Accepts the connection and sends nothing.
    Silent,
    /// Resets the connection after the first data, or after 50 ms.
    Resets,
    /// Sends these octets, then closes the sending side only.
    HalfCloses(&'static [u8]),
    /// Sends these octets, then nothing more.
    Says(&'static [u8]),
    /// Sends the first octets, then the second ones repeatedly without end.
    Endless(&'static [u8], &'static [u8]),
    /// Sends the first octets, then the second ones repeatedly, one octet every 5 ms.
    Drips(&'static [u8], &'static [u8]),
    /// Answers the TLS ClientHello with HelloRequests without end.
    HelloRequests,
    /// Sends session tickets without end after the TLS handshake.
    Tickets,
}

/// Time between two octets of [`Manner::Drips`].
const DRIP: Duration = Duration::from_millis(5);

/// A TCP port of a namespace that forwards to another port.
#[derive(Debug)]
pub struct Relay {
    manner: Arc<Mutex<Manner>>,
    listener: TcpListener,
}

impl Relay {
    /// Listens on the loopback address at `port`; honest connections are forwarded to port `real`.
    pub fn start(netns: &Netns, port: u16, real: u16) -> Self {
        let manner = Arc::new(Mutex::new(Manner::Honest));
        let listener = netns.enter(|| TcpListener::bind(local(port)).expect("a free port"));
        let (taker, current) = (listener.try_clone().expect("a descriptor"), manner.clone());
        netns.spawn(move || {
            for stream in taker.incoming().map_while(Result::ok) {
                let manner = *current.lock().expect("not poisoned");
                std::thread::spawn(move || serve(stream, manner, real));
            }
        });
        Self { manner, listener }
    }

    /// Sets the behaviour towards new connections.
    pub fn be(&self, manner: Manner) {
        *self.manner.lock().expect("not poisoned") = manner;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Ends the thread that accepts connections.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// Handles a connection. Errors are ignored: the peer may close it at any time.
fn serve(mut stream: TcpStream, manner: Manner, real: u16) {
    let mut send = |octets: &[u8]| stream.write_all(octets).is_ok();
    match manner {
        Manner::Honest => return pass_on(stream, real),
        Manner::HelloRequests => return hostile::hello_requests(stream),
        Manner::Tickets => return hostile::tickets(stream),
        Manner::Resets => {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(50)));
            let _ = stream.read(&mut [0; 100]);
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            return;
        }
        Manner::Silent => {}
        Manner::HalfCloses(octets) => {
            send(octets);
            let _ = stream.shutdown(Shutdown::Write);
        }
        Manner::Says(octets) => drop(send(octets)),
        Manner::Endless(first, more) => {
            let block = more.repeat((64 * 1024 / more.len()).max(1));
            let mut going = send(first);
            while going {
                going = send(&block);
            }
        }
        Manner::Drips(first, more) => {
            if send(first) {
                more.iter().cycle().take_while(|octet| send(&[**octet])).for_each(|_| std::thread::sleep(DRIP));
            }
        }
    }
    while stream.read(&mut [0; 1000]).is_ok_and(|count| count > 0) {}
}

fn pass_on(stream: TcpStream, real: u16) {
    let Ok(behind) = TcpStream::connect(local(real)) else { return };
    let (Ok(from), Ok(mut to)) = (stream.try_clone(), behind.try_clone()) else { return };
    std::thread::spawn(move || {
        let mut from = from;
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (behind, stream);
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// The function by which [`Datagrams`] answers a datagram.
pub type Answer = fn(&[u8]) -> Option<Vec<u8>>;

/// A UDP port of a namespace that answers datagrams by an [`Answer`].
#[derive(Debug)]
pub struct Datagrams {
    answer: Arc<Mutex<Option<Answer>>>,
    before: Arc<Mutex<(&'static [Answer], usize)>>,
    socket: UdpSocket,
}

impl Datagrams {
    /// Listens on the loopback address at `port`.
    pub fn start(netns: &Netns, port: u16, answer: Answer) -> Self {
        let answer = Arc::new(Mutex::new(Some(answer)));
        let socket = netns.enter(|| UdpSocket::bind(local(port)).expect("a free port"));
        let before: Arc<Mutex<(&'static [Answer], usize)>> = Arc::default();
        let (receiver, current, garbage) = (socket.try_clone().expect("a descriptor"), answer.clone(), before.clone());
        std::thread::spawn(move || {
            let mut datagram = [0; 2000];
            // Errors are ICMP errors for earlier answers; the thread ends when `answer` is `None`.
            loop {
                let received = receiver.recv_from(&mut datagram);
                let Some(answer) = *current.lock().expect("not poisoned") else { break };
                let Ok((length, from)) = received else { continue };
                let (first, times) = *garbage.lock().expect("not poisoned");
                let first = std::iter::repeat_n(first, times).flatten();
                for reply in first.chain([&answer]).filter_map(|answer| answer(&datagram[..length])) {
                    let _ = receiver.send_to(&reply, from);
                }
            }
        });
        Self { answer, before, socket }
    }

    /// Precedes each answer by these, `times` times, as if another host had forged them from this address.
    pub fn precede(&self, garbage: &'static [Answer], times: usize) {
        *self.before.lock().expect("not poisoned") = (garbage, times);
    }

    /// Sets the answer to further datagrams.
    pub fn be(&self, answer: Answer) {
        *self.answer.lock().expect("not poisoned") = Some(answer);
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        *self.answer.lock().expect("not poisoned") = None;
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
