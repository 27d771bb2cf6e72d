//! The socket pair between the parent and a child: hellos, configurations to the child, its state to the parent.
//!
//! A message is the length of its body (4 octets, big endian), a kind (1 octet) and the body. Both ends are
//! non-blocking; octets that do not fit into the socket wait in memory, bounded by the few kinds of messages that a
//! process sends.

mod channel;
mod codec;
mod message;
mod saved;
mod socket;
#[cfg(test)]
mod tests;

pub use channel::Channel;
pub use message::Message;
pub use saved::SavedState;
