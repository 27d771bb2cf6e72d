//! Alert mail: what a change is worth telling, and the thread that hands it to the relay.
//!
//! A mail is made from the rows at the moment of the change, then waits in a bounded queue. Each goes over a
//! connection of its own, one after the other.

mod alerts;
mod dialogue;
mod mailer;
mod relay;
mod text;

pub use alerts::{check_mail, mail};
pub use mailer::Mailer;
pub use relay::Relay;

/// One mail, without its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The Subject: at most 255 octets on one line.
    pub subject: String,
    /// The body: one line of at most 511 octets.
    pub body: String,
}

impl Alert {
    /// `[ROUTER] WHAT` and `=> WHY <=`.
    fn new(router_id: &str, what: &str, why: &str) -> Alert {
        Alert {
            subject: text::line(&format!("[{router_id}] {what}"), 255),
            body: text::line(&format!("=> {why} <="), 511),
        }
    }
}
