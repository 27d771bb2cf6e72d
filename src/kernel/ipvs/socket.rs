//! The generic netlink socket of IPVS: batches of changes, and dumps.

use std::fs;
use std::io;
use std::time::Duration;

use nix::errno::Errno;

use super::change::Error;
use super::wire::{self, Kind};
use crate::check::ipvs::{Change, Table};
use crate::kernel::generic;
use crate::kernel::netlink::Refusal;
use crate::kernel::request_socket::RequestSocket;
use crate::reactor::{Program, clock};
use crate::state::Done;

/// Time between attempts to load the module. A module that the operator loads is found at once.
const LOAD_PAUSE: Duration = Duration::from_secs(60);

type Outcome = Result<Done, Error>;

/// A socket for IPVS requests, which resolves the IPVS family until that succeeds.
pub(super) struct IpvsSocket {
    requests: RequestSocket,
    /// ID of the IPVS family.
    family: Option<u16>,
    /// Time of the last attempt to load the module.
    load_tried: Option<Duration>,
}

impl IpvsSocket {
    /// Opens the socket in the calling thread's network namespace.
    pub(super) fn open() -> io::Result<IpvsSocket> {
        Ok(IpvsSocket { requests: RequestSocket::generic()?, family: None, load_tried: None })
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
        Ok(self.read_table(family)?)
    }

    /// Sends changes and returns the kernel's answers.
    fn send_all(&mut self, changes: &[Change]) -> Vec<Outcome> {
        match self.family() {
            Ok(family) => self.send(family, changes),
            Err(error) => changes.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn send(&mut self, family: u16, changes: &[Change]) -> Vec<Outcome> {
        let requests: Vec<_> = changes.iter().map(|change| Ok(wire::request(family, change))).collect();
        let answers = self.requests.perform(&requests).into_iter();
        answers.map(|answer| answer.result.map(|()| Done::Changed).map_err(Error::from)).collect()
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
        for (place, answer) in places.into_iter().zip(self.send(family, &others)) {
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = answer;
            }
        }
    }

    fn read_table(&mut self, family: u16) -> Result<Table, Refusal> {
        let mut table = Table::default();
        let services = self.requests.rows(&wire::dump(family, Kind::GetService, None), wire::service)?;
        table.services.extend(services.into_iter().map(|row| (row.service.key, row)));
        for (key, service) in &mut table.services {
            let request = wire::dump(family, Kind::GetDest, Some(key));
            let rows = self.requests.rows(&request, |payload| wire::destination(payload, key.family()))?;
            service.destinations.extend(rows.into_iter().map(|row| (row.destination.key, row)));
        }
        table.sync = self.requests.rows(&wire::dump(family, Kind::GetDaemon, None), wire::sync)?;
        let timeouts = self.requests.rows(&wire::get_timeouts(family), wire::timeouts)?;
        table.timeouts = timeouts.into_iter().next_back().unwrap_or_default();
        Ok(table)
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
        match generic::family_id(&mut self.requests, wire::FAMILY) {
            Err(refusal) if refusal.errno == Errno::ENOENT as i32 => Ok(None),
            found => Ok(found?),
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
    let _ = Program { argv, user: None, guarded: false, groups: false, resolved: false }
        .start()
        .and_then(|mut child| child.wait());
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
