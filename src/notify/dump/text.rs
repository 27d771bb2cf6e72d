//! The lines of the dumps, in the layout of C keepalived, and its forms of times, which exporters read.

use std::fmt::{Display, Write};
use std::time::Duration;

use chrono::{DateTime, Local, TimeZone};

use super::lines;
use crate::config::model::{Script, ScriptUser};

/// The text of a dump.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// A line.
    pub(super) fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    /// The title of a section.
    pub(super) fn section(&mut self, title: &str) {
        self.line(format_args!("------< {title} >------"));
    }

    /// A property of a row.
    pub(super) fn item(&mut self, label: &str, value: impl Display) {
        self.line(format_args!("   {label} = {value}"));
    }

    /// Lines below a property, after its title, if there are any.
    pub(super) fn list<L: Display>(&mut self, title: &str, lines: impl IntoIterator<Item = L>) {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_some() {
            self.line(format_args!("   {title} :"));
        }
        lines.for_each(|line| self.line(format_args!("     {line}")));
    }

    /// A script with its user; `user` is that of scripts without one.
    pub(super) fn script(&mut self, label: &str, script: Option<&Script>, user: Option<&ScriptUser>) {
        if let Some(script) = script {
            self.item(label, format_args!("{}, uid:gid {}", lines::command(script), Ids::of(script, user)));
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The user and the group of a script, by number.
pub(super) struct Ids(u32, u32);

impl Ids {
    /// Those of a script; `user` is that of scripts without one, which run as root if there is none.
    pub(super) fn of(script: &Script, user: Option<&ScriptUser>) -> Ids {
        script.user.as_ref().or(user).map_or(Ids(0, 0), Ids::from)
    }
}

impl From<&ScriptUser> for Ids {
    fn from(user: &ScriptUser) -> Ids {
        Ids(user.uid, user.gid)
    }
}

impl Display for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// `enabled` or `disabled`.
pub(super) fn enabled(is_set: bool) -> &'static str {
    if is_set { "enabled" } else { "disabled" }
}

/// `yes` or `no`.
pub(super) fn yes(is_set: bool) -> &'static str {
    if is_set { "yes" } else { "no" }
}

/// An Ethernet address: hexadecimal octets with colons.
pub(super) struct Mac(pub [u8; 6]);

impl Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

/// A time in seconds with microseconds: `0.250000`.
pub(super) struct Seconds(pub Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

/// A time in seconds without needless digits: `0.5`.
pub(super) fn short(time: Duration) -> impl Display {
    time.as_secs_f64()
}

/// A moment since 1970, in one of the forms of C keepalived. Each begins with the seconds, with microseconds.
#[derive(Clone, Copy)]
pub(super) enum Moment {
    /// `1796034985.749262 (Mon Nov 30 10:36:25.749262 2026)`.
    Full(Duration),
    /// `1796034988.850087 (Mon Nov 30 10:36:28.850087)`.
    WithoutYear(Duration),
    /// `1796034987.740471 (Mon Nov 30 10:36:27 2026.740471)`.
    FractionLast(Duration),
}

impl Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Moment::Full(at) | Moment::WithoutYear(at) | Moment::FractionLast(at)) = *self;
        let (seconds, micros) = (Seconds(at), at.subsec_micros());
        // Times that no calendar has are shown in seconds only.
        let Some(date) = local(at) else { return seconds.fmt(f) };
        match self {
            Moment::Full(_) => {
                let (day, year) = (date.format("%a %b %e %H:%M:%S"), date.format("%Y"));
                write!(f, "{seconds} ({day}.{micros:06} {year})")
            }
            Moment::WithoutYear(_) => write!(f, "{seconds} ({}.{micros:06})", date.format("%a %b %e %H:%M:%S")),
            Moment::FractionLast(_) => write!(f, "{seconds} ({}.{micros:06})", date.format("%a %b %e %H:%M:%S %Y")),
        }
    }
}

fn local(at: Duration) -> Option<DateTime<Local>> {
    Local.timestamp_opt(i64::try_from(at.as_secs()).ok()?, 0).earliest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_the_forms_of_c_keepalived() {
        let at = Duration::from_micros(1_796_126_862_000_961);
        let day = local(at).unwrap().format("%a %b %e %H:%M:%S").to_string();
        assert_eq!(Moment::Full(at).to_string(), format!("1796126862.000961 ({day}.000961 2026)"));
        assert_eq!(Moment::WithoutYear(at).to_string(), format!("1796126862.000961 ({day}.000961)"));
        assert_eq!(Moment::FractionLast(at).to_string(), format!("1796126862.000961 ({day} 2026.000961)"));
        assert_eq!(Moment::Full(Duration::MAX).to_string(), "18446744073709551615.999999");
        // As ctime(3), with a blank before a day of one digit.
        assert!(day.contains(" Dec  1 ") || day.contains(" Nov 30 ") || day.contains(" Dec  2 "), "{day}");
    }

    #[test]
    fn a_list_has_a_title_only_if_there_is_something_below() {
        let mut text = Text::default();
        text.list("Virtual Rules", Vec::<String>::new());
        text.list("Virtual Routes", ["a", "b"]);
        assert_eq!(text.finish(), "   Virtual Routes :\n     a\n     b\n");
    }
}
