//! The two ways in which this binary is started that are no command of an operator's.

use std::env;
use std::ffi::OsStr;
use std::process::ExitCode;

use rustix::process::Pid;

use super::mark::Marks;
use super::{keep, shim};

/// The first argument of a keeper.
pub(super) const KEEPER: &str = "weir-keeper";
/// The first argument of a shim.
pub(super) const SHIM: &str = "weir-shim";

/// What a process of either kind has for an environment: one thread, and no arenas for cores that it does not use.
pub(super) const ENVIRONMENT: (&str, &str) = ("_RJEM_MALLOC_CONF", "background_thread:false,narenas:1");

/// Exit code of what was not started by a Weir.
const UNUSABLE: u8 = 2;

/// Does the work of a keeper or a shim if this process was started as one; `None` where it was not. The first thing in
/// `main`, before there is a runtime, a thread, or a look at the command line.
pub fn enter() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let first = arguments.next()?;
    let mut text = || arguments.next()?.into_string().ok();
    if first == OsStr::new(KEEPER) {
        let marks = text().and_then(|text| Marks::from_text(&text));
        return Some(marks.and_then(keep::run).unwrap_or_else(misused));
    }
    if first == OsStr::new(SHIM) {
        let keeper = text().and_then(|text| Pid::from_raw(text.parse().ok()?));
        let mark = text().and_then(|text| text.parse().ok());
        return Some(keeper.zip(mark).and_then(|(keeper, mark)| shim::run(keeper, mark)).unwrap_or_else(misused));
    }
    None
}

fn misused() -> ExitCode {
    eprintln!("weir: `{KEEPER}` and `{SHIM}` are for Weir itself; `weir --help` says what there is for you");
    ExitCode::from(UNUSABLE)
}
