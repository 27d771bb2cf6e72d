//! Method calls: the answer to each, or the request to the event loop.

use super::introspection::{self, DAEMON, INSTANCE, INTROSPECTABLE, PEER, PROPERTIES};
use super::objects::{Object, Objects, status};
use super::order::{Entry, Request};
use crate::notify::dump::Dump;
use crate::vrrp::State;

/// A method call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'c> {
    pub(super) path: &'c str,
    /// May be missing if the name of the method is enough.
    pub(super) interface: Option<&'c str>,
    pub(super) member: &'c str,
    /// Signature of the arguments, without the parentheses of a structure.
    pub(super) signature: &'c str,
    /// The first arguments, as far as they are strings.
    pub(super) strings: &'c [String],
}

/// What is done about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Reply(Reply),
    /// The reply is the id of this host.
    MachineId,
    /// The loop is asked, and the reply is empty.
    Request(Request),
    Error(&'static str, String),
}

/// The content of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Empty,
    Text(String),
    Property(Property),
    Properties(Vec<(&'static str, Property)>),
}

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Property {
    /// `Name`.
    Name(String),
    /// `State`.
    State(u32, &'static str),
}

/// Names of errors.
pub(super) const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";
pub(super) const UNKNOWN_OBJECT: &str = "org.freedesktop.DBus.Error.UnknownObject";
pub(super) const UNKNOWN_INTERFACE: &str = "org.freedesktop.DBus.Error.UnknownInterface";
pub(super) const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
pub(super) const FAILED: &str = "org.freedesktop.DBus.Error.Failed";
pub(super) const LIMITS_EXCEEDED: &str = "org.freedesktop.DBus.Error.LimitsExceeded";

/// The methods, each with its interface and the signature of its arguments.
const METHODS: [(&str, &str, &str); 11] = [
    (PEER, "Ping", ""),
    (PEER, "GetMachineId", ""),
    (INTROSPECTABLE, "Introspect", ""),
    (PROPERTIES, "Get", "ss"),
    (PROPERTIES, "GetAll", "s"),
    (PROPERTIES, "Set", "ssv"),
    (DAEMON, "PrintData", ""),
    (DAEMON, "PrintStats", ""),
    (DAEMON, "PrintStatsClear", ""),
    (DAEMON, "ReloadConfig", ""),
    (INSTANCE, "SendGarp", ""),
];

/// Answers a call.
pub(super) fn answer(objects: &Objects, call: Call<'_>) -> Outcome {
    let Some(object) = objects.at(call.path) else {
        return Outcome::Error(UNKNOWN_OBJECT, format!("No such object “{}”", call.path));
    };
    let interfaces = interfaces(object);
    if let Some(interface) = call.interface
        && !interfaces.contains(&interface)
    {
        return Outcome::Error(UNKNOWN_INTERFACE, format!("No such interface “{interface}”"));
    }
    let fits = |interface: &str| call.interface.map_or(interfaces.contains(&interface), |wanted| wanted == interface);
    let known = METHODS.iter().find(|(interface, member, _)| *member == call.member && fits(interface));
    let Some((_, member, signature)) = known else {
        return Outcome::Error(UNKNOWN_METHOD, format!("No such method “{}”", call.member));
    };
    if call.signature != *signature {
        let text = format!("{member} takes arguments “({signature})”, not “({})”", call.signature);
        return Outcome::Error(INVALID_ARGS, text);
    }
    match *member {
        "GetMachineId" => Outcome::MachineId,
        "Introspect" => Outcome::Reply(Reply::Text(introspection::xml(object, &objects.children(call.path)))),
        "Get" | "GetAll" | "Set" => property(object, call, interfaces),
        "PrintData" => Outcome::Request(Request::Dump(Dump::Data)),
        "PrintStats" => Outcome::Request(Request::Dump(Dump::Statistics)),
        "PrintStatsClear" => Outcome::Request(Request::Dump(Dump::ClearStatistics)),
        "ReloadConfig" => Outcome::Request(Request::Reload),
        "SendGarp" => send_garp(object),
        // Ping.
        _ => Outcome::Reply(Reply::Empty),
    }
}

fn interfaces(object: Object<'_>) -> &'static [&'static str] {
    match object {
        Object::Node => &[PEER, INTROSPECTABLE],
        Object::Daemon => &[PEER, INTROSPECTABLE, PROPERTIES, DAEMON],
        Object::Instance(_) => &[PEER, INTROSPECTABLE, PROPERTIES, INSTANCE],
    }
}

/// A router that is not master must not announce addresses that another one has.
fn send_garp(object: Object<'_>) -> Outcome {
    match object {
        Object::Instance(entry) if entry.state == State::Master => Outcome::Request(Request::Announce(entry.id)),
        Object::Instance(Entry { name, .. }) => Outcome::Error(FAILED, format!("{name} is not master")),
        Object::Node | Object::Daemon => Outcome::Reply(Reply::Empty),
    }
}

/// Answers a call of `org.freedesktop.DBus.Properties`.
fn property(object: Object<'_>, call: Call<'_>, interfaces: &[&str]) -> Outcome {
    let interface = call.strings.first().map_or("", String::as_str);
    if !interfaces.contains(&interface) {
        return Outcome::Error(INVALID_ARGS, format!("No such interface “{interface}”"));
    }
    let mut all = match object {
        Object::Instance(entry) if interface == INSTANCE => properties(entry),
        _ => Vec::new(),
    };
    if call.member == "GetAll" {
        return Outcome::Reply(Reply::Properties(all));
    }
    let name = call.strings.get(1).map_or("", String::as_str);
    match all.iter().position(|(known, _)| *known == name) {
        None => Outcome::Error(INVALID_ARGS, format!("No such property “{name}”")),
        Some(_) if call.member == "Set" => Outcome::Error(INVALID_ARGS, format!("Property “{name}” is not writable")),
        Some(at) => Outcome::Reply(Reply::Property(all.swap_remove(at).1)),
    }
}

fn properties(entry: &Entry) -> Vec<(&'static str, Property)> {
    let (number, word) = status(entry.state);
    vec![("Name", Property::Name(entry.name.clone())), ("State", Property::State(number, word))]
}

#[cfg(test)]
mod tests {
    use super::super::objects::tests::entry;
    use super::*;
    use crate::config::model::Family;
    use crate::vrrp::InstanceId;

    const DAEMON_PATH: &str = "/org/keepalived/Vrrp1/Vrrp";
    const PATH: &str = "/org/keepalived/Vrrp1/Instance/eth0/11/IPv4";

    fn objects(state: State) -> Objects {
        let entry = Entry { state, ..entry(7, "VI_1", "eth0", 11, Family::V4) };
        Objects::new(vec![entry], "none").0
    }

    /// Calls `interface.member` with strings.
    fn call(state: State, path: &str, interface: &str, member: &str, strings: &[&str]) -> Outcome {
        let signature: String = strings.iter().map(|_| 's').collect();
        let strings: Vec<String> = strings.iter().map(|text| (*text).to_owned()).collect();
        let signature = if member == "Set" { format!("{signature}v") } else { signature };
        let interface = Some(interface).filter(|name| !name.is_empty());
        answer(&objects(state), Call { path, interface, member, signature: &signature, strings: &strings })
    }

    fn error(outcome: Outcome) -> (&'static str, String) {
        match outcome {
            Outcome::Error(name, text) => (name.rsplit('.').next().unwrap(), text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_methods_of_the_daemon_are_requests() {
        for (member, request) in [
            ("PrintData", Request::Dump(Dump::Data)),
            ("PrintStats", Request::Dump(Dump::Statistics)),
            ("PrintStatsClear", Request::Dump(Dump::ClearStatistics)),
            ("ReloadConfig", Request::Reload),
        ] {
            for interface in [DAEMON, ""] {
                assert_eq!(call(State::Master, DAEMON_PATH, interface, member, &[]), Outcome::Request(request));
            }
        }
        for member in ["CreateInstance", "DestroyInstance"] {
            let (name, text) = error(call(State::Master, DAEMON_PATH, DAEMON, member, &["VI_2", "eth0"]));
            assert_eq!((name, text.as_str()), ("UnknownMethod", format!("No such method “{member}”").as_str()));
        }
        let (name, _) = error(call(State::Master, DAEMON_PATH, DAEMON, "PrintData", &["x"]));
        assert_eq!(name, "InvalidArgs");
    }

    #[test]
    fn only_a_master_announces() {
        let announce = Outcome::Request(Request::Announce(InstanceId(7)));
        assert_eq!(call(State::Master, PATH, INSTANCE, "SendGarp", &[]), announce);
        for state in [State::Init, State::Backup, State::Fault, State::Stopped] {
            assert_eq!(error(call(state, PATH, INSTANCE, "SendGarp", &[])).1, "VI_1 is not master");
        }
    }

    #[test]
    fn properties_are_read_and_not_set() {
        let name = Property::Name("VI_1".into());
        let all = |state| vec![("Name", name.clone()), ("State", state)];
        for (state, shown) in [
            (State::Init, Property::State(0, "Init")),
            (State::Backup, Property::State(1, "Backup")),
            (State::Master, Property::State(2, "Master")),
            (State::Fault, Property::State(3, "Fault")),
            (State::Stopped, Property::State(98, "Stop")),
        ] {
            let properties = call(state, PATH, PROPERTIES, "GetAll", &[INSTANCE]);
            assert_eq!(properties, Outcome::Reply(Reply::Properties(all(shown.clone()))));
            assert_eq!(
                call(state, PATH, PROPERTIES, "Get", &[INSTANCE, "State"]),
                Outcome::Reply(Reply::Property(shown))
            );
        }
        for (member, arguments, expected) in [
            ("Get", [INSTANCE, "Nope"], "No such property “Nope”"),
            ("Set", [INSTANCE, "State"], "Property “State” is not writable"),
            ("Get", [DAEMON, "State"], "No such interface “org.keepalived.Vrrp1.Vrrp”"),
        ] {
            let (name, text) = error(call(State::Master, PATH, PROPERTIES, member, &arguments));
            assert_eq!((name, text.as_str()), ("InvalidArgs", expected));
        }
        let of_daemon = call(State::Master, DAEMON_PATH, PROPERTIES, "GetAll", &[DAEMON]);
        assert_eq!(of_daemon, Outcome::Reply(Reply::Properties(Vec::new())));
    }

    #[test]
    fn what_does_not_exist_is_an_error() {
        for (path, interface, member, expected) in [
            ("/nowhere", PEER, "Ping", "UnknownObject"),
            (PATH, DAEMON, "PrintData", "UnknownInterface"),
            (PATH, "", "PrintData", "UnknownMethod"),
            ("/org", PROPERTIES, "GetAll", "UnknownInterface"),
            (PATH, INSTANCE, "Ping", "UnknownMethod"),
        ] {
            assert_eq!(error(call(State::Master, path, interface, member, &[])).0, expected, "{path} {member}");
        }
        assert_eq!(call(State::Master, "/org", PEER, "Ping", &[]), Outcome::Reply(Reply::Empty));
    }
}
