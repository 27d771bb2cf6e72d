//! `enable_dbus` and related keywords.

use serde::{Deserialize, Serialize};

/// Names of the D-Bus interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dbus {
    /// `dbus_service_name`: the well-known name on the bus.
    pub service_name: String,
    /// `dbus_no_interface_name`: the element of the object path in place of a missing interface.
    pub no_interface_name: String,
}

impl Default for Dbus {
    fn default() -> Dbus {
        Dbus { service_name: "org.keepalived.Vrrp1".to_owned(), no_interface_name: "none".to_owned() }
    }
}
