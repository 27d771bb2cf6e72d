//! The thread that sends mail.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::dialogue::{Dialogue, Outcome};
use super::{Alert, Relay};
use crate::config::model::{Global, MailServer};
use crate::notify::log::{Level, Log};
use crate::reactor::background::await_end;
use crate::text::{counted, was};

/// Most waiting mails.
const QUEUE: usize = 1024;
/// Most attempts for a mail; about a quarter of an hour with the pauses.
const ATTEMPTS: u32 = 20;
/// Pause after the first failed attempt; it doubles with each further one.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Time limit of a connection or a reply while the daemon stops.
const LAST_PATIENCE: Duration = Duration::from_millis(500);
/// Interval of checks for a stop while waiting for the relay.
const LOOK: Duration = Duration::from_millis(100);

/// Handle of the thread.
#[derive(Debug)]
pub struct Mailer {
    /// The relay; `None` = no mail is sent.
    relay: Option<Arc<Relay>>,
    /// Running since mail was first configured.
    thread: Option<Thread>,
    /// Number of mails dropped since the queue became full.
    lost: u64,
    log: Log,
}

#[derive(Debug)]
struct Thread {
    queue: Sender<Job>,
    shared: Arc<Shared>,
    handle: JoinHandle<()>,
}

/// State shared with the thread.
#[derive(Debug, Default)]
struct Shared {
    /// Number of mails that are neither sent nor given up.
    pending: AtomicUsize,
    closing: AtomicBool,
}

/// A mail in the queue.
#[derive(Debug)]
struct Job {
    alert: Alert,
    relay: Arc<Relay>,
    /// Date of the change.
    date: String,
    /// Mailboxes to which the mail was not sent yet.
    recipients: Vec<String>,
    attempts: u32,
    due: Instant,
}

impl Mailer {
    /// A mailer for this configuration; the thread starts when a relay and a recipient are configured.
    pub fn start(global: Option<&Global>, log: Log) -> Mailer {
        let mut mailer = Mailer { relay: None, thread: None, lost: 0, log };
        mailer.configure(global);
        mailer
    }

    /// Applies a new configuration to mails that are submitted from now on.
    pub fn configure(&mut self, global: Option<&Global>) {
        self.relay = global.and_then(Relay::new).map(Arc::new);
        if self.relay.is_some() && self.thread.is_none() {
            match Thread::start(self.log.clone()) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => self.log.error(format_args!("Cannot send mail: {error}")),
            }
        }
    }

    /// Queues a mail. Never blocks; does nothing when no mail is configured.
    pub fn submit(&mut self, alert: Alert) {
        let (Some(relay), Some(thread)) = (&self.relay, &self.thread) else { return };
        if thread.shared.pending.load(Ordering::Relaxed) >= QUEUE {
            if self.lost == 0 {
                self.log.error(format_args!("{QUEUE} mails are waiting; further ones are dropped"));
            }
            self.lost += 1;
            return;
        }
        if self.lost > 0 {
            let lost = usize::try_from(self.lost).unwrap_or(usize::MAX);
            self.log.error(format_args!("{} {} dropped", counted(lost, "mail"), was(lost)));
            self.lost = 0;
        }
        let job = Job {
            alert,
            relay: Arc::clone(relay),
            date: chrono::Local::now().format("%a, %d %b %Y %H:%M:%S %z").to_string(),
            recipients: relay.recipients.iter().map(|address| address.mailbox.clone()).collect(),
            attempts: 0,
            due: Instant::now(),
        };
        thread.shared.pending.fetch_add(1, Ordering::Relaxed);
        // The thread lives as long as the queue.
        let _ = thread.queue.send(job);
    }

    /// Sends the queued mails, within `limit`.
    pub fn finish(self, limit: Duration) {
        let Some(Thread { queue, shared, handle }) = self.thread else { return };
        shared.closing.store(true, Ordering::Relaxed);
        drop(queue);
        await_end(&handle, limit);
        let left = shared.pending.load(Ordering::Relaxed) as u64 + self.lost;
        if left > 0 {
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            self.log.error(format_args!("{} {} not sent", counted(left, "mail"), was(left)));
        }
    }
}

impl Thread {
    fn start(log: Log) -> io::Result<Thread> {
        let (queue, jobs) = channel();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let work = move || {
            Sending { shared: own, log, waiting: Vec::new(), pause: PAUSE, resume: None, trouble: None }.run(&jobs)
        };
        let handle = std::thread::Builder::new().name("mail".into()).spawn(work)?;
        Ok(Thread { queue, shared, handle })
    }
}

/// State of the thread.
struct Sending {
    shared: Arc<Shared>,
    log: Log,
    /// Waiting mails, in the order of the changes.
    waiting: Vec<Job>,
    /// Next pause after a failed connection.
    pause: Duration,
    /// While the relay cannot be reached: time of the next attempt.
    resume: Option<Instant>,
    /// The last reason why the relay could not be reached.
    trouble: Option<String>,
}

/// Result of an attempt.
enum Attempt {
    /// There was an SMTP dialogue, with this result.
    Talked(Outcome),
    /// The relay could not be reached, for this reason.
    NoRelay(String),
}

impl Sending {
    /// Runs until the sender is dropped and no mail waits.
    fn run(mut self, jobs: &Receiver<Job>) {
        let mut open = true;
        while open || !self.waiting.is_empty() {
            if open {
                let patience = self.patience();
                match jobs.recv_timeout(patience) {
                    Ok(job) => self.waiting.push(job),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => open = false,
                }
                self.waiting.extend(jobs.try_iter());
            }
            if let Some(position) = self.next_due(open) {
                let job = self.waiting.remove(position);
                if !self.work(job, position, open) {
                    return;
                }
            }
        }
    }

    /// Time until the next mail is due.
    fn patience(&self) -> Duration {
        let first = self.waiting.iter().map(|job| job.due).min();
        let due = first.max(self.resume.filter(|_| first.is_some()));
        due.map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(Instant::now()))
    }

    /// The mail to try next. After the queue was closed all mails are due.
    fn next_due(&self, open: bool) -> Option<usize> {
        let now = Instant::now();
        if open && self.resume.is_some_and(|at| at > now) {
            return None;
        }
        self.waiting.iter().position(|job| !open || job.due <= now)
    }

    /// Tries to send a mail; `position` is its place in the queue if it has to wait. False = the daemon stops and the relay
    /// cannot be reached, so that the thread ends.
    fn work(&mut self, mut job: Job, position: usize, open: bool) -> bool {
        job.attempts += 1;
        let relay = Arc::clone(&job.relay);
        let server = &relay.server;
        match attempt(&job, &self.shared.closing) {
            Attempt::NoRelay(why) => {
                let given_up = !open || job.attempts >= ATTEMPTS;
                if given_up {
                    self.give_up(&job, &why);
                } else {
                    // Log the same reason once.
                    if self.trouble.as_ref() != Some(&why) {
                        self.log.warning(format_args!("Mail relay {server}: {why}; trying again"));
                    }
                    self.trouble = Some(why);
                    self.resume = Some(Instant::now() + self.pause);
                    self.pause = (self.pause * 2).min(MAX_PAUSE);
                    self.waiting.insert(position, job);
                }
                return open;
            }
            Attempt::Talked(outcome) => {
                self.resume = None;
                self.trouble = None;
                self.pause = PAUSE;
                match outcome {
                    Outcome::Taken { deferred, refused } => {
                        for recipient in refused {
                            self.log.error(format_args!("Mail relay {server} refuses to send to {recipient}"));
                        }
                        self.log.write(Level::Detail, format_args!("Mail was sent: {}", job.alert.subject));
                        if deferred.is_empty() || !open || job.attempts >= ATTEMPTS {
                            for recipient in deferred {
                                self.log.error(format_args!("Mail relay {server} did not send to {recipient}"));
                            }
                            self.done();
                        } else {
                            job.recipients = deferred;
                            self.defer(job);
                        }
                    }
                    Outcome::Deferred(why) if !open || job.attempts >= ATTEMPTS => self.give_up(&job, &why),
                    Outcome::Deferred(why) => {
                        self.log.warning(format_args!("Mail relay {server}: {why}; trying again"));
                        self.defer(job);
                    }
                    Outcome::Refused(why) => self.give_up(&job, &why),
                }
            }
        }
        true
    }

    fn defer(&mut self, mut job: Job) {
        let pause = PAUSE * 2_u32.saturating_pow(job.attempts.saturating_sub(1).min(6));
        job.due = Instant::now() + pause.min(MAX_PAUSE);
        self.waiting.push(job);
    }

    fn give_up(&self, job: &Job, why: &str) {
        let (server, subject) = (&job.relay.server, &job.alert.subject);
        self.log.error(format_args!("Mail was not sent by {server}: {why}: {subject}"));
        self.done();
    }

    fn done(&self) {
        self.shared.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends a mail over one connection.
fn attempt(job: &Job, closing: &AtomicBool) -> Attempt {
    let Job { relay, alert, date, recipients, .. } = job;
    let patience = || if closing.load(Ordering::Relaxed) { relay.timeout.min(LAST_PATIENCE) } else { relay.timeout };
    let message = relay.message(alert, date);
    let mut dialogue = Dialogue::new(&relay.helo_name, &relay.sender.mailbox, recipients, message);
    let mut greeted = false;
    let talked = connect(&relay.server, patience).and_then(|mut stream| {
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(patience()))?;
        while !dialogue.is_over() {
            let octets = receive(&mut stream, patience, &mut dialogue)?;
            greeted = true;
            // The mail is accepted or refused; only QUIT is left.
            let settled = dialogue.outcome().is_some();
            match stream.write_all(&octets) {
                Err(_) if settled => dialogue.break_off("closed"),
                written => written?,
            }
        }
        Ok(())
    });
    let why = talked.err().map(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer in time".to_owned(),
        ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
        _ => error.to_string(),
    });
    match (dialogue.outcome(), why) {
        (Some(outcome), _) => Attempt::Talked(outcome.clone()),
        (None, Some(why)) if greeted => Attempt::Talked(Outcome::Deferred(why)),
        (None, why) => Attempt::NoRelay(why.unwrap_or_default()),
    }
}

/// Connects to the first address that accepts a connection. A host name is resolved each time, which may take as long as the
/// resolver of the system needs.
fn connect(server: &MailServer, patience: impl Fn() -> Duration) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = match server {
        MailServer::Address(address) => vec![*address],
        MailServer::Name { host, port } => (host.as_str(), *port).to_socket_addrs()?.collect(),
    };
    let mut failed = io::Error::new(ErrorKind::NotFound, "its host name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, patience()) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Reads until there are octets to send or the dialogue is over; `patience` limits the whole reply, also when it arrives
/// octet by octet.
fn receive(stream: &mut TcpStream, patience: impl Fn() -> Duration, dialogue: &mut Dialogue) -> io::Result<Vec<u8>> {
    let since = Instant::now();
    let mut buffer = [0; 2048];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                let answer = dialogue.receive(buffer.get(..length).unwrap_or_default());
                if !answer.is_empty() || dialogue.is_over() {
                    return Ok(answer);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        if since.elapsed() >= patience() {
            return Err(ErrorKind::TimedOut.into());
        }
    }
}
