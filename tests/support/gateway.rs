//! The real binary, on free ports, with a data directory of its own. `WEIR_BINARY` names another than the one just built.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use rustix::io::{FdFlags, fcntl_setfd};
use tempfile::TempDir;

use super::{client::Client, direct, process::Process};

pub(crate) struct Gateway {
    process: Option<Process>,
    /// Where it listens, if that is an address.
    data: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    /// Its data directory.
    state: PathBuf,
    directory: TempDir,
}

impl Gateway {
    /// A gateway in front of one server, as `weir run --to URL`.
    pub(crate) fn to(url: &str) -> Builder {
        let mut builder = Builder::new();
        builder.arguments.extend(["--to".into(), url.into()]);
        builder.server = Some(url.into());
        builder
    }

    /// A gateway in front of a command; `more` stands in its section of the configuration.
    pub(crate) fn command(command: &Command, more: &str) -> Builder {
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let words: Vec<_> = words.map(|word| format!("{word:?}")).collect();
        let directory = command.get_current_dir().map(|path| format!("directory = {path:?}\n")).unwrap_or_default();
        let command = words.join(", ");
        Self::config(&format!("[[servers]]\nname = \"server\"\ncommand = [{command}]\n{directory}{more}\n"))
    }

    /// A gateway in front of a command, as `weir run --to-command 'CMD ARGS'`.
    pub(crate) fn to_command(line: &str) -> Builder {
        let mut builder = Builder::new();
        builder.arguments.extend(["--to-command".into(), line.into()]);
        builder
    }

    /// A gateway with a configuration file.
    pub(crate) fn config(text: &str) -> Builder {
        let mut builder = Builder::new();
        let file = builder.directory.path().join("weir.toml");
        std::fs::write(&file, text).expect("a temporary directory can be written");
        builder.arguments.extend(["--config".into(), file.to_str().expect("the path is UTF-8").into()]);
        builder
    }

    /// A gateway with just these arguments after `weir run`.
    pub(crate) fn arguments(arguments: &[&str]) -> Builder {
        let mut builder = Builder::new();
        builder.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        builder.listen.clear();
        builder
    }

    /// The MCP endpoint of the only server.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.data.expect("it listens on no address")
    }

    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.admin.expect("there is no admin listener in direct mode")
    }

    /// A new connection to the data listener.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// A new connection to the admin listener.
    pub(crate) async fn admin(&self) -> Client {
        Client::connect(self.admin_address()).await
    }

    /// A request of an operator, who has the key of the data directory where there is one.
    pub(crate) fn order(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let key = self.admin_key().map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let length = body.len();
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{key}Content-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    }

    /// The key of operators; none where they need none.
    pub(crate) fn admin_key(&self) -> Option<String> {
        let key = std::fs::read_to_string(self.state.join("keys/admin")).ok()?;
        Some(key.trim_end().to_owned())
    }

    /// Ends it, and gives what it had said about its routes: `PATH -> SERVER (URL)` each.
    pub(crate) async fn routes(mut self) -> Vec<String> {
        self.terminate();
        let mut routes = Vec::new();
        while let Some(line) = self.process.as_mut().expect("there is no process in direct mode").line().await {
            routes.extend(line.strip_prefix("weir: route ").map(str::to_owned));
        }
        routes
    }

    /// Writes another configuration in the place of the one that it was started with.
    pub(crate) fn write(&self, text: &str) {
        let file = self.directory.path().join("weir.toml");
        // As editors do: a whole file takes the place of the old one.
        let next = file.with_extension("next");
        std::fs::write(&next, text).and_then(|()| std::fs::rename(&next, &file)).expect("the directory can be written");
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.running().signal(rustix::process::Signal::HUP);
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.running().id()
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.running().terminate();
    }

    /// SIGKILL, and waits for the end.
    pub(crate) async fn kill(&mut self) {
        self.running().signal(rustix::process::Signal::KILL);
        self.exit().await;
    }

    /// Waits until the process has ended.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        self.process.as_mut().expect("there is no process in direct mode").exit().await
    }

    /// SIGTERM, and waits for the end. It has to be a clean one.
    pub(crate) async fn stop(mut self) {
        if self.process.is_some() {
            self.terminate();
            let status = self.exit().await;
            assert!(status.success(), "weir ended with {status}");
            let said = self.running().errors();
            assert!(!said.contains("panicked"), "{said}");
        }
    }

    /// What it has written to standard error so far; all of it after its end.
    pub(crate) fn said(&self) -> String {
        self.running().errors()
    }

    /// SIGTERM, and its whole log.
    pub(crate) async fn log(mut self) -> String {
        self.terminate();
        let status = self.exit().await;
        let log = self.said();
        assert!(status.success() && !log.contains("panicked"), "weir ended with {status}:\n{log}");
        log
    }

    pub(crate) fn descriptors(&self) -> usize {
        self.running().descriptors()
    }

    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> usize {
        self.running().resident()
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("there is no process in direct mode")
    }
}

pub(crate) struct Builder {
    arguments: Vec<String>,
    listen: Vec<String>,
    directory: TempDir,
    data: Option<PathBuf>,
    server: Option<String>,
    environment: Vec<(String, String)>,
    sockets: Vec<(String, OwnedFd)>,
    errors: Option<OwnedFd>,
}

/// Puts sockets where systemd would, and says whose they are.
const HAND_OVER: &str = "export LISTEN_PID=${LISTEN_PID:-$$}; exec \"$@\"";

impl Builder {
    fn new() -> Self {
        let listen = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"].map(String::from).into();
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let (environment, sockets) = (Vec::new(), Vec::new());
        Self { arguments: Vec::new(), listen, directory, data: None, server: None, environment, sockets, errors: None }
    }

    /// Fronts one more server.
    pub(crate) fn and_to(mut self, url: &str) -> Self {
        self.arguments.extend(["--to".into(), url.into()]);
        self
    }

    /// Keeps its state in `data`, which outlives the gateway.
    pub(crate) fn data(mut self, data: &Path) -> Self {
        self.data = Some(data.into());
        self
    }

    /// With this variable in its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Hands a socket over by that name, as systemd does. Whoever called keeps a copy of it, or does not.
    pub(crate) fn hand_over(mut self, name: &str, socket: impl Into<OwnedFd>) -> Self {
        self.sockets.push((name.into(), socket.into()));
        self
    }

    /// Its standard error is this, and nothing of it is kept here.
    pub(crate) fn errors(mut self, to: impl Into<OwnedFd>) -> Self {
        self.errors = Some(to.into());
        self
    }

    /// Listens to `address` for clients.
    pub(crate) fn listen(mut self, address: &str) -> Self {
        self.listen[1] = address.into();
        self
    }

    /// Listens where its file says.
    pub(crate) fn listening_by_file(mut self) -> Self {
        self.listen.drain(..2);
        self
    }

    /// Listens to `address` for operators.
    pub(crate) fn admin_at(mut self, address: &str) -> Self {
        let at = self.listen.len() - 1;
        self.listen[at] = address.into();
        self
    }

    /// Starts, and waits until it is ready.
    pub(crate) async fn start(self) -> Gateway {
        if direct() {
            let url = self.server.expect("a gateway with a configuration needs Weir");
            let (_, rest) = url.split_once("://").expect("a URL has a scheme");
            let data = rest.split('/').next().and_then(|host| host.parse().ok()).expect("a test server has an address");
            let state = PathBuf::new();
            return Gateway { process: None, data: Some(data), admin: None, state, directory: self.directory };
        }
        let mut process = self.spawn();
        let listening = process.line_after("weir: listening on ").await;
        let data = listening.split_once("://").map(|(_, data)| address(data));
        let operators = process.line_after("weir: admin on ").await;
        let admin = operators.split_once("://").map(|(_, admin)| address(admin));
        let state = self.state();
        Gateway { process: Some(process), data, admin, state, directory: self.directory }
    }

    /// Starts and expects that it refuses to: its exit code, and what it said about it.
    pub(crate) async fn refused(self) -> (Option<i32>, String) {
        let mut process = self.spawn();
        let status = process.exit().await;
        (status.code(), process.errors())
    }

    fn spawn(&self) -> Process {
        // Inherited for as long as this one child is made.
        let inherited = |flags| {
            for (_, socket) in &self.sockets {
                fcntl_setfd(socket.as_fd(), flags).expect("our own file descriptor");
            }
        };
        inherited(FdFlags::empty());
        let copy = |errors: &OwnedFd| errors.try_clone().expect("a file descriptor is left").into();
        let errors = self.errors.as_ref().map_or_else(Stdio::piped, copy);
        let process = Process::telling("weir", &mut self.command(), errors);
        inherited(FdFlags::CLOEXEC);
        process
    }

    /// Weir itself, or a shell that becomes it once the sockets are in their place.
    fn program(&self) -> Command {
        let built = || env!("CARGO_BIN_EXE_weir").into();
        let weir = std::env::var_os("WEIR_BINARY").unwrap_or_else(built);
        if self.sockets.is_empty() {
            return Command::new(weir);
        }
        let from = self.sockets.iter().enumerate();
        let places: Vec<_> = from.map(|(at, (_, socket))| format!("{}<&{}", at + 3, socket.as_raw_fd())).collect();
        let names: Vec<_> = self.sockets.iter().map(|(name, _)| name.as_str()).collect();
        let mut command = Command::new("bash");
        command.arg("-c").arg(format!("exec {}; {HAND_OVER}", places.join(" "))).arg("bash").arg(weir);
        command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        command
    }

    fn state(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| self.directory.path().join("data"))
    }

    fn command(&self) -> Command {
        let mut command = self.program();
        let data = self.state();
        command.arg("run").args(&self.arguments).args(&self.listen).arg("--data").arg(data);
        command.current_dir(self.directory.path()).env_remove("STATE_DIRECTORY").env_remove("WEIR_LOG");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn address(text: &str) -> SocketAddr {
    text.trim_end_matches('/').parse().unwrap_or_else(|_| panic!("not an address: {text:?}"))
}
