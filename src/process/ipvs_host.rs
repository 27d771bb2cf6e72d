//! Where IPVS is: in the network namespace of the process, or in that of `net_namespace_ipvs`.

use std::io;
use std::path::{Path, PathBuf};

use rustix::thread::CapabilitySet;

use crate::config::model::IpvsNamespace;
use crate::kernel::Namespace;
use crate::kernel::ipvs::Writer;
use crate::text::reason;

/// Directory of the network namespaces of `ip netns`.
pub(super) const NAMESPACES: &str = "/run/netns";
/// The network namespace of the system.
const DEFAULT: &str = "/proc/1/ns/net";

/// The network namespace with IPVS.
#[derive(Clone)]
pub(super) enum IpvsHost {
    /// That of this process.
    Own,
    /// Another.
    Other(Namespace),
    /// Another that could not be entered: the reason.
    Unreachable(String),
}

impl IpvsHost {
    /// Enters the namespace with a thread that keeps only these capabilities then.
    pub(super) fn enter(setting: Option<&IpvsNamespace>, keep: CapabilitySet) -> IpvsHost {
        let (path, name) = match setting {
            None => return IpvsHost::Own,
            Some(IpvsNamespace::Default) => (PathBuf::from(DEFAULT), "of the system".to_owned()),
            Some(IpvsNamespace::Named(name)) => (Path::new(NAMESPACES).join(name), format!("'{name}'")),
        };
        match Namespace::enter(&path, keep) {
            Ok(namespace) => IpvsHost::Other(namespace),
            Err(error) => {
                let reason = reason(&error);
                let text = format!("Cannot enter the network namespace {name} ({}) for IPVS: {reason}", path.display());
                IpvsHost::Unreachable(text)
            }
        }
    }

    /// Why the namespace cannot be entered.
    pub(super) fn problem(&self) -> Option<&str> {
        match self {
            IpvsHost::Unreachable(text) => Some(text),
            IpvsHost::Own | IpvsHost::Other(_) => None,
        }
    }

    /// Starts a writer there, as [`Writer::start`].
    pub(super) fn writer(&self, capacity: usize) -> io::Result<Writer> {
        self.start(move || Writer::start(capacity))
    }

    /// Calls a function there.
    pub(super) fn start<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        match self {
            IpvsHost::Own => function(),
            IpvsHost::Other(namespace) => namespace.within(function)?,
            IpvsHost::Unreachable(text) => Err(io::Error::other(text.clone())),
        }
    }
}
