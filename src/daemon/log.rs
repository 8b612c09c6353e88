//! Log lines on standard error, written by a thread of their own: no core waits for a terminal or a pipe.

use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the writer; past that they are dropped, since a log must not hold the data path.
const WAITING: usize = 4096;

/// Starts logging at the level that `WEIR_LOG` names (error, warn, info, debug, trace), `info` by default.
pub(super) fn start() {
    let level = std::env::var("WEIR_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let (lines, waiting) = sync_channel::<Vec<u8>>(WAITING);
    let writer = thread::Builder::new().name("weir-log".into()).spawn(move || {
        let mut err = io::stderr();
        // Nobody is left to be told that standard error is gone.
        waiting.iter().for_each(|line| _ = err.write_all(&line));
    });
    let ansi = io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(ansi).with_target(false);
    match writer {
        // A second daemon in one process (tests) keeps the first one's log.
        Ok(_) => _ = subscriber.with_writer(Lines(lines)).try_init(),
        Err(_) => _ = subscriber.with_writer(io::stderr).try_init(),
    }
}

struct Lines(SyncSender<Vec<u8>>);

struct Line {
    text: Vec<u8>,
    to: SyncSender<Vec<u8>>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { text: Vec::new(), to: self.0.clone() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A full channel drops the line.
        let _ = self.to.try_send(std::mem::take(&mut self.text));
    }
}
