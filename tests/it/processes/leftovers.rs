//! Nothing is left: no orphan and no zombie, whoever is killed, and however a command tries to get away.

use std::{env, process::Command};

use rustix::process::{Pid, Signal as Kill, kill_process};
use weir::net::process::{CommandLine, Exit, Signal};

use super::{gone, is_gone, keeper, parent, pids, sh, start};
use crate::support::{Process, count, only_through_weir, within};

/// A command that spreads: a child in its group, and what forked twice into a session of its own, heeds no signal, has
/// no environment, and has a child in yet another session. It tells the numbers of all, itself first.
const HYDRA: &str = r#"
trap "" TERM HUP INT
echo $$
sleep 1000 &
echo $!
(
    setsid sh -c '
        trap "" TERM HUP INT
        echo $$
        env -i setsid sleep 1000 &
        echo $!
        exec env -i sleep 1000
    ' &
)
while :; do sleep 1000; done
"#;
const HEADS: usize = 4;

#[tokio::test]
async fn a_command_that_forks_twice_and_heeds_nothing_leaves_nothing() {
    only_through_weir!();
    let keeper = keeper();
    for _ in 0..count(100) {
        let mut hydra = start(&keeper, &sh(HYDRA)).await;
        let heads = pids(&mut hydra.stdout, HEADS).await;
        hydra.life.signal(Signal::Kill);
        assert_eq!(within("the exit", hydra.life.exited()).await, Exit::Signal(9));
        // Not later: the exit is told when nothing is left.
        assert_eq!(heads.iter().filter(|pid| !is_gone(**pid)).count(), 0);
    }
}

#[tokio::test]
async fn dropping_a_process_ends_it_and_all_that_it_started() {
    only_through_weir!();
    let keeper = keeper();
    for _ in 0..count(100) {
        let mut hydra = start(&keeper, &sh(HYDRA)).await;
        let heads = pids(&mut hydra.stdout, HEADS).await;
        drop(hydra);
        gone(&heads).await;
    }
}

#[tokio::test]
async fn what_one_command_left_its_neighbours_end_does_not_touch() {
    only_through_weir!();
    let keeper = keeper();
    let (mut one, mut other) = (start(&keeper, &sh(HYDRA)).await, start(&keeper, &sh(HYDRA)).await);
    let (of_one, of_other) = (pids(&mut one.stdout, HEADS).await, pids(&mut other.stdout, HEADS).await);
    one.life.signal(Signal::Kill);
    one.life.exited().await;
    assert!(of_one.iter().all(|pid| is_gone(*pid)));
    assert!(!of_other.iter().any(|pid| is_gone(*pid)));
}

#[tokio::test]
async fn what_hides_its_mark_goes_with_the_last_command_that_could_own_it() {
    only_through_weir!();
    let keeper = keeper();
    let mut older = start(&keeper, &sh("cat")).await;
    let hide = "(setsid prlimit --rttime=1000000:1000000 sh -c 'echo $$; exec sleep 1000' &); cat";
    let mut hiding = start(&keeper, &sh(hide)).await;
    let hidden = pids(&mut hiding.stdout, 1).await;
    hiding.life.signal(Signal::Kill);
    hiding.life.exited().await;
    assert!(!is_gone(hidden[0]), "it may be the older one's");
    older.life.signal(Signal::Kill);
    older.life.exited().await;
    gone(&hidden).await;
}

#[tokio::test]
async fn a_killed_keeper_leaves_nothing_and_the_next_command_has_another() {
    only_through_weir!();
    let keeper = keeper();
    for _ in 0..count(100) {
        let mut hydras = [start(&keeper, &sh(HYDRA)).await, start(&keeper, &sh(HYDRA)).await];
        let mut all = vec![parent(&hydras[0])];
        for hydra in &mut hydras {
            all.extend(pids(&mut hydra.stdout, HEADS).await);
        }
        signal(all[0], Kill::KILL);
        for hydra in &mut hydras {
            assert_eq!(within("the exit", hydra.life.exited()).await, Exit::Lost);
        }
        gone(&all).await;
    }
}

#[tokio::test]
async fn a_killed_daemon_leaves_nothing() {
    only_through_weir!();
    for _ in 0..count(100) {
        let own = env::current_exe().unwrap();
        let mut command = Command::new(own);
        command.args(["--exact", "--ignored", "--nocapture", "processes::leftovers::a_daemon_that_is_killed"]);
        let mut daemon = Process::start("a daemon", command.env("WEIR_TEST_DAEMON", "1"));
        let told = daemon.line_after("processes: ").await;
        let all: Vec<u32> = told.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        daemon.signal(Kill::KILL);
        daemon.exit().await;
        gone(&all).await;
    }
}

/// The daemon that is killed above, in a process of its own.
#[tokio::test]
#[ignore = "it waits to be killed"]
async fn a_daemon_that_is_killed() {
    if env::var_os("WEIR_TEST_DAEMON").is_none() {
        return;
    }
    let keeper = keeper();
    let mut hydras = [start(&keeper, &sh(HYDRA)).await, start(&keeper, &sh(HYDRA)).await];
    let mut all = vec![parent(&hydras[0])];
    for hydra in &mut hydras {
        all.extend(pids(&mut hydra.stdout, HEADS).await);
    }
    // One is about to begin when the end comes.
    let beginning = sh("sleep 1000");
    let begin = tokio::spawn(async move { keeper.spawn(&CommandLine { ..beginning }).await.map(drop) });
    let all: Vec<String> = all.iter().map(u32::to_string).collect();
    println!("\nprocesses: {}", all.join(" "));
    let _ = begin.await;
    std::future::pending::<()>().await;
}

fn signal(pid: u32, signal: Kill) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}
