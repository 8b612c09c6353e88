//! Servers that are commands: what each is started with, and who speaks to it. One that a reload leaves as it was keeps
//! its processes, and with them its sessions.

use std::env;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use zeroize::Zeroizing;

use crate::config::{self, Http, Per, Transport, Variable};
use crate::net::command::{self, Handle, Means, Pair, Spec};
use crate::net::process::{CommandLine, ProcessLimits};
use crate::net::upstream::Endpoint;
use crate::stages::balance::Listed;

use super::endpoints::Endpoints;
use super::observe::Counts;

/// What a command has of the daemon's own environment, where the configuration does not say it.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// The streams of a server of the pair of 2024-11-05: one for each session.
const STREAMS: config::Processes = config::Processes {
    per: Per::Session,
    limit: 10_000,
    idle: Duration::from_secs(10 * 60),
    warm: 0,
    start: Duration::from_secs(60),
    wait: Duration::from_secs(5),
};

/// What drives commands, once there is one. It lasts as long as the daemon.
#[derive(Clone, Debug, Default)]
pub(super) struct Driver {
    started: Arc<Mutex<Option<Arc<command::Commands>>>>,
    counts: Counts,
}

impl Driver {
    /// Starts it where that has not been done: a daemon without commands has no keeper beside it.
    fn start(&self) -> anyhow::Result<Arc<command::Commands>> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(commands) = &*started {
            return Ok(Arc::clone(commands));
        }
        // Whatever becomes of the file, this is the binary that runs.
        let commands = command::Commands::start("/proc/self/exe".into());
        let commands = commands.context("cannot start the thread that drives commands")?;
        let commands = Arc::new(commands);
        *started = Some(Arc::clone(&commands));
        Ok(commands)
    }

    /// Serves a server from now on.
    fn serve(&self, spec: Spec) -> anyhow::Result<Handle> {
        let name = spec.name.clone();
        let handle = self.start()?.serve(spec);
        self.counts.add(&name, handle.count());
        Ok(handle)
    }

    /// What is counted of their processes.
    pub(super) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// Ends all commands.
    pub(super) async fn stop(&self) {
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(commands) = started {
            commands.stop().await;
        }
    }
}

/// The commands of all servers, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Commands(Vec<Option<(Spec, Handle)>>);

impl Commands {
    /// Reads what the configuration names, and takes over from `before` what is the same. What is new begins to run.
    pub(super) fn build(
        servers: &[config::Server],
        http: &Http,
        endpoints: &Endpoints,
        driver: &Driver,
        before: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let listed = servers.iter().zip(endpoints.by_server());
        let specs: anyhow::Result<Vec<_>> = listed.map(|(server, listed)| spec(server, &listed, http)).collect();
        let mut built = Vec::with_capacity(servers.len());
        for spec in specs? {
            built.push(match spec {
                Some(spec) => Some(place(spec, driver, before)?),
                None => None,
            });
        }
        Ok(Self(built))
    }

    /// Who speaks to each server; `None` where it is no command.
    pub(super) fn by_server(&self) -> impl Iterator<Item = Option<Handle>> {
        self.0.iter().map(|placed| placed.as_ref().map(|(_, handle)| handle.clone()))
    }
}

fn place(spec: Spec, driver: &Driver, before: Option<&Commands>) -> anyhow::Result<(Spec, Handle)> {
    let known = before.into_iter().flat_map(|before| before.0.iter().flatten()).find(|(known, _)| *known == spec);
    match known {
        Some((_, handle)) => Ok((spec, handle.clone())),
        None => {
            let handle = driver.serve(spec.clone())?;
            Ok((spec, handle))
        }
    }
}

/// What a server's command is run as, or what stands for one; `None` where it is spoken to over streamable HTTP.
///
/// # Errors
/// A secret of its environment cannot be read, or is no text.
fn spec(server: &config::Server, listed: &[Listed<Arc<Endpoint>>], http: &Http) -> anyhow::Result<Option<Spec>> {
    let means = match (&server.command, listed) {
        (Some(command), _) => Means::Command(line(server, command)?),
        (None, [one, ..]) if server.transport == Transport::Sse => Means::Pair(Pair(Arc::clone(&one.endpoint))),
        (None, _) => return Ok(None),
    };
    let config::Processes { per, limit, idle, warm, start, wait } =
        server.command.as_ref().map_or(STREAMS, |command| command.processes);
    Ok(Some(Spec {
        name: server.name.as_str().to_owned(),
        means,
        per: match per {
            Per::Session => command::Per::Session,
            Per::Principal => command::Per::Principal,
            Per::Shared => command::Per::Shared,
        },
        limit,
        warm,
        idle,
        start,
        wait,
        deadline: server.deadline,
        line_limit: http.event,
        depth: u16::try_from(http.depth).unwrap_or(u16::MAX),
        keepalive: http.keepalive,
    }))
}

/// What a server's command is run as.
///
/// # Errors
/// A secret of its environment cannot be read, or is no text.
pub(super) fn line(server: &config::Server, command: &config::Command) -> anyhow::Result<CommandLine> {
    let name = server.name.as_str();
    let (program, arguments) = command.words.split_first().context("a command has a program")?;
    let config::ProcessLimits { memory, files, processes } = command.limits;
    Ok(CommandLine {
        program: program.clone(),
        arguments: arguments.to_vec(),
        environment: environment(command).with_context(|| format!("[[servers]] {name:?}: environment"))?,
        directory: command.directory.clone(),
        limits: ProcessLimits { memory, files, processes },
    })
}

fn environment(command: &config::Command) -> anyhow::Result<Vec<(String, Zeroizing<String>)>> {
    let mut environment = Vec::new();
    for name in INHERITED {
        let named = command.environment.iter().any(|(known, _)| known == name);
        if let Some(value) = env::var_os(name).filter(|_| !named).and_then(|value| value.into_string().ok()) {
            environment.push((name.to_owned(), value.into()));
        }
    }
    for (name, variable) in &command.environment {
        let value = match variable {
            Variable::Text(text) => text.clone().into(),
            Variable::Secret(secret) => text_of(secret).with_context(|| name.clone())?,
        };
        environment.push((name.clone(), value));
    }
    Ok(environment)
}

/// The `PATH` that a command is looked up in, as far as it is known without its secrets.
pub(super) fn search_path(command: &config::Command) -> Option<Zeroizing<String>> {
    let named = command.environment.iter().rev().find(|(name, _)| name == "PATH");
    match named {
        Some((_, Variable::Text(text))) => Some(text.clone().into()),
        Some((_, Variable::Secret(secret))) => text_of(secret).ok(),
        None => env::var("PATH").ok().map(Zeroizing::new),
    }
}

/// A secret as text, without the line end that files have.
pub(super) fn text_of(secret: &config::Secret) -> anyhow::Result<Zeroizing<String>> {
    let bytes = secret.read()?;
    let text = std::str::from_utf8(bytes.as_bytes()).map_err(|_| anyhow!("{secret} is no text"))?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.contains('\0') { Err(anyhow!("{secret} has U+0000 in it")) } else { Ok(text.to_owned().into()) }
}
