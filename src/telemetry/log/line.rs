//! One line of the log: a time, a level, a sentence, fields. What others wrote into a field cannot end the line, begin
//! another, or steer a terminal.

use std::fmt::{self, Write as _};
use std::time::Duration;

use tracing::Level;

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
            line.put(format_args!("\",\"level\":\"{}\",\"message\":", name(level)));
            quote(line.out, message);
            return line;
        }
        stamp(line.out, at);
        let (colour, end) = if style.colour { (hue(level), "\x1b[0m") } else { ("", "") };
        line.put(format_args!(" {colour}{:<5}{end} ", shout(level)));
        plain(line.out, message);
        line
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        let value = &value[..value.floor_char_boundary(MOST_TEXT)];
        if self.style.json
            || value.is_empty()
            || value.contains(|c: char| matches!(c, ' ' | '"' | '=' | '\\') || is_unsafe(c))
        {
            quote(self.out, value);
        } else {
            self.out.push_str(value);
        }
    }

    /// A number, or another value that is written without quotes.
    pub(super) fn bare(&mut self, key: &str, value: impl fmt::Display) {
        self.key(key);
        self.put(format_args!("{value}"));
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
        let micros = value.as_micros();
        self.bare(key, format_args!("{}.{:03}", micros / 1000, micros % 1000));
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
            self.put(format_args!(",\"{key}\":"));
        } else if self.style.colour {
            self.put(format_args!(" \x1b[2m{key}=\x1b[0m"));
        } else {
            self.put(format_args!(" {key}="));
        }
    }

    fn put(&mut self, what: fmt::Arguments<'_>) {
        self.out.write_fmt(what).expect("a String takes everything");
    }
}

/// What must not stand in a line as it is: control characters, and those that turn the direction of what follows.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// As a JSON string; what is unsafe is escaped.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // None of them lies beyond the first plane.
            c if is_unsafe(c) => write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes everything"),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn plain(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }));
}

fn name(level: Level) -> &'static str {
    ["error", "warn", "info", "debug", "trace"][place(level)]
}

fn shout(level: Level) -> &'static str {
    ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"][place(level)]
}

fn hue(level: Level) -> &'static str {
    ["\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[34m", "\x1b[35m"][place(level)]
}

fn place(level: Level) -> usize {
    [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG].iter().position(|known| *known == level).unwrap_or(4)
}

/// A time as RFC 3339 has it, in UTC, to the millisecond.
pub fn stamp(out: &mut String, at: Duration) {
    let (seconds, milliseconds) = (at.as_secs(), at.subsec_millis());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
        .expect("a String takes everything");
}

/// The date of a day since 1970, by eras of 400 years that begin with March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
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
