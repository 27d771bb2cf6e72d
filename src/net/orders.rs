//! Messages between the checker process and the [`runner`](super::runner).

use std::io::{self, Read, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Key;
use super::started::Started;
use crate::reactor::Program;
use crate::track::ScriptEnd;

/// Longest message in octets.
const LONGEST: usize = 1 << 20;

/// An order to the runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// Run a program for at most `limit`.
    Run { key: Key, program: Program, limit: Duration },
    /// Terminate a program without reporting its outcome.
    Cancel(Key),
    /// Answer with [`Reply::Hello`].
    Hello,
}

/// A message of the runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    /// A program was started.
    Started(Key, Started),
    /// The outcome of a program, even if it was cancelled.
    Ended(ChildEvent),
    /// The answer to [`Order::Hello`].
    Hello,
}

/// Outcome of running a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It exited with this status.
    Exited(i32),
    /// It was killed by this signal.
    Killed(i32),
    /// It exceeded its time limit and was terminated.
    TimedOut,
    /// It could not be started, for this reason.
    NotStarted(String),
    /// This process or host is short of descriptors, processes or memory, or too many programs are running already.
    NoResources(String),
}

impl Outcome {
    /// The end of the script, for the checker.
    ///
    /// # Errors
    /// The resource that was missing ([`Outcome::NoResources`]), which is no result of the check.
    pub fn end(self) -> Result<ScriptEnd, String> {
        match self {
            Outcome::Exited(status) => Ok(ScriptEnd::Exited(status)),
            Outcome::Killed(signal) => Ok(ScriptEnd::Signalled(signal)),
            Outcome::TimedOut => Ok(ScriptEnd::TimedOut),
            Outcome::NotStarted(reason) => Ok(ScriptEnd::NotStarted(reason)),
            Outcome::NoResources(reason) => Err(reason),
        }
    }
}

/// The outcome of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildEvent {
    /// The attempt.
    pub key: Key,
    /// The outcome.
    pub outcome: Outcome,
}

/// Writes a message after its length in four octets.
pub(super) fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let octets = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(octets.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &octets].concat())
}

/// Reads a message; blocks until there is one. The end of the stream is an error.
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
    fn messages_are_read_as_written() {
        let key = Key { id: u128::MAX, generation: 7 };
        let program = Program {
            argv: vec!["/bin/true".into(), String::new()],
            user: None,
            guarded: true,
            groups: false,
            resolved: false,
        };
        let orders =
            [Order::Run { key, program, limit: Duration::from_millis(1500) }, Order::Cancel(key), Order::Hello];
        let mut stream = Vec::new();
        orders.iter().for_each(|order| write(&mut stream, order).unwrap());
        let mut rest = stream.as_slice();
        for order in orders {
            assert_eq!(read::<Order>(&mut rest).unwrap(), order);
        }
        assert!(read::<Order>(&mut rest).is_err(), "end of the stream");
        assert!(read::<Order>(&mut &[0xff; 8][..]).is_err(), "too long");
    }
}
