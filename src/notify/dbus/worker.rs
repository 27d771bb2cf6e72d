//! The thread that has the connection to the bus.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use zbus::Connection;
use zbus::connection::Builder;
use zruntime::SharedRuntime;

use super::inbox::Inbox;
use super::objects::Objects;
use super::order::{Occasion, Order, Snapshot, Wish};
use super::session::{Session, ToLoop, Turn};
use crate::config::model;
use crate::notify::log::Log;
use crate::notify::queue::Receiver;
use crate::reactor::Waker;
use crate::text::{plain, reason};

/// Longest wait for the bus to admit this program.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// First and longest pause before another attempt to connect; it doubles each time.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What the thread starts with.
pub(super) struct Start {
    pub(super) queue: Receiver<Order>,
    pub(super) wake: Waker,
    pub(super) to_loop: ToLoop,
    /// The loop has dropped orders, as the queue was full.
    pub(super) lost: Arc<AtomicBool>,
    pub(super) log: Log,
}

/// Runs until the loop closes the queue.
pub(super) fn run(start: Start) {
    let Start { queue, wake, to_loop, lost, log } = start;
    let of_worker = log.clone();
    let result: io::Result<()> = zbus::block_on(async {
        let runtime = SharedRuntime::current()?;
        let inbox = Inbox::new(queue, wake, &runtime)?;
        let (objects, pause) = (Objects::default(), PAUSE.0);
        let worker =
            Worker { inbox, runtime, to_loop, lost, log: of_worker, settings: None, objects, pause, trouble: None };
        worker.run().await;
        Ok(())
    });
    if let Err(error) = result {
        log.error(format_args!("D-Bus: cannot wait for the bus: {}; D-Bus is off", reason(&error)));
    }
}

struct Worker {
    inbox: Inbox,
    runtime: SharedRuntime,
    to_loop: ToLoop,
    lost: Arc<AtomicBool>,
    log: Log,
    /// `None` while D-Bus is not enabled.
    settings: Option<model::Dbus>,
    /// The copy of the states.
    objects: Objects,
    /// The pause before the next attempt to connect.
    pause: Duration,
    /// The reason last logged for the lack of a connection.
    trouble: Option<String>,
}

/// Why the work on a connection has ended.
enum End {
    /// The queue is closed.
    Stopped,
    /// D-Bus is not enabled any more.
    Off,
    /// The text for the log.
    Failed(String),
}

impl Worker {
    async fn run(mut self) {
        loop {
            if self.settings.is_none() {
                match self.inbox.next().await {
                    Some(order) => self.take(order),
                    None => return,
                }
                continue;
            }
            let connecting = connect(self.runtime.clone());
            let Some(connection) = self.attend(connecting).await else { return };
            let end = match connection {
                Ok(connection) => self.serve(connection).await,
                Err(why) => End::Failed(format!("cannot connect to the system bus: {why}; trying again")),
            };
            match end {
                End::Stopped => return,
                End::Off => {}
                End::Failed(text) => {
                    if self.trouble.as_ref() != Some(&text) {
                        self.log.warning(format_args!("D-Bus: {text}"));
                        self.trouble = Some(text);
                    }
                    let pause = self.runtime.sleep(self.pause);
                    if self.attend(pause).await.is_none() {
                        return;
                    }
                    self.pause = self.pause.saturating_mul(2).min(PAUSE.1);
                }
            }
        }
    }

    /// Waits for a future without a connection, and takes orders meanwhile; `None` when the queue is closed.
    async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            match either(self.inbox.next(), work.as_mut()).await {
                Either::First(Some(order)) => self.take(order),
                Either::First(None) => return None,
                Either::Second(done) => return Some(done),
            }
        }
    }

    /// Takes an order into the copy.
    fn take(&mut self, order: Order) {
        match order {
            Order::All(snapshot) => self.replace(snapshot),
            Order::State(id, state) => drop(self.objects.set(id, state)),
        }
        self.ask_again();
    }

    /// Replaces the copy.
    fn replace(&mut self, snapshot: Snapshot) {
        let no_interface = snapshot.settings.as_ref().map_or("", |settings| &settings.no_interface_name);
        let (objects, hidden) = Objects::new(snapshot.instances, no_interface);
        for hidden in hidden {
            self.log.warning(format_args!(
                "D-Bus: the instance {} is not shown, as {} has the same path {}",
                hidden.name, hidden.by, hidden.path
            ));
        }
        (self.settings, self.objects) = (snapshot.settings, objects);
    }

    /// Asks for all instances, once the queue is empty again, if orders were lost.
    fn ask_again(&self) {
        if self.inbox.is_empty() && self.lost.swap(false, Ordering::Relaxed) {
            self.to_loop.feeder.send(Wish::All);
        }
    }

    /// Works on a connection until its end.
    async fn serve(&mut self, connection: Connection) -> End {
        let Some(name) = self.settings.as_ref().map(|settings| settings.service_name.clone()) else {
            return End::Off;
        };
        let mut session = Session::new(connection, name, self.to_loop.clone(), self.log.clone());
        let mut result = session.request_name().await.map(|()| None);
        loop {
            match result {
                Ok(None) => {}
                Ok(Some(End::Stopped)) => {
                    session.stop().await;
                    return End::Stopped;
                }
                Ok(Some(End::Off)) => {
                    session.stop().await;
                    return End::Off;
                }
                Ok(Some(end)) => return end,
                Err(error) => {
                    return End::Failed(format!("lost the connection to the bus: {}; connecting again", words(&error)));
                }
            }
            result = match either(self.inbox.next(), session.next()).await {
                Either::First(None) => Ok(Some(End::Stopped)),
                Either::First(Some(order)) => self.show(order, &mut session).await,
                Either::Second(None) => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                Either::Second(Some(Err(error))) => Err(error),
                Either::Second(Some(Ok(message))) => {
                    session.handle(message, &self.objects).await.map(|turn| match turn {
                        Turn::Continue => None,
                        Turn::Named => {
                            (self.pause, self.trouble) = (PAUSE.0, None);
                            None
                        }
                        Turn::Refused(why) => Some(End::Failed(why)),
                    })
                }
            };
        }
    }

    /// Takes an order into the copy, and signals the changes.
    async fn show(&mut self, order: Order, session: &mut Session) -> zbus::Result<Option<End>> {
        match order {
            Order::State(id, state) => {
                if let Some(path) = self.objects.set(id, state) {
                    session.show(path, state).await?;
                }
            }
            Order::All(snapshot) => {
                let loss = snapshot.occasion == Occasion::Loss && snapshot.settings == self.settings;
                let before = std::mem::take(&mut self.objects);
                self.replace(snapshot);
                let Some(settings) = &self.settings else { return Ok(Some(End::Off)) };
                if loss {
                    let changed = self.objects.states().filter(|(path, state)| before.state_at(path) != Some(*state));
                    for (path, state) in changed {
                        session.show(path, state).await?;
                    }
                } else {
                    session.renew_name(&settings.service_name).await?;
                }
            }
        }
        self.ask_again();
        Ok(None)
    }
}

/// Connects to the system bus.
async fn connect(runtime: SharedRuntime) -> Result<Connection, String> {
    match runtime.timeout(CONNECT_LIMIT, Builder::system().build()).await {
        Ok(connection) => connection.map_err(|error| words(&error)),
        Err(_) => Err(format!("it has not answered for {} s", CONNECT_LIMIT.as_secs())),
    }
}

/// An error of the library, in the words of this log.
fn words(error: &zbus::Error) -> String {
    match error {
        zbus::Error::InputOutput(error) => match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                "the bus has closed it".to_owned()
            }
            _ => reason(error),
        },
        error => plain(&error.to_string()).into_owned(),
    }
}

/// The result of the future that was ready first.
enum Either<A, B> {
    First(A),
    Second(B),
}

/// Waits for one of two futures; the first has precedence.
async fn either<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> Either<A, B> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        if let Poll::Ready(result) = first.as_mut().poll(context) {
            return Poll::Ready(Either::First(result));
        }
        second.as_mut().poll(context).map(Either::Second)
    })
    .await
}
