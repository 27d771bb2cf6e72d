//! The objects on the bus: the daemon and the instances, by path.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::order::Entry;
use crate::config::model::Family;
use crate::vrrp::{InstanceId, State};

/// Path above all objects.
const ROOT: &str = "/org/keepalived/Vrrp1";
/// Path of the daemon.
pub(super) const DAEMON: &str = "/org/keepalived/Vrrp1/Vrrp";

/// The objects, and the paths above them.
#[derive(Debug, Default)]
pub(super) struct Objects {
    instances: BTreeMap<String, Entry>,
    paths: BTreeMap<InstanceId, String>,
}

/// The object at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object<'o> {
    /// A path above others.
    Node,
    Daemon,
    Instance(&'o Entry),
}

/// An instance that has no object, as another has its path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) name: String,
    pub(super) by: String,
    pub(super) path: String,
}

impl Objects {
    /// The objects of instances; `no_interface` stands for the interface of those without one.
    pub(super) fn new(entries: Vec<Entry>, no_interface: &str) -> (Objects, Vec<Hidden>) {
        let (mut objects, mut hidden) = (Objects::default(), Vec::new());
        for entry in entries {
            let path = path(&entry, no_interface);
            match objects.instances.get(&path) {
                Some(other) => hidden.push(Hidden { name: entry.name, by: other.name.clone(), path }),
                None => {
                    objects.paths.insert(entry.id, path.clone());
                    objects.instances.insert(path, entry);
                }
            }
        }
        (objects, hidden)
    }

    /// Sets the state of an instance; returns its path if that is another state than before.
    pub(super) fn set(&mut self, id: InstanceId, state: State) -> Option<&str> {
        let path = self.paths.get(&id)?;
        let entry = self.instances.get_mut(path)?;
        let before = std::mem::replace(&mut entry.state, state);
        (before != state).then_some(path.as_str())
    }

    /// The paths and states of the instances, in the order of their rows.
    pub(super) fn states(&self) -> impl Iterator<Item = (&str, State)> {
        self.paths.values().filter_map(|path| Some((path.as_str(), self.instances.get(path)?.state)))
    }

    /// The state of the instance at a path.
    pub(super) fn state_at(&self, path: &str) -> Option<State> {
        self.instances.get(path).map(|entry| entry.state)
    }

    /// The object at a path, if there is one.
    pub(super) fn at(&self, path: &str) -> Option<Object<'_>> {
        if path == DAEMON {
            return Some(Object::Daemon);
        }
        match self.instances.get(path) {
            Some(entry) => Some(Object::Instance(entry)),
            None => self.below(path).next().map(|_| Object::Node),
        }
    }

    /// The next elements of the paths below a path.
    pub(super) fn children(&self, path: &str) -> BTreeSet<&str> {
        self.below(path).filter_map(|rest| rest.split('/').next()).collect()
    }

    /// The rests of the paths below a path, without the slash at their start.
    fn below(&self, path: &str) -> impl Iterator<Item = &str> {
        let start = if path == "/" { path.to_owned() } else { format!("{path}/") };
        let daemon = DAEMON.strip_prefix(&start);
        let from = (Bound::Included(start.clone()), Bound::Unbounded);
        let instances = self.instances.range::<String, _>(from).map_while(move |(path, _)| path.strip_prefix(&start));
        daemon.into_iter().chain(instances)
    }
}

/// The path of an instance. Characters that a path cannot have become `_`.
fn path(entry: &Entry, no_interface: &str) -> String {
    let interface: String = match entry.interface.as_str() {
        "" => no_interface.to_owned(),
        name => name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect(),
    };
    let family = match entry.family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    };
    format!("{ROOT}/Instance/{interface}/{}/{family}", entry.vrid)
}

/// Number and name of a state on the bus.
pub(super) fn status(state: State) -> (u32, &'static str) {
    match state {
        State::Init => (0, "Init"),
        State::Backup => (1, "Backup"),
        State::Master => (2, "Master"),
        // One that the configuration does not have any more leaves the bus as in FAULT.
        State::Fault | State::Deleted => (3, "Fault"),
        State::Stopped => (98, "Stop"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::notify::dbus) fn entry(id: u32, name: &str, interface: &str, vrid: u8, family: Family) -> Entry {
        let (name, interface) = (name.to_owned(), interface.to_owned());
        Entry { id: InstanceId(id), name, interface, vrid, family, state: State::Backup }
    }

    #[test]
    fn paths_are_those_of_c_keepalived() {
        let entries = vec![
            entry(1, "VI_1", "eth0", 11, Family::V4),
            entry(2, "V6", "eth0", 11, Family::V6),
            entry(3, "NOIFACE", "", 14, Family::V4),
            entry(4, "vlan", "eth0.100", 1, Family::V4),
            entry(5, "same", "eth0-100", 1, Family::V4),
        ];
        let (mut objects, hidden) = Objects::new(entries, "NOIF");
        let paths: Vec<&str> = objects.states().map(|(path, _)| path).collect();
        let instance = |rest: &str| format!("/org/keepalived/Vrrp1/Instance/{rest}");
        assert_eq!(paths, ["eth0/11/IPv4", "eth0/11/IPv6", "NOIF/14/IPv4", "eth0_100/1/IPv4"].map(instance));
        assert_eq!(hidden, [Hidden { name: "same".into(), by: "vlan".into(), path: instance("eth0_100/1/IPv4") }]);

        for (path, children) in [
            ("/", vec!["org"]),
            ("/org", vec!["keepalived"]),
            ("/org/keepalived/Vrrp1", vec!["Instance", "Vrrp"]),
            ("/org/keepalived/Vrrp1/Instance", vec!["NOIF", "eth0", "eth0_100"]),
            ("/org/keepalived/Vrrp1/Instance/eth0", vec!["11"]),
            ("/org/keepalived/Vrrp1/Instance/eth0/11", vec!["IPv4", "IPv6"]),
        ] {
            assert_eq!(objects.children(path).into_iter().collect::<Vec<_>>(), children, "{path}");
            assert_eq!(objects.at(path), Some(Object::Node), "{path}");
        }
        assert_eq!(objects.at(DAEMON), Some(Object::Daemon));
        assert!(matches!(objects.at(&instance("eth0/11/IPv6")), Some(Object::Instance(entry)) if entry.name == "V6"));
        for path in ["/or", "/org/keepalived/Vrrp1/Instance/eth", "/org/keepalived/Vrrp1/Vrrp/x", "/x"] {
            assert_eq!(objects.at(path), None, "{path}");
        }

        assert_eq!(objects.set(InstanceId(2), State::Master), Some(instance("eth0/11/IPv6").as_str()));
        assert_eq!(objects.set(InstanceId(2), State::Master), None);
        assert_eq!(objects.set(InstanceId(9), State::Master), None);
        assert_eq!(objects.state_at(&instance("eth0/11/IPv6")), Some(State::Master));
    }
}
