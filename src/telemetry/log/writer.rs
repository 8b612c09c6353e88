//! The one thread that writes, and the way to it.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::Level;

use crate::model::clock;
use crate::telemetry::LOG_LINES_LOST;

use super::control::{LogControl, Settings};
use super::line::{Line, Style};

/// Pieces that may wait for the writer, each a line or a core's buffer of them.
const WAITING: usize = 4096;
/// Bytes that they may have together.
const MOST_WAITING: usize = 16 * 1024 * 1024;
/// How long the end of the process waits for its last lines, should nobody read them.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How long the writer waits where standard error takes nothing now, and was made not to block.
const PAUSE: Duration = Duration::from_millis(10);

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
    backlog: Arc<Backlog>,
    colour: bool,
}

/// What both ends know of the way between them.
#[derive(Debug, Default)]
struct Backlog {
    /// Bytes that wait for the writer.
    bytes: AtomicUsize,
    /// Lines that were lost.
    lost: AtomicU64,
}

impl Backlog {
    fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
        LOG_LINES_LOST.fetch_add(lines, Ordering::Relaxed);
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Sink {
    fn new(to: SyncSender<Told>, colour: bool) -> Self {
        Self { to: Some(to), backlog: Arc::default(), colour }
    }

    /// A way to nowhere, for whoever wants no log.
    pub fn nowhere() -> Self {
        Self { to: None, backlog: Arc::default(), colour: false }
    }

    /// Whether lines may be coloured.
    pub(super) fn is_coloured(&self) -> bool {
        self.colour
    }

    /// Hands lines over, or counts them as lost.
    pub(super) fn write(&self, lines: Vec<u8>, count: u64) {
        let Some(to) = &self.to else { return };
        let size = lines.capacity();
        let fits = self.backlog.bytes.fetch_add(size, Ordering::Relaxed) + size <= MOST_WAITING;
        if !fits || to.try_send(Told::Lines(lines)).is_err() {
            self.backlog.bytes.fetch_sub(size, Ordering::Relaxed);
            self.backlog.lose(count);
        }
    }

    /// Lines that were lost since the start, those of which it was said included.
    pub fn lost(&self) -> u64 {
        self.backlog.lost()
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
pub(super) fn start(colour: bool, settings: Arc<Settings>) -> io::Result<Sink> {
    let (to, waiting) = sync_channel(WAITING);
    let sink = Sink::new(to, colour);
    let backlog = Arc::clone(&sink.backlog);
    let write = move || Writer::new(io::stderr(), colour).run(&waiting, &backlog, &settings);
    thread::Builder::new().name("weir-log".into()).spawn(write)?;
    Ok(sink)
}

/// What is written to.
struct Writer<W> {
    out: W,
    colour: bool,
    /// What was written last is the beginning of a line whose rest was lost.
    torn: bool,
    /// Losses that have been told.
    told: u64,
}

impl<W: Write> Writer<W> {
    fn new(out: W, colour: bool) -> Self {
        Self { out, colour, torn: false, told: 0 }
    }

    /// Writes until nobody is left who could tell it anything.
    fn run(&mut self, waiting: &Receiver<Told>, backlog: &Backlog, settings: &Settings) {
        for told in waiting {
            match told {
                Told::Lines(lines) => {
                    backlog.lose(self.write(&lines));
                    backlog.bytes.fetch_sub(lines.capacity(), Ordering::Relaxed);
                    self.tell_losses(backlog.lost(), settings);
                }
                Told::Flush(done) => {
                    self.tell_losses(backlog.lost(), settings);
                    // Whoever asked may not have waited.
                    let _ = (self.out.flush(), done.send(()));
                }
            }
        }
    }

    fn tell_losses(&mut self, lost: u64, settings: &Settings) {
        if lost == self.told {
            return;
        }
        let style = Style { json: settings.is_json(), colour: self.colour };
        let mut out = String::new();
        let why = "log lines were lost: standard error took them too slowly, or not at all";
        let mut line = Line::begin(&mut out, style, clock::unix_time(), Level::WARN, why);
        line.number("lines", lost - self.told);
        line.end();
        // Otherwise it is told with the next lines that are taken.
        if self.write(out.as_bytes()) == 0 {
            self.told = lost;
        }
    }

    /// Writes whole lines, and gives how many of them were lost.
    fn write(&mut self, lines: &[u8]) -> u64 {
        let ends = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        if self.torn && self.pour(b"\n") > 0 {
            return ends(lines);
        }
        let left = self.pour(lines);
        let (written, lost) = lines.split_at(lines.len() - left);
        self.torn = !lost.is_empty() && !matches!(written, [] | [.., b'\n']);
        ends(lost)
    }

    /// Writes, and gives how many bytes were not taken.
    fn pour(&mut self, mut bytes: &[u8]) -> usize {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => break,
                Ok(taken) => bytes = &bytes[taken..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Whoever shares the terminal or the pipe may have made it so.
                Err(error) if error.kind() == ErrorKind::WouldBlock => pause(),
                Err(_) => break,
            }
        }
        bytes.len()
    }
}

#[expect(clippy::disallowed_methods, reason = "the writer's thread is no core, and has nothing else to do")]
fn pause() {
    thread::sleep(PAUSE);
}

/// A way to a test, which reads what would be written.
#[cfg(test)]
pub(crate) struct Ear(Receiver<Told>);

#[cfg(test)]
impl Ear {
    pub(crate) fn new() -> (Sink, Self) {
        let (to, heard) = sync_channel(WAITING);
        (Sink::new(to, false), Self(heard))
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

    /// What `sink` was told, as a writer to `out` leaves it at the end of the process.
    fn written<W: Write + Send + 'static>(sink: Sink, waiting: Receiver<Told>, out: W) -> W {
        let backlog = Arc::clone(&sink.backlog);
        let writer = thread::spawn(move || {
            let mut writer = Writer::new(out, false);
            writer.run(&waiting, &backlog, &Settings::default());
            writer.out
        });
        drop(Log::new(sink, LogControl::detached()));
        writer.join().unwrap()
    }

    /// The lines without their time.
    fn lines(written: &[u8]) -> Vec<&str> {
        let text = std::str::from_utf8(written).unwrap();
        assert!(text.ends_with('\n'), "{text}");
        text.lines().map(|line| line.split_once("Z ").map_or(line, |(_, line)| line)).collect()
    }

    fn lost(lines: u64) -> String {
        format!("WARN  log lines were lost: standard error took them too slowly, or not at all lines={lines}")
    }

    #[test]
    fn the_last_lines_are_written_and_the_lost_ones_counted() {
        let (to, waiting) = sync_channel(2);
        let sink = Sink::new(to, false);
        for text in ["one\n", "two\n", "three\nfour\n", "five\n"] {
            sink.write(text.into(), text.lines().count() as u64);
        }
        assert_eq!(sink.lost(), 3);
        assert_eq!(lines(&written(sink, waiting, Vec::new())), ["one", &lost(3), "two"]);
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let (to, waiting) = sync_channel(WAITING);
        let sink = Sink::new(to, false);
        let piece = || vec![b'\n'; 64 * 1024];
        for _ in 0..WAITING {
            sink.write(piece(), 1);
        }
        let kept = MOST_WAITING / piece().len();
        assert_eq!(sink.lost(), (WAITING - kept) as u64);
        let backlog = Arc::clone(&sink.backlog);
        written(sink, waiting, io::sink());
        assert_eq!(backlog.bytes.load(Ordering::Relaxed), 0, "there is room again");
    }

    /// A disk, or a pipe, that takes so many bytes each time, or fails; in the end it takes everything.
    struct Scripted {
        takes: Vec<Result<usize, ErrorKind>>,
        taken: Vec<u8>,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let takes = if self.takes.is_empty() { Ok(usize::MAX) } else { self.takes.remove(0) };
            let count = takes?.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn through(takes: &[Result<usize, ErrorKind>]) -> (u64, Vec<u8>) {
        let (to, waiting) = sync_channel(8);
        let sink = Sink::new(to, false);
        for text in ["one\ntwo\nthree\n", "four\n"] {
            sink.write(text.into(), text.lines().count() as u64);
        }
        let backlog = Arc::clone(&sink.backlog);
        let out = written(sink, waiting, Scripted { takes: takes.to_vec(), taken: Vec::new() });
        (backlog.lost(), out.taken)
    }

    #[test]
    fn a_full_disk_costs_lines_that_are_counted_and_told_once_there_is_room() {
        let full = || Err(ErrorKind::StorageFull);
        // The first piece ends within its second line, and so does the telling; then there is room again.
        let (count, taken) = through(&[Ok(6), full(), full()]);
        assert_eq!((count, lines(&taken)), (2, vec!["one", "tw", "four", &lost(2)]));
        // It ends between two lines.
        let (count, taken) = through(&[Ok(4), full(), full()]);
        assert_eq!((count, lines(&taken)), (2, vec!["one", "four", &lost(2)]));
        // Nothing is taken any more.
        let (count, taken) = through(&[Err(ErrorKind::BrokenPipe); 9]);
        assert_eq!((count, taken.len()), (4, 0));
    }

    #[test]
    fn a_terminal_that_does_not_block_is_waited_for() {
        let later = Err(ErrorKind::WouldBlock);
        let (count, taken) = through(&[Ok(2), later, later, Err(ErrorKind::Interrupted), Ok(1)]);
        assert_eq!((count, lines(&taken)), (0, vec!["one", "two", "three", "four"]));
    }
}
