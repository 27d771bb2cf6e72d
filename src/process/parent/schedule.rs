//! The time of a reload in `reload_time_file`, and when it comes.

use std::fmt;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

/// The contents of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    /// `None`: the next time of day that comes.
    date: Option<NaiveDate>,
    time: NaiveTime,
    /// `Z`: in UTC, not in the time zone of the host.
    utc: bool,
}

/// A moment, shown as date and time of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(SystemTime);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DateTime::<Local>::from(self.0).format("%Y-%m-%d %H:%M:%S").fmt(f)
    }
}

/// The next scheduled reload.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    next: Option<(Moment, Written)>,
}

/// What a due reload means for the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The file is to be removed.
    Done,
    /// The file stays, and the next reload is a day later.
    Again(Moment),
}

impl Schedule {
    /// When the next reload is due.
    pub(super) fn next(&self) -> Option<Moment> {
        self.next.map(|(at, _)| at)
    }

    /// Takes the contents of the file, `None` without a file. The result is a line for the log, and whether it is a warning.
    pub(super) fn read(&mut self, text: Option<&str>, now: SystemTime) -> Option<(bool, String)> {
        let before = self.next.take();
        let cancelled = before.map(|(at, _)| (false, format!("Cancelling reload scheduled for {at}")));
        let text = text.map(|text| text.strip_suffix('\n').unwrap_or(text)).filter(|text| !text.is_empty());
        let Some(text) = text else { return cancelled };
        let Some(written) = parse(text) else {
            let help = "write HH:MM:SS or YYYY-MM-DD HH:MM:SS, with Z at the end for UTC";
            return Some((true, format!("Invalid reload time '{text}' - ignoring ({help})")));
        };
        let Some(at) = written.after(now) else {
            return Some((true, format!("Reload time {text} is in the past - ignoring")));
        };
        self.next = Some((at, written));
        Some((
            false,
            match before {
                Some((old, _)) if old == at => return None,
                Some((old, _)) => format!("Reload time updated from {old} to {at}"),
                None => format!("Scheduling reload for {at}"),
            },
        ))
    }

    /// Time until the next reload, by the system clock.
    pub(super) fn wait(&self, now: SystemTime) -> Option<Duration> {
        self.next().map(|Moment(at)| at.duration_since(now).unwrap_or_default())
    }

    /// Whether a reload is due. With `repeat` a time without a date is due again a day later.
    pub(super) fn due(&mut self, now: SystemTime, repeat: bool) -> Option<Due> {
        let (_, written) = self.next.filter(|(Moment(at), _)| *at <= now)?;
        self.next =
            written.date.is_none().then(|| written.after(now)).flatten().filter(|_| repeat).map(|at| (at, written));
        Some(self.next().map_or(Due::Done, Due::Again))
    }
}

impl Written {
    /// The first such moment after `now`.
    fn after(self, now: SystemTime) -> Option<Moment> {
        let later = |moment: &Moment| moment.0 > now;
        if let Some(date) = self.date {
            return self.moment(date.and_time(self.time)).filter(later);
        }
        let today =
            if self.utc { DateTime::<Utc>::from(now).date_naive() } else { DateTime::<Local>::from(now).date_naive() };
        // A time may be missing on the day on which the clocks go forward.
        let days = (0..3).filter_map(|days| today.checked_add_days(Days::new(days)));
        days.filter_map(|day| self.moment(day.and_time(self.time))).find(later)
    }

    fn moment(self, at: NaiveDateTime) -> Option<Moment> {
        let moment = if self.utc {
            SystemTime::from(at.and_utc())
        } else {
            SystemTime::from(Local.from_local_datetime(&at).earliest()?)
        };
        Some(Moment(moment))
    }
}

/// `HH:MM:SS` or `[YY]YY-MM-DD HH:MM:SS`, with `Z` for UTC.
fn parse(text: &str) -> Option<Written> {
    let (text, utc) = text.strip_suffix('Z').map_or((text, false), |text| (text, true));
    let (date, time) = match text.split_once(' ') {
        Some((date, time)) => (Some(self::date(date)?), time),
        None => (None, text),
    };
    let [hours, minutes, seconds] = numbers(time, ':', [2; 3])?;
    Some(Written { date, time: NaiveTime::from_hms_opt(hours, minutes, seconds)?, utc })
}

fn date(text: &str) -> Option<NaiveDate> {
    let (short, long) = (numbers(text, '-', [2; 3]), numbers(text, '-', [4, 2, 2]));
    let [year, month, day] = short.map(|[year, month, day]| [year.saturating_add(2000), month, day]).or(long)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Three numbers of so many digits each.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u32; 3]> {
    let mut parts = text.split(separator);
    let mut number = |digits: usize| {
        let part = parts.next()?;
        (part.len() == digits && part.bytes().all(|octet| octet.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let [first, second, third] = digits;
    let found = [number(first)?, number(second)?, number(third)?];
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon of a day in UTC.
    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_126_400)
    }

    fn seconds(schedule: &Schedule) -> Option<u64> {
        schedule.wait(noon()).map(|wait| wait.as_secs())
    }

    fn read(schedule: &mut Schedule, text: &str) -> (bool, String) {
        schedule.read(Some(text), noon()).unwrap()
    }

    #[test]
    fn times_of_the_file_are_read_as_by_c_keepalived() {
        for (text, wait) in [
            ("12:00:05Z\n", Some(5)),
            ("12:00:05Z", Some(5)),
            ("11:59:59Z\n", Some(86_399)),
            ("12:00:00Z\n", Some(86_400)),
            ("2026-12-01 12:01:00Z\n", Some(60)),
            ("26-12-01 12:01:00Z\n", Some(60)),
            ("2027-12-01 12:00:00Z\n", Some(31_536_000)),
        ] {
            let mut schedule = Schedule::default();
            let (is_warning, line) = read(&mut schedule, text);
            assert!(!is_warning && line.starts_with("Scheduling reload for 20"), "{text}: {line}");
            assert_eq!(seconds(&schedule), wait, "{text}");
        }
        let local = DateTime::<Local>::from(noon() + Duration::from_secs(7));
        for format in ["%H:%M:%S\n", "%Y-%m-%d %H:%M:%S\n"] {
            let mut schedule = Schedule::default();
            let (_, line) = read(&mut schedule, &local.format(format).to_string());
            assert_eq!(line, format!("Scheduling reload for {}", local.format("%Y-%m-%d %H:%M:%S")));
            assert_eq!(seconds(&schedule), Some(7));
        }
    }

    #[test]
    fn what_is_no_time_to_come_is_ignored_with_the_reason() {
        for text in [
            "25:00:00",
            " 10:00:00",
            "10:00:00 x",
            "10:00",
            "1:00:00",
            "2026-13-01 10:00:00",
            "+1:00:00",
            "é:00:00",
            "126-1-1 10:00:00",
        ] {
            let mut schedule = Schedule::default();
            let (is_warning, line) = read(&mut schedule, text);
            assert!(is_warning && line.starts_with(&format!("Invalid reload time '{text}' - ignoring")), "{line}");
            assert_eq!(schedule.next(), None);
        }
        let past = read(&mut Schedule::default(), "2020-01-01 00:00:00\n");
        assert_eq!(past, (true, "Reload time 2020-01-01 00:00:00 is in the past - ignoring".to_owned()));
        assert_eq!(Schedule::default().read(Some("\n"), noon()), None);
        assert_eq!(Schedule::default().read(None, noon()), None);
    }

    #[test]
    fn a_change_moves_the_reload_and_a_removal_cancels_it() {
        let mut schedule = Schedule::default();
        read(&mut schedule, "12:00:10Z");
        let (first, line) = (schedule.next().unwrap(), read(&mut schedule, "12:00:20Z").1);
        assert_eq!(line, format!("Reload time updated from {first} to {}", schedule.next().unwrap()));
        assert_eq!(schedule.read(Some("2026-12-01 12:00:20Z"), noon()), None, "the same moment");
        let second = schedule.next().unwrap();
        assert_eq!(schedule.read(None, noon()), Some((false, format!("Cancelling reload scheduled for {second}"))));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn only_a_time_without_a_date_repeats() {
        for (text, repeat, again) in
            [("12:00:10Z", true, true), ("12:00:10Z", false, false), ("2026-12-01 12:00:10Z", true, false)]
        {
            let mut schedule = Schedule::default();
            read(&mut schedule, text);
            assert_eq!(schedule.due(noon() + Duration::from_secs(9), repeat), None);
            let due = schedule.due(noon() + Duration::from_secs(10), repeat).unwrap();
            let next = Moment(noon() + Duration::from_secs(86_410));
            assert_eq!(due, if again { Due::Again(next) } else { Due::Done }, "{text} {repeat}");
            assert_eq!(schedule.next(), again.then_some(next));
        }
    }
}
