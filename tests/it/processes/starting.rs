//! What a command finds when it starts, and what is said when it cannot.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, time::Duration};

use rustix::process::{Pid, Signal as Kill, kill_process};
use tokio::io::AsyncWriteExt;
use weir::net::process::{CommandLine, Exit, ProcessLimits, Signal};

use super::{all, command, gone, is_gone, keeper, parent, pids, sh, start, status};
use crate::support::{only_through_weir, within};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn what_is_written_comes_back_and_the_end_of_input_is_the_end() {
    only_through_weir!();
    let keeper = keeper();
    let mut cat = start(&keeper, &command("cat", &[])).await;
    let sent = "line\n".repeat(100_000);
    let mut stdin = cat.stdin;
    let write = async {
        stdin.write_all(sent.as_bytes()).await.unwrap();
        drop(stdin);
    };
    let (_, read) = tokio::join!(write, all(&mut cat.stdout));
    assert!(read == sent);
    assert_eq!(within("the exit", cat.life.exited()).await, Exit::Code(0));
    assert_eq!(cat.life.exited().await, Exit::Code(0));
    assert_eq!(keeper.count(), 0);
}

#[tokio::test]
async fn the_environment_is_exactly_what_was_given_and_nothing_else_is_inherited() {
    only_through_weir!();
    let keeper = keeper();
    let environment =
        vec![("SECRET".to_owned(), "a b=\n".to_owned().into()), ("EMPTY".to_owned(), String::new().into())];
    let line = CommandLine { environment, directory: Some("/usr".into()), ..command("/usr/bin/env", &[]) };
    let mut env = start(&keeper, &line).await;
    // Sorted, since it is a map.
    assert_eq!(all(&mut env.stdout).await, "EMPTY=\nSECRET=a b=\n\n");

    let mut look = start(&keeper, &CommandLine { directory: Some("/usr".into()), ..command("sleep", &["1000"]) }).await;
    let pid = look.life.pid();
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
    assert_eq!(link("cwd").to_str(), Some("/usr"));
    // What whoever started these tests left open for every process to come is not the keeper's to close.
    let expected: BTreeSet<_> = inherited().into_iter().chain(["0", "1", "2"].map(str::to_owned)).collect();
    assert_eq!(names(&format!("/proc/{pid}/fd")), expected);
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap(), "sleep\x001000\0");
    for field in ["SigBlk:", "SigIgn:", "CapAmb:"] {
        // Up to 31: what is above is the C library's own, and stays as whoever started these tests left it.
        assert_eq!(u64::from_str_radix(&status(pid, field), 16).unwrap() & 0x7fff_ffff, 0, "{field}");
    }
    look.life.signal(Signal::Term);
    assert_eq!(within("the exit", look.life.exited()).await, Exit::Signal(15));
}

fn names(directory: &str) -> BTreeSet<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The files of this process that stay open when another program takes its place.
fn inherited() -> BTreeSet<String> {
    let stays = |name: &String| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{name}")).ok();
        let flags =
            info.and_then(|info| info.lines().find_map(|line| line.strip_prefix("flags:")?.trim().parse().ok()));
        flags.is_some_and(|flags: String| flags.len() < 7 || (flags.as_bytes()[flags.len() - 7] - b'0') & 2 == 0)
    };
    names("/proc/self/fd").into_iter().filter(stays).collect()
}

#[tokio::test]
async fn limits_take_effect() {
    only_through_weir!();
    let keeper = keeper();
    let show = sh("ulimit -n; ulimit -H -n; ulimit -d; ulimit -u");
    let limits = ProcessLimits { memory: Some(64 << 20), files: Some(77), processes: Some(99) };
    let mut limited = start(&keeper, &CommandLine { limits, ..bash(&show) }).await;
    assert_eq!(all(&mut limited.stdout).await, "77\n77\n65536\n99\n");

    let mut usual = start(&keeper, &bash(&show)).await;
    let shown = all(&mut usual.stdout).await;
    assert!(shown.starts_with("1024\n") && shown.contains("unlimited"), "{shown}");

    let hungry = sh("head -c 300000000 /dev/zero | tail -c 200000000 | wc -c");
    let mut hungry = start(&keeper, &CommandLine { limits, ..hungry }).await;
    assert!(all(&mut hungry.stderr).await.contains("memory"));

    let limits = ProcessLimits { files: Some(1 << 40), ..ProcessLimits::default() };
    let refused = keeper.spawn(&CommandLine { limits, ..sh("true") }).await.unwrap_err().to_string();
    assert!(refused.starts_with("the limit of files cannot be 1099511627776: Operation not permitted"), "{refused}");
}

fn bash(line: &CommandLine) -> CommandLine {
    CommandLine { program: "bash".into(), ..line.clone() }
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_explained() {
    only_through_weir!();
    let (keeper, directory) = (keeper(), tempfile::tempdir().unwrap());
    let file = |name: &str, text: &str, mode| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let plain = file("plain", "#!/bin/sh\n", 0o644);
    let lost = file("lost", "#!/no/such/shell\n", 0o755);
    let path = directory.path().to_str().unwrap();
    let refused = async |line: CommandLine| within("a refusal", keeper.spawn(&line)).await.unwrap_err().to_string();

    assert_eq!(refused(command("npxx", &[])).await, "command not found: npxx; PATH is /usr/bin:/bin");
    let bare = CommandLine { environment: Vec::new(), ..command("sh", &[]) };
    assert_eq!(refused(bare).await, "command not found: sh; its environment has no PATH");
    assert_eq!(refused(command("/no/npx", &[])).await, "command not found: /no/npx; there is no such file");
    assert_eq!(refused(command(&plain, &[])).await, format!("{plain} cannot be run: Permission denied (os error 13)"));
    let found = CommandLine { environment: vec![("PATH".into(), path.to_owned().into())], ..command("plain", &[]) };
    assert_eq!(refused(found).await, "plain cannot be run: Permission denied (os error 13)");
    assert!(refused(command(&lost, &[])).await.contains("names an interpreter or a loader that is not there"));
    let nowhere = CommandLine { directory: Some("/no".into()), ..sh("true") };
    assert!(refused(nowhere).await.starts_with("directory /no cannot be entered: No such file or directory"));
    assert_eq!(keeper.count(), 0);
}

#[tokio::test]
async fn a_long_command_line_is_sent_whole_and_a_longer_one_refused() {
    only_through_weir!();
    let keeper = keeper();
    let long = "x".repeat(127 * 1024);
    let mut echo = start(&keeper, &command("echo", &[&long])).await;
    assert!(all(&mut echo.stdout).await.trim_end() == long);
    let refused = keeper.spawn(&command("echo", &[&long, &long])).await.unwrap_err().to_string();
    assert!(refused.ends_with("131072 is the most"), "{refused}");
}

#[tokio::test]
async fn there_are_never_more_than_the_limit() {
    only_through_weir!();
    let keeper = weir::net::process::Keeper::new(env!("CARGO_BIN_EXE_weir"), 2, &tokio::runtime::Handle::current());
    let [one, _two] = [start(&keeper, &command("cat", &[])).await, start(&keeper, &command("cat", &[])).await];
    let refused = keeper.spawn(&command("cat", &[])).await.unwrap_err().to_string();
    assert_eq!(refused, "2 processes run already, which is the limit");
    assert_eq!(within("the end", one.end(LONG)).await, Exit::Code(0));
    start(&keeper, &command("cat", &[])).await;
}

#[tokio::test]
async fn an_end_is_asked_for_before_it_is_made() {
    only_through_weir!();
    let keeper = keeper();
    // It writes more than a pipe takes before it looks at its input: nobody hangs.
    let chatty = start(&keeper, &sh("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; cat; exit 3")).await;
    assert_eq!(within("the end", chatty.end(LONG)).await, Exit::Code(3));

    let mut deaf = start(&keeper, &sh("trap 'exit 4' TERM; echo $$; while :; do sleep 0.01; done")).await;
    pids(&mut deaf.stdout, 1).await;
    assert_eq!(within("the end", deaf.end(SHORT)).await, Exit::Code(4));

    let mut stubborn = start(&keeper, &sh("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done")).await;
    let child = pids(&mut stubborn.stdout, 1).await[0];
    assert_eq!(within("the end", stubborn.end(SHORT)).await, Exit::Signal(9));
    assert!(is_gone(child));
}

#[tokio::test]
async fn the_keeper_outlives_signals_and_ends_with_the_last_handle() {
    only_through_weir!();
    let keeper = keeper();
    let mut cat = start(&keeper, &command("cat", &[])).await;
    let pid = parent(&cat);
    for signal in [Kill::INT, Kill::TERM, Kill::HUP, Kill::QUIT, Kill::USR1] {
        kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
    }
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().split('\0').next(), Some("weir-keeper"));
    cat.stdin.write_all(b"still here\n").await.unwrap();
    drop(keeper);
    // A process is a handle too.
    let mut line = [0; 11];
    within("an echo", tokio::io::AsyncReadExt::read_exact(&mut cat.stdout, &mut line)).await.unwrap();
    let threads = status(pid, "Threads:");
    eprintln!(
        "the keeper has {threads} thread(s) and takes {}, {} its own",
        status(pid, "VmRSS:"),
        status(pid, "RssAnon:")
    );
    assert_eq!(threads, "1");
    drop(cat);
    gone(&[pid]).await;
}

#[test]
fn nobody_else_starts_a_keeper() {
    only_through_weir!();
    for arguments in [&["weir-keeper", "0"][..], &["weir-keeper"], &["weir-shim", "1", "0"], &["weir-shim", "x"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_weir"));
        let tried = command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
        assert!(!tried.status.success(), "{arguments:?}");
    }
}
