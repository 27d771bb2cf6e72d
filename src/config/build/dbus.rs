//! `enable_dbus` and related keywords.

use super::super::model::Dbus;
use super::super::node::Node;
use super::context::Ctx;

/// Longest bus name, in octets.
const LONGEST: usize = 255;

/// The D-Bus interface, if it is enabled; `last` finds the last line of a keyword.
pub(super) fn dbus<'n, 'i: 'n>(last: impl Fn(&str) -> Option<&'n Node<'i>>, ctx: &mut Ctx<'_, '_>) -> Option<Dbus> {
    let default = Dbus::default();
    let (service, interface) = (last("dbus_service_name"), last("dbus_no_interface_name"));
    if last("enable_dbus").is_none() {
        for node in [service, interface].into_iter().flatten() {
            let text = format!("{} without enable_dbus: the line has no effect", node.keyword.name);
            ctx.adjusted(node.at(), text).help("add enable_dbus, or remove the line");
        }
        return None;
    }
    Some(Dbus {
        service_name: name(service, is_bus_name, "a bus name", "write a name like org.example.Vrrp", ctx)
            .unwrap_or(default.service_name),
        no_interface_name: name(
            interface,
            is_path_element,
            "an element of an object path",
            "write letters of ASCII, digits and _ only",
            ctx,
        )
        .unwrap_or(default.no_interface_name),
    })
}

/// The name on a line, if it is one.
fn name(
    node: Option<&Node<'_>>,
    is_valid: fn(&str) -> bool,
    kind: &str,
    help: &str,
    ctx: &mut Ctx<'_, '_>,
) -> Option<String> {
    let node = node?;
    let text = node.text(0)?;
    if is_valid(text) {
        return Some(text.to_owned());
    }
    ctx.mistake(node.at_arg(0), format!("'{text}' is not {kind}: the default is used"), help);
    None
}

/// Whether a well-known name is valid (D-Bus specification, "Bus names").
fn is_bus_name(name: &str) -> bool {
    let is_element = |element: &str| {
        element.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-')
            && element.bytes().next().is_some_and(|c| !c.is_ascii_digit())
    };
    name.len() <= LONGEST && name.contains('.') && name.split('.').all(is_element)
}

/// Whether an element of an object path is valid.
fn is_path_element(element: &str) -> bool {
    !element.is_empty() && element.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_specification() {
        for (name, valid) in [
            ("org.keepalived.Vrrp1", true),
            ("a.b", true),
            ("_a.b-c", true),
            ("keepalived", false),
            ("org..x", false),
            (".org", false),
            ("org.1x", false),
            ("org.ä", false),
            (":1.5", false),
            ("org/x.y", false),
        ] {
            assert_eq!(is_bus_name(name), valid, "{name}");
        }
        assert!(!is_bus_name(&format!("a.{}", "b".repeat(254))));
        for (element, valid) in [("none", true), ("NO_IF1", true), ("", false), ("no-if", false), ("a/b", false)] {
            assert_eq!(is_path_element(element), valid, "{element}");
        }
    }
}
