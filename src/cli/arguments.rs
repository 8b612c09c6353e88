//! What may stand on the command line.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{
    Args, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{UNUSABLE, demo::Demo, fail};
use crate::config::{To, socket_address};

/// Commands that a later version has.
const UNBUILT_COMMANDS: &[&str] = &[
    "check",
    "explain",
    "doctor",
    "rules",
    "letters",
    "approvals",
    "audit",
    "users",
    "keys",
    "token",
    "backup",
    "restore",
    "schema",
    "completions",
    "man",
];
/// Options that a later version has.
const UNBUILT_OPTIONS: &[&str] = &["--to-command", "--stdio"];

/// A gateway for MCP servers.
#[derive(Debug, Parser)]
#[command(name = "weir", version, disable_help_subcommand = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Stand between MCP clients and MCP servers
    Run(Run),
    /// Try it: a sample MCP server, Weir in front of it, and lines to paste
    Demo(Demo),
}

/// Stand between MCP clients and MCP servers.
///
/// The MCP endpoint is /mcp, and /NAME/mcp for each server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// The configuration [default: ./weir.toml, then /etc/weir/weir.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    pub(super) config: Option<PathBuf>,
    /// An MCP server to stand in front of, without any file; may be given several times, with names
    #[arg(long, value_name = "[NAME=]URL", value_parser = to)]
    pub(super) to: Vec<To>,
    /// Where clients reach us [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(super) listen: Option<SocketAddr>,
    /// Where operators reach us [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(super) admin: Option<SocketAddr>,
    /// Where keys are kept [default: $STATE_DIRECTORY, then ./weir-data]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

const EXAMPLES: &str = "Example: put http://127.0.0.1:3000/mcp behind http://127.0.0.1:8080/mcp
  weir run --to http://127.0.0.1:3000/mcp

Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong,
3 a dependency is out of reach.";

/// Prints what clap has to say, help and version included, in our way.
pub(super) fn explain(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away (`weir --help | head -1`) is no failure.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(UNUSABLE)
        }
        _ => match unbuilt(error) {
            Some(name) => {
                fail(UNUSABLE, format!("`{name}` is not built into this version; `weir --help` says what is"))
            }
            None => {
                let text = error.render().to_string();
                fail(UNUSABLE, text.strip_prefix("error: ").unwrap_or(&text).trim_end())
            }
        },
    }
}

/// The command or option that is refused, if a later version has it.
fn unbuilt(error: &clap::Error) -> Option<&str> {
    let (context, names) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, UNBUILT_COMMANDS),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, UNBUILT_OPTIONS),
        _ => return None,
    };
    match error.get(context)? {
        ContextValue::String(name) => Some(name.as_str()).filter(|name| names.contains(name)),
        _ => None,
    }
}

fn to(text: &str) -> Result<To, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(To::parse(text)) }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    socket_address(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_unbuilt_is_known_by_its_name() {
        let error = |line: &[&str]| Arguments::try_parse_from(line).unwrap_err();
        for name in UNBUILT_COMMANDS {
            assert_eq!(unbuilt(&error(&["weir", name, "x"])), Some(*name));
        }
        assert_eq!(unbuilt(&error(&["weir", "run", "--to-command", "npx x"])), Some("--to-command"));
        assert_eq!(unbuilt(&error(&["weir", "demo", "--server-only", "--stdio"])), Some("--stdio"));
        assert_eq!(unbuilt(&error(&["weir", "run", "demo"])), None);
        assert_eq!(unbuilt(&error(&["weir", "fly"])), None);
    }
}
