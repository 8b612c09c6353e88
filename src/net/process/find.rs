//! Where a command's program is.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::command_line::CommandLine;

/// The program's file: by its path, or in the `PATH` of its own environment. A relative path counts from `directory`,
/// or from where this process is.
///
/// # Errors
/// `NotFound` where there is none, else what keeps it from being looked at. Whether it may be run shows when it is.
pub fn find(line: &CommandLine, directory: Option<&Path>) -> io::Result<PathBuf> {
    if line.program.contains('/') {
        let path = directory.map_or_else(|| line.program.clone().into(), |directory| directory.join(&line.program));
        return path.metadata().map(|_| path);
    }
    let mut candidate = None;
    // An empty place would be the current directory, which is an invitation to strangers.
    for place in line.variable("PATH").unwrap_or_default().split(':').filter(|place| !place.is_empty()) {
        let path = Path::new(place).join(&line.program);
        if path.metadata().is_ok_and(|found| found.is_file()) {
            if access(&path, Access::EXEC_OK).is_ok() {
                return Ok(path);
            }
            candidate.get_or_insert(path);
        }
    }
    // One that is there and cannot be run says more, when it is tried, than one that is not found.
    candidate.ok_or_else(|| io::ErrorKind::NotFound.into())
}
