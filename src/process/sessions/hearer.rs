//! The end of a listener.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::{Status, Told};
use crate::config::model::BfdInstance;
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};
use crate::state::from_octets;

/// Datagrams taken in a turn.
const BUDGET: usize = 64;

/// What the BFD process has told. When it is gone, what it has told of a session holds for the detection time: a
/// replacement that goes on from its checkpoint is no news.
pub(in crate::process) struct Hearer {
    link: Option<OwnedFd>,
    token: Token,
    sessions: BTreeMap<String, Heard>,
    awake: bool,
}

struct Heard {
    up: bool,
    detection: Duration,
    /// It goes down then, unless the BFD process is heard of again.
    until: Option<Duration>,
}

impl Hearer {
    pub(in crate::process) fn new(token: Token) -> Hearer {
        Hearer { link: None, token, sessions: BTreeMap::new(), awake: false }
    }

    /// The BFD process is there, perhaps in the place of another one.
    pub(in crate::process) fn connect(&mut self, link: OwnedFd, reactor: &Reactor, now: Duration) -> io::Result<()> {
        self.lose(now);
        reactor.register(&link, self.token, Interest::READABLE)?;
        self.link = Some(link);
        self.awake = true;
        Ok(())
    }

    /// The sessions that have changed, and whether each is up.
    pub(in crate::process) fn news(&mut self, now: Duration, log: &Log) -> Vec<(String, bool)> {
        let mut news = Vec::new();
        self.read(now, &mut news, log);
        for (name, heard) in &mut self.sessions {
            if heard.until.is_some_and(|until| until <= now) {
                (heard.up, heard.until) = (false, None);
                log.warning(format_args!(
                    "BFD session {name} counts as down: the BFD process has been away for its detection time"
                ));
                news.push((name.clone(), false));
            }
        }
        news
    }

    /// When a session goes down because the BFD process is away.
    pub(in crate::process) fn deadline(&self) -> Option<Duration> {
        self.sessions.values().filter_map(|heard| heard.until).min()
    }

    /// There is something to read, or the deadline has come.
    pub(in crate::process) fn wake(&mut self) {
        self.awake = true;
    }

    /// Whether there may be news.
    pub(in crate::process) fn is_awake(&self) -> bool {
        self.awake
    }

    /// Forgets sessions that a new configuration does not have.
    pub(in crate::process) fn retain(&mut self, sessions: &[BfdInstance]) {
        let known: HashSet<&str> = sessions.iter().map(|session| session.name.as_str()).collect();
        self.sessions.retain(|name, _| known.contains(name.as_str()));
    }

    fn read(&mut self, now: Duration, news: &mut Vec<(String, bool)>, log: &Log) {
        let mut buffer = [0; Told::OCTETS];
        let mut left = BUDGET;
        while let Some(link) = self.link.as_ref().filter(|_| left > 0) {
            left -= 1;
            match recv(link, &mut buffer, RecvFlags::empty()).map(|(octets, _)| octets) {
                Ok(0) => self.lose(now),
                Ok(length) => match from_octets::<Told>(buffer.get(..length).unwrap_or_default()) {
                    Ok(told) => told.sessions.into_iter().for_each(|status| self.hear(status, news)),
                    Err(error) => log.error(format_args!("The BFD process tells {error}")),
                },
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => self.lose(now),
            }
        }
        self.awake = left == 0;
    }

    fn hear(&mut self, status: Status, news: &mut Vec<(String, bool)>) {
        let Status { name, up, detection } = status;
        let before = self.sessions.insert(name.clone(), Heard { up, detection, until: None });
        if before.is_none_or(|before| before.up != up) {
            news.push((name, up));
        }
    }

    /// Nothing more comes of the present link.
    fn lose(&mut self, now: Duration) {
        self.link = None;
        for heard in self.sessions.values_mut().filter(|heard| heard.up) {
            heard.until.get_or_insert(now.saturating_add(heard.detection));
        }
    }
}
