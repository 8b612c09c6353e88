//! A real PostgreSQL of a test's own, on loopback, from an empty directory; killed, frozen and started again by its pid.
//! Whoever has the server for its user `postgres` runs it as that one: it refuses root.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

/// The password of the role `weir`; nothing of ours may ever say it.
pub(crate) const PASSWORD: &str = "hunter2";
/// Who may come, and how: the superuser through the socket, whose directory is the test's own.
const WHO: &str = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
/// Quick, and lost with the test.
const SETTINGS: &[&str] = &[
    "fsync=off",
    "shared_buffers=16MB",
    "listen_addresses=127.0.0.1",
    "max_connections=40",
    "superuser_reserved_connections=3",
    "autovacuum=off",
    "log_checkpoints=off",
];

pub(crate) struct Postgres {
    child: Child,
    port: u16,
    settings: Vec<String>,
    home: TempDir,
    _template: Arc<TempDir>,
}

impl Postgres {
    /// One with an empty database `gate`, which belongs to the role `weir`.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with these settings (`name=value`).
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a directory"), &[], settings)
    }

    /// One that speaks TLS, with this certificate and its key, and takes nothing else over TCP.
    pub(crate) fn with_tls(certificate: &str, key: &str) -> Self {
        let files = [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", "")];
        let who = WHO.replace("host ", "hostssl ");
        let files = files.map(|(name, text)| (name, if text.is_empty() { who.as_str() } else { text }));
        Self::start_in(tempfile::tempdir().expect("a directory"), &files, &["ssl=on"])
    }

    fn start_in(home: TempDir, files: &[(&str, &str)], settings: &[&str]) -> Self {
        own(home.path());
        let (data, template) = (home.path().join("data"), template());
        run(tool("cp").arg("-a").arg(template.path().join("data")).arg(&data), "");
        for (name, text) in files {
            let path = data.join(name);
            fs::write(&path, text).expect("the directory can be written");
            run(Command::new("chmod").arg("600").arg(&path), "");
            own(&path);
        }
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        // Another may take the port in between.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let port = free.expect("a port is free").port();
            if let Ok(child) = launch(home.path(), port, &settings) {
                return Self { child, port, settings, home, _template: template };
            }
        }
        panic!("PostgreSQL does not start in {}", data.display());
    }

    /// The URL of a database, as the role `weir`.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://weir:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Does this as the superuser, in the database `gate`, and gives what it says, without headings.
    pub(crate) fn sql(&self, text: &str) -> String {
        let mut psql = tool("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "gate", "-f", "-", "-h"]);
        run(psql.arg(self.home.path()).args(["-p", &self.port.to_string()]), text)
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.thaw();
        self.signal(&[self.child.id()], Signal::QUIT);
        self.child.wait().expect("a child of ours");
    }

    /// Starts it again, where it was.
    pub(crate) fn start_again(&mut self) {
        self.child = launch(self.home.path(), self.port, &self.settings).expect("PostgreSQL starts again");
    }

    /// Stops all of its processes, so that connections stay and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.signal(&[self.child.id()], Signal::STOP);
        self.signal(&self.children(), Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(&self.children(), Signal::CONT);
        self.signal(&[self.child.id()], Signal::CONT);
    }

    fn children(&self) -> Vec<u32> {
        let own = self.child.id().to_string();
        let processes = fs::read_dir("/proc").expect("there is a /proc").flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let parent = |id: &u32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            // The name before it may have anything in it.
            stat.rsplit_once(") ")?.1.split(' ').nth(1).map(|parent| parent == own)
        };
        ids.filter(|id| parent(id) == Some(true)).collect()
    }

    fn signal(&self, ids: &[u32], signal: Signal) {
        for id in ids {
            // It may have ended.
            let id = Pid::from_raw(id.cast_signed()).expect("no process is called 0");
            let _ = kill_process(id, signal);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}

/// A directory made by `initdb`, with the role and its database. Tests that run at the same time share it, and the last one
/// takes it away.
fn template() -> Arc<TempDir> {
    static MADE: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    // A test that fails while it makes one leaves none.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.upgrade().unwrap_or_else(|| {
        let home = tempfile::tempdir().expect("a directory");
        own(home.path());
        let data = home.path().join("data");
        let mut initdb = tool("initdb");
        run(initdb.args(["-N", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-D"]).arg(&data), "");
        let role = format!("CREATE ROLE weir LOGIN PASSWORD '{PASSWORD}'\nCREATE DATABASE gate OWNER weir\n");
        run(tool("postgres").args(["--single", "-D"]).arg(&data).arg("postgres"), &role);
        fs::write(data.join("pg_hba.conf"), WHO).expect("the directory can be written");
        let home = Arc::new(home);
        *made = Arc::downgrade(&home);
        home
    })
}

fn launch(home: &Path, port: u16, settings: &[String]) -> Result<Child, String> {
    let mut postgres = tool("postgres");
    postgres.arg("-D").arg(home.join("data")).args(["-p", &port.to_string()]);
    postgres.args(["-c", &format!("unix_socket_directories={}", home.display())]);
    for setting in SETTINGS.iter().copied().chain(settings.iter().map(String::as_str)) {
        postgres.args(["-c", setting]);
    }
    let child = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("cannot start {postgres:?}: {error}"))?;
    let (tell, told) = sync_channel(1);
    let errors = BufReader::new(child.stderr.take().expect("a pipe"));
    // It reads to the end: who does not write on is not slower for it.
    thread::spawn(move || {
        for line in errors.lines().map_while(Result::ok) {
            if line.contains("database system is ready to accept connections") {
                let _ = tell.try_send(());
            }
        }
    });
    match told.recv() {
        Ok(()) => Ok(child),
        Err(_) => Err(format!("{postgres:?} has ended: {:?}", child.wait())),
    }
}

/// A program of PostgreSQL, as the user that it may run as.
fn tool(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let places = versions
        .map(|version| version.path().join("bin").join(name))
        .chain([PathBuf::from("/usr/local/bin").join(name)]);
    let found = places.filter(|path| path.exists()).max();
    let mut command = Command::new(found.unwrap_or_else(|| name.into()));
    if let Some((user, group)) = user() {
        command.uid(user).gid(group);
    }
    command.current_dir("/").env("LC_ALL", "C");
    command
}

/// Whom it runs as, where we are root.
fn user() -> Option<(u32, u32)> {
    if !getuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields =
        line.expect("Debian's package makes the user `postgres`: bash tests/install.sh").split(':').skip(2);
    let mut number = || fields.next().and_then(|field| field.parse().ok()).expect("a number");
    Some((number(), number()))
}

fn own(path: &Path) {
    if let Some((user, group)) = user() {
        chown(path, Some(user), Some(group)).expect("root may give it away");
    }
}

fn run(command: &mut Command, input: &str) -> String {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("a child of ours");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{command:?}: {said} {}", String::from_utf8_lossy(&output.stderr));
    said
}
