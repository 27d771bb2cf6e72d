//! Dates in UTC.

use std::time::Duration;

const DAY: u64 = 86_400;

/// DateAndTime (RFC 2579) of a time since 1970, in UTC: 11 octets, to a tenth of a second.
pub fn date_and_time(utc: Duration) -> [u8; 11] {
    let (days, second) = (utc.as_secs() / DAY, utc.as_secs() % DAY);
    let (year, month, day) = civil(days);
    let [high, low] = u16::try_from(year).unwrap_or(u16::MAX).to_be_bytes();
    let octet = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    let tenths = octet(u64::from(utc.subsec_millis()) / 100);
    let (hour, minute) = (octet(second / 3600), octet(second / 60 % 60));
    [high, low, octet(month), octet(day), hour, minute, octet(second % 60), tenths, b'+', 0, 0]
}

/// Year, month and day of a number of days since 1 January 1970 in the Gregorian calendar. Years are counted from March, so
/// that the leap day is the last one.
fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 1 March of the year 0, in eras of 400 years.
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let (month, later) = if from_march < 10 { (from_march + 3, 0) } else { (from_march - 9, 1) };
    (era * 400 + year_of_era + later, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, expected) in [
            (0, (1970, 1, 1)),
            (951_782_399, (2000, 2, 28)),
            (951_782_400, (2000, 2, 29)),
            (951_868_800, (2000, 3, 1)),
            (1_709_164_800, (2024, 2, 29)),
            (1_772_323_200, (2026, 3, 1)),
            (1_796_083_200, (2026, 12, 1)),
            (4_107_542_400, (2100, 3, 1)),
        ] {
            assert_eq!(civil(seconds / DAY), expected);
        }
        let octets = date_and_time(Duration::from_millis(1_796_114_645_780));
        assert_eq!(octets, [7, 234, 12, 1, 8, 44, 5, 7, b'+', 0, 0]);
        let [high, low, ..] = date_and_time(Duration::MAX);
        assert_eq!([high, low], [255, 255], "years that do not fit");
    }
}
