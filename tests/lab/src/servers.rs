//! Servers that answer honestly, by passing on what a real one says, until they are told to behave as no real one does.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;

use crate::hostile;
use crate::netns::Netns;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// It is passed on to the real server.
    Honest,
    /// It is taken, and nothing is ever said.
    Silent,
    /// It is reset as soon as something was heard or a moment has passed.
    Resets,
    /// These octets are said, then the sending side is closed; the other stays open.
    HalfCloses(&'static [u8]),
    /// These octets are said, then nothing more.
    Says(&'static [u8]),
    /// The first octets are said, then the second ones again and again.
    Endless(&'static [u8], &'static [u8]),
    /// The first octets are said, then the second ones again and again, an octet every few milliseconds.
    Drips(&'static [u8], &'static [u8]),
    /// The hello of TLS is answered with HelloRequests without end.
    HelloRequests,
    /// The handshake of TLS is followed by session tickets without end.
    Tickets,
}

/// Time between two octets of [`Manner::Drips`].
const DRIP: Duration = Duration::from_millis(5);

/// A TCP port of a namespace in front of another one.
#[derive(Debug)]
pub struct Relay {
    manner: Arc<Mutex<Manner>>,
    listener: TcpListener,
}

impl Relay {
    /// Listens on the loopback address at `port`; honest connections go on to `real`.
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

    /// Connections taken from now on fare like this.
    pub fn be(&self, manner: Manner) {
        *self.manner.lock().expect("not poisoned") = manner;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Ends the waiting for connections.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// Failures are those of the peer, who may leave at any time.
fn serve(mut stream: TcpStream, manner: Manner, real: u16) {
    let mut say = |octets: &[u8]| stream.write_all(octets).is_ok();
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
            say(octets);
            let _ = stream.shutdown(Shutdown::Write);
        }
        Manner::Says(octets) => drop(say(octets)),
        Manner::Endless(first, more) => {
            let block = more.repeat((64 * 1024 / more.len()).max(1));
            let mut going = say(first);
            while going {
                going = say(&block);
            }
        }
        Manner::Drips(first, more) => {
            if say(first) {
                more.iter().cycle().take_while(|octet| say(&[**octet])).for_each(|_| std::thread::sleep(DRIP));
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

/// What a [`Datagrams`] answers to a datagram.
pub type Answer = fn(&[u8]) -> Option<Vec<u8>>;

/// A UDP port of a namespace that answers each datagram as it is told.
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
        let (hears, current, garbage) = (socket.try_clone().expect("a descriptor"), answer.clone(), before.clone());
        std::thread::spawn(move || {
            let mut datagram = [0; 2000];
            // Errors tell that someone has gone who was answered before; the end is told by no answer.
            loop {
                let heard = hears.recv_from(&mut datagram);
                let Some(answer) = *current.lock().expect("not poisoned") else { break };
                let Ok((length, from)) = heard else { continue };
                let (first, times) = *garbage.lock().expect("not poisoned");
                let first = std::iter::repeat_n(first, times).flatten();
                for reply in first.chain([&answer]).filter_map(|answer| answer(&datagram[..length])) {
                    let _ = hears.send_to(&reply, from);
                }
            }
        });
        Self { answer, before, socket }
    }

    /// Answers are preceded by these that many times from now on, as if someone else had sent them under this address.
    pub fn precede(&self, garbage: &'static [Answer], times: usize) {
        *self.before.lock().expect("not poisoned") = (garbage, times);
    }

    /// Datagrams that come from now on are answered so.
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
