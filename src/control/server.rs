//! The server of the control socket: the end for the event loop of the daemon.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::geteuid;

use super::event::{Client, Event, Order};
use super::listener::Listener;
use super::message::Answer;
use super::peer::Access;
use super::worker::Worker;
use crate::reactor::{Feed, Waker, background, feed};

/// A handle to the thread of the server. Register it for reading.
#[derive(Debug)]
pub struct Server {
    events: Feed<Event>,
    orders: Sender<Order>,
    waker: Waker,
    thread: JoinHandle<()>,
    listener: Arc<Listener>,
}

impl Server {
    /// Starts the thread; `group` is that of the listener.
    ///
    /// # Errors
    /// When the system has no threads or descriptors left.
    pub fn start(listener: Listener, group: Option<u32>) -> io::Result<Server> {
        let (events, feeder) = feed()?;
        let (orders, received) = channel();
        let waker = feeder.waker().clone();
        let listener = Arc::new(listener);
        let mut worker =
            Worker::new(Arc::clone(&listener), Access { owner: geteuid().as_raw(), group }, feeder, received)?;
        let thread = background::spawn("control", move || worker.run())?;
        Ok(Server { events, orders, waker, thread, listener })
    }

    /// The events since the last call: at most one for each accepted connection.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.events.events(&mut events);
        events
    }

    /// Answers a request. Never blocks.
    pub fn answer(&self, client: Client, answer: Answer) {
        self.order(Order::Answer(client, answer));
    }

    /// Changes the group that may make requests. Never blocks.
    pub fn set_group(&self, group: Option<u32>) {
        self.order(Order::Group(group));
    }

    fn order(&self, order: Order) {
        // If the thread has failed, there are no clients.
        let _ = self.orders.send(order);
        self.waker.wake();
    }

    /// Sends the answers so far, waiting for that at most for `limit`, and removes the socket.
    pub fn finish(self, limit: Duration) {
        let Server { events, thread, listener, .. } = self;
        // This ends the thread.
        drop(events);
        background::await_end(&thread, limit);
        // On a busy machine the thread, which has the lowest priority, may not have come to its end.
        listener.remove();
    }
}

impl AsRawFd for Server {
    fn as_raw_fd(&self) -> RawFd {
        self.events.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::path::{Path, PathBuf};
    use std::time::Instant;

    use super::super::client::ask;
    use super::super::message::Request;
    use super::super::worker::{ACCEPTED, CLIENT_LIMIT, CLIENTS, WINDOW};
    use super::*;

    /// The thread has the lowest priority, and other tests run at the same time.
    const LIMIT: Duration = Duration::from_secs(60);

    struct Lab {
        directory: tempfile::TempDir,
        server: Option<Server>,
    }

    impl Lab {
        fn new() -> Lab {
            let directory = tempfile::tempdir().unwrap();
            let listener = Listener::bind(&directory.path().join("control"), None).unwrap();
            Lab { directory, server: Some(Server::start(listener, None).unwrap()) }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("control")
        }

        fn server(&self) -> &Server {
            self.server.as_ref().unwrap()
        }

        fn next(&self) -> Event {
            let until = Instant::now() + LIMIT;
            loop {
                let events = self.server().events();
                assert!(events.len() <= 1, "{events:?}");
                if let Some(event) = events.into_iter().next() {
                    return event;
                }
                assert!(Instant::now() < until, "no event");
                std::thread::sleep(Duration::from_millis(1));
            }
        }

        /// Answers the next request.
        fn serve(&self, answer: &str) -> Request {
            match self.next() {
                Event::Request(client, _, request) => {
                    self.server().answer(client, Answer::Version(answer.to_owned()));
                    request
                }
                event => panic!("{event:?}"),
            }
        }
    }

    fn asking(path: &Path, request: Request) -> JoinHandle<Answer> {
        let path = path.to_owned();
        std::thread::spawn(move || ask(&path, &request, LIMIT).unwrap())
    }

    /// Waits until the server has closed a connection; returns what it has sent.
    fn until_closed(stream: &mut UnixStream) -> Vec<u8> {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut octets = Vec::new();
        match stream.read_to_end(&mut octets) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        octets
    }

    #[test]
    fn a_request_is_passed_on_with_its_peer_and_answered() {
        let lab = Lab::new();
        let client = asking(&lab.path(), Request::Version);
        let Event::Request(asked, peer, Request::Version) = lab.next() else { panic!() };
        assert_eq!(peer.pid, std::process::id().cast_signed());
        // Longer than the socket buffers.
        let text = "version ".repeat(60_000);
        lab.server().answer(asked, Answer::Version(text.clone()));
        assert_eq!(client.join().unwrap(), Answer::Version(text));
    }

    #[test]
    fn hostile_octets_get_a_reason_and_cost_one_event() {
        let lab = Lab::new();
        for (octets, expected) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "a message of 1195725856 bytes, more than 4096"),
            (&[0, 0, 0, 2, b'{', b'}'], "missing field `version`"),
        ] {
            let mut stream = UnixStream::connect(lab.path()).unwrap();
            stream.write_all(octets).unwrap();
            let Event::Refused(_, reason) = lab.next() else { panic!() };
            assert!(reason.contains(expected), "{reason}");
            let answer = until_closed(&mut stream);
            assert!(String::from_utf8_lossy(&answer).contains("\"refused\""), "{answer:?}");
        }
        // A client that closes early has no event.
        drop(UnixStream::connect(lab.path()).unwrap());
        let mut part = UnixStream::connect(lab.path()).unwrap();
        part.write_all(&[0, 0, 0]).unwrap();
        part.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(until_closed(&mut part), [0_u8; 0]);
        let client = asking(&lab.path(), Request::Version);
        assert_eq!(lab.serve("1"), Request::Version);
        assert_eq!(client.join().unwrap(), Answer::Version("1".into()));
    }

    #[test]
    fn silent_clients_make_room_for_others_and_are_disconnected() {
        let lab = Lab::new();
        let start = Instant::now();
        let mut silent: Vec<UnixStream> = (0..CLIENTS + 10).map(|_| UnixStream::connect(lab.path()).unwrap()).collect();
        let client = asking(&lab.path(), Request::Reload);
        assert_eq!(lab.serve("1"), Request::Reload);
        assert_eq!(client.join().unwrap(), Answer::Version("1".into()));
        assert!(start.elapsed() < CLIENT_LIMIT);
        silent.iter_mut().for_each(|stream| assert_eq!(until_closed(stream), [0_u8; 0]));
        assert!(start.elapsed() >= CLIENT_LIMIT);
    }

    #[test]
    fn the_number_of_waiting_requests_is_bounded() {
        let lab = Lab::new();
        let (clients, asked): (Vec<_>, Vec<_>) = (0..CLIENTS)
            .map(|_| {
                let client = asking(&lab.path(), Request::Reload);
                let Event::Request(asked, ..) = lab.next() else { panic!() };
                (client, asked)
            })
            .unzip();
        let Answer::Refused(reason) = asking(&lab.path(), Request::Version).join().unwrap() else { panic!() };
        assert!(reason.contains("too many clients"), "{reason}");
        asked.into_iter().for_each(|client| lab.server().answer(client, Answer::Version("late".into())));
        clients.into_iter().for_each(|client| assert_eq!(client.join().unwrap(), Answer::Version("late".into())));
    }

    #[test]
    fn connections_are_accepted_at_a_bounded_rate() {
        let lab = Lab::new();
        let start = Instant::now();
        let rounds = 2 * ACCEPTED + 1;
        for _ in 0..rounds {
            let client = asking(&lab.path(), Request::Version);
            lab.serve("1");
            client.join().unwrap();
        }
        assert!(start.elapsed() >= WINDOW, "{:?}", start.elapsed());
    }

    #[test]
    fn at_the_stop_answers_are_sent_and_the_socket_is_removed() {
        let mut lab = Lab::new();
        let _silent = UnixStream::connect(lab.path()).unwrap();
        let client = asking(&lab.path(), Request::Reload);
        let Event::Request(asked, ..) = lab.next() else { panic!() };
        let server = lab.server.take().unwrap();
        server.answer(asked, Answer::Version("last".into()));
        let start = Instant::now();
        server.finish(LIMIT);
        assert!(start.elapsed() < LIMIT / 2);
        assert_eq!(client.join().unwrap(), Answer::Version("last".into()));
        assert!(!lab.path().exists());
    }
}
