//! `command` of a server, and what belongs to it: a server that is started here and speaks over stdio.

use std::{path::PathBuf, time::Duration};

use toml::de::DeValue;

use super::{
    report::Place,
    secret::{self, Secret, not_empty},
    section::Section,
    shape::{Key, Kind, Shape, Value},
    units::{DAY, MINUTE, SECOND},
};

/// A server that is a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program, a name or a path, and its arguments; no shell reads them.
    pub words: Vec<String>,
    /// `environment`: all of it, beside `PATH`, `HOME` and `LANG`, which are the daemon's where they are not named.
    pub environment: Vec<(String, Variable)>,
    /// `directory`: where it runs; the daemon's own.
    pub directory: Option<PathBuf>,
    /// `processes`.
    pub processes: Processes,
    /// `process_limits`.
    pub limits: ProcessLimits,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// As it is written.
    Text(String),
    /// Read at the start.
    Secret(Secret),
}

/// How many processes there are, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processes {
    /// `per`: who shares one; `session`.
    pub per: Per,
    /// `limit`: most of them; 64.
    pub limit: usize,
    /// `idle`: how long one is kept that nobody uses; 10 min.
    pub idle: Duration,
    /// `warm`: how many are started ahead; 0.
    pub warm: usize,
    /// `start`: how long one may take to answer `initialize`; 1 min.
    pub start: Duration,
    /// `wait`: how long a caller waits for one where all are in use; 5 s.
    pub wait: Duration,
}

/// Who shares a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Each client conversation has its own; in the stateless era each caller.
    Session,
    /// Each caller has its own.
    Principal,
    /// All share one.
    Shared,
}

/// What one process may take; `None` where nothing bounds it but the system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessLimits {
    /// `memory`, in bytes: what it has written to of its own (RLIMIT_DATA).
    pub memory: Option<u64>,
    /// `files`: open ones (RLIMIT_NOFILE).
    pub files: Option<u64>,
    /// `processes`: of the user that the daemon runs as, all together (RLIMIT_NPROC).
    pub processes: Option<u64>,
}

pub(super) const PROCESSES: Shape = Shape {
    title: "`processes` of a server",
    about: "How many processes of a command there are, and for whom. Where clients share one, ids and progress tokens \
            are mapped. What a server asks its client (sampling, elicitation, roots) reaches it where the process is the \
            session's own, or its caller's with one session at work; where all share one, nobody can be asked, so the \
            server is told of no such capability, and its log messages are dropped.",
    keys: &[
        Key {
            name: "per",
            kind: Kind::Choice(&["session", "principal", "shared"]),
            default: Value::Text("session"),
            about: "Who has a process of their own: each client conversation, each caller, or nobody. 2026-07-28 has no \
                    conversations: there `session` means `principal`.",
        },
        Key {
            name: "limit",
            kind: Kind::Count(1, 10_000),
            default: Value::Number(64),
            about: "Most processes at once.",
        },
        Key {
            name: "idle",
            kind: Kind::Time(SECOND, 7 * DAY),
            default: Value::Text("10m"),
            about: "How long a process is kept that nobody uses, and with it the session that it belongs to.",
        },
        Key {
            name: "warm",
            kind: Kind::Count(0, 1000),
            default: Value::Number(0),
            about: "Processes that are started ahead, so that the next client does not wait for one.",
        },
        Key {
            name: "start",
            kind: Kind::Time(SECOND / 10, 60 * MINUTE),
            default: Value::Text("1m"),
            about: "From a process's start until it has answered `initialize`. `npx` may have to fetch a package.",
        },
        Key {
            name: "wait",
            kind: Kind::Time(0, 10 * MINUTE),
            default: Value::Text("5s"),
            about: "How long a caller waits for a process where all are in use, before it is told 503.",
        },
    ],
    unbuilt: &[],
};

pub(super) const LIMITS: Shape = Shape {
    title: "`process_limits` of a server",
    about: "What each process of a command may take. Children inherit it, each for itself.",
    keys: &[
        Key {
            name: "memory",
            kind: Kind::Size(1 << 20, 1 << 40),
            default: Value::Absent,
            about: "Memory of its own (RLIMIT_DATA). A process that asks for more is refused it, and mostly ends.",
        },
        Key {
            name: "files",
            kind: Kind::Count(8, 1 << 20),
            default: Value::Absent,
            about: "Open files (RLIMIT_NOFILE).",
        },
        Key {
            name: "processes",
            kind: Kind::Count(1, 1 << 22),
            default: Value::Absent,
            about: "Processes and threads of the user that the daemon runs as, all together (RLIMIT_NPROC). Root is \
                    exempt.",
        },
    ],
    unbuilt: &[],
};

/// The keys that only a command has.
pub(super) const BESIDE: [&str; 4] = ["environment", "directory", "processes", "process_limits"];

impl Command {
    /// The command of a server's section; `None` where what is written is none.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        if !section.has_list("command") {
            let message = "`command` takes the program and its arguments, each a text of its own, [\"npx\", \"-y\", \"...\"]: \
                           no shell is there to split one";
            section.wrong("command", message);
            return None;
        }
        let words = section.list("command", |word| Ok(word.to_owned()));
        if words.len() < section.items("command").len() {
            return None;
        }
        if words.first().is_none_or(|program| program.is_empty()) {
            section.wrong("command", "`command` takes the program and its arguments, [\"npx\", \"-y\", \"...\"]");
            return None;
        }
        if words.iter().any(|word| word.contains('\0')) {
            section.wrong("command", "`command` takes no text with U+0000 in it: no program can be given one");
            return None;
        }
        Some(Self {
            words,
            environment: environment(section),
            directory: section.text("directory", |path| not_empty(path).map(PathBuf::from)),
            processes: Processes::read(&section.table("processes", &PROCESSES)),
            limits: ProcessLimits::read(&section.table("process_limits", &LIMITS)),
        })
    }

    /// The command of `--to-command`: words as a shell would split them, with nothing else of what a shell does. The
    /// error is a sentence without subject.
    pub(super) fn parse(line: &str, defaults: &Section<'_>) -> Result<Self, String> {
        let words = shlex::split(line).ok_or("has a quote that is not closed")?;
        if words.first().is_none_or(|program| program.is_empty()) || line.contains('\0') {
            return Err("takes a program and its arguments, 'npx -y @modelcontextprotocol/server-memory'".to_owned());
        }
        Ok(Self {
            words,
            environment: Vec::new(),
            directory: None,
            processes: Processes::read(&defaults.table("processes", &PROCESSES)),
            limits: ProcessLimits::default(),
        })
    }
}

/// What names of variables end with that are secrets.
const SECRET_NAMES: [&str; 5] = ["TOKEN", "SECRET", "PASSWORD", "API_KEY", "CREDENTIALS"];

impl Command {
    /// What is allowed and unwise, each with the key that it stands under.
    pub(super) fn unwise(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let program = self.words[0].rsplit('/').next().unwrap_or_default();
        let interactive = |word: &String| {
            word == "--interactive"
                || word
                    .strip_prefix('-')
                    .is_some_and(|flags| flags.contains('i') && flags.chars().all(|c| "ditP".contains(c)))
        };
        if matches!(program, "docker" | "podman")
            && self.words.iter().any(|word| word == "run")
            && !self.words.iter().any(interactive)
        {
            found.push(("command", format!("`{program} run` leaves a server without standard input: add \"-i\"")));
        }
        for (name, variable) in &self.environment {
            let is_secret = SECRET_NAMES.iter().any(|end| name.to_ascii_uppercase().ends_with(end));
            if matches!(variable, Variable::Text(text) if !text.is_empty()) && is_secret {
                let message = format!(
                    "`environment`: {name} looks like a secret, and stands in this file: write \
                     {name} = {{ file = \"...\" }}"
                );
                found.push(("environment", message));
            }
        }
        found.extend(self.processes.unwise().map(|message| ("processes", message)));
        found
    }
}

impl Processes {
    fn unwise(&self) -> Option<String> {
        match self.per {
            Per::Session | Per::Principal if self.limit == 1 => Some(
                "`limit` is 1 where clients have processes of their own: one client at a time is served, and all others \
                 are told 503. Write per = \"shared\", or more"
                    .to_owned(),
            ),
            Per::Shared if self.warm > 1 => Some(format!(
                "`warm` is {} where all clients share one process: further ones only wait",
                self.warm
            )),
            _ => None,
        }
    }

    fn read(section: &Section<'_>) -> Self {
        let read = Self {
            per: match section.choice("per") {
                "principal" => Per::Principal,
                "shared" => Per::Shared,
                _ => Per::Session,
            },
            limit: section.size("limit"),
            idle: section.time("idle"),
            warm: section.size("warm"),
            start: section.time("start"),
            wait: section.time("wait"),
        };
        if read.warm > read.limit {
            section.wrong("warm", format!("`warm` is {}, and `limit` allows no more than {}", read.warm, read.limit));
        }
        read
    }
}

impl ProcessLimits {
    fn read(section: &Section<'_>) -> Self {
        let bound = |key| section.size_if_written(key).map(|bound| bound as u64);
        Self { memory: bound("memory"), files: bound("files"), processes: bound("processes") }
    }
}

fn environment(section: &Section<'_>) -> Vec<(String, Variable)> {
    let mut environment = Vec::new();
    for (key, value) in section.entries("environment") {
        // What stands here, and beside it on the line, may be a secret.
        let (name, place) = (key.get_ref(), Place::at(value.span()).hidden());
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("`environment`: {name:?} is no name of a variable");
            section.mistakes.add(Place::at(key.span()).hidden(), message);
            continue;
        }
        let variable = match value.get_ref() {
            DeValue::String(text) if !text.contains('\0') => Some(Variable::Text(text.to_string())),
            DeValue::Table(table) => {
                let table = Section::open(&secret::SHAPE, Some(table), place.clone(), section.mistakes);
                Secret::read_table(&table, name, place).map(Variable::Secret)
            }
            _ => {
                let message = format!(
                    "`environment`: {name} takes text without U+0000, in quotes, or the place of a secret, \
                     {{ file = \"...\" }}"
                );
                section.mistakes.add(place, message);
                None
            }
        };
        environment.extend(variable.map(|variable| (name.to_string(), variable)));
    }
    environment
}
