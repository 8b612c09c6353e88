//! Why a command could not be started.

use std::path::PathBuf;
use std::{fmt, io};

/// Why a command could not be started.
#[derive(Debug)]
pub enum SpawnError {
    /// No such program in the `PATH` of the command's environment.
    NotFound {
        /// As it was given.
        program: String,
        /// Where it was looked for; `None` where the environment has no `PATH`, or the program is a path itself.
        path: Option<String>,
    },
    /// The program is there, and the kernel refuses to run it.
    NotRun(String, io::Error),
    /// The command's directory cannot be entered.
    Directory(PathBuf, io::Error),
    /// A limit cannot be set: the name that operators know, what was asked for, what the machine says.
    Limit(&'static str, u64, io::Error),
    /// The command line as a whole is longer than what may be sent.
    TooLong {
        /// Its length.
        bytes: usize,
        /// What it may be.
        most: usize,
    },
    /// Nothing can be started with this.
    Unusable(&'static str),
    /// As many processes run already as there may be.
    TooMany(usize),
    /// It was ended before it had become the command.
    Ended,
    /// The keeper could not be started, or not be reached.
    Keeper(io::Error),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { program, path: None } if program.contains('/') => {
                write!(f, "command not found: {program}; there is no such file")
            }
            Self::NotFound { program, path: None } => {
                write!(f, "command not found: {program}; its environment has no PATH")
            }
            Self::NotFound { program, path: Some(path) } => {
                write!(f, "command not found: {program}; PATH is {path}")
            }
            Self::NotRun(program, error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "{program} cannot be run: it names an interpreter or a loader that is not there")
            }
            Self::NotRun(program, error) => write!(f, "{program} cannot be run: {error}"),
            Self::Directory(path, error) => write!(f, "directory {} cannot be entered: {error}", path.display()),
            Self::Limit(name, value, error) => {
                write!(
                    f,
                    "the limit of {name} cannot be {value}: {error}; it may not be above the one Weir was started with"
                )
            }
            Self::TooLong { bytes, most } => {
                write!(f, "arguments and environment take {bytes} bytes; {most} is the most")
            }
            Self::Unusable(what) => f.write_str(what),
            Self::TooMany(most) => write!(f, "{most} processes run already, which is the limit"),
            Self::Ended => f.write_str("it was ended while it started"),
            Self::Keeper(error) => write!(f, "the keeper of processes cannot be used: {error}"),
        }
    }
}

impl std::error::Error for SpawnError {}
