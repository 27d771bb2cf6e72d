//! A record of the log, and its forms on the terminal and in a file.

use std::fmt;
use std::time::SystemTime;

use chrono::{DateTime, Local, SecondsFormat};
use serde::Serialize;

use crate::config::model::LogFormat;

/// Level of a record, by the priorities of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something may be wrong.
    Warning,
    /// A change of state.
    Notice,
    /// Normal operation.
    Info,
    /// Only with `-D`.
    #[serde(rename = "debug")]
    Detail,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
            Level::Info => "info",
            Level::Detail => "debug",
        })
    }
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Object {
    /// `instance`, `group`, `script`, `virtual_server` and the like.
    pub kind: &'static str,
    /// Its name, as in the configuration or in the messages.
    pub name: String,
    /// Of a real server, its virtual server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was written.
    pub at: SystemTime,
    /// Its level.
    pub level: Level,
    /// One line, or several.
    pub text: String,
    /// What it is about, where that is known.
    pub object: Option<Object>,
}

/// A record in JSON.
#[derive(Serialize)]
struct Json<'r> {
    time: String,
    level: Level,
    process: &'r str,
    pid: u32,
    message: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'r Object>,
}

impl Record {
    /// The lines of the record in a form, each with a newline; `ident` is the name of the process. Without a form they are as
    /// in C keepalived. In JSON the record is one line.
    pub fn lines(&self, form: Option<LogFormat>, ident: &str) -> String {
        let local = DateTime::<Local>::from(self.at);
        let pid = std::process::id();
        let stamp = match form {
            None => format!("{}:", local.format("%a %b %e %H:%M:%S %Y")),
            Some(LogFormat::Text) => format!("{} {} {ident}[{pid}]:", stamp(local), self.level),
            Some(LogFormat::Json) => {
                let (message, object) = (self.text.trim_end_matches('\n'), self.object.as_ref());
                let json = Json { time: stamp(local), level: self.level, process: ident, pid, message, object };
                // Text and numbers can be serialised.
                return serde_json::to_string(&json).map_or_else(|_| String::new(), |json| json + "\n");
            }
        };
        self.text.lines().map(|line| format!("{stamp} {line}\n")).collect()
    }
}

/// RFC 3339, with milliseconds and the offset of the time zone.
fn stamp(at: DateTime<Local>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, false)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record() -> Record {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_796_126_862_007);
        let object = Some(Object { kind: "instance", name: "VI \"1\"".to_owned(), of: None });
        Record { at, level: Level::Notice, text: "one\ntwo \\".to_owned(), object }
    }

    #[test]
    fn json_is_one_line_with_all_parts() {
        let line = record().lines(Some(LogFormat::Json), "Keepalived_vrrp");
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line}");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        let time = json["time"].as_str().unwrap();
        assert_eq!(DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis(), 1_796_126_862_007);
        assert!(
            time.contains(".007") && (time.ends_with(":00") || time.ends_with(":30") || time.ends_with(":45")),
            "{time}"
        );
        assert_eq!(json["level"], "notice");
        assert_eq!(json["process"], "Keepalived_vrrp");
        assert_eq!(json["pid"], std::process::id());
        assert_eq!(json["message"], "one\ntwo \\");
        assert_eq!(json["object"], serde_json::json!({"kind": "instance", "name": "VI \"1\""}));
        let bare = Record { object: None, ..record() }.lines(Some(LogFormat::Json), "Keepalived");
        assert!(!bare.contains("object"), "{bare}");
    }

    #[test]
    fn text_has_a_stamp_on_each_line() {
        let text = record().lines(Some(LogFormat::Text), "Keepalived_vrrp");
        let end = format!(" notice Keepalived_vrrp[{}]: ", std::process::id());
        for (line, message) in text.lines().zip(["one", "two \\"]) {
            let (stamp, rest) = line.split_once(' ').unwrap();
            assert!(DateTime::parse_from_rfc3339(stamp).is_ok(), "{line}");
            assert_eq!(format!(" {rest}"), format!("{end}{message}"));
        }
        assert_eq!(text.lines().count(), 2);
        let plain = record().lines(None, "Keepalived_vrrp");
        assert!(plain.ends_with(" 2026: two \\\n") && plain.starts_with(char::is_alphabetic), "{plain}");
    }
}
