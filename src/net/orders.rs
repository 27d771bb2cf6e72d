//! What passes between a process and the one that runs programs for it.

use std::io::{self, Read, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Key;
use crate::reactor::Program;
use crate::track::ScriptEnd;

/// Most octets of a message.
const LONGEST: usize = 1 << 20;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// A program is to run for no longer than `limit`.
    Run { key: Key, program: Program, limit: Duration },
    /// It is to end, and nothing more is to be said of it.
    Cancel(Key),
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal, with this number.
    Killed(i32),
    /// It ran longer than it may and was ended.
    TimedOut,
    /// It did not start, for this reason.
    NotStarted(String),
    /// This process had not what that takes, as descriptors, processes or memory, or too many run already.
    Lacking(String),
}

impl Outcome {
    /// How the script ended.
    ///
    /// # Errors
    /// With what this process lacked for the run, which says nothing about what the script checks.
    pub fn end(self) -> Result<ScriptEnd, String> {
        match self {
            Outcome::Exited(status) => Ok(ScriptEnd::Exited(status)),
            Outcome::Killed(signal) => Ok(ScriptEnd::Signalled(signal)),
            Outcome::TimedOut => Ok(ScriptEnd::TimedOut),
            Outcome::NotStarted(reason) => Ok(ScriptEnd::NotStarted(reason)),
            Outcome::Lacking(reason) => Err(reason),
        }
    }
}

/// A program has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildEvent {
    /// Whose.
    pub key: Key,
    /// How.
    pub outcome: Outcome,
}

/// Writes a message: its length in four octets, and the message.
pub(super) fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let octets = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(octets.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &octets].concat())
}

/// Reads a message; it blocks until there is one. At the end of the stream that is an error.
pub(super) fn read<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut octets = vec![0; length];
    stream.read_exact(&mut octets)?;
    postcard::from_bytes(&octets).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let key = Key { id: u128::MAX, generation: 7 };
        let program = Program { argv: vec!["/bin/true".into(), String::new()], user: None, guarded: true };
        let orders = [Order::Run { key, program, limit: Duration::from_millis(1500) }, Order::Cancel(key)];
        let mut stream = Vec::new();
        orders.iter().for_each(|order| write(&mut stream, order).unwrap());
        let mut rest = stream.as_slice();
        for order in orders {
            assert_eq!(read::<Order>(&mut rest).unwrap(), order);
        }
        assert!(read::<Order>(&mut rest).is_err(), "the end");
        assert!(read::<Order>(&mut &[0xff; 8][..]).is_err(), "too long");
    }
}
