//! The clients of the matrix, and how they are run: one program a generation of an SDK, with a list of runs.

use std::{collections::BTreeMap, process::Command, sync::Arc};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    inspector, sdk_rust,
    servers::Era,
    steps::{self, Step},
    transcript::{Line, Transcripts},
};
use crate::support::{Process, node, python};

/// How many programs run at once.
const AT_ONCE: usize = 3;

/// What runs a client.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Program {
    TypeScript,
    PythonBefore,
    PythonPresent,
    Rust,
    Inspector,
}

/// How a client finds its era.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    /// By `initialize`.
    Legacy,
    /// By `server/discover`, and `initialize` where that is not known.
    Auto,
    /// 2026-07-28 or nothing.
    Modern,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) program: Program,
    /// Which one of the program.
    pub(super) kind: &'static str,
    pub(super) mode: Mode,
}

pub(super) const CLIENTS: &[Client] = &[
    client("typescript-1", Program::TypeScript, "1", Mode::Legacy),
    client("typescript-2-legacy", Program::TypeScript, "2", Mode::Legacy),
    client("typescript-2-auto", Program::TypeScript, "2", Mode::Auto),
    client("typescript-2-modern", Program::TypeScript, "2", Mode::Modern),
    client("python-1", Program::PythonBefore, "mcp", Mode::Legacy),
    client("python-2-legacy", Program::PythonPresent, "mcp", Mode::Legacy),
    client("python-2-auto", Program::PythonPresent, "mcp", Mode::Auto),
    client("python-2-modern", Program::PythonPresent, "mcp", Mode::Modern),
    client("fastmcp-3", Program::PythonBefore, "fastmcp", Mode::Legacy),
    client("fastmcp-4-legacy", Program::PythonPresent, "fastmcp", Mode::Legacy),
    client("fastmcp-4-auto", Program::PythonPresent, "fastmcp", Mode::Auto),
    client("fastmcp-4-modern", Program::PythonPresent, "fastmcp", Mode::Modern),
    client("rust-2", Program::Rust, "2", Mode::Legacy),
    client("rust-3-legacy", Program::Rust, "3", Mode::Legacy),
    client("rust-3-auto", Program::Rust, "3", Mode::Auto),
    client("rust-3-modern", Program::Rust, "3", Mode::Modern),
    client("inspector-legacy", Program::Inspector, "", Mode::Legacy),
    client("inspector-auto", Program::Inspector, "", Mode::Auto),
    client("inspector-modern", Program::Inspector, "", Mode::Modern),
];

/// One client, once, with one server.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) client: &'static Client,
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) story: Story,
}

/// Where a client finds its server.
#[derive(Clone)]
pub(super) enum Place {
    Url(String),
    /// It starts it, and speaks to it over stdio.
    Command(Arc<Command>),
}

/// What a client does there.
#[derive(Clone)]
pub(super) enum Story {
    Steps(Arc<[Step]>),
    /// It runs into these, and the faults are steered there.
    Refusals(Vec<&'static str>, String),
}

impl Client {
    /// Whether it and a server of that era have one in common.
    pub(super) fn meets(&self, era: Era) -> bool {
        match (self.mode, era) {
            (_, Era::Both) | (Mode::Auto, _) => true,
            (mode, era) => (mode == Mode::Modern) == (era == Era::Modern),
        }
    }
}

impl Mode {
    /// As the programs of Node and Python take it.
    fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Auto => "auto",
            Self::Modern => "2026-07-28",
        }
    }
}

/// Runs all of them, each program's one after the other, and gives what they told.
pub(super) async fn ends(runs: Vec<Run>) -> Transcripts {
    let mut programs = BTreeMap::<Program, Vec<Run>>::new();
    for run in runs {
        programs.entry(run.client.program).or_default().push(run);
    }
    let permits = std::sync::Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for (program, runs) in programs {
        let permits = std::sync::Arc::clone(&permits);
        tasks.spawn(async move {
            let _permit = permits.acquire().await.expect("the semaphore stays open");
            match program {
                Program::Rust => sdk_rust::lines(runs).await,
                Program::Inspector => inspector::lines(runs).await,
                _ => lines(program, &runs).await,
            }
        });
    }
    Transcripts::of_lines(tasks.join_all().await.into_iter().flatten())
}

async fn lines(program: Program, runs: &[Run]) -> Vec<Line> {
    let (name, mut command) = match program {
        Program::PythonBefore => ("the Python clients of the generation before", python("before", "client.py")),
        Program::PythonPresent => ("the Python clients", python("present", "client.py")),
        _ => ("the TypeScript clients", node("matrix.mjs")),
    };
    let mut process = Process::listening(name, &mut command);
    process.say(told(runs).to_string().as_bytes());
    process.hush();
    let mut lines = Vec::new();
    while let Some(line) = process.line().await {
        lines.push(Line::parse(&line));
    }
    let status = process.exit().await;
    assert!(status.success(), "{name}: {status}\n{}", process.errors());
    lines
}

fn told(runs: &[Run]) -> Value {
    runs.iter().map(Run::json).collect()
}

impl Run {
    fn json(&self) -> Value {
        let client = self.client;
        let mut run = json!({ "run": self.name, "client": client.kind, "mode": client.mode.name() });
        match &self.place {
            Place::Url(url) => run["url"] = json!(url),
            Place::Command(command) => run["command"] = self::command(command),
        }
        match &self.story {
            Story::Steps(all) => run["steps"] = steps::told(all),
            Story::Refusals(refusals, control) => {
                run["refusals"] = json!(refusals);
                run["control"] = json!(control);
            }
        }
        run
    }

    /// Its address, where it is not the one to start the server.
    pub(super) fn url(&self) -> &str {
        match &self.place {
            Place::Url(url) => url,
            Place::Command(command) => panic!("{} has no address but a command: {command:?}", self.name),
        }
    }
}

/// What a command is, as the programs of Node and Python take it.
pub(super) fn command(command: &Command) -> Value {
    let text = |text: &std::ffi::OsStr| text.to_str().expect("these are UTF-8").to_owned();
    let words: Vec<_> = [command.get_program()].into_iter().chain(command.get_args()).map(text).collect();
    let environment: BTreeMap<_, _> =
        command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect();
    json!({ "words": words, "directory": command.get_current_dir(), "environment": environment })
}

const fn client(name: &'static str, program: Program, kind: &'static str, mode: Mode) -> Client {
    Client { name, program, kind, mode }
}
