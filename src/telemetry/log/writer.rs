//! The one thread that writes, and the way to it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::telemetry::LOG_LINES_LOST;

use super::control::LogControl;

/// Pieces that may wait for the writer, each a line or a core's buffer of them.
const WAITING: usize = 4096;
/// How long the end of the process waits for its last lines, should nobody read them.
const LAST_LINES: Duration = Duration::from_secs(1);

/// What the writer is told.
enum Told {
    /// Whole lines.
    Lines(Vec<u8>),
    /// All before it is to be written; then this is answered.
    Flush(SyncSender<()>),
}

/// The way to the writer. Cheap to clone; nobody who uses it waits.
#[derive(Clone, Debug)]
pub struct Sink {
    to: Option<SyncSender<Told>>,
    lost: Arc<AtomicU64>,
    colour: bool,
}

impl Sink {
    /// A way to nowhere, for whoever wants no log.
    pub fn nowhere() -> Self {
        Self { to: None, lost: Arc::default(), colour: false }
    }

    /// Whether lines may be coloured.
    pub(super) fn is_coloured(&self) -> bool {
        self.colour
    }

    /// Hands lines over, or counts them as lost.
    pub(super) fn write(&self, lines: Vec<u8>, count: u64) {
        let Some(to) = &self.to else { return };
        if to.try_send(Told::Lines(lines)).is_err() {
            self.lost.fetch_add(count, Ordering::Relaxed);
            LOG_LINES_LOST.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Lines that were lost since the start, those of which it was said included.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The log of a daemon; what it was told is written when this is dropped.
#[derive(Debug)]
pub struct Log {
    /// Where lines go.
    pub sink: Sink,
    /// What is written, and how.
    pub control: LogControl,
}

impl Log {
    pub(super) fn new(sink: Sink, control: LogControl) -> Self {
        Self { sink, control }
    }

    /// A log that nobody reads.
    pub fn nowhere() -> Self {
        Self { sink: Sink::nowhere(), control: LogControl::detached() }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(lines) = self.sink.to.clone() else { return };
        let (done, written) = sync_channel(1);
        // Where nobody reads standard error, telling the writer would wait as well.
        let telling = thread::Builder::new().spawn(move || lines.send(Told::Flush(done)).is_ok());
        if telling.is_ok() {
            let _ = written.recv_timeout(LAST_LINES);
        }
    }
}

/// Starts the writer.
pub(super) fn start(colour: bool) -> io::Result<Sink> {
    let (to, waiting) = sync_channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lost);
    let write = move || write_out(&waiting, io::stderr(), &counted);
    thread::Builder::new().name("weir-log".into()).spawn(write)?;
    Ok(Sink { to: Some(to), lost, colour })
}

fn write_out(waiting: &Receiver<Told>, mut out: impl Write, lost: &AtomicU64) {
    let mut said = 0;
    for told in waiting {
        // Nobody is left to be told that standard error is gone.
        match told {
            Told::Lines(lines) => _ = out.write_all(&lines),
            Told::Flush(done) => _ = (out.flush(), done.send(())),
        }
        let lost = lost.load(Ordering::Relaxed);
        if lost > said {
            let _ = writeln!(out, "weir: {} log lines were lost: standard error takes them too slowly", lost - said);
            said = lost;
        }
    }
}

/// A way to a test, which reads what would be written.
#[cfg(test)]
pub(crate) struct Ear(Receiver<Told>);

#[cfg(test)]
impl Ear {
    pub(crate) fn new() -> (Sink, Self) {
        let (to, heard) = sync_channel(WAITING);
        (Sink { to: Some(to), lost: Arc::default(), colour: false }, Self(heard))
    }

    /// What has come so far.
    pub(crate) fn heard(&self) -> String {
        let lines = self.0.try_iter().filter_map(|told| match told {
            Told::Lines(lines) => Some(String::from_utf8(lines).expect("a log is text")),
            Told::Flush(_) => None,
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_written_and_the_lost_ones_counted() {
        let (to, waiting) = sync_channel(2);
        let sink = Sink { to: Some(to), lost: Arc::default(), colour: false };
        for text in ["one\n", "two\n", "three\nfour\n", "five\n"] {
            sink.write(text.into(), text.lines().count() as u64);
        }
        assert_eq!(sink.lost(), 3);
        let lost = Arc::clone(&sink.lost);
        let writer = thread::spawn(move || {
            let mut out = Vec::new();
            write_out(&waiting, &mut out, &lost);
            String::from_utf8(out).unwrap()
        });
        drop(Log::new(sink, LogControl::detached()));
        let written = writer.join().unwrap();
        assert!(written.starts_with("one\nweir: 3 log lines were lost") && written.ends_with("two\n"), "{written}");
    }
}
