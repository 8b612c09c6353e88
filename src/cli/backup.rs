//! `weir backup`: a copy of the store, while it is in use.

use std::{io, path, path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::json;

use super::reach::{At, Reach};
use super::{UNUSABLE, fail, say};
use crate::daemon::backup_here;

/// Copy the store of the data directory to a file, while it is in use
///
/// The copy is of one moment, and for its owner alone (mode 0600). A daemon that runs makes it, as its own user. Keys of the
/// directory `keys` are not in it. A database that [store] of the configuration names is copied by its own tools (pg_dump).
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Backup {
    /// The file, which must not be there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

const EXAMPLE: &str = "Example: every night
  weir backup /var/backups/weir/$(date +%F).db

Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong,
3 the daemon that has the store, or its database, is out of reach.";

pub(super) fn run(options: &Backup) -> ExitCode {
    // The daemon works in another directory.
    let file = match path::absolute(&options.file) {
        Ok(file) => file,
        Err(error) => return fail(UNUSABLE, format!("{}: {error}", options.file.display())),
    };
    let Some(name) = file.to_str() else {
        return fail(UNUSABLE, format!("{} is no UTF-8, and a daemon is told it in JSON", file.display()));
    };
    let here =
        |at: &At<'_>, patience| backup_here(at.store, at.data, &file, patience).map(|bytes| json!({ "bytes": bytes }));
    match options.reach.ask(here, ("POST", "/api/v1/backup", Some(json!({ "path": name })))) {
        Ok(answer) => {
            let line = format!("weir: {} has a copy of the store, {} bytes", file.display(), answer["bytes"]);
            say(io::stderr(), line);
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}
