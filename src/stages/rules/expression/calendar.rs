//! Timestamps: read from text, written, and taken apart. Whole seconds since 1970-01-01, UTC.

use super::program::Part;
use crate::model;

const DAY: i64 = 86_400;
/// Days and years by which dates are moved, so that none is before 1970: five times the 400 years after which the
/// calendar repeats itself.
const MOVED: (i64, i64) = (5 * 146_097, 2000);

/// A time of RFC 3339 (section 5.6) of the years 1 to 9999; a fraction of a second is cut off.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.splitn(3, '-');
    let year = number(parts.next()?, 4)?;
    let month = number(parts.next()?, 2)?;
    let day = number(parts.next()?, 2)?;
    let (clock, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let mut parts = clock.splitn(3, ':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let second = number(parts.next()?, 2)?;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let end = fraction.find(|character: char| !character.is_ascii_digit())?;
            fraction.get(end..).filter(|_| end > 0)?
        }
        None => rest,
    };
    let offset = if zone.eq_ignore_ascii_case("z") { 0 } else { numeric_zone(zone)? };
    let is_real = year > 0 && hour < 24 && minute < 60 && second < 60 && real_day(year, month, day);
    is_real.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - i64::from(offset))
}

/// The seconds by which a time zone is ahead of UTC: `UTC`, or `+02:00` with the sign perhaps left out.
pub(super) fn zone(text: &str) -> Option<i32> {
    match text {
        "UTC" | "Z" => Some(0),
        _ if text.starts_with(['+', '-']) => numeric_zone(text),
        _ => numeric_zone(&format!("+{text}")),
    }
}

/// A part of a time, in a zone that is so many seconds ahead of UTC.
pub(super) fn part(part: Part, time: i64, zone: i32) -> i64 {
    let local = time.saturating_add(zone.into());
    let (day, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    let (year, month, date) = civil(day);
    match part {
        Part::FullYear => year,
        Part::Month => month - 1,
        Part::Date => date,
        Part::DayOfMonth => date - 1,
        // 1970-01-01 was a Thursday.
        Part::DayOfWeek => (day + 4).rem_euclid(7),
        Part::DayOfYear => day - days(year, 1, 1),
        Part::Hours => second / 3600,
        Part::Minutes => second / 60 % 60,
        Part::Seconds => second % 60,
    }
}

/// A time as RFC 3339 writes it.
pub(super) fn text(time: i64) -> String {
    let (year, month, date) = civil(time.div_euclid(DAY));
    let second = time.rem_euclid(DAY);
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day, counted from 1, of a day since 1970.
fn civil(day: i64) -> (i64, i64, i64) {
    let (year, month, date) = model::date(u64::try_from(day.saturating_add(MOVED.0)).unwrap_or(0));
    let signed = |part: u64| i64::try_from(part).unwrap_or(i64::MAX);
    (signed(year).saturating_sub(MOVED.1), signed(month), signed(date))
}

/// The day since 1970 of a date, by years that begin with March.
fn days(year: i64, month: i64, date: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Whether the calendar has this day: it then comes out as it went in.
fn real_day(year: i64, month: i64, date: i64) -> bool {
    (1..=12).contains(&month) && civil(days(year, month, date)) == (year, month, date)
}

fn numeric_zone(text: &str) -> Option<i32> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    (hours < 24 && minutes < 60).then_some(sign * seconds)
}

/// A number of so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let is_one = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_one { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for time in [0, -1, 1, 951_782_400, 951_868_799, 1_795_876_245, -62_135_596_800, 253_402_300_799] {
            assert_eq!(parse(&text(time)), Some(time), "{}", text(time));
        }
        assert_eq!(text(1_795_876_245), "2026-11-28T14:30:45Z");
        assert_eq!(parse("2026-11-28T15:30:45.999+01:00"), Some(1_795_876_245));
        assert_eq!(parse("2026-11-28t14:30:45z"), Some(1_795_876_245));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026-11-28",
            "2026-11-28T14:30:45",
            "2026-11-28 14:30:45Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-11-28T24:00:00Z",
            "2026-11-28T23:59:60Z",
            "2026-11-28T14:30:45.Z",
            "2026-11-28T14:30:45.1",
            "2026-11-28T14:30:45+1:00",
            "2026-11-28T14:30:45+24:00",
            "0000-01-01T00:00:00Z",
            "+026-11-28T14:30:45Z",
            "2026-11-28T14:30:4éZ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn parts_are_counted_as_cel_counts_them() {
        let time = parse("2026-11-28T23:30:45Z").unwrap();
        let all = [
            (Part::FullYear, 2026),
            (Part::Month, 10),
            (Part::Date, 28),
            (Part::DayOfMonth, 27),
            (Part::DayOfWeek, 6),
            (Part::DayOfYear, 331),
            (Part::Hours, 23),
            (Part::Minutes, 30),
            (Part::Seconds, 45),
        ];
        for (of, expected) in all {
            assert_eq!(part(of, time, 0), expected, "{of:?}");
        }
        let later = zone("+01:30").unwrap();
        assert_eq!((part(Part::Hours, time, later), part(Part::DayOfWeek, time, later)), (1, 0));
        assert_eq!(
            (zone("UTC"), zone("02:00"), zone("-00:30"), zone("Europe/Berlin")),
            (Some(0), Some(7200), Some(-1800), None)
        );
    }
}
