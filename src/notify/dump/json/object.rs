//! JSON text in the form of C keepalived: without spaces, and with `/` as `\/`.

use std::fmt::Display;
use std::time::Duration;

/// An object, to which members are added in their order.
#[derive(Debug, Default)]
pub(super) struct Object(String);

impl Object {
    /// A member with a value that is JSON.
    pub(super) fn raw(&mut self, key: &str, value: impl Display) {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut self.0, format_args!("{comma}{}:{value}", quoted(key)));
    }

    /// Text.
    pub(super) fn text(&mut self, key: &str, value: impl Display) {
        self.raw(key, quoted(&value.to_string()));
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.raw(key, value);
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str, value: impl Into<i64>) {
        self.raw(key, value.into());
    }

    /// Seconds, with decimals if necessary.
    pub(super) fn seconds(&mut self, key: &str, value: Duration) {
        self.raw(key, value.as_secs_f64());
    }

    /// A list of texts, unless it is empty.
    pub(super) fn texts(&mut self, key: &str, values: impl Iterator<Item = String>) {
        let mut values = values.peekable();
        if values.peek().is_some() {
            self.raw(key, array(values.map(|value| quoted(&value))));
        }
    }

    pub(super) fn finish(self) -> String {
        format!("{{{}}}", self.0)
    }
}

/// A list of values that are JSON.
pub(super) fn array(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    format!("[{}]", values.join(","))
}

fn quoted(text: &str) -> String {
    // No escape sequence of serde_json contains a slash.
    serde_json::Value::from(text).to_string().replace('/', "\\/")
}
