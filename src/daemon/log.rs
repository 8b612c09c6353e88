//! Log lines on standard error, written by a thread of their own: no core waits for a terminal or a pipe.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::telemetry::LOG_LINES_LOST;

/// Lines that may wait for the writer; past that they are dropped, since a log must not hold the data path.
const WAITING: usize = 4096;
/// How long the end of the process waits for its last lines, should nobody read them.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log of a daemon; what it was told is written when this is dropped.
pub(super) struct Log(SyncSender<Told>);

/// What the writer is told.
enum Told {
    Line(Vec<u8>),
    /// All before it is to be written; then this is answered.
    Flush(SyncSender<()>),
}

/// Starts logging at the level that `WEIR_LOG` names, `info` by default.
///
/// # Errors
/// `WEIR_LOG` names no level.
pub(super) fn start() -> anyhow::Result<Log> {
    let level = match std::env::var_os("WEIR_LOG") {
        Some(level) => named(&level.to_string_lossy())?,
        None => LevelFilter::INFO,
    };
    let (lines, waiting) = sync_channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lost);
    let writer = thread::Builder::new().name("weir-log".into());
    writer.spawn(move || write_out(&waiting, io::stderr(), &counted)).context("cannot start a thread for the log")?;
    let ansi = io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(ansi).with_target(false);
    // A second daemon in one process (tests) keeps the first one's log.
    let _ = subscriber.with_writer(Lines { to: lines.clone(), lost }).try_init();
    Ok(Log(lines))
}

fn named(level: &str) -> anyhow::Result<LevelFilter> {
    match level.parse() {
        Ok(level) => Ok(level),
        Err(_) => bail!("WEIR_LOG is {level:?}: it takes error, warn, info, debug, trace or off"),
    }
}

fn write_out(waiting: &Receiver<Told>, mut out: impl Write, lost: &AtomicU64) {
    for told in waiting {
        // Nobody is left to be told that standard error is gone.
        match told {
            Told::Line(line) => _ = out.write_all(&line),
            Told::Flush(done) => _ = (out.flush(), done.send(())),
        }
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => _ = writeln!(out, "weir: {lost} log lines were lost: standard error takes them too slowly"),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        let lines = self.0.clone();
        // Where nobody reads standard error, telling the writer would wait as well.
        let telling = thread::Builder::new().spawn(move || lines.send(Told::Flush(done)).is_ok());
        if telling.is_ok() {
            let _ = written.recv_timeout(LAST_LINES);
        }
    }
}

struct Lines {
    to: SyncSender<Told>,
    lost: Arc<AtomicU64>,
}

struct Line<'a> {
    text: Vec<u8>,
    lines: &'a Lines,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { text: Vec::new(), lines: self }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.lines.to.try_send(Told::Line(std::mem::take(&mut self.text))).is_err() {
            self.lines.lost.fetch_add(1, Ordering::Relaxed);
            LOG_LINES_LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_named_or_refused() {
        for (name, level) in [("debug", LevelFilter::DEBUG), ("WARN", LevelFilter::WARN), ("off", LevelFilter::OFF)] {
            assert_eq!(named(name).unwrap(), level);
        }
        for wrong in ["verbose", "weir=debug", "infos"] {
            assert!(named(wrong).unwrap_err().to_string().contains(wrong));
        }
    }

    #[test]
    fn the_last_lines_are_written_and_the_lost_ones_counted() {
        let (to, waiting) = sync_channel(2);
        let lines = Lines { to: to.clone(), lost: Arc::default() };
        for text in ["one\n", "two\n", "three\n", "four\n"] {
            lines.make_writer().write_all(text.as_bytes()).unwrap();
        }
        let lost = Arc::clone(&lines.lost);
        let writer = thread::spawn(move || {
            let mut out = Vec::new();
            write_out(&waiting, &mut out, &lost);
            String::from_utf8(out).unwrap()
        });
        drop(lines);
        drop(Log(to));
        let written = writer.join().unwrap();
        assert!(
            written.contains("one\n") && written.contains("two\n") && written.contains("weir: 2 log lines"),
            "{written}"
        );
    }
}
