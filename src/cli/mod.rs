//! Commands: the command line in, an exit code out.
//!
//! Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong, 3 a dependency is out of
//! reach. What went wrong goes to standard error as `weir: ` and what happened, where, and what to do.

use std::{
    env, fmt,
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
};

use clap::Parser;

mod arguments;
mod backup;
mod check;
mod demo;
mod doctor;
mod explain;
mod keys;
mod print;
mod reach;
mod rules;
mod run;
mod source;
mod stored;
mod token;

use arguments::{Arguments, Command};

use crate::config::Report;

/// Exit codes: the work failed, the command line or the configuration is wrong.
const FAILED: u8 = 1;
const UNUSABLE: u8 = 2;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return arguments::explain(&error),
    };
    match arguments.command {
        Command::Run(options) => run::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Rules(options) => rules::run(options),
        Command::Token(options) => token::run(&options),
        Command::Keys(options) => keys::run(options),
        Command::Backup(options) => backup::run(&options),
        Command::Schema => print::schema(),
        Command::Completions(options) => print::completions(&options),
        Command::Man(options) => print::man(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Demo(options) => demo::run(options),
        Command::Help(options) => arguments::help(options.command.as_deref()),
    }
}

/// Where a configuration is looked for, in this order.
const FILES: [&str; 2] = ["./weir.toml", "/etc/weir/weir.toml"];

/// The configuration that is meant. A name that is there and cannot be read, a link that leads nowhere among them, is its
/// own mistake, not a reason to take the next one.
fn configuration(named: Option<&Path>) -> Option<&Path> {
    let is_there = |path: &&Path| match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    named.or_else(|| FILES.iter().map(Path::new).find(is_there))
}

/// Says that there is no configuration, and what to do.
fn nothing_to(command: &str, instead: &str) -> ExitCode {
    let [here, there] = FILES;
    fail(UNUSABLE, format!("there is nothing to {command}: neither {here} nor {there} is there. Name {instead}"))
}

/// Prints a line. A reader that went away is no failure, and nobody is left to be told.
fn say(mut to: impl io::Write, line: impl fmt::Display) {
    let _ = writeln!(to, "{line}");
}

/// Says why the command failed.
fn fail(code: u8, message: impl fmt::Display) -> ExitCode {
    say(io::stderr(), format_args!("weir: {message}"));
    ExitCode::from(code)
}

/// Says what is wrong with the configuration, all of it.
fn refuse(report: &Report) -> ExitCode {
    if colour(&io::stderr()) { fail(UNUSABLE, report.coloured()) } else { fail(UNUSABLE, report) }
}

/// Colour is for terminals only, and for nobody who said NO_COLOR.
fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
