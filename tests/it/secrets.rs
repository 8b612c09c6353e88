//! A secret is nowhere but where it is used: in no output of a command, no line of the log, no answer of the operators'
//! side, no error and no list of processes; and no core dump has it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use weir::config::Settings;

use crate::support::{Gateway, call, only_through_weir, until};

/// What no output may have.
const MARKER: &str = "hunter2";
const SOURCES: [&str; 3] = ["of-a-file", "of-the-environment", "of-a-credential"];
/// A ring, which is told by these letters.
const RING: &str = "aHVudGVyMi1odW50ZXIyLWh1bnRlcjItaHVudGVyMiE=";

/// A directory with a secret from each source, and a command that gets them.
struct Secrets {
    home: TempDir,
}

impl Secrets {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let this = Self { home };
        fs::create_dir(this.path("credentials")).expect("it can be made");
        this.write("file", Self::value(0));
        this.write("credentials/cred", Self::value(2));
        this.write("ring", RING);
        this.write("weir.toml", this.config(""));
        this
    }

    fn value(source: usize) -> String {
        format!("{MARKER}-{}", SOURCES[source])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("it can be written");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("it is ours");
    }

    fn config(&self, more: &str) -> String {
        let weir = env!("CARGO_BIN_EXE_weir");
        format!(
            "[reload]\nwatch = false\n[keys]\nring = {{ file = {:?} }}\n{more}\n[[servers]]\nname = \"demo\"\n\
             command = [{weir:?}, \"demo\", \"--server-only\", \"--stdio\"]\n\
             environment = {{ A = {{ file = {:?} }}, B = {{ env = \"WEIR_TEST_SECRET\" }}, C = {{ credential = \"cred\" }} }}\n",
            self.path("ring"),
            self.path("file"),
        )
    }

    /// Everything that a command of ours writes.
    fn said(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(arguments).current_dir(self.home.path()).env_remove("STATE_DIRECTORY");
        command.env("WEIR_TEST_SECRET", Self::value(1)).env("CREDENTIALS_DIRECTORY", self.path("credentials"));
        let output = command.output().expect("the binary can be started");
        [output.stdout, output.stderr].iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    /// Nothing of a secret is in this, and something is.
    #[track_caller]
    fn has_none(&self, what: &str, text: &str) {
        assert!(!text.trim().is_empty(), "{what} says nothing");
        let kept = |name: &str| fs::read_to_string(self.path("data/keys").join(name)).unwrap_or_default();
        for secret in [MARKER.to_owned(), RING[..12].to_owned(), kept("admin"), kept("token")] {
            let secret = secret.trim_end();
            assert!(secret.is_empty() || !text.contains(secret), "{what} has {secret}:\n{text}");
        }
    }
}

const ADDRESSES: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

#[tokio::test]
async fn what_is_written_has_no_secret_in_it() {
    only_through_weir!();
    let secrets = Secrets::new();
    for arguments in [&["check"][..], &["check", "--json"], &["doctor"], &["doctor", "--json"], &["schema"]] {
        let arguments = match arguments[0] {
            "doctor" => [arguments, &["--data", "data"], &ADDRESSES].concat(),
            _ => arguments.to_vec(),
        };
        secrets.has_none(&arguments.join(" "), &secrets.said(&arguments));
    }
    let settings = Settings::load(&secrets.path("weir.toml")).expect("it is right");
    secrets.has_none("Debug", &format!("{settings:?}"));

    let data = secrets.path("data");
    let weir = Gateway::config(&secrets.config(""))
        .data(&data)
        .with("WEIR_TEST_SECRET", &Secrets::value(1))
        .with("CREDENTIALS_DIRECTORY", secrets.path("credentials").to_str().expect("UTF-8"))
        .with("WEIR_LOG", "trace")
        .start()
        .await;
    let answer = weir.client().await.ask(&call("1", "echo", r#"{"text":"x"}"#)).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    secrets.has_none("an answer", answer.text());
    let all = fs::read_dir("/proc").expect("it is there").flatten();
    let lines: Vec<_> = all.filter_map(|process| fs::read(process.path().join("cmdline")).ok()).collect();
    let lines = lines.iter().map(|line| String::from_utf8_lossy(line) + "\n").collect::<String>();
    assert!(lines.contains("weir-keeper") && lines.contains("--stdio"), "{lines}");
    secrets.has_none("ps", &lines);
    let mut admin = weir.admin().await;
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/log"] {
        admin.bytes(&weir.order("GET", path, "")).await;
        let answer = admin.answer().await;
        assert_eq!(answer.status(), 200, "{path}");
        secrets.has_none(path, answer.text());
    }
    // A reload that reads them, and one that must not say what is wrong with one by showing it.
    let reload = async |status: u16| {
        let mut admin = weir.admin().await;
        admin.bytes(&weir.order("POST", "/api/v1/reload", "")).await;
        let answer = admin.answer().await;
        assert_eq!(answer.status(), status, "{answer:?}");
        secrets.has_none("a reload", answer.text());
    };
    reload(200).await;
    secrets.write("file", format!("{}\0", Secrets::value(0)));
    reload(422).await;
    admin.bytes(&weir.order("GET", "/api/v1/status", "")).await;
    secrets.has_none("the status", admin.answer().await.text());
    let log = weir.log().await;
    assert!(log.contains("U+0000") && log.to_ascii_lowercase().contains("debug"), "{log}");
    secrets.has_none("the log", &log);
}

#[tokio::test]
async fn a_secret_that_will_not_do_is_not_shown() {
    only_through_weir!();
    let secrets = Secrets::new();
    let wrong: [(&str, Vec<u8>); 5] = [
        ("ring", MARKER.into()),
        ("ring", [MARKER.as_bytes(), b"\xff\n"].concat()),
        ("ring", MARKER.repeat(10_000).into()),
        ("file", [MARKER.as_bytes(), b"\xff"].concat()),
        ("file", [MARKER.as_bytes(), b"\0"].concat()),
    ];
    for (file, bytes) in wrong {
        let before = fs::read(secrets.path(file)).expect("it is there");
        secrets.write(file, bytes);
        for arguments in
            [&["check"][..], &["check", "--json"], &["doctor", "--data", "data"], &["run", "--data", "data"]]
        {
            let addresses = if arguments.contains(&"--data") { &ADDRESSES[..] } else { &[] };
            let said = secrets.said(&[arguments, addresses].concat());
            assert!(said.contains(secrets.path(file).to_str().expect("UTF-8")) || said.contains(file), "{said}");
            secrets.has_none(&format!("{arguments:?} of a wrong {file}"), &said);
        }
        secrets.write(file, before);
    }
    // Keys of our own that are none.
    secrets.write("weir.toml", "[auth.local]\nenabled = true\n[listen]\npublic_url = \"http://x.test\"\n[[servers]]\nname = \"a\"\nendpoints = [\"http://127.0.0.1:9/mcp\"]\n");
    fs::create_dir_all(secrets.path("data/keys")).expect("it can be made");
    fs::set_permissions(secrets.path("data/keys"), fs::Permissions::from_mode(0o700)).expect("it is ours");
    for name in ["token", "ring"] {
        secrets.write(&format!("data/keys/{name}"), MARKER);
        let said = secrets.said(&[&["run", "--data", "data"], &ADDRESSES[..]].concat());
        assert!(said.contains(&format!("keys/{name}")) && !said.contains(MARKER), "{said}");
        let said = secrets.said(&["token", "--subject", "a", "--data", "data"]);
        assert!(!said.contains(MARKER), "{said}");
        fs::remove_file(secrets.path(&format!("data/keys/{name}"))).expect("it is there");
    }
}

/// Of a process that may not be dumped the kernel gives to root what is in `/proc`: nobody else reads its memory.
#[tokio::test]
async fn the_memory_is_not_dumped_unless_that_is_asked_for() {
    only_through_weir!();
    const NOBODY: u32 = 65534;
    let own = rustix::process::getuid().as_raw();
    let user = if own == 0 { NOBODY } else { own };
    for (allowed, owner) in [(None, 0), (Some("1"), user)] {
        let home = tempfile::tempdir().expect("a temporary directory");
        // Where this user can run it, wherever it was built. Not copied by this process: what another test starts
        // meanwhile would have the copy open to write, and such a file cannot be run (ETXTBSY).
        let weir = home.path().join("weir");
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_weir")).arg(&weir).status();
        assert!(copied.expect("`cp` is there").success(), "the binary can be copied");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        chown(home.path(), Some(user), None).expect("it is ours");
        let mut command = Command::new(&weir);
        command.args([
            "run",
            "--to-command",
            &format!("{} demo --server-only --stdio", weir.display()),
            "--data",
            "data",
        ]);
        command.args(ADDRESSES).current_dir(home.path()).stdout(Stdio::piped()).env_remove("STATE_DIRECTORY");
        command.env_remove("WEIR_CORE_DUMPS").envs(allowed.map(|allowed| ("WEIR_CORE_DUMPS", allowed)));
        if own == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut child = command.spawn().expect("it can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let address = lines.find_map(|line| Some(line.ok()?.strip_prefix("weir: listening on http://")?.to_owned()));
        let address = address.expect("it is ready").parse().expect("an address");
        let environ = Path::new("/proc").join(child.id().to_string()).join("environ");
        let seen = fs::metadata(&environ).expect("it runs").uid();
        // A process of its own binary is started all the same.
        let answer = crate::support::Client::connect(address).await.ask(&call("1", "echo", r#"{"text":"x"}"#)).await;
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it runs");
        until("it has ended", async || child.try_wait().expect("it is ours").is_some()).await;
        assert_eq!((seen, answer.status()), (owner, 200), "{allowed:?}: {answer:?}");
    }
}
