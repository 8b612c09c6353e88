//! Where settings come from: the options that commands about a whole configuration share.

use std::{env, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;

use super::{configuration, nothing_to, refuse};
use crate::{
    config::{Address, AdminAddress, Overrides, Settings, To},
    daemon,
};

// No doc comment: it would become the description of each command that has these options.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// The configuration [default: ./weir.toml, then /etc/weir/weir.toml]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "to_command"])]
    pub(super) config: Option<PathBuf>,
    /// An MCP server to stand in front of, without any file; may be given several times, with names
    #[arg(long, value_name = "[NAME=]URL", value_parser = to)]
    pub(super) to: Vec<To>,
    /// An MCP server that speaks over stdio, started here; may be given several times, with names
    #[arg(long, value_name = "[NAME=]'CMD ARGS'", value_parser = to_command)]
    pub(super) to_command: Vec<To>,
    /// Where clients reach us [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = Address::parse)]
    pub(super) listen: Option<Address>,
    /// Where operators reach us [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR", value_parser = AdminAddress::parse)]
    pub(super) admin: Option<AdminAddress>,
    /// Where keys are kept [default: $STATE_DIRECTORY, then ./weir-data]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

impl Source {
    /// The settings and what they were read from. Whatever is wrong has been said; the code is what to end with.
    /// `command`: what was to be done with them.
    pub(super) fn settings(&self, command: &str) -> Result<(Settings, String), ExitCode> {
        let overrides = self.overrides();
        if self.is_fileless() {
            let fronted: Vec<_> = self.to.iter().chain(&self.to_command).cloned().collect();
            let settings = overrides.fronting(&fronted).map_err(|report| refuse(&report))?;
            return Ok((settings, "the command line".to_owned()));
        }
        let file = configuration(self.config.as_deref());
        let file = file.ok_or_else(|| {
            nothing_to(command, "a server (--to URL, --to-command 'CMD ARGS') or a configuration (--config FILE)")
        })?;
        let settings = overrides.load(file).and_then(daemon::sound).map_err(|report| refuse(&report))?;
        Ok((settings, file.display().to_string()))
    }

    /// How the same file is read again, under the same options; `None` where there is none.
    pub(super) fn reload(&self) -> Option<daemon::Loader> {
        let file = configuration(self.config.as_deref()).filter(|_| !self.is_fileless())?.to_owned();
        let overrides = self.overrides();
        Some(Arc::new(move || overrides.load(&file).and_then(daemon::sound)))
    }

    /// Whether all servers are named by options.
    fn is_fileless(&self) -> bool {
        !self.to.is_empty() || !self.to_command.is_empty()
    }

    fn overrides(&self) -> Overrides {
        Overrides { listen: self.listen.clone(), admin: self.admin.clone() }
    }

    /// The data directory: as said, or as systemd says, or here.
    pub(super) fn data(&self) -> PathBuf {
        data(self.data.clone())
    }
}

/// The same for commands without the other options.
pub(super) fn data(said: Option<PathBuf>) -> PathBuf {
    said.unwrap_or_else(|| data_directory(env::var_os("STATE_DIRECTORY").map(PathBuf::from)))
}

/// systemd gives a list where a unit has several state directories; the first one is ours.
fn data_directory(state: Option<PathBuf>) -> PathBuf {
    let first = state.and_then(|list| env::split_paths(&list).next()).filter(|path| !path.as_os_str().is_empty());
    first.unwrap_or_else(|| "./weir-data".into())
}

fn to(text: &str) -> Result<To, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(To::parse(text)) }
}

fn to_command(text: &str) -> Result<To, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(To::parse_command(text)) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
