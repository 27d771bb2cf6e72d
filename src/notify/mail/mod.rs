//! Alert mail: the mails about changes, and the thread that sends them to the relay.
//!
//! A mail is made from the rows at the time of the change, and waits in a bounded queue. Mails are sent one after the other,
//! each over its own connection.

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
