//! `weir demo`, as a newcomer starts it but on free ports.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use rustix::process::Signal;

use super::process::Process;

pub(crate) struct Demo {
    process: Process,
    address: SocketAddr,
    screen: String,
}

/// One that may still be starting.
pub(crate) struct Begun(Process);

impl Begun {
    /// Sends a signal, and waits for the end: how it ended, and what it wrote to standard error.
    pub(crate) async fn signalled(mut self, signal: Signal) -> (ExitStatus, String) {
        self.0.signal(signal);
        let status = self.0.exit().await;
        (status, self.0.errors())
    }
}

impl Demo {
    /// Starts it and reads what it prints.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let alone = arguments.contains(&"--server-only");
        let ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let ports = if alone { &ports[..2] } else { &ports[..] };
        let mut process = Process::start("weir demo", command(arguments).args(ports));
        let before = if alone { "weir: sample server on http://" } else { "weir: listening on http://" };
        let address = process.line_after(before).await;
        let address = address.trim_end_matches("/mcp").parse().expect("it says an address");
        let mut screen = String::new();
        while !alone && !screen.contains("Ctrl-C ends it.") {
            screen += &process.line().await.expect("it prints its screen to the end");
            screen.push('\n');
        }
        Self { process, address, screen }
    }

    /// The sample server over stdio.
    pub(crate) fn over_stdio(arguments: &[&str]) -> Process {
        let arguments = [&["--server-only", "--stdio"], arguments].concat();
        Process::listening("weir demo --stdio", &mut command(&arguments))
    }

    /// The binary, as a shell would be told.
    pub(crate) fn command_line() -> String {
        format!("{} demo --server-only --stdio", command(&[]).get_program().to_string_lossy())
    }

    /// Starts it and expects that it refuses to: its exit code, and what it said about it.
    pub(crate) async fn refused(arguments: &[&str]) -> (Option<i32>, String) {
        let mut process = Process::start("weir demo", &mut command(arguments));
        let status = process.exit().await;
        (status.code(), process.errors())
    }

    /// Starts it with `temporary` for its temporary files, and waits for nothing.
    pub(crate) fn begin(arguments: &[&str], temporary: &Path) -> Begun {
        let ports: &[_] = if arguments.is_empty() {
            &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        } else {
            &["--listen", "127.0.0.1:0"]
        };
        Begun(Process::start("weir demo", command(arguments).args(ports).env("TMPDIR", temporary)))
    }

    /// Where clients reach it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it printed after its first line.
    pub(crate) fn screen(&self) -> &str {
        &self.screen
    }

    /// The temporary directory that it says it has.
    pub(crate) fn directory(&self) -> PathBuf {
        let (_, after) = self.screen.split_once("its files: ").expect("it says where its files are");
        after.split(" (").next().expect("a split has a first part").into()
    }

    /// Ctrl-C, and waits for the end. It has to be a clean one; gives what it wrote to standard error.
    pub(crate) async fn stop(mut self) -> String {
        self.process.interrupt();
        let status = self.process.exit().await;
        let said = self.process.errors();
        assert!(status.success() && !said.contains("panicked"), "weir demo ended with {status}: {said}");
        said
    }
}

fn command(arguments: &[&str]) -> Command {
    let built = || env!("CARGO_BIN_EXE_weir").into();
    let mut command = Command::new(std::env::var_os("WEIR_BINARY").unwrap_or_else(built));
    command.arg("demo").args(arguments);
    command
}
