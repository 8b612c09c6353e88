//! Sizes and times with their units.

use std::time::Duration;

pub(super) const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

/// Milliseconds, the unit in which bounds of times are written down.
pub(super) const SECOND: u64 = 1000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

const SIZES: [(&str, u64); 4] = [("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)];
/// `ms` before `m` and `s`, which it ends and begins with.
const TIMES: [(&str, u64); 5] = [("ms", 1), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND)];

/// Bytes of a text like `4MiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    with_unit(text, &SIZES)
}

/// Milliseconds of a text like `15ms` or `1h`.
pub(super) fn time(text: &str) -> Option<u64> {
    with_unit(text, &TIMES)
}

/// The meaning of a time on the command line, `90s` or `1h`. The error is a sentence without subject.
pub fn duration(text: &str) -> Result<Duration, String> {
    time(text).map(Duration::from_millis).ok_or_else(|| format!("takes a time in ms, s, m, h or d, not {text:?}"))
}

/// How many in which time, of a text like `50/s`, `10/m` or `100/h`.
pub(super) fn rate(text: &str) -> Option<(u64, Duration)> {
    let (number, unit) = text.split_once('/')?;
    let (_, milliseconds) = TIMES.iter().find(|(name, _)| *name == unit && ["s", "m", "h"].contains(name))?;
    Some((digits(number)?, Duration::from_millis(*milliseconds)))
}

/// A number of decimal digits only: no sign, no space, no underscore.
pub(super) fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The shortest text that [`size`] reads as `bytes`.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES).unwrap_or_else(|| "0B".to_owned())
}

/// The shortest text that [`time`] reads as `time`; what is below a millisecond is left out.
pub(super) fn show_time(time: Duration) -> String {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let [smallest, rest @ ..] = TIMES;
    show(milliseconds, &rest).or_else(|| show(milliseconds, &[smallest])).unwrap_or_else(|| "0s".to_owned())
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    digits(number)?.checked_mul(*factor)
}

/// `units` go from the largest to the smallest.
fn show(number: u64, units: &[(&str, u64)]) -> Option<String> {
    let (unit, factor) = units.iter().find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor))?;
    Some(format!("{}{unit}", number / factor))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!([size("64B"), size("8KiB"), size("4MiB"), size("1GiB")], [64, 8192, 4 << 20, 1 << 30].map(Some));
        assert_eq!([time("15ms"), time("5s"), time("10m"), time("24h")], [15, 5000, 600_000, 86_400_000].map(Some));
        for wrong in ["", "5", "s", "-5s", "+5s", "5 s", "1.5s", "5S", "5sec", "1h30m", "99999999999999999999s"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        for wrong in ["", "4", "MiB", "4MB", "4M", "4mib", "4 MiB", "18446744073709551615KiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(number in prop_oneof![any::<u64>(), (0..100_u64).prop_map(|n| n * HOUR)]) {
            prop_assert_eq!(size(&show_size(number)), Some(number));
            prop_assert_eq!(time(&show_time(Duration::from_millis(number))), Some(number));
        }
    }
}
