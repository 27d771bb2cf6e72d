//! Executes the actions of the machines, and returns the kernel's answers to them as events.

use std::time::Duration;

use super::parts::{Loop, Timer, VrrpProcess};
use super::sockets::Outgoing;
use super::translate;
use crate::kernel::EntryRequest;
use crate::notify::log::Log;
use crate::state::Op;
use crate::vrrp::{Action, Event, InstanceId, ObjectId};

impl VrrpProcess {
    /// Executes the machines' actions. Adverts are sent at once; requests for addresses, routes and rules are collected for
    /// [`VrrpProcess::submit_requests`].
    pub(super) fn carry_out(&mut self, shell: &mut Loop) {
        let output = self.vrrp.take_output();
        let mut without_interface = Vec::new();
        // Before actions that run scripts of new trackers.
        if output.trackers {
            self.follow_trackers(shell);
        }
        for action in output.actions {
            match action {
                // A cleanup process: another router may be master by now.
                Action::Send { .. } if self.silent => {}
                Action::Send { instance, ifindex, source, ttl, messages, seal } => {
                    self.send(instance, Outgoing { ifindex, source, ttl, messages, seal }, &shell.log);
                }
                Action::Timer(key, at) => shell.set_timer(Timer::Machine(key), at),
                Action::Address(id, op, secondaries) => {
                    let tables = self.vrrp.tables();
                    let row = tables.addresses.get(&id);
                    match row.and_then(|row| translate::address_request(id, op, row, secondaries, &tables.interfaces)) {
                        Some(request) => self.requests.push(request),
                        None => without_interface.push((ObjectId::Address(id), op)),
                    }
                }
                Action::WithdrawAddress(row, secondaries) => {
                    let links = &self.vrrp.tables().interfaces;
                    let request = translate::address_request(translate::NO_ROW, Op::Remove, &row, secondaries, links);
                    self.requests.extend(request);
                }
                Action::Route(id, op) => {
                    let row = self.vrrp.tables().routes.get(&id);
                    match row.and_then(|row| translate::route_request(id, op, row)) {
                        Some(request) => self.requests.push(request),
                        None => without_interface.push((ObjectId::Route(id), op)),
                    }
                }
                Action::WithdrawRoute(row) => {
                    self.requests.extend(translate::route_request(translate::NO_ROW, Op::Remove, &row));
                }
                Action::Rule(id, op) => {
                    let row = self.vrrp.tables().rules.get(&id);
                    self.requests.extend(row.map(|row| translate::rule_request(id, op, row)));
                }
                Action::WithdrawRule(row) => {
                    self.requests.push(translate::rule_request(translate::NO_ROW, Op::Remove, &row));
                }
                Action::OwnLink { id, op, link } => {
                    let tables = self.vrrp.tables();
                    let guards = id.filter(|_| op == Op::Add).map(|id| tables.link_guards(id)).unwrap_or_default();
                    self.firewall.push_link(translate::own_link_request(id, op, *link, guards));
                }
                Action::Firewall(request) => self.requests.push(EntryRequest::Firewall(request)),
                Action::Announce(id, count) => self.announcer.push(id, count, self.vrrp.tables()),
                Action::CancelAnnouncements(id) => self.announcer.cancel(id),
                Action::RunScript { id, script, limit } => {
                    self.tracker_sources.run(id, &script, limit, self.vrrp.tables().system.global.as_ref());
                }
                Action::CancelScript(id) => self.tracker_sources.cancel(id),
            }
        }
        shell.report(output.changes);
        if output.save {
            shell.save();
        }
        self.links_changed |= output.links;
        // The interface was removed meanwhile; the rows still wait for answers.
        if !without_interface.is_empty() {
            for (id, op) in without_interface {
                let result = Err("its interface has been removed".to_owned());
                self.vrrp.handle(Event::Done { id, op, result }, shell.now());
            }
            self.carry_out(shell);
        }
    }

    /// Sends an advert. A repeated error of an instance is logged once.
    pub(super) fn send(&mut self, id: InstanceId, advert: Outgoing, log: &Log) {
        let ifindex = advert.ifindex;
        let Err(error) = self.sockets.send(id, advert, self.vrrp.tables()) else {
            self.send_errors.remove(&id);
            return;
        };
        let error = error.to_string();
        if self.send_errors.get(&id) != Some(&error) {
            let tables = self.vrrp.tables();
            let name = tables.instances.get(&id).map_or("?", |row| &row.config.name);
            let interface = tables.interfaces.name(ifindex);
            log.warning(format_args!("({name}) Cannot send advert on {interface}: {error}"));
            self.send_errors.insert(id, error);
        }
    }

    /// Submits the collected requests: those for the tables of the firewall before those for links, which wait for them.
    pub(super) fn submit_requests(&mut self, shell: &mut Loop) {
        self.firewall.follow(self.vrrp.tables(), &shell.reactor, &shell.log);
        self.submit_entries(shell);
        let ready = self.firewall.ready_links();
        if !ready.is_empty() {
            // The queue cannot be full: each row has at most one request in it.
            let _ = self.own_links.submit(ready);
        }
        if self.firewall.take_links() {
            self.follow_links(&shell.log);
        }
    }

    fn submit_entries(&mut self, shell: &mut Loop) {
        if self.requests.is_empty() {
            return;
        }
        let requests = std::mem::take(&mut self.requests);
        requests.iter().for_each(|request| self.firewall.submitted(request));
        if let Err(full) = self.writer.submit(requests) {
            let now = shell.now();
            for request in full.requests {
                let result = Err("too many requests are waiting for the kernel".into());
                self.firewall.failed(&request);
                let event = translate::answer(request.kind(), request.token(), request.op(), result);
                self.vrrp.handle(event, now);
            }
            self.carry_out(shell);
        }
    }

    pub(super) fn writer_turn(&mut self, shell: &mut Loop) {
        let mut results = Vec::new();
        self.writer.results(&mut results);
        let now = shell.now();
        for result in results {
            if let Some(complaint) = &result.complaint {
                shell.log.warning(complaint);
            }
            self.firewall.answered(&result);
            if result.kind.is_firewall() {
                shell.held_changed();
            }
            self.vrrp.handle(translate::done(result), now);
        }
    }

    pub(super) fn own_links_turn(&mut self, shell: &mut Loop) {
        let mut results = Vec::new();
        self.own_links.results(&mut results);
        for result in results {
            if let Some(complaint) = &result.complaint {
                shell.log.warning(format_args!("{}: {complaint}", result.request.link.name));
            }
            if self.link_settings != result.settings {
                self.link_settings.clone_from(&result.settings);
                shell.save();
            }
            if let Some(event) = translate::own_link_done(result) {
                self.vrrp.handle(event, shell.now());
            }
        }
        self.firewall.links_changed();
    }

    /// Handles changes of firewall tables by other programs.
    pub(super) fn tables_turn(&mut self, now: Duration) {
        for event in self.firewall.events() {
            self.vrrp.handle(event, now);
        }
    }
}
