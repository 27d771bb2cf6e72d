//! The generic netlink socket of IPVS: batches of changes, and dumps.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::time::Duration;

use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use nix::errno::Errno;

use super::change::{Change, Error};
use super::table::{ServiceKey, Table};
use super::wire::{self, Kind};
use crate::kernel::attributes::i32_at;
use crate::kernel::netlink::{Message, NLMSG_DONE, NLMSG_ERROR, NetlinkSocket, Refusal, acknowledgement, messages};
use crate::reactor::{Program, clock};
use crate::state::Done;

/// Room for the answers to a batch; a refusal contains its request. Datagrams of dumps have at most 32 KiB.
const DATAGRAM: usize = 64 << 10;

/// Time between attempts to load the module. A module that the operator loads is found at once.
const LOAD_PAUSE: Duration = Duration::from_secs(60);

type Outcome = Result<Done, Error>;

/// A socket for IPVS requests. It is reopened after an error, and resolves the IPVS family until that succeeds.
pub(super) struct IpvsSocket {
    socket: Option<NetlinkSocket<NlSocket>>,
    /// ID of the IPVS family.
    family: Option<u16>,
    /// Time of the last attempt to load the module.
    load_tried: Option<Duration>,
    buffer: Vec<u8>,
    seq: u32,
}

impl IpvsSocket {
    /// Opens the socket in the calling thread's network namespace.
    pub(super) fn open() -> io::Result<IpvsSocket> {
        let socket = NetlinkSocket::request(NlFamily::Generic)?;
        Ok(IpvsSocket { socket: Some(socket), family: None, load_tried: None, buffer: vec![0; DATAGRAM], seq: 0 })
    }

    /// Performs all changes in order; returns their outcomes in the same order.
    pub(super) fn change(&mut self, changes: &[Change]) -> Vec<Outcome> {
        let mut outcomes = self.send_all(changes);
        // ENOENT is also the error for a stale family ID.
        if outcomes.iter().any(|outcome| refused_with(outcome, Errno::ENOENT)) && self.family_has_changed() {
            outcomes = self.send_all(changes);
        }
        self.retry_counterparts(changes, &mut outcomes);
        for (change, outcome) in changes.iter().zip(&mut outcomes) {
            accept_if_done(change, outcome);
        }
        outcomes
    }

    /// Reads the whole table.
    pub(super) fn dump(&mut self) -> Result<Table, Error> {
        let family = self.family()?;
        if let Ok(table) = self.read_table(family) {
            return Ok(table);
        }
        self.family = None;
        let family = self.family()?;
        self.read_table(family).map_err(|error| failed(&error))
    }

    /// Sends changes and returns the kernel's answers.
    ///
    /// Changes can be repeated: when the socket fails, those without an answer are sent again through a new socket, and the
    /// kernel then reports changes that it has made already.
    fn send_all(&mut self, changes: &[Change]) -> Vec<Outcome> {
        let mut answers = vec![None; changes.len()];
        let done = self.family().and_then(|family| {
            self.attempt(family, changes, &mut answers)
                .or_else(|_| self.attempt(family, changes, &mut answers))
                .map_err(|error| failed(&error))
        });
        let missing = done.err().unwrap_or_else(|| Refusal::new(Errno::EIO as i32).into());
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(missing.clone()))).collect()
    }

    /// Retries refused changes: sets rows that could not be added because they exist, and adds destinations that could not
    /// be set because they do not exist.
    fn retry_counterparts(&mut self, changes: &[Change], outcomes: &mut [Outcome]) {
        let others: Vec<(usize, Change)> = changes
            .iter()
            .zip(outcomes.iter())
            .enumerate()
            .filter_map(|(at, (change, outcome))| Some((at, counterpart(change, outcome.as_ref().err()?)?)))
            .filter(|(at, change)| !changes.iter().skip(at.saturating_add(1)).any(|later| removes(later, change)))
            .collect();
        let Some(family) = self.family.filter(|_| !others.is_empty()) else { return };
        let (places, others): (Vec<usize>, Vec<Change>) = others.into_iter().unzip();
        let mut answers = vec![None; others.len()];
        // Without an answer the first refusal stands.
        let _ = self.attempt(family, &others, &mut answers);
        for (place, answer) in places.into_iter().zip(answers) {
            if let (Some(outcome), Some(answer)) = (outcomes.get_mut(place), answer) {
                *outcome = answer;
            }
        }
    }

    /// Sends the changes without an answer and collects the answers. Keeps the socket only on success.
    ///
    /// The kernel handles the requests of a datagram in order, so only the last one needs an acknowledgement: the others
    /// are then either refused or done.
    fn attempt(&mut self, family: u16, changes: &[Change], answers: &mut [Option<Outcome>]) -> io::Result<()> {
        let mut requests = Vec::new();
        let mut waiting = BTreeMap::new();
        for (change, answer) in changes.iter().zip(answers) {
            if answer.is_some() {
                continue;
            }
            self.seq = self.seq.wrapping_add(1);
            match wire::request(family, change, self.seq, false) {
                Ok(request) => {
                    requests.push(request);
                    waiting.insert(self.seq, (change, answer));
                }
                Err(error) => *answer = Some(Err(failed(&error))),
            }
        }
        let Some((last, change)) = waiting.iter().next_back().map(|(seq, (change, _))| (*seq, *change)) else {
            return Ok(());
        };
        requests.pop();
        requests.push(wire::request(family, change, last, true)?);
        let socket = self.take()?;
        // The kernel handles all requests before this returns: an answer that is not queued then is lost.
        socket.send(&requests.concat())?;
        while waiting.contains_key(&last) {
            let received = socket.receive(&mut self.buffer)?;
            for message in messages(received).filter(|message| message.kind == NLMSG_ERROR) {
                if let Some((_, answer)) = waiting.remove(&message.seq) {
                    *answer = Some(acknowledgement(&message).map(|()| Done::Changed).map_err(Error::from));
                }
            }
        }
        for (_, answer) in waiting.into_values() {
            *answer = Some(Ok(Done::Changed));
        }
        self.socket = Some(socket);
        Ok(())
    }

    fn read_table(&mut self, family: u16) -> io::Result<Table> {
        let mut table = Table::default();
        self.read_all(
            |seq| wire::dump(family, Kind::GetService, None, seq),
            |payload| {
                if let Some(row) = wire::service(payload) {
                    table.services.insert(row.service.key, row);
                }
            },
        )?;
        let keys: BTreeSet<ServiceKey> = table.services.keys().copied().collect();
        for key in keys {
            let mut rows = BTreeMap::new();
            self.read_all(
                |seq| wire::dump(family, Kind::GetDest, Some(&key), seq),
                |payload| {
                    if let Some(row) = wire::destination(payload, key.family()) {
                        rows.insert(row.destination.key, row);
                    }
                },
            )?;
            if let Some(service) = table.services.get_mut(&key) {
                service.destinations = rows;
            }
        }
        self.read_all(
            |seq| wire::dump(family, Kind::GetDaemon, None, seq),
            |payload| {
                table.sync.extend(wire::sync(payload));
            },
        )?;
        self.read_one(
            |seq| wire::get_timeouts(family, seq),
            |payload| {
                table.timeouts = wire::timeouts(payload).unwrap_or_default();
            },
        )?;
        Ok(table)
    }

    /// Sends a dump request and passes each row to `row`.
    fn read_all(
        &mut self,
        request: impl FnOnce(u32) -> io::Result<Vec<u8>>,
        mut row: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        self.read(request, |message| match message.kind {
            NLMSG_DONE => match i32_at(message.payload, 0) {
                Some(error) if error < 0 => Err(io::Error::from_raw_os_error(error.saturating_neg())),
                _ => Ok(true),
            },
            _ => {
                row(message.payload);
                Ok(false)
            }
        })
    }

    /// Sends a request with one answer and passes the answer to `row`.
    fn read_one(
        &mut self,
        request: impl FnOnce(u32) -> io::Result<Vec<u8>>,
        mut row: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        self.read(request, |message| {
            row(message.payload);
            Ok(true)
        })
    }

    /// Sends a request and passes its answers to `take` until that returns true for the last one.
    fn read(
        &mut self,
        request: impl FnOnce(u32) -> io::Result<Vec<u8>>,
        mut take: impl FnMut(&Message<'_>) -> io::Result<bool>,
    ) -> io::Result<()> {
        self.seq = self.seq.wrapping_add(1);
        let request = request(self.seq)?;
        let socket = self.take()?;
        socket.send(&request)?;
        let mut ended = false;
        while !ended {
            // The kernel continues a dump inside this call, so there is always a message until the end.
            let received = socket.receive(&mut self.buffer)?;
            for message in messages(received).filter(|message| message.seq == self.seq) {
                if message.kind == NLMSG_ERROR {
                    acknowledgement(&message).map_err(|refusal| io::Error::from_raw_os_error(refusal.errno))?;
                    ended = true;
                } else {
                    ended |= take(&message)?;
                }
            }
        }
        self.socket = Some(socket);
        Ok(())
    }

    fn take(&mut self) -> io::Result<NetlinkSocket<NlSocket>> {
        match self.socket.take() {
            Some(socket) => Ok(socket),
            None => NetlinkSocket::request(NlFamily::Generic),
        }
    }

    /// The ID of the IPVS family, resolved until that succeeds. Tries to load the module if the family does not exist.
    fn family(&mut self) -> Result<u16, Error> {
        if self.family.is_none() {
            self.family = self.request_family()?;
        }
        if self.family.is_none() && self.may_load() {
            load_module();
            self.family = self.request_family()?;
        }
        self.family.ok_or(Error::NoIpvs)
    }

    /// Resolves the ID of the family; `None` when the kernel does not have it.
    fn request_family(&mut self) -> Result<Option<u16>, Error> {
        let mut family = None;
        match self.read_one(wire::get_family, |payload| family = wire::family(payload)) {
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(None),
            Err(error) => Err(failed(&error)),
            Ok(()) => Ok(family),
        }
    }

    /// Resolves the family again; returns whether its ID has changed because the module was unloaded and loaded again.
    fn family_has_changed(&mut self) -> bool {
        let before = self.family.take();
        self.family = self.request_family().unwrap_or(before);
        self.family != before
    }

    /// Whether it is time to try loading the module again.
    fn may_load(&mut self) -> bool {
        let now = clock::now();
        let due = self.load_tried.is_none_or(|tried| now.saturating_sub(tried) >= LOAD_PAUSE);
        if due {
            self.load_tried = Some(now);
        }
        due
    }
}

/// Runs the system's modprobe to load the module, as the kernel does for other families. Errors are ignored: the family
/// then stays missing.
fn load_module() {
    let Ok(program) = fs::read_to_string("/proc/sys/kernel/modprobe") else { return };
    let argv = [program.trim(), "-q", "--", "ip_vs"].map(str::to_owned).to_vec();
    let _ = Program { argv, user: None, guarded: false }.start().and_then(|mut child| child.wait());
}

/// Converts an error of the socket.
fn failed(error: &io::Error) -> Error {
    Error::Refused(match error.raw_os_error() {
        Some(errno) => Refusal::new(errno),
        None => Refusal { errno: Errno::EIO as i32, text: error.to_string() },
    })
}

fn refused_with(outcome: &Outcome, errno: Errno) -> bool {
    matches!(outcome, Err(Error::Refused(refusal)) if refusal.errno == errno as i32)
}

/// The change with the same result as a refused one: set instead of add, or add instead of set.
fn counterpart(change: &Change, error: &Error) -> Option<Change> {
    let Error::Refused(refusal) = error else { return None };
    match (change, Errno::from_raw(refusal.errno)) {
        (Change::NewService(service), Errno::EEXIST) => Some(Change::SetService(service.clone())),
        (Change::NewDestination(key, destination), Errno::EEXIST) => {
            Some(Change::SetDestination(*key, destination.clone()))
        }
        (Change::SetDestination(key, destination), Errno::ENOENT) => {
            Some(Change::NewDestination(*key, destination.clone()))
        }
        _ => None,
    }
}

/// Whether `later` removes the row that `change` adds or sets.
fn removes(later: &Change, change: &Change) -> bool {
    match (later, change) {
        (Change::Flush, _) => true,
        (Change::DelService(gone), Change::NewService(service) | Change::SetService(service)) => *gone == service.key,
        (Change::DelService(gone), Change::NewDestination(key, _) | Change::SetDestination(key, _)) => gone == key,
        (
            Change::DelDestination(of, gone),
            Change::NewDestination(key, destination) | Change::SetDestination(key, destination),
        ) => of == key && *gone == destination.key,
        _ => false,
    }
}

/// Turns a refusal because there is nothing to change into success.
fn accept_if_done(change: &Change, outcome: &mut Outcome) {
    let Err(Error::Refused(refusal)) = &*outcome else { return };
    let already_so = match Errno::from_raw(refusal.errno) {
        Errno::EEXIST => {
            matches!(change, Change::NewService(_) | Change::NewDestination(..) | Change::StartSync(_))
        }
        // The service does not exist.
        Errno::ESRCH => matches!(change, Change::DelService(_) | Change::DelDestination(..) | Change::StopSync(_)),
        // The destination does not exist.
        Errno::ENOENT => matches!(change, Change::DelDestination(..)),
        _ => false,
    };
    if already_so {
        *outcome = Ok(Done::AlreadySo);
    }
}
