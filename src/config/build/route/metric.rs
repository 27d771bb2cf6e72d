//! The numbers that the kernel keeps with a route: `mtu`, `rtt` and the like.

use super::super::super::model::{MetricKind, RouteMetric};
use super::super::super::value::Value;
use super::super::routing::{Entry, Word};

/// Shortest round-trip time, its variance and retransmission timeout, in milliseconds.
const SHORTEST: u32 = 200;
/// Longest of these times, in milliseconds: the kernel has 32 bits for eighths of a millisecond.
const LONGEST: u64 = (u32::MAX >> 3) as u64;

/// A metric; `None` when the word is none, or its value is refused.
pub(super) fn metric(entry: &mut Entry<'_, '_, '_>, word: &Word<'_>) -> Option<RouteMetric> {
    let kind = MetricKind::of(word.name)?;
    let value = match kind {
        MetricKind::Rtt => time(entry, word, 8)?,
        MetricKind::RttVar => time(entry, word, 4)?,
        MetricKind::RtoMin => time(entry, word, 1)?,
        // `ecn` is the only value.
        MetricKind::Features => 1,
        _ => word.u32()?,
    };
    let lock = matches!(word.args, [first, _] if matches!(first.value, Value::Choice("lock")));
    Some(RouteMetric { kind, value, lock })
}

/// A time of at least [`SHORTEST`]. As in ip-route(8), a number without a unit is in the unit of the kernel; `units` = how
/// many of it are a millisecond.
fn time(entry: &mut Entry<'_, '_, '_>, word: &Word<'_>, units: u64) -> Option<u32> {
    let (name, text) = (word.name, word.text());
    let found = milliseconds(text, units).filter(|millis| *millis <= LONGEST);
    let Some(millis) = found.and_then(|millis| u32::try_from(millis).ok()) else {
        return entry.refuse(word.at, format_args!("{name} {text} is too long"), format!("write up to {LONGEST}ms"));
    };
    let part = text.split_once('.').map_or("", |(_, part)| part);
    let places = if part.ends_with('s') && !part.ends_with("ms") { 3 } else { 0 };
    let is_cut = part.bytes().skip(places).any(|digit| matches!(digit, b'1'..=b'9'));
    if millis < SHORTEST {
        let said = format!("{name} {text} is {millis} ms, less than the shortest: {SHORTEST} ms is used");
        let unit = !text.ends_with('s') && units > 1;
        let help =
            if unit { format!("write the unit: {name} {text}ms") } else { format!("write at least {SHORTEST}ms") };
        entry.ctx.mistake(word.at, said, help);
    } else if is_cut {
        let said = format!("{name} {text} is not in whole milliseconds: {millis} ms is used");
        entry.ctx.adjusted(word.at, said).help(format!("write {name} {millis}ms"));
    }
    Some(millis.max(SHORTEST))
}

/// Whole milliseconds of a time with up to three places.
fn milliseconds(text: &str, units: u64) -> Option<u64> {
    let (digits, seconds, units) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => (digits, false, 1),
        (None, Some(digits)) => (digits, true, 1),
        (None, None) => (text, false, units),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: u64 = whole.parse().ok()?;
    if !seconds {
        return whole.checked_div(units);
    }
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    whole.checked_mul(1000)?.checked_add(part.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, units, millis) in [
            ("300ms", 8, Some(300)),
            ("1s", 8, Some(1000)),
            ("1.5s", 8, Some(1500)),
            ("0.0625s", 8, Some(62)),
            ("2.5ms", 8, Some(2)),
            ("1600", 8, Some(200)),
            ("1600", 4, Some(400)),
            ("300", 1, Some(300)),
            ("1.5", 1, Some(1)),
            ("18446744073709551615s", 1, None),
            ("", 1, None),
            ("s", 1, None),
        ] {
            assert_eq!(milliseconds(text, units), millis, "{text}");
        }
    }
}
