//! Notifications to the targets of `snmp_trap_target`: a thread sends them, and waits for their acknowledgements.

mod order;
mod sending;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use snmp::message::Notice;
use snmp::target::{Counts, Engine};

use super::log::Log;
use crate::reactor::{Waker, background, clock};
use crate::system::Target;
use crate::text::counted;

use order::{Order, Shared};
use sending::Sending;

/// Most notifications between the loop and the thread; those that wait for a target are bounded apart.
const QUEUE: usize = snmp::target::CAPACITY;

/// Handle of the thread. Nothing of it blocks but [`Notifier::finish`].
#[derive(Debug, Default)]
pub struct Notifier {
    targets: Vec<Target>,
    /// The engine of the daemon; `None` before the first configuration.
    engine: Option<Engine>,
    /// Running since a target was first configured.
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    orders: Sender<Order>,
    shared: Arc<Shared>,
    handle: JoinHandle<()>,
}

impl Notifier {
    /// Changes to other targets. A target that stays keeps its queue, also with other settings.
    pub fn configure(&mut self, targets: Vec<Target>, engine: Engine, log: &Log) {
        let same = targets.iter().map(|target| &target.config).eq(self.targets.iter().map(|target| &target.config));
        if same && (self.engine.as_ref() == Some(&engine) || targets.is_empty()) {
            return;
        }
        self.targets = targets;
        self.engine = Some(engine.clone());
        if self.thread.is_none() {
            match Thread::start(log.clone()) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => {
                    log.error(format_args!("Cannot send notifications to snmp_trap_target: {error}"));
                    return;
                }
            }
        }
        if let Some(thread) = &self.thread {
            thread.order(Order::Targets(self.targets.clone(), engine));
        }
    }

    /// Whether there is a target.
    pub fn is_needed(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Queues a notification for all targets.
    pub fn send(&self, notice: Notice) {
        let Some(thread) = self.thread.as_ref().filter(|_| self.is_needed()) else { return };
        if thread.shared.pending.load(Ordering::Relaxed) >= QUEUE {
            // The thread gets no CPU time; the counters show the loss.
            for target in &self.targets {
                target.counters.add(Counts::Queued);
                target.counters.add(Counts::Dropped);
            }
            return;
        }
        thread.shared.pending.fetch_add(1, Ordering::Relaxed);
        thread.order(Order::Send(notice));
    }

    /// Sends the notifications that wait, within `limit`; a target that is silent is not waited for.
    pub fn finish(self, limit: Duration, log: &Log) {
        let Some(thread) = self.thread else { return };
        thread.order(Order::Close(clock::now() + limit));
        background::await_end(&thread.handle, limit + limit / 4);
        for target in &self.targets {
            let waiting = usize::try_from(target.counters.waiting()).unwrap_or(usize::MAX);
            if waiting > 0 {
                log.error(format_args!(
                    "{} for {} not sent or not acknowledged: the process ends",
                    counted(waiting, "notification"),
                    target.config.host
                ));
            }
        }
    }
}

impl Thread {
    fn start(log: Log) -> std::io::Result<Thread> {
        let (orders, received) = channel();
        let shared = Arc::new(Shared { waker: Waker::new()?, pending: AtomicUsize::new(0) });
        let own = Arc::clone(&shared);
        let handle = background::spawn_brief("traps", move || Sending::new(log, own).run(&received))?;
        Ok(Thread { orders, shared, handle })
    }

    fn order(&self, order: Order) {
        // The thread lives as long as the channel.
        let _ = self.orders.send(order);
        self.shared.waker.wake();
    }
}
