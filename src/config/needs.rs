//! Which demands on the privileges of a process a configuration has.

use super::model::lvs::{Checker, CheckerKind, HttpCheck, Source, Target, VirtualServer};
use super::model::{Config, Needs, Script, ScriptUser};

impl Needs {
    fn script(&mut self, script: &Script, default_user: Option<&ScriptUser>) {
        self.programs = true;
        self.other_users |= script.user.as_ref().or(default_user).is_some_and(|user| user.uid != 0);
    }

    /// Adds the demands of a virtual server, whose scripts run as `default_user` if they name no user.
    pub(super) fn add_server(&mut self, server: &VirtualServer, default_user: Option<&ScriptUser>) {
        let own = [&server.quorum_up, &server.quorum_down].into_iter().flatten();
        let real = &server.real_servers;
        let notify =
            real.iter().flat_map(|real| [&real.notify_up, &real.notify_down]).flatten().map(|script| &**script);
        own.chain(notify).for_each(|script| self.script(script, default_user));
        real.iter().flat_map(|real| &real.checkers).for_each(|checker| self.add_checker(checker, default_user));
    }

    fn add_checker(&mut self, checker: &Checker, default_user: Option<&ScriptUser>) {
        match &checker.kind {
            CheckerKind::Tcp(target) => self.target(target),
            CheckerKind::Ping(target) => {
                self.ping = true;
                self.target(target);
            }
            CheckerKind::Http(check) => {
                let HttpCheck { target, .. } = &**check;
                self.target(target);
            }
            CheckerKind::Smtp(check) => check.targets.iter().for_each(|target| self.target(target)),
            CheckerKind::Dns(check) => self.target(&check.target),
            CheckerKind::Udp(check) => self.target(&check.target),
            CheckerKind::Misc(check) => self.script(&check.script, default_user),
            CheckerKind::File { .. } => self.files = true,
            CheckerKind::Bfd { .. } => {}
        }
    }

    fn target(&mut self, target: &Target) {
        let bound = target.source.as_deref().and_then(|Source { bind, .. }| *bind);
        self.low_ports |= bound.is_some_and(|bound| (1..1024).contains(&bound.port()));
    }
}

impl Config {
    /// The demands on the VRRP process.
    pub fn vrrp_needs(&self) -> Needs {
        let written = self.global.fifos.each().next().is_some() || self.global.dumps.places_any();
        let files = written || !self.trackers.files.is_empty();
        let mut needs = Needs { files, ..Needs::default() };
        let user = self.global.script_user.as_ref();
        let instances = self.instances.iter().flat_map(|instance| instance.scripts.all());
        let groups = self.sync_groups.iter().flat_map(|group| group.scripts.all());
        let tracked = self.trackers.scripts.iter().map(|tracked| &tracked.script);
        instances.chain(groups).chain(tracked).for_each(|script| needs.script(script, user));
        needs
    }

    /// The demands on the BFD process.
    pub fn bfd_needs(&self) -> Needs {
        Needs { files: self.global.dumps.state_dump_file.is_some(), ..Needs::default() }
    }

    /// The demands on the checker process.
    pub fn checker_needs(&self) -> Needs {
        let tls = &self.lvs.tls;
        let written = self.global.fifos.each().next().is_some() || self.global.dumps.state_dump_file.is_some();
        let certificates = [&tls.ca, &tls.certificate, &tls.key].into_iter().any(Option::is_some);
        Needs { files: self.lvs.needs.files || certificates || written, ..self.lvs.needs }
    }
}
