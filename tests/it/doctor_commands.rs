//! `weir doctor` of servers that are commands: what it says of each kind, and that nothing of them is left.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Demo, only_through_weir};

/// A server of the session era, as a script: it answers to `initialize` and knows nothing else.
const LEGACY: &str = r#"while read -r line; do case "$line" in
*initialize*) id=${line#*\"id\":}; echo "{\"jsonrpc\":\"2.0\",\"id\":${id%%,*},\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"serverInfo\":{\"name\":\"files\",\"version\":\"1.0\"}}}";;
*) OTHER;; esac; done"#;

#[tokio::test]
async fn servers_of_either_era_are_told_apart() {
    only_through_weir!();
    let doctor = Doctor::new();
    let demo: Vec<_> = Demo::command_line().split(' ').map(str::to_owned).collect();
    let silent = LEGACY.replace("OTHER", "true");
    let dies = LEGACY.replace("OTHER", "exit 3");
    let chats = format!("echo Server is running\n{silent}");
    let told = doctor.run(&[
        ("dual", &demo.iter().map(String::as_str).collect::<Vec<_>>(), ""),
        ("silent", &["sh", "-c", &silent], ""),
        ("dies", &["sh", "-c", &dies], ""),
        ("pinned", &["sh", "-c", &silent], "era = \"modern\""),
        ("chats", &["sh", "-c", &chats], ""),
    ]);
    for (server, begins, has) in [
        ("dual", "ok", "modern and legacy (2026-07-28, 2025-11-25), weir-demo "),
        ("silent", "ok", "sh legacy (2025-11-25), files 1.0; started in "),
        ("dies", "ok", "sh legacy (2025-11-25), files 1.0; started in "),
        ("pinned", "warn", "the configuration says era = \"modern\""),
        ("chats", "warn", " ms; it also wrote 1 line of no meaning; have it log to standard error"),
    ] {
        let line = told.of(server);
        assert!(line.starts_with(begins) && line.contains(has), "{line}");
    }
    assert_eq!(told.code, Some(0), "{}", told.text);
}

#[tokio::test]
async fn what_is_wrong_with_a_command_is_told_with_what_to_do() {
    only_through_weir!();
    let doctor = Doctor::new();
    doctor.file("plain", "#!/bin/sh\n", 0o644);
    doctor.file("strange", "#!/no/such/interpreter\n", 0o755);
    let answers =
        r#"read -r a; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}'; cat > /dev/null"#;
    let complains = "echo first >&2; printf 'Error: \\033[31mno key\\n\\n' >&2; exit 7";
    let told = doctor.run(&[
        ("gone", &["no-such-program-anywhere"], ""),
        ("path", &["./gone"], ""),
        ("plain", &["./plain"], ""),
        ("strange", &["./strange"], ""),
        ("place", &["sh"], "directory = \"/no/such/place\""),
        ("secret", &["sh"], "environment = { KEY = { file = \"/no/such/secret\" } }"),
        ("limit", &["sh"], "process_limits = { files = 1000000 }"),
        ("exits", &["sh", "-c", complains], ""),
        ("refuses", &["sh", "-c", answers], ""),
        ("hangs", &["sh", "-c", "exec cat > /dev/null"], "processes = { start = \"300ms\" }"),
    ]);
    assert_eq!(told.code, Some(1), "{}", told.text);
    for (server, what, todo) in [
        ("gone", "command not found: no-such-program-anywhere; PATH is /", "install it, name its whole path"),
        ("path", "command not found: ./gone; there is no such file", "correct `command`"),
        ("plain", "./plain cannot be run: Permission denied", "look at its mode"),
        ("strange", "it names an interpreter or a loader that is not there", "its first line"),
        ("place", "directory /no/such/place cannot be entered", "make the directory, or correct `directory`"),
        ("secret", "environment: KEY: cannot read the secret in the file /no/such/secret", "put the secret where"),
        ("exits", "it exited with status 7 and answered nothing; its last words: Error: \\u{1b}[31mno key;", "by hand"),
        ("refuses", "no MCP server: it answers initialize with the error -32601", "may want an argument"),
        ("hangs", "it runs, and answered nothing within 0.3 s", "raise `processes.start` if it is slow"),
    ] {
        let line = told.of(server);
        assert!(line.starts_with("FAIL") && line.contains(what) && line.contains(todo), "{line}");
    }
}

#[tokio::test]
async fn what_was_started_is_ended() {
    only_through_weir!();
    let doctor = Doctor::new();
    let stubborn = "trap '' TERM; sleep 1000 & echo $! > child; echo $$ > pid; while :; do sleep 1; done";
    let told = doctor.run(&[("stubborn", &["sh", "-c", stubborn], "processes = { start = \"300ms\" }")]);
    assert_eq!(told.code, Some(3), "out of reach: {}", told.text);
    for file in ["pid", "child"] {
        let pid = std::fs::read_to_string(doctor.folder.path().join(file)).expect("it was started");
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "{file} {pid} is still there");
    }
}

struct Doctor {
    folder: TempDir,
}

struct Told {
    code: Option<i32>,
    text: String,
}

impl Doctor {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary directory can be made") }
    }

    fn file(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("the directory can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("the file is ours");
    }

    /// Name, command and further keys of each server.
    fn run(&self, servers: &[(&str, &[&str], &str)]) -> Told {
        let mut config = "[http]\nconnections = 100\n".to_owned();
        for (name, command, keys) in servers {
            let words: Vec<_> = command.iter().map(|word| format!("'''{word}'''")).collect();
            config += &format!("[[servers]]\nname = {name:?}\ncommand = [{}]\n{keys}\n", words.join(", "));
        }
        self.file("weir.toml", &config, 0o600);
        let built = || env!("CARGO_BIN_EXE_weir").into();
        let mut command = Command::new(std::env::var_os("WEIR_BINARY").unwrap_or_else(built));
        command.args(["doctor", "--config", "weir.toml", "--data", "data"]);
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).current_dir(self.folder.path());
        let output = command.output().expect("the binary can be started");
        let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        let single = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
        Told { code: output.status.code(), text: format!("{out}{errors}").lines().map(single).collect() }
    }
}

impl Told {
    fn of(&self, server: &str) -> &str {
        let is_it = |line: &&str| line.split_whitespace().nth(1) == Some(server);
        self.text.lines().find(is_it).unwrap_or_else(|| panic!("{server} is not in:\n{}", self.text))
    }
}
