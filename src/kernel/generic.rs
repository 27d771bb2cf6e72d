//! Generic netlink: the ID of a family (`linux/genetlink.h`).

use super::attributes::{Attributes, find, u16_at};
use super::netlink::Refusal;
use super::request_socket::{Request, RequestSocket};

/// `GENL_ID_CTRL`: the family that resolves the IDs of the others.
const CONTROL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// Length of `struct genlmsghdr`, at the start of a payload.
const HEADER: usize = 4;

/// The ID of a family. `ENOENT`: the kernel does not have it.
pub(super) fn family_id(socket: &mut RequestSocket, name: &str) -> Result<Option<u16>, Refusal> {
    let mut payload = command(CTRL_CMD_GETFAMILY, 1);
    payload.put_text(CTRL_ATTR_FAMILY_NAME, name);
    let ids = socket.rows(&Request { kind: CONTROL, flags: 0, payload }, |payload| {
        find(body(payload), CTRL_ATTR_FAMILY_ID).and_then(|id| u16_at(id, 0))
    });
    ids.map(|mut ids| ids.pop())
}

/// The header of a command of a family of this version.
pub(super) fn command(command: u8, version: u8) -> Attributes {
    Attributes::after(&[command, version, 0, 0])
}

/// The octets after the generic netlink header.
pub(super) fn body(payload: &[u8]) -> &[u8] {
    payload.get(HEADER..).unwrap_or_default()
}
