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

    /// Starts the thread if D-Bus is enabled and no thread runs.
    pub fn follow(&mut self, machines: &Vrrp, reactor: &Reactor) {
        let enabled = machines.tables().system.global.as_ref().is_some_and(|global| global.dbus.is_some());
        let runs = self.link.0.borrow().as_ref().is_some_and(|running| !running.thread.is_finished());
        if !enabled || runs {
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

    /// The requests since the last call, each once; there are never more than a few.
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
                    if !requests.contains(&request) {
                        requests.push(request);
                    }
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::order::Snapshot;
    use super::*;
    use crate::notify::log;
    use crate::vrrp::{InstanceId, State};

    /// Without D-Bus in the configuration, the thread needs no bus.
    #[test]
    fn lost_orders_are_made_up_for() {
        let (wishes, feeder) = feed().unwrap();
        let (queue, orders) = bounded(2);
        let (wake, lost) = (Waker::new().unwrap(), Arc::new(AtomicBool::new(false)));
        let to_loop = ToLoop { feeder: Arc::new(feeder), waiting: Arc::default() };
        let (log, _lines) = log::keep();
        let start = Start { queue: orders, wake: wake.clone(), to_loop, lost: Arc::clone(&lost), log: log.clone() };
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = wait.recv();
            worker::run(start);
        });
        let waiting = Arc::default();
        let link = Link(Rc::new(RefCell::new(Some(Running { queue, wake, lost, waiting, thread, log }))));
        for _ in 0..5 {
            link.tell(|| Order::State(InstanceId(1), State::Master));
        }
        go.send(()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(15);
        let mut found = Vec::new();
        while found.is_empty() {
            assert!(Instant::now() < deadline, "the thread asks for all instances");
            wishes.events(&mut found);
            std::thread::yield_now();
        }
        assert_eq!(found, [Wish::All]);
        link.tell(|| Order::All(Snapshot { settings: None, instances: Vec::new(), occasion: Occasion::Loss }));

        // The end of the queue ends the thread.
        let view = Box::new(DbusView(link));
        let time = FinishLimits { scripts: Duration::ZERO, others: Duration::from_secs(15) };
        view.finish(time);
        wishes.events(&mut found);
        assert_eq!(found.len(), 1, "nothing was lost again");
    }

    #[test]
    fn a_thread_that_has_ended_is_logged_and_forgotten() {
        let (log, lines) = log::keep();
        let (queue, _orders) = bounded(2);
        let thread = std::thread::spawn(|| {});
        let deadline = Instant::now() + Duration::from_secs(15);
        while !thread.is_finished() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        let (wake, lost, waiting) = (Waker::new().unwrap(), Arc::default(), Arc::default());
        let link = Link(Rc::new(RefCell::new(Some(Running { queue, wake, lost, waiting, thread, log }))));
        for _ in 0..2 {
            link.tell(|| Order::State(InstanceId(1), State::Master));
        }
        let logged: Vec<String> = lines.take().into_iter().map(|(_, line)| line).collect();
        assert_eq!(logged, ["D-Bus: its thread has ended; D-Bus is off until the next reload"]);
        assert!(link.0.borrow().is_none());
    }
}
