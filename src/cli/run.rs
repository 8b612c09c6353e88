//! `weir run`: settings from a file or from the options, then the daemon.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{UNUSABLE, arguments::Run, fail, refuse};
use crate::{
    config::{Overrides, Report, Settings},
    daemon,
};

/// Where a configuration is looked for, in this order.
const FILES: [&str; 2] = ["./weir.toml", "/etc/weir/weir.toml"];

pub(super) fn run(options: Run) -> ExitCode {
    let settings = match settings(&options) {
        Ok(Ok(settings)) => settings,
        Ok(Err(report)) => return refuse(&report),
        Err(Nothing) => {
            let [here, there] = FILES;
            let message = format!(
                "there is nothing to run: neither {here} nor {there} is there. Name a server (--to URL) or a \
                 configuration (--config FILE)"
            );
            return fail(UNUSABLE, message);
        }
    };
    let data = options.data.unwrap_or_else(|| data_directory(env::var_os("STATE_DIRECTORY").map(PathBuf::from)));
    match daemon::run(daemon::Options { settings, data }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(daemon::Failure { code, error }) => fail(code, format!("{error:#}")),
    }
}

/// Neither `--to` nor a configuration.
struct Nothing;

fn settings(options: &Run) -> Result<Result<Settings, Report>, Nothing> {
    let overrides = Overrides { listen: options.listen.clone(), admin: options.admin };
    if !options.to.is_empty() {
        return Ok(overrides.fronting(&options.to));
    }
    // A file that is there and cannot be read is its own mistake, not a reason to take the next one.
    let found = || FILES.iter().map(Path::new).find(|path| path.try_exists().unwrap_or(true));
    let file = options.config.as_deref().or_else(found).ok_or(Nothing)?;
    Ok(overrides.load(file))
}

/// systemd gives a list where a unit has several state directories; the first one is ours.
fn data_directory(state: Option<PathBuf>) -> PathBuf {
    let first = state.and_then(|list| env::split_paths(&list).next()).filter(|path| !path.as_os_str().is_empty());
    first.unwrap_or_else(|| "./weir-data".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_is_the_first_of_systemd_or_here() {
        let of = |list: &str| data_directory(Some(list.into()));
        assert_eq!(of("/var/lib/weir:/var/lib/more"), Path::new("/var/lib/weir"));
        assert_eq!(of("/var/lib/weir"), Path::new("/var/lib/weir"));
        assert_eq!(of(""), Path::new("./weir-data"));
        assert_eq!(data_directory(None), Path::new("./weir-data"));
    }
}
