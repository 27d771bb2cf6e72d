//! The kinds of child processes.

use std::path::PathBuf;

use rustix::thread::CapabilitySet;

use super::cli::Options;
use crate::config::model::Config;
use crate::kernel::capabilities;

/// A child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// VRRP and the virtual addresses.
    Vrrp,
    /// LVS health checks and IPVS.
    Checkers,
}

impl Role {
    /// All there are, in the order they are started.
    pub const ALL: [Role; 2] = [Role::Checkers, Role::Vrrp];

    /// Value of the internal option by which a child knows what it is.
    pub fn word(self) -> &'static str {
        match self {
            Role::Vrrp => "vrrp",
            Role::Checkers => "checkers",
        }
    }

    /// The role of an internal option's value.
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }

    /// What log lines call the process.
    pub fn name(self) -> &'static str {
        match self {
            Role::Vrrp => "VRRP",
            Role::Checkers => "checker",
        }
    }

    /// Ident of its log lines, before namespace and instance.
    pub fn ident(self) -> &'static str {
        match self {
            Role::Vrrp => "Keepalived_vrrp",
            Role::Checkers => "Keepalived_healthcheckers",
        }
    }

    /// Name of the process, as `ps` shows it.
    pub fn process_name(self) -> &'static std::ffi::CStr {
        match self {
            Role::Vrrp => c"keepalived_vrrp",
            Role::Checkers => c"keepalived_ipvs",
        }
    }

    /// The capabilities that it may need with any configuration.
    pub fn capabilities(self) -> CapabilitySet {
        match self {
            Role::Vrrp => capabilities::VRRP,
            Role::Checkers => capabilities::CHECKERS,
        }
    }

    /// Its pid file: the name, and what the command line says.
    pub fn pid_file(self, options: &Options) -> (&'static str, Option<&PathBuf>) {
        match self {
            Role::Vrrp => ("vrrp", options.vrrp_pid_file.as_ref()),
            Role::Checkers => ("checkers", options.checkers_pid_file.as_ref()),
        }
    }

    /// Whether the configuration and the command line call for it.
    pub fn is_wanted(self, options: &Options, config: &Config) -> bool {
        let configured = match self {
            Role::Vrrp => !config.instances.is_empty() || !config.static_addresses.is_empty(),
            Role::Checkers => config.has_virtual_servers,
        };
        (configured || options.all) && self.is_allowed(options)
    }

    /// Whether the command line lets it run (`-P`, `-C`).
    pub fn is_allowed(self, options: &Options) -> bool {
        match self {
            Role::Vrrp => options.vrrp_only || !options.check_only,
            Role::Checkers => options.check_only || !options.vrrp_only,
        }
    }
}
