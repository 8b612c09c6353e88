//! The value of `Date` (RFC 9110, 5.6.7), written anew once a second.

use crate::model::date;

/// The second that was asked for last, as text.
pub(super) struct Date {
    second: u64,
    text: [u8; Date::LENGTH],
}

impl Date {
    pub(super) const LENGTH: usize = 29;

    /// The text of a second since 1970.
    pub(super) fn at(&mut self, second: u64) -> [u8; Self::LENGTH] {
        if self.second != second {
            *self = Self { second, text: text(second) };
        }
        self.text
    }
}

impl Default for Date {
    fn default() -> Self {
        Self { second: 0, text: text(0) }
    }
}

fn text(second: u64) -> [u8; Date::LENGTH] {
    const DAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed";
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let days = second / 86_400;
    let (year, month, day) = date(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let (weekday, month) = ((days % 7) as usize * 3, (month as usize - 1) * 3);
    text[..3].copy_from_slice(&DAYS[weekday..weekday + 3]);
    text[8..11].copy_from_slice(&MONTHS[month..month + 3]);
    let mut put = |at: usize, value: u64| {
        text[at] = b'0' + (value / 10 % 10) as u8;
        text[at + 1] = b'0' + (value % 10) as u8;
    };
    put(5, day);
    put(12, year / 100);
    put(14, year % 100);
    put(17, second / 3600 % 24);
    put(20, second / 60 % 60);
    put(23, second % 60);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_those_of_the_calendar() {
        let mut date = Date::default();
        for (second, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_861_215, "Sat, 28 Nov 2026 10:20:15 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            assert_eq!(str::from_utf8(&date.at(second)), Ok(expected));
        }
    }
}
