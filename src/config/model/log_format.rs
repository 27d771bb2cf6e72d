//! `log_format`.

use serde::{Deserialize, Serialize};

/// The form of the log on standard error and in files, other than that of C keepalived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFormat {
    /// A time stamp with milliseconds and time zone, the level and the process before each line.
    Text,
    /// A JSON object for each record.
    Json,
}

impl LogFormat {
    /// The forms by their words.
    pub const ALL: [(&'static str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

    /// The form with a word.
    pub fn of(word: &str) -> Option<LogFormat> {
        LogFormat::ALL.iter().find(|(known, _)| *known == word).map(|(_, format)| *format)
    }
}
