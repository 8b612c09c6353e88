//! A child process: its standard output line by line, its standard error kept for failure messages, dead when dropped.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::within;

pub(crate) struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: UnboundedReceiver<String>,
    errors: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        Self::spawn(name, command.stdin(Stdio::null()), Stdio::piped())
    }

    /// One whose standard error goes to `errors`.
    pub(crate) fn telling(name: &str, command: &mut Command, errors: Stdio) -> Self {
        Self::spawn(name, command.stdin(Stdio::null()), errors)
    }

    /// One that is spoken to.
    pub(crate) fn listening(name: &str, command: &mut Command) -> Self {
        Self::spawn(name, command.stdin(Stdio::piped()), Stdio::piped())
    }

    fn spawn(name: &str, command: &mut Command, errors: Stdio) -> Self {
        command.stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        let (tell, lines) = unbounded_channel();
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let errors = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&errors);
        let reader = child.stderr.take().map(|stderr| {
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut kept = kept.lock().expect("no panic while the lock is held");
                    kept.push_str(&line);
                    kept.push('\n');
                }
            })
        });
        let input = child.stdin.take();
        Self { name: name.into(), child, input, lines, errors, reader }
    }

    /// Writes to its standard input, all of it at once.
    pub(crate) fn say(&mut self, text: &[u8]) {
        let input = self.input.as_mut().expect("its input is open");
        input.write_all(text).expect("it reads what it is told");
    }

    /// Ends its standard input.
    pub(crate) fn hush(&mut self) {
        self.input = None;
    }

    /// The next line of standard output, `None` once it has been closed.
    pub(crate) async fn line(&mut self) -> Option<String> {
        within(&format!("a line of {}", self.name), self.lines.recv()).await
    }

    /// Reads lines until one has `before` in it and gives what follows there.
    pub(crate) async fn line_after(&mut self, before: &str) -> String {
        while let Some(line) = self.line().await {
            if let Some((_, after)) = line.split_once(before) {
                return after.to_owned();
            }
        }
        let status = self.exit().await;
        panic!("{} ended ({status}) before it said {before:?}; it wrote:\n{}", self.name, self.errors());
    }

    /// What standard error has said so far; all of it after [`Process::exit`].
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().expect("no panic while the lock is held").clone()
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process has not been reaped, so its id is its own");
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        kill_process(self.pid(), Signal::INT).expect("the process has not been reaped, so its id is its own");
    }

    /// Waits for the end.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        while self.line().await.is_some() {}
        let status = self.child.wait().expect("a child can be waited for");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of stderr does not panic");
        }
        status
    }

    /// How many file descriptors the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("the process runs").count()
    }

    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a running process has VmRSS");
        line.trim().trim_end_matches("kB").trim().parse().expect("VmRSS is a number")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already, and that is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- stderr of {}\n{}----", self.name, self.errors());
        }
    }
}
