//! Commands that print what is built in: the schema of the configuration, completions, manual pages.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{
    arguments::{Arguments, PRINTS},
    fail,
};
use crate::config::schema;

/// Print completions for a shell
///
/// For bash: weir completions bash > /usr/share/bash-completion/completions/weir
#[derive(Debug, Args)]
#[command(after_help = PRINTS)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print manual pages
#[derive(Debug, Args)]
#[command(after_help = PRINTS)]
pub(super) struct Man {
    /// Write a file for each command there, instead of printing that of weir itself
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// `weir schema`.
pub(super) fn schema() -> ExitCode {
    print(schema::json().as_bytes())
}

/// `weir completions SHELL`.
pub(super) fn completions(options: &Completions) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "weir", &mut text);
    print(&text)
}

/// `weir man`.
pub(super) fn man(options: &Man) -> ExitCode {
    let Some(directory) = &options.dir else {
        return match page(Arguments::command()) {
            Ok(text) => print(&text),
            Err(error) => fail(1, error),
        };
    };
    match pages(directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, format!("manual pages cannot be written to {}: {error}", directory.display())),
    }
}

fn pages(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Arguments::command(), directory)
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    Ok(text)
}

/// A reader that went away (`weir schema | head -1`) is no failure.
fn print(text: &[u8]) -> ExitCode {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(1, format!("standard output: {error}")),
        _ => ExitCode::SUCCESS,
    }
}
