//! What `weir check` says of files that are wrong, kept beside them; and what it says of files that are right. The
//! schema, held against both.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, mknodat};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the binary in a directory: its exit code, standard output and standard error.
fn weir(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.current_dir(directory).args(arguments).env_remove("CREDENTIALS_DIRECTORY");
    let output = command.output().expect("the binary runs");
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("it speaks UTF-8"));
    (output.status.code(), out, err)
}

fn files(directory: &str, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(directory)).expect("the directory is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == kind));
    files.sort_unstable();
    files
}

/// What depends on the machine is left out.
fn steady(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.contains("the limit of open files")).collect()
}

#[test]
fn each_broken_file_is_refused_as_the_text_beside_it_says() {
    let broken = files("tests/broken", "toml");
    assert!(broken.len() >= 60, "{} files", broken.len());
    let mut stale = Vec::new();
    for file in broken {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name of ours");
        let (code, out, err) = weir(&root().join("tests/broken"), &["check", "--config", name]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{name}: {err}");
        assert!(!err.contains("hunter2") && !err.contains("c2VjcmV0") && !err.contains('\x1b'), "{name}: {err}");
        let (kept, said) = (file.with_extension("txt"), steady(&err));
        if std::env::var_os("WEIR_BLESS").is_some() {
            fs::write(&kept, &said).expect("the text can be written");
        }
        if fs::read_to_string(&kept).unwrap_or_default() != said {
            stale.push(format!("---- {name}\n{said}"));
        }
    }
    assert!(stale.is_empty(), "other than kept (WEIR_BLESS=1 keeps them):\n{}", stale.join("\n"));
}

#[test]
fn it_says_the_same_as_json() {
    let here = root().join("tests/broken");
    let (code, out, err) = weir(&here, &["check", "--json", "--config", "include_broken.toml"]);
    let said: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, err.as_str(), &said["ok"]), (Some(2), "", &Value::Bool(false)));
    let mistake = &said["mistakes"][0];
    assert_eq!((&mistake["line"], &mistake["column"]), (&6.into(), &1.into()), "{said}");
    assert!(mistake["file"].as_str().is_some_and(|file| file.ends_with("20-wrong.toml")), "{said}");
}

#[test]
fn right_files_are_right_and_nothing_is_written_or_bound() {
    let home = tempfile::tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it is bound");
    let text = format!(
        "include = [\"conf.d/*.toml\", \"later.d/*.toml\"]\n[listen]\naddress = \"{address}\"\n[http]\nbody = \"1MiB\"\n"
    );
    fs::write(home.path().join("weir.toml"), text).expect("it can be written");
    fs::create_dir_all(home.path().join("conf.d")).expect("it can be made");
    fs::create_dir_all(home.path().join("later.d")).expect("it can be made");
    for (name, server) in [("20-b.toml", "b"), ("10-a.toml", "a"), (".hidden.toml", "hidden"), ("c.toml~", "c")] {
        let text = format!("[[servers]]\nname = \"{server}\"\nendpoints = [\"http://${{HOST}}/mcp\"]\n");
        let text = text.replace("${HOST}", if server == "a" { "127.0.0.1:1" } else { "gateway.internal" });
        fs::write(home.path().join("conf.d").join(name), text).expect("it can be written");
    }
    let (code, out, err) = weir(home.path(), &["check"]);
    assert_eq!((code, out.lines().count()), (Some(0), 1), "{err}");
    assert!(out.starts_with("./weir.toml is right: 2 servers, 3 routes, "), "{out}");
    assert!(err.contains("./conf.d/20-b.toml:3:13: warning: server \"b\""), "{err}");
    assert!(err.contains("warning: no file is called \"later.d/*.toml\" yet"), "{err}");
    let left: Vec<_> =
        fs::read_dir(home.path()).expect("it is there").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn what_other_programs_would_substitute_is_warned_of() {
    let home = tempfile::tempdir().expect("a directory");
    let text = "[listen]\npublic_url = \"https://gateway.example.com\"\n[[servers]]\nname = \"a\"\nendpoints = [\"https://127.0.0.1:1/\"]\ntls = { ca = \"${HOME}/ca.pem\" }\n";
    fs::write(home.path().join("weir.toml"), text).expect("it can be written");
    let (_, _, err) = weir(home.path(), &["check"]);
    assert!(err.contains("weir.toml:6:14: ") && err.contains("{ env = \"NAME\" }"), "{err}");
}

#[test]
fn nothing_to_work_on_is_said() {
    let home = tempfile::tempdir().expect("a directory");
    let server = "a server (--to URL, --to-command 'CMD ARGS') or a configuration (--config FILE)";
    for (command, what, instead) in
        [("check", "check", "a configuration (--config FILE)"), ("run", "run", server), ("doctor", "look at", server)]
    {
        let (code, _, err) = weir(home.path(), &[command]);
        let said = format!(
            "weir: there is nothing to {what}: neither ./weir.toml nor /etc/weir/weir.toml is there. Name {instead}\n"
        );
        assert_eq!((code, err), (Some(2), said));
    }
}

const SERVER: &str = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n";

#[test]
fn a_link_that_leads_nowhere_is_a_configuration_that_cannot_be_read() {
    let home = tempfile::tempdir().expect("a directory");
    symlink("gone.toml", home.path().join("weir.toml")).expect("it can be made");
    for command in ["check", "run", "doctor"] {
        let (code, _, err) = weir(home.path(), &[command]);
        let said = "weir: ./weir.toml: cannot be read: it is a link, and nothing is where it leads to, gone.toml\n";
        assert_eq!((code, err.as_str()), (Some(2), said));
    }
}

#[test]
fn a_byte_order_mark_is_taken_in_every_file() {
    let home = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| fs::write(home.path().join(name), format!("\u{feff}{text}"));
    write("weir.toml", "include = [\"more.toml\"]\n").expect("it can be written");
    write("more.toml", SERVER).expect("it can be written");
    let (code, out, err) = weir(home.path(), &["check"]);
    assert_eq!((code, err.as_str(), out.as_str()), (Some(0), "", "./weir.toml is right: 1 server, 2 routes\n"));
    write("more.toml", "htp = 1").expect("it can be written");
    let (_, _, err) = weir(home.path(), &["check"]);
    assert!(err.contains("./more.toml:1:1: unknown section `htp`"), "{err}");
}

/// Nobody writes into the pipe: whoever waits for it does so for ever.
#[test]
fn no_pipe_is_waited_for() {
    let home = tempfile::tempdir().expect("a directory");
    mknodat(CWD, home.path().join("pipe"), FileType::Fifo, 0o600.into(), 0).expect("it can be made");
    let https = SERVER.replace("http:", "https:");
    let free = "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n";
    for (name, text, said) in [
        ("main", "", "weir: pipe: cannot be read: it is a pipe, "),
        (
            "include",
            &format!("include = [\"pip?\"]\n{SERVER}"),
            "include.toml:1:12: ./pipe cannot be read: it is a pipe, ",
        ),
        ("ring", &format!("{free}{SERVER}[keys]\nring = {{ file = \"pipe\" }}\n"), "the file pipe: it is a pipe, "),
        ("ca", &format!("{free}{https}tls = {{ ca = \"pipe\" }}\n"), "pipe cannot be read: it is a pipe, "),
    ] {
        let file = format!("{name}.toml");
        fs::write(home.path().join(&file), text).expect("it can be written");
        let (file, commands) =
            if name == "main" { ("pipe", &["run", "doctor"][..]) } else { (&*file, &["run", "check"][..]) };
        for command in commands {
            let (code, _, err) = weir(home.path(), &[command, "--config", file]);
            assert!(code == Some(2) && err.contains(said), "{name} {command}: {code:?} {err}");
        }
    }
}

#[test]
fn what_comes_through_a_pipe_can_be_checked_and_not_run() {
    let home = tempfile::tempdir().expect("a directory");
    fs::write(home.path().join("more.toml"), SERVER).expect("it can be written");
    let given = |command: &str| {
        let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
        weir.current_dir(home.path()).args([command, "--config", "/dev/stdin"]);
        weir.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut weir = weir.spawn().expect("the binary runs");
        let text = "include = [\"more.toml\"]\n[http]\nbdy = 1\n";
        // It has ended already where it refuses to read.
        let _ = weir.stdin.take().expect("a pipe").write_all(text.as_bytes());
        let output = weir.wait_with_output().expect("it ends");
        (output.status.code(), String::from_utf8(output.stderr).expect("it speaks UTF-8"))
    };
    let (code, err) = given("check");
    assert!(code == Some(2) && err.starts_with("weir: /dev/stdin:3:1: unknown key `bdy`"), "{err}");
    let (code, err) = given("run");
    assert!(code == Some(2) && err.contains("/dev/stdin: cannot be read: it is a pipe, "), "{err}");
}

#[test]
fn the_schema_takes_what_is_right_and_refuses_what_it_can_know() {
    let (code, text, _) = weir(root(), &["schema"]);
    assert_eq!(code, Some(0));
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let read = |file: &Path| -> Option<Value> { toml::from_str(&fs::read_to_string(file).expect("it is there")).ok() };
    let mut right = files("config/examples", "toml");
    // It needs what it includes, and a file alone is not asked for servers by name.
    right.retain(|file| !file.ends_with("production.toml"));
    right.push(root().join("config/weir.toml"));
    for file in right {
        let errors: Vec<_> =
            validator.iter_errors(&read(&file).expect("TOML")).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
    for broken in [
        "unknown_section",
        "unknown_key",
        "size_without_unit",
        "count_negative",
        "choice",
        "flag_as_text",
        "no_servers",
        "list_as_section",
        "not_built_key",
        "log_level",
        "unknown_server_key",
    ] {
        let file = root().join("tests/broken").join(broken).with_extension("toml");
        assert!(!validator.is_valid(&read(&file).expect("TOML")), "{broken}");
    }
}

#[test]
fn manual_pages_and_completions_are_there_for_every_command() {
    let home = tempfile::tempdir().expect("a directory");
    let (code, _, err) = weir(home.path(), &["man", "--dir", "man"]);
    assert_eq!(code, Some(0), "{err}");
    let (_, help, _) = weir(home.path(), &["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in commands.filter_map(|line| line.split_whitespace().next()) {
        let page = fs::read_to_string(home.path().join(format!("man/weir-{command}.1"))).expect(command);
        assert!(page.contains(".SH SYNOPSIS") && page.contains(command), "{page}");
        for shell in ["bash", "zsh", "fish"] {
            let (code, text, _) = weir(home.path(), &["completions", shell]);
            assert!(code == Some(0) && text.contains(command), "{shell} {command}");
        }
    }
    assert_eq!(weir(home.path(), &["completions", "cmd"]).0, Some(2));
}

/// The help of every command, as it was last looked at.
#[test]
fn help_is_as_it_was_read_last() {
    let mut all = String::new();
    for command in ["", "run", "demo", "check", "doctor", "keys", "backup", "schema", "completions", "man", "help"] {
        let mut arguments: Vec<_> = [command].into_iter().filter(|name| !name.is_empty()).collect();
        arguments.push("--help");
        all += &format!("$ weir {}\n{}\n", arguments.join(" "), weir(root(), &arguments).1);
    }
    let kept = root().join("tests/help.txt");
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(&kept, &all).expect("it can be written");
    }
    assert!(fs::read_to_string(&kept).unwrap_or_default() == all, "other than kept (WEIR_BLESS=1 keeps it):\n{all}");
}

#[test]
fn help_of_a_command_is_what_it_says_itself() {
    for command in ["", "check", "demo", "help"] {
        let with = |word: &'static str, last: bool| {
            let command = [command].into_iter().filter(|name| !name.is_empty());
            let words: Vec<_> =
                if last { command.chain([word]).collect() } else { [word].into_iter().chain(command).collect() };
            weir(root(), &words)
        };
        assert_eq!(with("help", false), with("--help", true), "{command}");
    }
    let (code, _, err) = weir(root(), &["help", "chek"]);
    assert!(code == Some(2) && err.contains("unrecognized subcommand 'chek'") && err.contains("'check'"), "{err}");
    assert_eq!(weir(root(), &["help", "audit"]).2, weir(root(), &["audit"]).2);
}

/// Each help says what the exit codes of its command are.
#[test]
fn every_help_says_the_exit_codes() {
    let (_, help, _) = weir(root(), &["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let (_, help, _) = weir(root(), &[command, "--help"]);
        assert!(help.contains("\nExit codes: 0 "), "{command}: {help}");
    }
}
