//! One line of the log: a time, a level, a sentence, fields. What others wrote into a field cannot end the line, begin
//! another, or steer a terminal.

use std::fmt::{self, Write as _};
use std::time::Duration;

use tracing::Level;

use crate::model::{Decimal, date};

/// Bytes of one field's text that are written.
const MOST_TEXT: usize = 2048;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) json: bool,
    pub(super) colour: bool,
}

/// A line that is being written.
pub(super) struct Line<'a> {
    out: &'a mut String,
    style: Style,
}

impl<'a> Line<'a> {
    /// Begins a line; `at` is the time since 1970.
    pub(super) fn begin(out: &'a mut String, style: Style, at: Duration, level: Level, message: &str) -> Self {
        let mut line = Self { out, style };
        if style.json {
            line.out.push_str("{\"ts\":\"");
            stamp(line.out, at);
            line.put(&["\",\"level\":\"", name(level), "\",\"message\":"]);
            line.quote(message);
            return line;
        }
        stamp(line.out, at);
        let (colour, end) = if style.colour { (hue(level), "\x1b[0m") } else { ("", "") };
        line.put(&[" ", colour, shout(level), end, " "]);
        let (message, more) = bounded(message);
        plain(line.out, message);
        line.out.push_str(more);
        line
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        if !self.style.json && !value.is_empty() && value.len() <= MOST_TEXT && is_word(value) {
            self.out.push_str(value);
        } else {
            self.quote(value);
        }
    }

    /// A value that is written without quotes.
    pub(super) fn bare(&mut self, key: &str, value: impl fmt::Display) {
        self.key(key);
        self.out.write_fmt(format_args!("{value}")).expect("a String takes everything");
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        digits(self.out, value, 1);
    }

    /// A value that `write` writes, which needs no escapes.
    pub(super) fn quoted_if_json(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        self.key(key);
        let quote = if self.style.json { "\"" } else { "" };
        self.out.push_str(quote);
        write(self.out);
        self.out.push_str(quote);
    }

    /// A time in milliseconds.
    pub(super) fn milliseconds(&mut self, key: &str, value: Duration) {
        self.key(key);
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        digits(self.out, micros / 1000, 1);
        self.out.push('.');
        digits(self.out, micros % 1000, 3);
    }

    /// A value that is JSON already, of which no line break or control character is a part.
    pub(super) fn json(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push_str(value);
    }

    pub(super) fn end(self) {
        self.out.push_str(if self.style.json { "}\n" } else { "\n" });
    }

    fn key(&mut self, key: &str) {
        if self.style.json {
            self.put(&[",\"", key, "\":"]);
        } else if self.style.colour {
            self.put(&[" \x1b[2m", key, "=\x1b[0m"]);
        } else {
            self.put(&[" ", key, "="]);
        }
    }

    /// The beginning of a text, in quotes.
    fn quote(&mut self, text: &str) {
        let (text, more) = bounded(text);
        self.out.push('"');
        escape(self.out, text);
        self.put(&[more, "\""]);
    }

    fn put(&mut self, pieces: &[&str]) {
        pieces.iter().for_each(|piece| self.out.push_str(piece));
    }
}

/// What is written of a text, and what says that there is more.
fn bounded(text: &str) -> (&str, &'static str) {
    if text.len() <= MOST_TEXT { (text, "") } else { (&text[..text.floor_char_boundary(MOST_TEXT)], "\u{2026}") }
}

/// What must not stand in a line as it is: what ends it or steers a terminal, what turns the direction of what follows,
/// and what is not seen at all.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// By byte, what stands for itself in quotes: nearly all that is ever written.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ' as usize;
    while byte <= b'~' as usize {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| PLAIN[usize::from(byte)])
}

/// Whether a text can be told from what stands beside it without quotes.
fn is_word(text: &str) -> bool {
    let unsafe_bytes = || !is_plain(text) && text.chars().any(|c| matches!(c, '"' | '\\') || is_unsafe(c));
    !text.bytes().any(|byte| matches!(byte, b' ' | b'=')) && !unsafe_bytes()
}

/// As a JSON string; what is unsafe is escaped.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text);
    out.push('"');
}

fn escape(out: &mut String, text: &str) {
    if is_plain(text) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_unsafe(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a String takes everything");
                }
            }
            c => out.push(c),
        }
    }
}

fn plain(out: &mut String, text: &str) {
    if is_plain(text) {
        return out.push_str(text);
    }
    out.extend(text.chars().map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }));
}

/// A number in at least so many digits, at most three: the formatting of the standard library is most of what a line
/// would cost.
pub(super) fn digits(out: &mut String, number: u64, least: usize) {
    if number >= 1000 {
        return out.push_str(&Decimal::of(number));
    }
    // Nearly all numbers of a line are this small. A digit that is pushed need not be checked to be text.
    let digit = |ten: u64| char::from(b'0' + (number / ten % 10) as u8);
    if number >= 100 || least > 2 {
        out.push(digit(100));
    }
    if number >= 10 || least > 1 {
        out.push(digit(10));
    }
    out.push(digit(1));
}

fn name(level: Level) -> &'static str {
    ["error", "warn", "info", "debug", "trace"][place(level)]
}

fn shout(level: Level) -> &'static str {
    ["ERROR", "WARN ", "INFO ", "DEBUG", "TRACE"][place(level)]
}

fn hue(level: Level) -> &'static str {
    ["\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[34m", "\x1b[35m"][place(level)]
}

fn place(level: Level) -> usize {
    [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG].iter().position(|known| *known == level).unwrap_or(4)
}

/// A time as RFC 3339 has it, in UTC, to the millisecond.
pub fn stamp(out: &mut String, at: Duration) {
    let (days, second) = (at.as_secs() / 86_400, at.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |at: usize, number: u64| {
        text[at] += (number / 10 % 10) as u8;
        text[at + 1] += (number % 10) as u8;
    };
    for (at, part) in [(0, year / 100), (2, year), (5, month), (8, day)] {
        put(at, part % 100);
    }
    for (at, part) in [(11, second / 3600), (14, second / 60 % 60), (17, second % 60)] {
        put(at, part);
    }
    let milliseconds = u64::from(at.subsec_millis());
    put(20, milliseconds / 10);
    text[22] += (milliseconds % 10) as u8;
    out.push_str(std::str::from_utf8(&text).expect("digits are ASCII"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(json: bool, value: &str) -> String {
        let mut out = String::new();
        let style = Style { json, colour: false };
        let mut line = Line::begin(&mut out, style, Duration::from_millis(1_795_000_000_123), Level::WARN, value);
        line.text("key", value);
        line.milliseconds("ms", Duration::from_micros(1_234_567));
        line.bare("count", 7);
        line.end();
        out
    }

    #[test]
    fn both_forms() {
        assert_eq!(line(false, "a b"), "2026-11-18T11:06:40.123Z WARN  a b key=\"a b\" ms=1234.567 count=7\n");
        assert_eq!(
            line(true, "a"),
            "{\"ts\":\"2026-11-18T11:06:40.123Z\",\"level\":\"warn\",\"message\":\"a\",\"key\":\"a\",\"ms\":1234.567,\"count\":7}\n"
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_782, (2026, 11, 25)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let long = "\u{e9}".repeat(MOST_TEXT);
        let whole = "x".repeat(MOST_TEXT);
        for json in [false, true] {
            let line = line(json, &long);
            assert!(line.len() < 2 * MOST_TEXT + 200, "{}", line.len());
            assert_eq!((line.matches('\u{e9}').count(), line.matches('\u{2026}').count()), (MOST_TEXT, 2));
            assert!(!self::line(json, &whole).contains('\u{2026}'));
        }
        let read: serde_json::Value = serde_json::from_str(&line(true, &long)).unwrap();
        assert!(read["key"].as_str().unwrap().ends_with("\u{e9}\u{2026}"));
    }

    #[test]
    fn what_is_not_seen_or_turns_the_line_is_escaped() {
        let hidden = "a\u{200b}\u{200f}\u{061c}\u{feff}\u{ad}\u{2029}\u{202e}\u{2067}\u{85}\u{9b}\u{e0041}z";
        for json in [false, true] {
            let line = line(json, hidden);
            assert!(!line.trim_end().chars().any(is_unsafe), "{line:?}");
            let escaped = r"a\u200b\u200f\u061c\ufeff\u00ad\u2029\u202e\u2067\u0085\u009b\udb40\udc41z";
            assert!(line.contains(&format!("\"{escaped}\"")), "{line}");
        }
        let read: serde_json::Value = serde_json::from_str(&line(true, hidden)).unwrap();
        assert_eq!(read["key"], hidden);
    }

    #[test]
    fn numbers() {
        for (number, least, expected) in [
            (0, 1, "0"),
            (0, 3, "000"),
            (7, 3, "007"),
            (30, 1, "30"),
            (42, 3, "042"),
            (100, 1, "100"),
            (999, 1, "999"),
            (1000, 3, "1000"),
            (u64::MAX, 1, "18446744073709551615"),
        ] {
            let mut out = String::new();
            digits(&mut out, number, least);
            assert_eq!(out, expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_ends_a_line_or_steers_a_terminal(value in "\\PC{0,40}|[\\x00-\\x1f\\x7f-\\x9f\u{2028}\u{202e}a\"\\\\= ]{0,40}") {
            for json in [false, true] {
                let line = line(json, &value);
                let body = line.strip_suffix('\n').unwrap();
                prop_assert!(!body.chars().any(is_unsafe), "{:?}", line);
            }
            let read: serde_json::Value = serde_json::from_str(&line(true, &value)).unwrap();
            prop_assert_eq!(read["key"].as_str().unwrap(), value);
        }
    }
}
