//! `weir run`: settings from a file or from the options, then the daemon.

use std::process::ExitCode;

use super::{arguments::Run, fail};
use crate::daemon;

pub(super) fn run(options: &Run) -> ExitCode {
    let settings = match options.source.settings("run") {
        Ok((settings, _)) => settings,
        Err(code) => return code,
    };
    let (reload, data) = (options.source.reload(), options.source.data());
    match daemon::run(daemon::Options { settings, reload, data, signals: None }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(daemon::Failure { code, error }) => fail(code, format!("{error:#}")),
    }
}
