//! What a start would find of servers that are commands: the program, its directory, its secrets.

use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::config::{Command, Secret, Server, Variable};
use crate::daemon::spawned;
use crate::net::process::{CommandLine, find};

use super::Found;

/// Looks at the command of every server.
pub(super) fn look(servers: &[Server]) -> Found {
    let mut found = Found::default();
    for server in servers {
        if let Some(command) = &server.command {
            let of = format!("[[servers]] {:?}", server.name.as_str());
            directory(&of, command, &mut found);
            program(&of, command, &mut found);
            secrets(&of, command, &mut found);
        }
    }
    found
}

fn directory(of: &str, command: &Command, found: &mut Found) {
    let Some(path) = &command.directory else { return };
    let wrong = match path.metadata() {
        Ok(there) if there.is_dir() => return,
        Ok(_) => "is no directory".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "is not there".to_owned(),
        Err(error) => format!("cannot be looked at: {error}"),
    };
    found.mistakes.push(format!("{of}: directory {} {wrong}", path.display()));
}

/// A path is the same for whoever looks; what is in a `PATH`, or where a relative path leads, may be otherwise for the
/// daemon.
fn program(of: &str, command: &Command, found: &mut Found) {
    let program = &command.words[0];
    let path = spawned::search_path(command);
    let named = command.environment.iter().any(|(name, _)| name == "PATH");
    let environment = path.into_iter().map(|path| ("PATH".to_owned(), path)).collect();
    let line = CommandLine { program: program.clone(), environment, ..CommandLine::default() };
    let wrong = match find(&line, command.directory.as_deref()) {
        Ok(file) if !file.is_file() => format!("{} is no file", file.display()),
        Ok(file) if access(&file, Access::EXEC_OK).is_err() => {
            format!("{} may not be run: chmod +x it, or name the interpreter that runs it", file.display())
        }
        Ok(_) => return,
        Err(error) if error.kind() != io::ErrorKind::NotFound => format!("{program} cannot be looked at: {error}"),
        Err(_) if program.contains('/') => format!("{program} is not there"),
        Err(_) if named => format!("{program} is not in the PATH of its `environment`"),
        Err(_) => {
            format!("{program} is not in the PATH of this shell: the daemon's own needs it, or a PATH in `environment`")
        }
    };
    let list = if Path::new(program).is_absolute() { &mut found.mistakes } else { &mut found.warnings };
    list.push(format!("{of}: command: {wrong}"));
}

fn secrets(of: &str, command: &Command, found: &mut Found) {
    for (name, variable) in &command.environment {
        let Variable::Secret(secret) = variable else { continue };
        if let Err(error) = spawned::text_of(secret) {
            // What the service manager gives to the daemon is not there for whoever checks.
            let list = match secret {
                Secret::File(_) => &mut found.mistakes,
                Secret::Env(_) | Secret::Credential(_) => &mut found.warnings,
            };
            list.push(format!("{of}: environment: {name}: {error:#}"));
        }
        found.warnings.extend(super::open_to_others(secret));
    }
}
