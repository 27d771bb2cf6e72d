//! An AgentX (RFC 2741) subagent as a library, and a sender of SNMP notifications.
//!
//! | module | contents |
//! |---|---|
//! | [`oid`], [`value`], [`syntax`] | object identifiers, values, the SYNTAX of objects |
//! | [`table`] | conceptual rows in index order |
//! | [`view`], [`mib`] | how tables and scalars map to the tree: columns as data |
//! | [`pdu`] | protocol data units: decoding and encoding |
//! | [`session`] | the session with a master agent: a state machine without I/O and without a clock |
//! | [`transport`], [`link`] | a non-blocking socket, and a session on it |
//! | [`message`] | SNMP messages with notifications, and the answers to them |
//! | [`target`] | a receiver of notifications without a master agent: queue, acknowledgements, socket |

mod date;
mod drops;
pub mod link;
mod lookup;
pub mod message;
pub mod mib;
pub mod oid;
pub mod pdu;
pub mod session;
pub mod syntax;
pub mod table;
pub mod target;
pub mod transport;
pub mod value;
pub mod view;

pub use link::Link;
pub use mib::{Mib, MibBuilder, MibError};
pub use oid::Oid;
pub use session::{Config, Event, Lost, Notification, Refused, Registration, Session};
pub use syntax::{Access, SetError, Syntax};
pub use table::{Key, Table};
pub use transport::MasterAddress;
pub use value::{SessionNumber, Value, VarBind};
pub use view::{Column, Object, Rows, ScalarView, Setter, TableView};
