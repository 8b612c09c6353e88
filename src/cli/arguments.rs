//! What may stand on the command line.

use std::process::ExitCode;

use clap::{
    Args, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::backup::Backup;
use super::check::Check;
use super::demo::Demo;
use super::doctor::Doctor;
use super::explain::Explain;
use super::keys::Keys;
use super::print::{Completions, Man};
use super::rules::Rules;
use super::source::Source;
use super::token::Token;
use super::{UNUSABLE, fail};

/// Commands that a later version has.
const UNBUILT_COMMANDS: &[&str] = &["letters", "approvals", "audit", "users", "restore"];

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
    Check(Check),
    /// Look at everything that a run would need, and say what to do
    ///
    /// Takes the options of `weir run`, changes nothing, and may be used beside a Weir that runs. Servers are asked
    /// `server/discover` and `initialize`; nothing of theirs is called.
    Doctor(Doctor),
    Explain(Explain),
    Rules(Rules),
    Token(Token),
    Keys(Keys),
    Backup(Backup),
    /// Print the JSON Schema of the configuration
    #[command(after_help = PRINTS)]
    Schema,
    Completions(Completions),
    Man(Man),
    /// Print the help of a command
    #[command(after_help = PRINTS)]
    Help(Help),
}

/// What there is to say of a command, or of all of them.
#[derive(Debug, Args)]
pub(super) struct Help {
    /// The command [default: what all of them have in common]
    pub(super) command: Option<String>,
}

/// Stand between MCP clients and MCP servers.
///
/// The MCP endpoint is /mcp, and /NAME/mcp for each server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) source: Source,
}

const EXAMPLES: &str = "Example: put http://127.0.0.1:3000/mcp behind http://127.0.0.1:8080/mcp
  weir run --to http://127.0.0.1:3000/mcp

Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong,
3 a dependency is out of reach.";

/// Of commands that only print.
pub(super) const PRINTS: &str = "Exit codes: 0 done, 1 the work failed, 2 the command line is wrong.";

/// Prints the help of a command, as its `--help` does.
pub(super) fn help(command: Option<&str>) -> ExitCode {
    let line = ["weir"].into_iter().chain(command).chain(["--help"]);
    match Arguments::try_parse_from(line) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => explain(&error),
    }
}

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

/// The command that is refused, if a later version has it.
fn unbuilt(error: &clap::Error) -> Option<&str> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    match error.get(ContextKind::InvalidSubcommand)? {
        ContextValue::String(name) => Some(name.as_str()).filter(|name| UNBUILT_COMMANDS.contains(name)),
        _ => None,
    }
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
        assert_eq!(unbuilt(&error(&["weir", "run", "--fly"])), None);
        assert_eq!(unbuilt(&error(&["weir", "run", "demo"])), None);
        assert_eq!(unbuilt(&error(&["weir", "fly"])), None);
        assert_eq!(unbuilt(&error(&["weir", "audit", "--help"])), Some("audit"));
    }
}
