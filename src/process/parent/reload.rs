//! A reload: the file is read again, and the children get what it says now.

use super::Parent;
use crate::config::model::Global;
use crate::notify::log::Level;
use crate::process::ipc::Message;
use crate::process::role::Role;
use crate::process::startup;
use crate::process::systemd::Stage;

/// Settings that hold from start to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::process) struct Fixed {
    net_namespace: Option<String>,
    instance: Option<String>,
    snmp: (bool, bool, Option<String>),
}

impl Fixed {
    pub(in crate::process) fn new(global: &Global) -> Fixed {
        Fixed {
            net_namespace: global.net_namespace.clone(),
            instance: global.instance.clone(),
            snmp: (global.snmp_vrrp, global.snmp_checker, global.snmp_socket.clone()),
        }
    }

    /// The keyword of a setting that differs.
    fn changed(&self, global: &Global) -> Option<&'static str> {
        let new = Fixed::new(global);
        let differs = [
            (self.net_namespace != new.net_namespace, "net_namespace"),
            (self.instance != new.instance, "instance"),
            (self.snmp.0 != new.snmp.0, "enable_snmp_vrrp"),
            (self.snmp.1 != new.snmp.1, "enable_snmp_checker"),
            (self.snmp.2 != new.snmp.2, "snmp_socket"),
        ];
        differs.into_iter().find(|(differs, _)| *differs).map(|(_, keyword)| keyword)
    }
}

impl Parent {
    pub(super) fn reload(&mut self) {
        if !self.stopping {
            self.systemd.tell(Stage::Reloading);
            self.load_again();
            self.systemd.tell(Stage::Ready);
        }
    }

    /// Reads the file again. One with errors changes nothing; else each child gets the new configuration.
    fn load_again(&mut self) {
        let loaded = match startup::load(&self.plan.options) {
            Ok(loaded) => loaded,
            Err(error) => return self.log.error(format_args!("Not reloaded: {error}")),
        };
        if !loaded.diagnostics.is_empty() {
            self.log.warning(&loaded.diagnostics);
        }
        let Some((config, snapshot)) = loaded.config else {
            return self.log.error("Not reloaded: the configuration has errors; going on with the one that runs");
        };
        if let Some(setting) = self.plan.fixed.changed(&config.global) {
            return self.log.error(format_args!(
                "Not reloaded: {setting} cannot change while running; restart keepalived to change it"
            ));
        }
        self.log.write(Level::Notice, "Reloading");
        self.plan.snapshot = snapshot;
        self.plan.shown = loaded.shown;
        self.plan.child_wait = config.global.child_wait_time;
        for child in &mut self.children {
            if let Err(error) = child.channel.send(&Message::Config(self.plan.snapshot.clone())) {
                self.log
                    .error(format_args!("The {} process does not take the configuration: {error}", child.role.name()));
            }
        }
        for role in Role::ALL {
            if role.is_wanted(&self.plan.options, &config) && !self.plan.roles.contains(&role) {
                self.plan.roles.push(role);
                self.deaths.push((role, 0));
                self.start_child(role);
            }
        }
    }
}
