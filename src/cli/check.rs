//! `weir check`: what is wrong with a configuration, all of it, and what is unwise. Nothing is bound, nothing written.

use std::{io, path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};

use super::{UNUSABLE, colour, configuration, nothing_to};
use crate::{
    config::{Finding, Overrides},
    daemon,
};

/// Say what is wrong with a configuration
///
/// Reads the file, those that it includes, and the certificates and keys that they name. Binds and writes nothing, and
/// asks nobody. The file may be a pipe here, such as /dev/stdin: what it includes is then taken from this directory.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Check {
    /// The configuration [default: ./weir.toml, then /etc/weir/weir.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

const EXIT_CODES: &str = "Example: see whether a file is right before it takes its place
  weir check --config weir.toml.new

Exit codes: 0 all is right, or there are only warnings, 2 the command line or the configuration is wrong.";

pub(super) fn run(options: &Check) -> ExitCode {
    let Some(file) = configuration(options.config.as_deref()) else {
        return nothing_to("check", "a configuration (--config FILE)");
    };
    let name = file.display().to_string();
    match Overrides::default().load_once(file).and_then(daemon::sound) {
        Ok(settings) => {
            let (mistakes, more) = daemon::check(&settings);
            let warnings: Vec<_> = settings.warnings.iter().cloned().chain(more).collect();
            let counts =
                format!("{}, {}", many(settings.servers.len(), "server"), many(settings.routes.len(), "route"));
            said(options, &name, &mistakes, &warnings, &counts)
        }
        Err(report) if options.json => said(options, &name, report.findings(), &[], ""),
        Err(report) => super::refuse(&report),
    }
}

fn said(options: &Check, name: &str, mistakes: &[Finding], warnings: &[Finding], counts: &str) -> ExitCode {
    if options.json {
        let list = |findings: &[Finding]| findings.iter().map(shown).collect::<Vec<_>>();
        let ok = mistakes.is_empty();
        let document = json!({ "file": name, "ok": ok, "mistakes": list(mistakes), "warnings": list(warnings) });
        super::say(io::stdout(), format_args!("{document:#}"));
    } else {
        for warning in warnings {
            super::say(io::stderr(), warning.as_warning(colour(&io::stderr())));
        }
        for mistake in mistakes {
            super::say(io::stderr(), format_args!("weir: {}", mistake.one_line()));
        }
        if mistakes.is_empty() {
            let warned =
                if warnings.is_empty() { String::new() } else { format!(", {}", many(warnings.len(), "warning")) };
            super::say(io::stdout(), format_args!("{name} is right: {counts}{warned}"));
        }
    }
    if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNUSABLE) }
}

fn shown(finding: &Finding) -> Value {
    let (line, column) = finding.position.unzip();
    json!({ "file": finding.file, "line": line, "column": column, "message": finding.message })
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
