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
    /// All there are, in the order they are started.
    pub(super) const ALL: [Role; 3] = [Role::Checkers, Role::Vrrp, Role::Bfd];

    /// All that is known of it.
    pub(super) fn kind(self) -> &'static Kind {
        match self {
            Role::Vrrp => &vrrp::KIND,
            Role::Checkers => &checker::KIND,
            Role::Bfd => &bfd::KIND,
        }
    }

    /// What it is to the BFD process; `None` for that itself.
    fn listener(self) -> Option<Listener> {
        match self {
            Role::Vrrp => Some(Listener::Vrrp),
            Role::Checkers => Some(Listener::Checkers),
            Role::Bfd => None,
        }
    }

    /// Which of two processes follows the BFD sessions of the other.
    pub(super) fn listener_of_both(self, other: Role) -> Option<Listener> {
        match (self, other) {
            (Role::Bfd, listener) | (listener, Role::Bfd) => listener.listener(),
            _ => None,
        }
    }

    /// The role of an internal option's value.
    pub(super) fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.kind().word == word)
    }

    /// What log lines call the process.
    pub(super) fn name(self) -> &'static str {
        self.kind().name
    }

    /// Its pid file.
    pub(super) fn pid_file(self, options: &Options, names: &Names) -> PathBuf {
        let kind = self.kind();
        names.pid_file(kind.pid_file, (kind.given_pid_file)(options))
    }

    /// Whether the configuration and the command line call for it.
    pub(super) fn is_wanted(self, options: &Options, config: &Config) -> bool {
        ((self.kind().configured)(config) || options.all) && self.is_allowed(options)
    }

    /// Whether the command line lets it run.
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
            // As the kernel keeps it.
            assert!(role.kind().process_name.count_bytes() < 16);
        }
        assert_eq!(Role::from_word("other"), None);
    }
}
