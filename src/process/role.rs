//! The kinds of child processes.

use std::path::PathBuf;

use super::bfd;
use super::checker;
use super::cli::Options;
use super::harness::Kind;
use super::names::Names;
use super::sessions::Listener;
use super::vrrp;
use crate::config::model::Config;

/// A child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// VRRP and the virtual addresses.
    Vrrp,
    /// LVS health checks and IPVS.
    Checkers,
    /// BFD sessions.
    Bfd,
}

impl Role {
    /// All roles, in the order in which they are started.
    pub(super) const ALL: [Role; 3] = [Role::Checkers, Role::Vrrp, Role::Bfd];

    /// The properties of this kind of child.
    pub(super) fn kind(self) -> &'static Kind {
        match self {
            Role::Vrrp => &vrrp::KIND,
            Role::Checkers => &checker::KIND,
            Role::Bfd => &bfd::KIND,
        }
    }

    /// The listener to the BFD process that it is; `None` for the BFD process.
    fn listener(self) -> Option<Listener> {
        match self {
            Role::Vrrp => Some(Listener::Vrrp),
            Role::Checkers => Some(Listener::Checkers),
            Role::Bfd => None,
        }
    }

    /// The listener, if one of the two is the BFD process and the other follows its sessions.
    pub(super) fn listener_between(self, other: Role) -> Option<Listener> {
        match (self, other) {
            (Role::Bfd, listener) | (listener, Role::Bfd) => listener.listener(),
            _ => None,
        }
    }

    /// The role of a value of `--child-role`.
    pub(super) fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.kind().word == word)
    }

    /// Name of the process in log lines.
    pub(super) fn name(self) -> &'static str {
        self.kind().name
    }

    /// Path of its pid file.
    pub(super) fn pid_file(self, options: &Options, names: &Names) -> PathBuf {
        let kind = self.kind();
        names.pid_file(kind.pid_file, (kind.given_pid_file)(options))
    }

    /// Whether it is to run, by configuration and command line.
    pub(super) fn is_wanted(self, options: &Options, config: &Config) -> bool {
        ((self.kind().configured)(config) || options.all) && self.is_allowed(options)
    }

    /// Whether the command line allows it to run.
    pub(super) fn is_allowed(self, options: &Options) -> bool {
        (self.kind().allowed)(options)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_role_has_its_own_names() {
        let named: [fn(&Kind) -> &'static str; 4] =
            [|kind| kind.word, |kind| kind.name, |kind| kind.ident, |kind| kind.pid_file];
        for name in named {
            let names: BTreeSet<&str> = Role::ALL.iter().map(|role| name(role.kind())).collect();
            assert_eq!(names.len(), Role::ALL.len(), "{names:?}");
        }
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.kind().word), Some(role));
            // The kernel truncates longer names.
            assert!(role.kind().process_name.count_bytes() < 16);
        }
        assert_eq!(Role::from_word("other"), None);
    }
}
