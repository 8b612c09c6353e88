//! Questions to a command, over one process: it is started, asked, heard and ended.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::model::clock;
use crate::net::process::{CommandLine, Exit, Keeper, Process, SpawnError};
use crate::protocol::message::{Body, Kind, Limits, read_server};
use crate::protocol::stdio::{Line, Lines};

use super::question::{Answer, Question};

/// The longest line read.
const MOST: usize = 1 << 20;
/// How long the other answers are waited for once there is one.
const STRAGGLERS: Duration = Duration::from_secs(1);
/// How long it may take to end by itself, and again once it is sent TERM.
const GRACE: Duration = Duration::from_secs(2);
/// How long what it still says is read once it has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// What is kept of its standard error, in bytes.
const KEPT: usize = 4096;

/// What came of a conversation.
pub(super) struct Said {
    /// One for each question.
    pub(super) answers: Vec<Option<Answer>>,
    /// Lines that are no messages.
    pub(super) strays: usize,
    /// The last line of its standard error, as it wrote it.
    pub(super) last_words: String,
    pub(super) over: Over,
    /// Until it ran.
    pub(super) started: Duration,
    /// From then on to the first answer.
    pub(super) answered: Duration,
}

/// Why it was over.
pub(super) enum Over {
    /// All was said, or time was up.
    Asked,
    /// It ended.
    Ended(Exit),
}

/// Starts the command, asks all questions at once, and waits until `until` at most.
///
/// # Errors
/// Why it could not be started.
pub(super) async fn hold(
    keeper: &Keeper,
    line: &CommandLine,
    questions: &[Question],
    until: Instant,
) -> Result<Said, SpawnError> {
    let begun = clock::now();
    let mut process = keeper.spawn(line).await?;
    let running = clock::now();
    let mut heard = Heard::new(questions.len());
    let asked: Vec<u8> = questions.iter().enumerate().flat_map(|(at, question)| question.line(at)).collect();
    // It may end without reading.
    let _ = timeout(until.saturating_duration_since(clock::now()), process.stdin.write_all(&asked)).await;
    let exit = heard.listen(&mut process, until).await;
    if exit.is_some() {
        let _ = timeout(LAST_WORDS, heard.hear_out(&mut process)).await;
    }
    process.end(GRACE).await;
    Ok(Said {
        strays: heard.strays,
        last_words: heard.last_words(),
        over: exit.map_or(Over::Asked, Over::Ended),
        started: running - begun,
        answered: heard.first.unwrap_or(running) - running,
        answers: heard.answers,
    })
}

struct Heard {
    lines: Lines,
    answers: Vec<Option<Answer>>,
    /// When the first answer came.
    first: Option<Instant>,
    strays: usize,
    /// The end of its standard error.
    errors: VecDeque<u8>,
}

impl Heard {
    fn new(questions: usize) -> Self {
        let answers = (0..questions).map(|_| None).collect();
        Self { lines: Lines::new(MOST), answers, first: None, strays: 0, errors: VecDeque::new() }
    }

    /// Listens until all is answered, or time is up; or it ends, and how.
    async fn listen(&mut self, process: &mut Process, until: Instant) -> Option<Exit> {
        let (mut out, mut error) = (vec![0; 16 * 1024], vec![0; KEPT]);
        let (mut speaks, mut complains) = (true, true);
        while self.answers.iter().any(Option::is_none) {
            let until = self.first.map_or(until, |first| until.min(first + STRAGGLERS));
            let left = until.saturating_duration_since(clock::now());
            tokio::select! {
                read = process.stdout.read(&mut out), if speaks => {
                    let read = read.unwrap_or(0);
                    speaks = read > 0;
                    self.take(&out[..read]);
                }
                read = process.stderr.read(&mut error), if complains => {
                    let read = read.unwrap_or(0);
                    complains = read > 0;
                    self.complained(&error[..read]);
                }
                exit = process.life.exited() => return Some(exit),
                () = tokio::time::sleep(left) => return None,
            }
        }
        None
    }

    /// What it had said before it ended.
    async fn hear_out(&mut self, process: &mut Process) {
        let (mut out, mut error) = (Vec::new(), Vec::new());
        let (mut stdout, mut stderr) =
            ((&mut process.stdout).take(MOST as u64), (&mut process.stderr).take(MOST as u64));
        // What broke off is as good as what came.
        let _ = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut error));
        self.take(&out);
        self.complained(&error);
    }

    fn take(&mut self, bytes: &[u8]) {
        let Self { lines, answers, first, strays, .. } = self;
        lines.push(bytes, |line| {
            let Line::Whole(line) = line else { return *strays += 1 };
            let Ok(Body::One(message)) = read_server(line, &Limits::default()) else { return *strays += 1 };
            let id = message.id.filter(|_| matches!(message.kind, Kind::Answer | Kind::Error));
            let at = id.and_then(|id| std::str::from_utf8(id.raw(line)).ok()?.parse::<usize>().ok());
            // What else it says, it says to clients.
            if let Some(place) = at.and_then(|at| answers.get_mut(at)) {
                *place = Some(Answer { bytes: Bytes::copy_from_slice(line), message });
                first.get_or_insert_with(clock::now);
            }
        });
    }

    fn complained(&mut self, bytes: &[u8]) {
        self.errors.extend(bytes);
        let over = self.errors.len().saturating_sub(KEPT);
        self.errors.drain(..over);
    }

    fn last_words(&self) -> String {
        let (front, back) = self.errors.as_slices();
        let text = [front, back].concat();
        let text = String::from_utf8_lossy(&text);
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
    }
}
