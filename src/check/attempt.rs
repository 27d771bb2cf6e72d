//! Attempts of a checker: their start, the consequences of their verdicts, and the schedule of the next attempt.

use std::time::Duration;

use super::conversation::{Conversation, Verdict};
use super::dns::DnsCheck;
use super::event::{Action, AttemptId, Change, ScriptEnd, TimerKey, Transport};
use super::http::{HttpConversation, Looked};
use super::machine::Check;
use super::misc;
use super::ping::PingCheck;
use super::rows::{Checker, CheckerId, LastAttempt};
use super::smtp::SmtpCheck;
use super::tcp::TcpCheck;
use super::udp::UdpCheck;
use crate::config::lvs::{CheckerKind, Target};
use crate::state::Random;

/// Time before an attempt that could not start because this process ran out of resources is repeated.
const POSTPONEMENT: Duration = Duration::from_millis(500);
/// Time limit of a search in a part of a body, in addition to that of the attempt, since searches are queued.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

impl Check {
    /// Starts an attempt.
    pub(super) fn start_attempt(&mut self, id: CheckerId) {
        let now = self.now;
        let Some(row) = self.tables.checkers.get_mut(&id) else { return };
        row.attempt = row.attempt.wrapping_add(1);
        row.work.running = true;
        row.work.started = now;
        row.work.looking = None;
        row.work.searched = Duration::ZERO;
        let attempt = AttemptId { checker: id, number: row.attempt };
        if let CheckerKind::Misc(check) = &row.config.kind {
            let run = Action::RunScript { attempt, script: Box::new(check.script.clone()), limit: check.run_limit };
            self.output.actions.push(run);
            return;
        }
        let Some((target, transport, conversation)) = open(row, &mut self.random) else {
            row.work.running = false;
            return;
        };
        row.work.conversation = Some(conversation);
        let limit = now + row.config.timeout;
        self.output.actions.push(Action::Connect { attempt, target: Box::new(target), transport });
        self.set_timer(id, Some(limit));
    }

    /// Passes an event to the conversation of an attempt, unless the attempt is over, and carries out the result.
    pub(super) fn converse(
        &mut self,
        attempt: AttemptId,
        pass: impl FnOnce(&mut dyn Conversation, &mut Vec<u8>) -> Option<Verdict>,
    ) {
        let now = self.now;
        let Some(row) = self.running(attempt) else { return };
        let Some(conversation) = row.work.conversation.as_mut() else { return };
        let mut send = Vec::new();
        let verdict = pass(conversation.as_mut(), &mut send);
        let look = if verdict.is_none() { conversation.look() } else { None };
        if look.is_some() {
            row.work.looking = Some(now);
        }
        if !send.is_empty() {
            self.output.actions.push(Action::Send(attempt, send));
        }
        if let Some(look) = look {
            self.output.actions.push(Action::Look(attempt, Box::new(look)));
            self.set_timer(attempt.checker, Some(self.now + LOOK_LIMIT));
        }
        if let Some(verdict) = verdict {
            self.output.actions.push(Action::Close(attempt));
            self.conclude(attempt.checker, verdict);
        }
    }

    /// Takes the result of a search, after which reading continues. The time of searches does not count against the
    /// server's timeout, but it at most doubles it.
    pub(super) fn looked(&mut self, attempt: AttemptId, looked: Looked) {
        let now = self.now;
        let Some(row) = self.running(attempt) else { return };
        if let Some(since) = row.work.looking.take() {
            row.work.searched = (row.work.searched + now.saturating_sub(since)).min(row.config.timeout);
        }
        self.converse(attempt, |talk, _| talk.looked(looked));
        if let Some(row) = self.running(attempt).filter(|row| row.work.looking.is_none()) {
            let limit = row.work.started + row.config.timeout + row.work.searched;
            self.output.actions.push(Action::Resume(attempt));
            self.set_timer(attempt.checker, Some(limit));
        }
    }

    fn running(&mut self, attempt: AttemptId) -> Option<&mut Checker> {
        let row = self.tables.checkers.get_mut(&attempt.checker)?;
        (row.work.running && row.attempt == attempt.number).then_some(row)
    }

    /// Repeats an attempt that could not start a little later, without a verdict.
    pub(super) fn postpone(&mut self, attempt: AttemptId) {
        let at = self.now + POSTPONEMENT;
        let Some(row) = self.running(attempt) else { return };
        row.work.running = false;
        row.work.conversation = None;
        self.tables.postponed = self.tables.postponed.wrapping_add(1);
        self.set_timer(attempt.checker, Some(at));
    }

    pub(super) fn ping_reply(&mut self, attempt: AttemptId) {
        let is_ping = |row: &mut Checker| matches!(row.config.kind, CheckerKind::Ping(_));
        if self.running(attempt).is_some_and(is_ping) {
            self.output.actions.push(Action::Close(attempt));
            self.conclude(attempt.checker, Ok(()));
        }
    }

    pub(super) fn script_ended(&mut self, attempt: AttemptId, end: &ScriptEnd) {
        let Some(row) = self.running(attempt) else { return };
        let CheckerKind::Misc(check) = &row.config.kind else { return };
        row.last_status = match end {
            ScriptEnd::Exited(status) => Some(*status),
            _ => None,
        };
        match misc::evaluate(end, check.dynamic) {
            Ok(weight) => {
                self.contribute(attempt.checker, weight);
                self.conclude(attempt.checker, Ok(()));
            }
            Err(reason) => self.conclude(attempt.checker, Err(reason)),
        }
    }

    /// Sets the contribution of a checker so that the weight becomes `weight`; `None` restores the configured weight.
    fn contribute(&mut self, id: CheckerId, weight: Option<u32>) {
        let base = self.tables.real_servers.get(&id.0).map_or(0, |server| i64::from(server.base_weight));
        if let Some(row) = self.tables.checkers.get_mut(&id) {
            let contribution = weight.map_or(0, |weight| i64::from(weight) - base);
            if std::mem::replace(&mut row.contribution, contribution) != contribution {
                row.work.weight_changed = true;
            }
        }
    }

    /// Cancels the attempt and timer of a checker, until it is scheduled again.
    pub(super) fn cancel(&mut self, id: CheckerId) {
        if let Some(row) = self.tables.checkers.get_mut(&id) {
            row.cancel(id, &mut self.output.actions);
        }
    }

    /// Ends an attempt with its verdict.
    fn conclude(&mut self, id: CheckerId, verdict: Verdict) {
        let Some(row) = self.tables.checkers.get_mut(&id) else { return };
        row.work.running = false;
        row.work.conversation = None;
        let took = self.now.saturating_sub(row.work.started);
        row.last = Some(LastAttempt { at: self.now, took: Some(took), passed: verdict.is_ok() });
        match verdict {
            Ok(()) => match row.next_step() {
                NextStep::Now => self.start_attempt(id),
                NextStep::Later => {
                    let at = self.now + row.config.delay_loop;
                    self.set_timer(id, Some(at));
                }
                NextStep::Done => self.succeed(id),
            },
            Err(reason) => self.fail(id, reason),
        }
    }

    fn succeed(&mut self, id: CheckerId) {
        let now = self.now;
        let Some(row) = self.tables.checkers.get_mut(&id) else { return };
        row.failures = 0;
        row.reason.clear();
        let first = !std::mem::replace(&mut row.has_run, true);
        let recovered = !std::mem::replace(&mut row.up, true);
        let weight_changed = std::mem::take(&mut row.work.weight_changed);
        let next = row.next_period(now);
        self.set_timer(id, Some(next));
        if recovered {
            self.change(Change::Checker { id, up: true, reason: String::new() });
        }
        if first || recovered || weight_changed {
            self.server_changed(id.0);
        }
    }

    fn fail(&mut self, id: CheckerId, reason: String) {
        let now = self.now;
        let Some(row) = self.tables.checkers.get_mut(&id) else { return };
        row.work.passed = 0;
        row.work.weight_changed = false;
        row.reason.clone_from(&reason);
        if !row.up {
            let first = !std::mem::replace(&mut row.has_run, true);
            let next = row.next_period(now);
            self.set_timer(id, Some(next));
            if first {
                self.change(Change::Checker { id, up: false, reason });
                self.server_changed(id.0);
                self.report_first_failure(id.0);
            }
            return;
        }
        row.failures = row.failures.saturating_add(1);
        if row.failures <= row.config.retry {
            let left = row.config.retry - row.failures;
            let (next, log) = (now + row.config.delay_before_retry, row.config.log_all_failures);
            self.set_timer(id, Some(next));
            if log {
                self.change(Change::AttemptFailed { id, reason, left });
            }
            return;
        }
        row.up = false;
        row.has_run = true;
        row.work.settled = false;
        let next = row.next_period(now);
        self.set_timer(id, Some(next));
        self.change(Change::Checker { id, up: false, reason });
        self.server_changed(id.0);
    }

    /// Handles the state of a BFD session, which its checkers follow at once.
    pub(super) fn session_changed(&mut self, name: &str, up: bool) {
        self.tables.sessions.insert(name.to_owned(), up);
        let ids = self.tables.by_session.get(name).cloned().unwrap_or_default();
        for id in ids {
            let outcome = if up { Ok(0) } else { Err("the session is down".to_owned()) };
            self.set_outcome(id, outcome);
        }
    }

    /// Handles the number of a `track_file`.
    pub(super) fn file_value(&mut self, name: &str, value: i64) {
        self.tables.files.insert(name.to_owned(), value);
        let ids = self.tables.by_file.get(name).cloned().unwrap_or_default();
        for id in ids {
            let Some(row) = self.tables.checkers.get_mut(&id) else { continue };
            let CheckerKind::File { weight, reverse, .. } = row.config.kind else { continue };
            self.set_outcome(id, super::file::evaluate(value, weight, reverse));
        }
    }

    /// Sets the outcome of a checker without attempts (FILE_CHECK, BFD_CHECK): its contribution to the weight, or the
    /// reason why it fails.
    fn set_outcome(&mut self, id: CheckerId, outcome: Result<i64, String>) {
        let Some(row) = self.tables.checkers.get_mut(&id) else { return };
        let first = !std::mem::replace(&mut row.has_run, true);
        let up = outcome.is_ok();
        let was_up = std::mem::replace(&mut row.up, up);
        let contribution = outcome.as_ref().map_or(row.contribution, |contribution| *contribution);
        let weight_changed = std::mem::replace(&mut row.contribution, contribution) != contribution;
        let reason = outcome.err().unwrap_or_default();
        row.reason.clone_from(&reason);
        row.last = Some(LastAttempt { at: self.now, took: None, passed: up });
        if up != was_up {
            self.change(Change::Checker { id, up, reason });
        }
        if first || weight_changed || up != was_up {
            self.server_changed(id.0);
        }
    }
}

/// What follows a successful attempt. A check may consist of several attempts: one for each url or host.
enum NextStep {
    /// Start the next attempt at once.
    Now,
    /// Start the next attempt after `delay_loop`; the checker has no verdict yet.
    Later,
    /// The check has succeeded.
    Done,
}

impl Checker {
    /// Cancels the attempt and timer, and queues the actions for it.
    pub(super) fn cancel(&mut self, id: CheckerId, actions: &mut Vec<Action>) {
        let attempt = AttemptId { checker: id, number: self.attempt };
        if std::mem::take(&mut self.work.running) {
            let is_script = self.work.conversation.take().is_none();
            self.work.step = if matches!(self.config.kind, CheckerKind::Smtp(_)) { 0 } else { self.work.step };
            actions.push(if is_script { Action::KillScript(attempt) } else { Action::Close(attempt) });
        }
        if self.deadline.take().is_some() {
            actions.push(Action::Timer(TimerKey::Checker(id), None));
        }
    }

    /// Proceeds to the next host or url.
    fn next_step(&mut self) -> NextStep {
        let work = &mut self.work;
        match &self.config.kind {
            CheckerKind::Smtp(check) => {
                work.step += 1;
                if (work.step as usize) < check.targets.len() {
                    return NextStep::Now;
                }
                work.step = 0;
                NextStep::Done
            }
            CheckerKind::Http(check) => {
                let urls = u32::try_from(check.urls.len()).unwrap_or(u32::MAX);
                work.step = (work.step + 1) % urls.max(1);
                if work.settled {
                    return NextStep::Done;
                }
                work.passed += 1;
                if work.passed >= urls {
                    work.settled = true;
                    NextStep::Done
                } else if check.fast_recovery {
                    NextStep::Now
                } else {
                    NextStep::Later
                }
            }
            _ => NextStep::Done,
        }
    }

    /// Start of the attempt after a definite result. The interval of a script counts from its start.
    fn next_period(&self, now: Duration) -> Duration {
        match &self.config.kind {
            CheckerKind::Misc(_) => now.max(self.work.started + self.config.delay_loop),
            CheckerKind::Http(_) if !self.up => now + self.config.delay_loop.max(self.config.delay_before_retry),
            _ => now + self.config.delay_loop,
        }
    }
}

/// The target, transport and conversation of an attempt; `None` for checkers without a connection.
fn open(row: &Checker, random: &mut Random) -> Option<(Target, Transport, Box<dyn Conversation>)> {
    let step = row.work.step as usize;
    Some(match &row.config.kind {
        CheckerKind::Tcp(target) => (target.clone(), Transport::Tcp, Box::new(TcpCheck)),
        CheckerKind::Http(check) => {
            let url = check.urls.get(step)?;
            let transport = match check.tls {
                true => Transport::Tls { sni: check.sni.clone(), close_notify: url.close_notify },
                false => Transport::Tcp,
            };
            let pattern = row.work.patterns.get(step).and_then(Option::as_ref);
            (check.target.clone(), transport, Box::new(HttpConversation::new(url, check.version, pattern)))
        }
        CheckerKind::Smtp(check) => {
            (check.targets.get(step)?.clone(), Transport::Tcp, Box::new(SmtpCheck::new(check.helo_name.clone())))
        }
        CheckerKind::Dns(check) => {
            let [low, high, ..] = random.number().to_le_bytes();
            let id = u16::from_le_bytes([low, high]);
            (check.target.clone(), Transport::Udp, Box::new(DnsCheck::new(id, check.query_type, check.name.clone())))
        }
        CheckerKind::Udp(check) => {
            let given = check.payload.clone();
            let payload = if given.is_empty() { random.octets(UdpCheck::RANDOM_OCTETS) } else { given };
            let talk = UdpCheck::new(payload, check.reply.clone(), (check.min_reply, check.max_reply));
            (check.target.clone(), Transport::Udp, Box::new(talk))
        }
        CheckerKind::Ping(target) => (target.clone(), Transport::Ping, Box::new(PingCheck)),
        CheckerKind::Misc(_) | CheckerKind::File { .. } | CheckerKind::Bfd { .. } => return None,
    })
}
