//! A listener's end of a pair.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::{Report, Status};
use crate::config::model::BfdInstance;
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};
use crate::state::from_sections;

/// A session is down if the BFD process does not report it within this time after the configuration.
const SILENCE: Duration = Duration::from_secs(1);
/// Most datagrams of a turn.
const BUDGET: usize = 64;

/// The reported states of BFD sessions. When the BFD process has exited, a state stays valid for the session's
/// detection time: a replacement that continues from its checkpoint in time causes no change.
pub(in crate::process) struct Subscription {
    link: Option<OwnedFd>,
    token: Token,
    sessions: BTreeMap<String, LastReport>,
    awake: bool,
}

/// The last report about a session.
struct LastReport {
    /// `None` before the first report.
    up: Option<bool>,
    detection: Duration,
    /// When it goes down unless the BFD process reports it before.
    down_at: Option<Duration>,
}

impl Subscription {
    pub(in crate::process) fn new(token: Token) -> Subscription {
        Subscription { link: None, token, sessions: BTreeMap::new(), awake: false }
    }

    /// Connects a new BFD process, which may replace an earlier one.
    pub(in crate::process) fn connect(&mut self, link: OwnedFd, reactor: &Reactor, now: Duration) -> io::Result<()> {
        self.disconnect(now);
        reactor.register(&link, self.token, Interest::READABLE)?;
        self.link = Some(link);
        self.awake = true;
        Ok(())
    }

    /// The sessions that have changed state since the last call, and whether each is up.
    pub(in crate::process) fn news(&mut self, now: Duration, log: &Log) -> Vec<(String, bool)> {
        let mut news = Vec::new();
        self.read(now, &mut news, log);
        for (name, last) in &mut self.sessions {
            if last.down_at.is_some_and(|at| at <= now) {
                let reason = match last.up {
                    Some(_) => "the BFD process has been gone for the detection time",
                    None => "the BFD process has not reported it",
                };
                log.warning(format_args!("BFD session {name} is considered down: {reason}"));
                (last.up, last.down_at) = (Some(false), None);
                news.push((name.clone(), false));
            }
        }
        news
    }

    /// When the next session goes down because the BFD process is gone or silent.
    pub(in crate::process) fn deadline(&self) -> Option<Duration> {
        self.sessions.values().filter_map(|last| last.down_at).min()
    }

    /// Records that the socket is readable or the deadline has come.
    pub(in crate::process) fn wake(&mut self) {
        self.awake = true;
    }

    /// Whether [`Subscription::news`] may return changes.
    pub(in crate::process) fn is_awake(&self) -> bool {
        self.awake
    }

    /// All sessions with a known state, and whether each is up.
    pub(in crate::process) fn statuses(&self) -> impl Iterator<Item = (&str, bool)> {
        self.sessions.iter().filter_map(|(name, last)| Some((name.as_str(), last.up?)))
    }

    /// Drops sessions that a new configuration does not contain.
    pub(in crate::process) fn retain(&mut self, sessions: &[BfdInstance]) {
        let known: HashSet<&str> = sessions.iter().map(|session| session.name.as_str()).collect();
        self.sessions.retain(|name, _| known.contains(name.as_str()));
    }

    /// Adds the sessions of a configuration; those that are not reported within a second are considered down.
    pub(in crate::process) fn expect<'a>(&mut self, names: impl Iterator<Item = &'a str>, now: Duration) {
        for name in names {
            self.sessions.entry(name.to_owned()).or_insert_with(|| LastReport {
                up: None,
                detection: Duration::ZERO,
                down_at: Some(now.saturating_add(SILENCE)),
            });
            self.awake = true;
        }
    }

    fn read(&mut self, now: Duration, news: &mut Vec<(String, bool)>, log: &Log) {
        let mut buffer = [0; Report::OCTETS];
        let mut left = BUDGET;
        while let Some(link) = self.link.as_ref().filter(|_| left > 0) {
            left -= 1;
            match recv(link, &mut buffer, RecvFlags::empty()).map(|(octets, _)| octets) {
                Ok(0) => self.disconnect(now),
                Ok(length) => match from_sections::<Report>(buffer.get(..length).unwrap_or_default()) {
                    Ok(report) => report.record.sessions.into_iter().for_each(|status| self.record(status, news)),
                    Err(error) => log.error(format_args!("The BFD process has sent {error}")),
                },
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => self.disconnect(now),
            }
        }
        self.awake = left == 0;
    }

    fn record(&mut self, status: Status, news: &mut Vec<(String, bool)>) {
        let Status { name, up, detection } = status;
        let before = self.sessions.insert(name.clone(), LastReport { up: Some(up), detection, down_at: None });
        if before.is_none_or(|before| before.up != Some(up)) {
            news.push((name, up));
        }
    }

    /// Drops the link; the states stay valid for the detection times.
    fn disconnect(&mut self, now: Duration) {
        self.link = None;
        for last in self.sessions.values_mut().filter(|last| last.up == Some(true)) {
            last.down_at.get_or_insert(now.saturating_add(last.detection));
        }
    }
}
