//! The command: the sample server in threads of this process, and Weir in front of it.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::runtime;
use tokio::sync::watch;

use super::super::{UNUSABLE, fail, refuse};
use super::directory::Directory;
use super::paste::{Demo as Pasted, Style};
use super::server::Server;
use super::stdio;
use crate::config::{Address, Fronted, Overrides, To, socket_address};
use crate::daemon::{self, Ready, Signals};
use crate::net::listen::{self, At};

/// Where `weir run` listens where nothing else is said, and the demo with it.
const LISTEN: SocketAddr = loopback(8080);
const ADMIN: SocketAddr = loopback(9901);
const SAMPLE: SocketAddr = loopback(3000);
/// How long what runs may take to come to its end once the demo is to stop.
const DRAIN: Duration = Duration::from_secs(3);

/// Clients' connections that a demo takes.
const CONNECTIONS: usize = 400;

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

/// Try Weir: a sample MCP server, Weir in front of it, and lines to paste.
///
/// It needs nothing but this binary, and leaves nothing behind.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  weir demo                                          sample server and Weir; Ctrl-C ends both
  weir demo --server-only --listen 127.0.0.1:3000    the sample server alone, for tests and load
  weir run --to-command 'weir demo --server-only --stdio'    the sample server as a command behind Weir

Exit codes: 0 done, 1 the work failed, 2 the command line is wrong.")]
pub(in crate::cli) struct Demo {
    /// Where clients reach Weir, or the sample server where it is alone [default: 127.0.0.1:8080, alone 127.0.0.1:3000]
    #[arg(long, value_name = "ADDR", value_parser = socket_address)]
    listen: Option<SocketAddr>,
    /// Where operators reach Weir [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR", value_parser = socket_address, conflicts_with = "server_only")]
    admin: Option<SocketAddr>,
    /// Where notes and keys are kept [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The sample server alone, without Weir
    #[arg(long)]
    server_only: bool,
    /// Serve standard input and output, a message a line, until the input ends
    #[arg(long, requires = "server_only", conflicts_with_all = ["listen", "cores"])]
    stdio: bool,
    /// Threads of the sample server
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    cores: u16,
}

pub(in crate::cli) fn run(options: Demo) -> ExitCode {
    // Before there is anything to remove: until they are taken, they kill. Weir and what runs behind it stop each by
    // its own.
    let (signals, again) = match Signals::take().and_then(|signals| Ok((signals, Signals::take()?))) {
        Ok(taken) => taken,
        Err(error) => return fail(1, format!("{error:#}")),
    };
    let directory = match options.data.clone().map_or_else(Directory::temporary, |path| Ok(Directory::kept(path))) {
        Ok(directory) => directory,
        Err(error) => return fail(1, format!("cannot make a temporary directory: {error}; name one (--data DIR)")),
    };
    match (options.server_only, options.stdio) {
        (_, true) => over_stdio(&directory, signals),
        (true, false) => alone(&options, &directory, signals),
        (false, false) => behind_weir(&options, &directory, signals, again),
    }
}

/// `--server-only --stdio`. Standard output belongs to the protocol.
fn over_stdio(directory: &Directory, mut signals: Signals) -> ExitCode {
    match stdio::serve(directory.path(), async { _ = signals.next().await }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, format!("cannot serve over stdio, notes in {}: {error}", directory.path().display())),
    }
}

/// `--server-only`.
fn alone(options: &Demo, directory: &Directory, mut signals: Signals) -> ExitCode {
    let address = options.listen.unwrap_or(SAMPLE);
    if !address.ip().is_loopback() {
        return fail(
            UNUSABLE,
            format!("--listen {address}: the sample server is for this machine; name a loopback address"),
        );
    }
    let mut served = || -> anyhow::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let server = Server::start(address, options.cores.into(), directory.path()).with_context(|| {
                format!("cannot serve on {address} (--listen), notes in {}", directory.path().display())
            })?;
            say(&format!("weir: sample server on http://{}/mcp\n", server.address()));
            signals.next().await;
            server.end();
            Ok(())
        })
    };
    match served() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, format!("{error:#}")),
    }
}

fn behind_weir(options: &Demo, directory: &Directory, signals: Signals, again: Signals) -> ExitCode {
    let mut taken = Vec::new();
    let overrides = Overrides {
        listen: Some(Address::Tcp(chosen(options.listen, LISTEN, &mut taken))),
        admin: Some(chosen(options.admin, ADMIN, &mut taken).into()),
    };
    let server = match Server::start(loopback(0), options.cores.into(), directory.path()) {
        Ok(server) => server,
        Err(error) => {
            return fail(
                1,
                format!("the sample server cannot start, notes in {}: {error}", directory.path().display()),
            );
        }
    };
    let sample = server.address();
    let to = To { name: Some("demo".to_owned()), what: Fronted::Url(format!("http://{sample}/mcp")) };
    let mut settings = match overrides.fronting(&[to]) {
        Ok(settings) => settings,
        Err(report) => return refuse(&report),
    };
    settings.drain.timeout = DRAIN;
    // What a machine's limit of open files always carries.
    settings.http.connections = CONNECTIONS;
    let stop = server.stop();
    let data = match directory.is_temporary() {
        true => format!("{} (removed at the end)", directory.path().display()),
        false => directory.path().display().to_string(),
    };
    let ready = move |Ready { listen, admin }| {
        let (At::Tcp(listen), At::Tcp(admin)) = (listen, admin) else { unreachable!("the demo listens on addresses") };
        say(&Pasted { listen, admin, sample, taken: &taken, data }.text(Style::new(colour())));
        // Weir drains at the same signal: what runs behind it has to end for that.
        tokio::spawn(end_what_runs(again, stop));
    };
    let options = daemon::Options { settings, reload: None, data: directory.path().to_owned(), signals: Some(signals) };
    let ran = daemon::run_and_tell(options, ready);
    server.end();
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(daemon::Failure { code, error }) => fail(code, format!("{error:#}")),
    }
}

/// The address that was named, or the usual one, or a free one where somebody has the usual one already: a newcomer wants
/// to see it run, and is told.
fn chosen(named: Option<SocketAddr>, usual: SocketAddr, taken: &mut Vec<SocketAddr>) -> SocketAddr {
    named.unwrap_or_else(|| match listen::bind_alone(usual) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            taken.push(usual);
            loopback(0)
        }
        // Any other trouble is told by whoever binds it.
        _ => usual,
    })
}

async fn end_what_runs(mut signals: Signals, stop: watch::Sender<bool>) {
    signals.next().await;
    stop.send_replace(true);
}

/// Whoever started us may have stopped listening; that is no reason to stop.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
    let _ = io::stdout().flush();
}

fn colour() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_gives_way_unless_it_was_named() {
        let held = listen::bind_alone(loopback(0)).unwrap();
        let address = held.local_addr().unwrap();
        let mut taken = Vec::new();
        assert_eq!(chosen(Some(address), LISTEN, &mut taken), address);
        assert!(taken.is_empty());
        assert_eq!(chosen(None, address, &mut taken), loopback(0));
        assert_eq!(taken, [address]);
        drop(held);
        assert_eq!(chosen(None, address, &mut taken), address);
        assert_eq!(taken.len(), 1);
    }
}
