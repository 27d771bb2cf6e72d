//! The event loop's side: the view, and the requests of callers.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::order::{Occasion, Order, Request, Snapshot, Wish};
use super::session::ToLoop;
use super::worker::{self, Start};
use crate::notify::log::Log;
use crate::notify::queue::{Sender, bounded};
use crate::notify::view::{FinishLimits, View};
use crate::reactor::{Feed, Interest, Reactor, Token, Waker, background, feed};
use crate::text::reason;
use crate::vrrp::{Change, Vrrp};

/// Most waiting orders. If there are more, they are dropped, and the thread asks for all instances later.
const QUEUE: usize = 4096;

/// The requests of callers, for the process.
pub struct Dbus {
    link: Link,
    /// Requests; there once the thread was started.
    feed: Option<Feed<Wish>>,
    token: Token,
    log: Log,
}

/// The view of the changes.
pub struct DbusView(Link);

/// The thread, while it runs; shared by both.
#[derive(Clone, Default)]
struct Link(Rc<RefCell<Option<Running>>>);

struct Running {
    queue: Sender<Order>,
    wake: Waker,
    lost: Arc<AtomicBool>,
    /// Requests that the loop has not taken yet.
    waiting: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
    log: Log,
}

impl Dbus {
    /// No thread runs yet; `token` is for the requests.
    pub fn new(token: Token, log: &Log) -> Dbus {
        Dbus { link: Link::default(), feed: None, token, log: log.clone() }
    }

    /// The view. There must be one.
    pub fn view(&self) -> DbusView {
        DbusView(self.link.clone())
    }

    /// Starts the thread when D-Bus is enabled for the first time.
    pub fn follow(&mut self, machines: &Vrrp, reactor: &Reactor) {
        let enabled = machines.tables().system.global.as_ref().is_some_and(|global| global.dbus.is_some());
        if !enabled || self.link.0.borrow().is_some() {
            return;
        }
        if let Err(error) = self.start(reactor) {
            self.log.error(format_args!("D-Bus: cannot start its thread: {}; D-Bus is off", reason(&error)));
        }
    }

    fn start(&mut self, reactor: &Reactor) -> io::Result<()> {
        if let Some(old) = self.feed.take() {
            reactor.deregister(&old)?;
        }
        let (wishes, feeder) = feed()?;
        reactor.register(&wishes, self.token, Interest::READABLE)?;
        let (queue, orders) = bounded(QUEUE);
        let (wake, lost, waiting) = (Waker::new()?, Arc::default(), Arc::default());
        let to_loop = ToLoop { feeder: Arc::new(feeder), waiting: Arc::clone(&waiting) };
        let (log, of_thread) = (self.log.clone(), wake.clone());
        let start = Start { queue: orders, wake: of_thread, to_loop, lost: Arc::clone(&lost), log: log.clone() };
        let thread = background::spawn_brief("dbus", move || worker::run(start))?;
        self.feed = Some(wishes);
        *self.link.0.borrow_mut() = Some(Running { queue, wake, lost, waiting, thread, log });
        Ok(())
    }

    /// Tells the thread all instances, once they have their first states.
    pub fn begin(&self, machines: &Vrrp) {
        self.link.tell(|| Order::All(Snapshot::of(machines, Occasion::Start)));
    }

    /// The requests since the last call; there are never more than a few.
    pub fn requests(&mut self, machines: &Vrrp) -> Vec<Request> {
        let mut wishes = Vec::new();
        if let Some(feed) = &self.feed {
            feed.events(&mut wishes);
        }
        let mut requests = Vec::new();
        for wish in wishes {
            match wish {
                Wish::All => self.link.tell(|| Order::All(Snapshot::of(machines, Occasion::Loss))),
                Wish::Request(request) => {
                    if let Some(running) = self.link.0.borrow().as_ref() {
                        running.waiting.fetch_sub(1, Ordering::Relaxed);
                    }
                    requests.push(request);
                }
            }
        }
        requests
    }
}

impl Link {
    /// Queues an order, if the thread runs. Never blocks.
    fn tell(&self, order: impl FnOnce() -> Order) {
        let mut link = self.0.borrow_mut();
        let Some(running) = link.as_ref() else { return };
        if running.thread.is_finished() {
            // It has logged the reason, unless it has failed.
            running.log.error("D-Bus: its thread has ended; D-Bus is off until the next reload");
            *link = None;
            return;
        }
        if running.queue.offer(order()).is_err() {
            running.lost.store(true, Ordering::Relaxed);
        }
        running.wake.wake();
    }
}

impl View<Vrrp> for DbusView {
    /// The thread has to know resumed states too.
    fn shows_all(&self) -> bool {
        true
    }

    fn show(&mut self, change: &Change, _machines: &Vrrp, _now: Duration) {
        if let Change::Instance { id, to, .. } = change {
            self.0.tell(|| Order::State(*id, *to));
        }
    }

    fn reloaded(&mut self, machines: &Vrrp) {
        self.0.tell(|| Order::All(Snapshot::of(machines, Occasion::Reload)));
    }

    fn finish(self: Box<Self>, time: FinishLimits) {
        let Some(Running { queue, wake, thread, .. }) = self.0.0.borrow_mut().take() else { return };
        drop(queue);
        wake.wake();
        background::await_end(&thread, time.others);
    }
}
