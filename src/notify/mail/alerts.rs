//! Mails about changes. Subjects and bodies have the wording of C keepalived, which mail filters match.

use super::Alert;
use crate::check::{self, QuorumStatus};
use crate::notify::check_messages;
use crate::system::System;
use crate::vrrp::{self, State};

/// The mail about a change of an instance or a sync group, if its `smtp_alert` asks for one.
pub fn mail(change: &vrrp::Change, tables: &vrrp::Tables) -> Option<Alert> {
    let (kind, name, wanted, to) = match change {
        vrrp::Change::Instance { id, to, .. } => {
            let config = &tables.instances.get(id)?.config;
            ("Instance", &config.name, config.smtp_alert, *to)
        }
        vrrp::Change::Group { id, to, .. } => {
            let config = &tables.groups.get(id)?.config;
            ("Group", &config.name, config.smtp_alert, *to)
        }
        _ => return None,
    };
    let no_faults = tables.system.global.as_ref().is_some_and(|global| global.no_email_faults);
    if !wanted || to == State::Fault && no_faults {
        return None;
    }
    let (ending, state) = match to {
        State::Init => return None,
        State::Backup => ("Entering BACKUP state", "in BACKUP state"),
        State::Master => ("Entering MASTER state", "in MASTER state"),
        State::Fault => ("Entering FAULT state", "in FAULT state"),
        State::Stopped => ("Stopping", "stopped"),
        State::Deleted => ("Deleted", "deleted"),
    };
    let why = match change {
        vrrp::Change::Group { .. } => format!("All VRRP group instances are now {state}"),
        _ if to == State::Master => "VRRP Instance is now owning VRRP VIPs".into(),
        _ => "VRRP Instance is no longer owning VRRP VIPs".into(),
    };
    Some(Alert::new(router_id(&tables.system), &format!("VRRP {kind} {name} - {ending}"), &why))
}

/// The mail about a change of a checker, a real server or a quorum, if its `smtp_alert` asks for one.
///
/// Each verdict of a checker is mailed; with `no_checker_emails`, only changes of the real server. The stop of the daemon is
/// not mailed, as no server has failed.
pub fn check_mail(change: &check::Change, tables: &check::Tables) -> Option<Alert> {
    let per_server = tables.lvs.settings.no_checker_emails;
    match change {
        check::Change::Checker { id, up, .. } if !per_server => {
            // The log line has the checker and the reason.
            real_server_mail(id.0, *up, &check_messages::line(change, tables).1, tables)
        }
        check::Change::RealServer { id, up, cause: check::Cause::Checks | check::Cause::Initial, .. } if per_server => {
            let mut checkers = tables.checkers.of(id).map(|(_, checker)| checker);
            let why = checkers.find(|checker| !checker.up && !checker.reason.is_empty());
            let why = match why {
                Some(checker) if !up => &checker.reason,
                _ => &check_messages::line(change, tables).1,
            };
            real_server_mail(*id, *up, why, tables)
        }
        check::Change::Quorum { id, status, .. } => {
            let status = match status {
                QuorumStatus::Met => "UP",
                QuorumStatus::NotMet => "DOWN",
                QuorumStatus::Shutdown => return None,
            };
            if !tables.virtual_servers.get(id)?.config.smtp_alert {
                return None;
            }
            let what = format!("Virtualserver {} - {status}", check_messages::service(*id, tables));
            Some(Alert::new(router_id(&tables.system), &what, &check_messages::line(change, tables).1))
        }
        _ => None,
    }
}

fn real_server_mail(id: check::RealServerId, up: bool, why: &str, tables: &check::Tables) -> Option<Alert> {
    if !tables.real_servers.get(&id)?.regular()?.smtp_alert {
        return None;
    }
    let (server, service) = (check_messages::server(id, tables), check_messages::service(id.0, tables));
    let state = if up { "UP" } else { "DOWN" };
    let what = format!("Realserver {server} of virtual server {service} - {state}");
    Some(Alert::new(router_id(&tables.system), &what, why))
}

fn router_id(system: &System) -> &str {
    system.global.as_ref().map_or("", |global| &global.router_id)
}
