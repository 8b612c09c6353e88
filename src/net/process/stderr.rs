//! Standard error of a command, line by line into the log: bounded in length and in number, and harmless to read.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::model::clock;

/// The bytes of a line that are kept.
const LINE: usize = 4096;
/// So many lines are logged in each [`SPAN`].
const LINES: u32 = 100;
const SPAN: Duration = Duration::from_secs(1);

/// Reads what a command writes to its standard error and logs each line with the server's name, until it is closed. A
/// command that floods it is read as fast as it writes, so that it never waits for the log; what is too much is counted.
pub async fn log_stderr(server: &str, stderr: impl AsyncRead + Unpin) {
    follow(stderr, |line| tracing::info!(server, "{line}")).await;
}

async fn follow(mut stderr: impl AsyncRead + Unpin, mut tell: impl FnMut(&str)) {
    let mut buffer = vec![0; LINE];
    let (mut lines, mut pace) = (Lines::default(), Pace::default());
    loop {
        let read = match pace.ends() {
            Some(end) => timeout(end - clock::now().min(end), stderr.read(&mut buffer)).await,
            None => Ok(stderr.read(&mut buffer).await),
        };
        let now = clock::now();
        match read {
            // The span in which lines were left out is over, and nothing was written since.
            Err(_) => {}
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(read)) => lines.feed(&buffer[..read], |line| pace.line(now, line, &mut tell)),
        }
        pace.pass(now, &mut tell);
    }
    let now = clock::now();
    lines.end(|line| pace.line(now, line, &mut tell));
    pace.finish(&mut tell);
}

/// Bytes into lines.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    /// How much of this line was too much.
    over: usize,
}

impl Lines {
    fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&str)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.take(&bytes[..end]);
            self.end(&mut line);
            bytes = &bytes[end + 1..];
        }
        self.take(bytes);
    }

    /// What is begun is a line.
    fn end(&mut self, line: impl FnOnce(&str)) {
        let mut text = harmless(&String::from_utf8_lossy(&self.begun));
        if self.over > 0 {
            text.push_str(&format!("... ({} bytes more)", self.over));
        }
        self.begun.clear();
        self.over = 0;
        if !text.trim().is_empty() {
            line(&text);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(LINE - self.begun.len());
        self.begun.extend_from_slice(&bytes[..kept]);
        self.over += bytes.len() - kept;
    }
}

/// Colours are left out (they are usual), and every other control character is shown as one that is unknown; so are
/// those that turn the direction of what follows.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim_end().chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.as_str().starts_with('[') => {
                // A control sequence ends with its first character from `@` on, behind the bracket.
                rest.next();
                rest.find(|c| ('@'..='~').contains(c));
            }
            '\t' => out.push(' '),
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// How many lines a span has room for.
#[derive(Debug, Default)]
struct Pace {
    began: Option<Instant>,
    told: u32,
    left_out: u64,
}

impl Pace {
    fn line(&mut self, now: Instant, line: &str, tell: &mut impl FnMut(&str)) {
        self.pass(now, tell);
        self.began.get_or_insert(now);
        if self.told < LINES {
            self.told += 1;
            tell(line);
        } else {
            self.left_out += 1;
        }
    }

    /// When a span ends of which something is to be told.
    fn ends(&self) -> Option<Instant> {
        self.began.filter(|_| self.left_out > 0).map(|began| began + SPAN)
    }

    /// Begins anew where the span is over.
    fn pass(&mut self, now: Instant, tell: &mut impl FnMut(&str)) {
        if self.began.is_some_and(|began| now - began >= SPAN) {
            self.finish(tell);
            *self = Self::default();
        }
    }

    fn finish(&mut self, tell: &mut impl FnMut(&str)) {
        if self.left_out > 0 {
            tell(&format!("{} lines were left out: more than {LINES} a second", self.left_out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        pieces.iter().for_each(|piece| lines.feed(piece, |line| out.push(line.to_owned())));
        lines.end(|line| out.push(line.to_owned()));
        out
    }

    #[test]
    fn a_line_is_a_line_however_it_comes() {
        assert_eq!(lines(&[b"a", b"b\nc\r\n\n \nd"]), ["ab", "c", "d"]);
        assert_eq!(lines(&[b"\xc3", b"\xbc\n\xff"]), ["\u{fc}", "\u{fffd}"]);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; LINE * 5 + 7];
        let [first, second] = &lines(&[&long, b"\nshort\n"])[..] else { panic!("two lines") };
        assert_eq!(*first, format!("{}... ({} bytes more)", "x".repeat(LINE), LINE * 4 + 7));
        assert_eq!(second, "short");
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        assert_eq!(harmless("\u{1b}[1;31mred\u{1b}[0m\u{1b}]0;title\u{7}"), "red\u{fffd}]0;title\u{fffd}");
        assert_eq!(harmless("a\tb\rc\u{202e}d\u{9b}31m\u{1b}[12"), "a b\u{fffd}c\u{fffd}d\u{fffd}31m");
    }

    #[test]
    fn too_many_lines_are_counted_and_a_new_span_begins_anew() {
        let (mut pace, mut told, start) = (Pace::default(), Vec::new(), clock::now());
        let say = |pace: &mut Pace, at: u64, line: &str| {
            let mut told_now = Vec::new();
            pace.line(start + Duration::from_millis(at), line, &mut |line: &str| told_now.push(line.to_owned()));
            told_now
        };
        (0..u64::from(LINES) + 5).for_each(|at| told.extend(say(&mut pace, at, "x")));
        assert_eq!(told.len(), LINES as usize);
        assert_eq!(pace.ends(), Some(start + SPAN));
        assert_eq!(say(&mut pace, 1000, "y"), ["5 lines were left out: more than 100 a second", "y"]);
        assert_eq!(pace.ends(), None);
    }

    #[tokio::test]
    async fn a_flood_is_read_to_its_end_and_what_was_left_out_is_said() {
        let (mut to, from) = tokio::io::duplex(64);
        let flood = async move {
            for number in 0..5000 {
                tokio::io::AsyncWriteExt::write_all(&mut to, format!("line {number}\n").as_bytes()).await.unwrap();
            }
        };
        let mut told = Vec::new();
        tokio::join!(flood, follow(from, |line| told.push(line.to_owned())));
        let left_out: u64 =
            told.iter().filter_map(|line| line.split_once(" lines were left out")?.0.parse::<u64>().ok()).sum();
        let written = told.iter().filter(|line| line.starts_with("line ")).count() as u64;
        assert_eq!(told[0], "line 0");
        assert_eq!(written + left_out, 5000);
    }
}
