//! The messages that are sent.

use std::collections::BTreeMap;

use zbus::Variant;
use zbus::message::{Header, Message};

use super::calls::{Call, Property, Reply};
use super::introspection;
use super::objects::{DAEMON, status};
use crate::vrrp::State;

/// Name, path and interface of the bus itself.
pub(super) const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// A call of a method of the bus.
pub(super) fn to_bus<B: serde::Serialize + zbus::DynamicType>(member: &'static str, body: &B) -> zbus::Result<Message> {
    Message::method_call(BUS_PATH, member).destination(BUS).interface(BUS).build(body)
}

/// A signal of the daemon.
pub(super) fn of_daemon(member: &'static str) -> zbus::Result<Message> {
    Message::signal(DAEMON, introspection::DAEMON, member).build(&())
}

/// The signals about the state of an instance.
pub(super) fn of_state(path: &str, state: State) -> zbus::Result<[Message; 2]> {
    let (number, word) = status(state);
    let property = Property::State(number, word);
    let changed = BTreeMap::from([("State", value(&property))]);
    let body = (introspection::INSTANCE, changed, Vec::<&str>::new());
    Ok([
        Message::signal(path, introspection::INSTANCE, "VrrpStatusChange").build(&(number,))?,
        Message::signal(path, introspection::PROPERTIES, "PropertiesChanged").build(&body)?,
    ])
}

/// A reply to a call.
pub(super) fn reply(to: &Header<'_>, reply: &Reply) -> zbus::Result<Message> {
    let builder = Message::method_return(to);
    match reply {
        Reply::Empty => builder.build(&()),
        Reply::Text(text) => builder.build(&(text,)),
        Reply::Property(property) => builder.build(&(value(property),)),
        Reply::Properties(all) => {
            let all: BTreeMap<&str, Variant<'_>> =
                all.iter().map(|(name, property)| (*name, value(property))).collect();
            builder.build(&(all,))
        }
    }
}

/// A refusal of a call.
pub(super) fn error(to: &Header<'_>, name: &'static str, text: &str) -> zbus::Result<Message> {
    Message::error(to, name).build(&(text,))
}

/// The value of a property: a structure of one or two fields.
fn value(property: &Property) -> Variant<'_> {
    match property {
        Property::Name(name) => Variant::new((name.as_str(),)),
        Property::State(number, word) => Variant::new((*number, *word)),
    }
}

/// The signature and the leading strings of the arguments of a call.
pub(super) fn arguments(message: &Message) -> (String, Vec<String>) {
    let body = message.body();
    let signature = body.signature().to_string_no_parens();
    let strings = match signature.as_str() {
        "s" => body.deserialize::<(String,)>().map(|(first,)| vec![first]),
        "ss" => body.deserialize::<(String, String)>().map(|(first, second)| vec![first, second]),
        "ssv" => body.deserialize::<(String, String, Variant<'_>)>().map(|(first, second, _)| vec![first, second]),
        _ => Ok(Vec::new()),
    };
    // Arguments that cannot be read are as if they were missing.
    (signature, strings.unwrap_or_default())
}

/// Path, interface and method of a call.
pub(super) fn call<'c>(header: &'c Header<'_>, signature: &'c str, strings: &'c [String]) -> Option<Call<'c>> {
    Some(Call {
        path: header.path()?.as_str(),
        interface: header.interface().map(|interface| interface.as_str()),
        member: header.member()?.as_str(),
        signature,
        strings,
    })
}
