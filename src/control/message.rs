//! Requests and answers, as JSON: `{"version":1,"message":"reload"}`.
//!
//! A new kind of request is a new variant, which an older daemon refuses by name. [`VERSION`] changes only when an old
//! message would be misunderstood.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::command::Command;
use crate::status::Status;

/// Version of the messages.
pub(super) const VERSION: u32 = 1;
/// Octets of the longest request that the daemon accepts.
pub(super) const LONGEST_REQUEST: usize = 4096;
/// Octets of the longest answer that a client accepts.
pub(super) const LONGEST_ANSWER: usize = 16 << 20;

/// Characters of the longest reason for refusing a message.
const LONGEST_REASON: usize = 200;

/// A request to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Read the configuration again. The answer comes when all processes run with the new one, or when it is refused.
    Reload,
    /// The status of the daemon and its processes.
    Status,
    /// A command for a child process.
    Command(Command),
    /// Replace the program of the daemon by this one. The answer comes when its trial has ended; root only.
    Upgrade(PathBuf),
    /// The version of the running daemon.
    Version,
}

/// An answer of the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The version, as in the log at the start.
    Version(String),
    /// The result of a reload.
    Reload(Reload),
    /// The status.
    Status(Box<Status>),
    /// The command was carried out; one or more lines about the effect.
    Done(String),
    /// The user of the client may not make the request; with the reason.
    Denied(String),
    /// The daemon does not carry out the request; with the reason.
    Refused(String),
}

/// The result of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Its kind.
    pub outcome: Outcome,
    /// Why the configuration was refused, or why the reload is not complete; empty if it is.
    pub reason: String,
    /// The problems of the configuration with their places, one or more lines each, as in the log.
    pub diagnostics: String,
}

/// The kind of result of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All processes run with the new configuration.
    Complete,
    /// Refused: the configuration has errors.
    Errors,
    /// Refused: the configuration file does not exist or cannot be read.
    NoFile,
    /// Refused: the configuration has a fault that the running one does not have.
    Faults,
    /// Refused for another reason, such as a setting that a reload cannot change.
    Refused,
    /// A process has not taken the new configuration within the time limit, or the daemon is stopping.
    Incomplete,
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    version: u32,
    message: T,
}

/// The part of an envelope that all versions have.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// Encodes a request or an answer.
///
/// # Errors
/// When JSON cannot represent it; this does not happen for the messages of this module.
pub(super) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&Envelope { version: VERSION, message }).map_err(|error| error.to_string())
}

/// Decodes a request or an answer.
///
/// # Errors
/// A clause that says why it cannot be understood.
pub(super) fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, String> {
    let wrong = |error: serde_json::Error| {
        // It may quote the sender, and goes to the log.
        let text = error.to_string();
        let text: String = text.chars().take(LONGEST_REASON).flat_map(char::escape_debug).collect();
        format!("a message that cannot be read: {text}")
    };
    let Head { version } = serde_json::from_slice(octets).map_err(wrong)?;
    if version != VERSION {
        return Err(format!("a message of version {version}, not {VERSION}: another release sent it"));
    }
    serde_json::from_slice(octets).map(|envelope: Envelope<T>| envelope.message).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other programs use these forms.
    #[test]
    fn messages_have_their_documented_form() {
        let text = |octets: Result<Vec<u8>, String>| String::from_utf8(octets.unwrap()).unwrap();
        assert_eq!(text(encode(&Request::Reload)), r#"{"version":1,"message":"reload"}"#);
        let answer = Answer::Reload(Reload {
            outcome: Outcome::NoFile,
            reason: "the configuration has errors".into(),
            diagnostics: "k.conf: error".into(),
        });
        assert_eq!(
            text(encode(&answer)),
            r#"{"version":1,"message":{"reload":{"outcome":"no_file","reason":"the configuration has errors","diagnostics":"k.conf: error"}}}"#
        );
        assert_eq!(decode(&encode(&answer).unwrap()), Ok(answer));
        // Further fields are those of a later release.
        assert_eq!(decode(br#"{ "message" : "version", "version" : 1, "pretty" : true }"#), Ok(Request::Version));
    }

    #[test]
    fn other_octets_are_refused_with_a_reason() {
        let nested = [br#"{"version":1,"message":"#.as_slice(), &[b'['; 4000]].concat();
        for (octets, expected) in [
            (&b""[..], "a message that cannot be read: EOF"),
            (b"\xff\xfe\0", "a message that cannot be read: "),
            (b"reload", "a message that cannot be read: "),
            (b"{}", "missing field `version`"),
            (br#"{"version":-1}"#, "a message that cannot be read: "),
            (br#"{"version":2,"message":{"new":"form"}}"#, "a message of version 2, not 1: another release sent it"),
            (br#"{"version":1}"#, "missing field `message`"),
            (
                br#"{"version":1,"message":"dance"}"#,
                "unknown variant `dance`, expected one of `reload`, `status`, `command`, `upgrade`, `version`",
            ),
            (br#"{"version":1,"message":"reload"} x"#, "trailing characters"),
            (&nested, "EOF while parsing a list"),
        ] {
            let text = decode::<Request>(octets).unwrap_err();
            assert!(text.contains(expected), "{text}");
        }
        // A sender cannot forge lines of the log, or fill it.
        let forged = format!(r#"{{"version":1,"message":"\n\u001b[2J{}"}}"#, "x".repeat(3000));
        let text = decode::<Request>(forged.as_bytes()).unwrap_err();
        assert!(text.contains(r"\n\u{1b}[2Jxxx") && text.len() < 300, "{text}");
    }
}
