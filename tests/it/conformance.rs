//! The official conformance suite, directly and through Weir: every single check has to end alike.
//!
//! The suite's own verdict is not enough: when a whole mechanism is missing its checks vanish or become SKIPPED, and it
//! still counts a pass. So the checks are compared one by one with the same server reached directly.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use crate::support::{Gateway, NodeServer, node_lines, only_through_weir};
use crate::tokens::{A, bearer, header, key_sets, now};

const SUITE: &str = "node_modules/conformance-modern/dist/index.js";

/// `scenario / check id / check name` and how it ended.
type Verdicts = BTreeMap<String, String>;

#[tokio::test]
async fn revision_2025_06_18_ends_alike_through_weir() {
    suite("2025-06-18", 27, 56).await;
}

#[tokio::test]
async fn revision_2025_11_25_ends_alike_through_weir() {
    suite("2025-11-25", 33, 84).await;
}

#[tokio::test]
async fn revision_2026_07_28_ends_alike_through_weir() {
    suite("2026-07-28", 40, 152).await;
}

#[tokio::test]
async fn the_task_extension_ends_alike_through_weir() {
    let scenarios = task_scenarios().await;
    let arguments: Vec<_> = scenarios.iter().map(|scenario| vec!["--scenario", scenario]).collect();
    compare(&["--era", "dual", "--tasks"], &arguments, 10, 1).await;
}

/// The suite's scenarios for the extension of tasks.
pub(crate) async fn task_scenarios() -> Vec<String> {
    let listed = node_lines(SUITE, &["list", "--server"], false).await;
    let name = |line: &String| line.trim().strip_prefix("- ")?.strip_suffix(" [extension]").map(str::to_owned);
    let scenarios: Vec<_> = listed.iter().filter_map(name).filter(|name| name.contains("tasks")).collect();
    assert_eq!(scenarios.len(), 10, "the pinned suite has ten scenarios for tasks: {scenarios:?}");
    scenarios
}

async fn suite(revision: &str, scenarios: usize, passed: usize) {
    compare(&["--era", "dual"], &[vec!["--spec-version", revision, "--suite", "all"]], scenarios, passed).await;
}

#[tokio::test]
async fn an_authenticated_caller_of_2025_11_25_ends_alike() {
    let suite = || (vec![vec!["--spec-version", "2025-11-25", "--suite", "all"]], (33, 84));
    authenticated(&["--era", "dual"], suite()).await;
}

#[tokio::test]
async fn an_authenticated_caller_of_2026_07_28_ends_alike() {
    let suite = || (vec![vec!["--spec-version", "2026-07-28", "--suite", "all"]], (40, 152));
    authenticated(&["--era", "dual"], suite()).await;
}

#[tokio::test]
async fn an_authenticated_caller_with_tasks_ends_alike() {
    let scenarios = task_scenarios().await;
    let runs = scenarios.iter().map(|scenario| vec!["--scenario", scenario.as_str()]).collect();
    authenticated(&["--era", "dual", "--tasks"], (runs, (10, 1))).await;
}

/// The same of a caller with a token, with and without sealing. The suite sends none, so something before Weir adds it.
async fn authenticated(server: &[&str], (runs, counts): (Vec<Vec<&str>>, (usize, usize))) {
    only_through_weir!();
    let (keys, issuer, _) = key_sets();
    for seal in [true, false] {
        let (one, other) = (NodeServer::reference(server).await, NodeServer::reference(server).await);
        let text = format!(
            "[[auth.jwt]]\nissuer = {A:?}\njwks = {{ file = {:?} }}\n[listen]\npublic_url = \"http://gateway.test\"\n\
             [[servers]]\nname = \"files\"\nendpoints = [{:?}]\nseal = {seal}\n",
            keys.path().join("a.json"),
            other.url(),
        );
        let weir = Gateway::config(&text).start().await;
        let claims = json!({
            "iss": A, "sub": "ann", "aud": "http://gateway.test/mcp", "exp": now() + 3600, "roles": ["user"]
        });
        let front = NodeServer::adding(&weir.url(), &bearer(&issuer.token(header(), &claims))).await;
        ends_alike_at(&one, front.url(), &runs, counts, &[]).await;
        weir.stop().await;
    }
}

async fn compare(server: &[&str], runs: &[Vec<&str>], scenarios: usize, passed: usize) {
    // A server of its own for each side: some scenarios change what the server offers.
    let (one, other) = (NodeServer::reference(server).await, NodeServer::reference(server).await);
    let weir = Gateway::to(other.url()).start().await;
    ends_alike(&one, weir, runs, (scenarios, passed), &[]).await;
}

/// Check by check as with the server `one` reached directly, but for checks that begin so: what they ask of HTTP is not
/// to be had.
pub(crate) async fn ends_alike(
    one: &NodeServer,
    weir: Gateway,
    runs: &[Vec<&str>],
    (scenarios, passed): (usize, usize),
    but_for: &[&str],
) {
    ends_alike_at(one, &weir.url(), runs, (scenarios, passed), but_for).await;
    weir.stop().await;
}

/// The same, of whatever is at `url`.
async fn ends_alike_at(
    one: &NodeServer,
    url: &str,
    runs: &[Vec<&str>],
    (scenarios, passed): (usize, usize),
    but_for: &[&str],
) {
    let (direct, through) = tokio::join!(verdicts(one.url(), runs), verdicts(url, runs));

    let names = |verdicts: &Verdicts| {
        verdicts
            .keys()
            .map(|key| key.split(" / ").next().unwrap_or("").to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let successes = direct.values().filter(|&verdict| verdict == "SUCCESS").count();
    assert_eq!(names(&direct).len(), scenarios, "scenarios that ran directly");
    assert!(successes >= passed, "{successes} checks passed directly, {passed} are known to");
    assert!(!direct.values().any(|verdict| verdict == "FAILURE"), "the bare server fails: {direct:#?}");

    let told = |key: &String, side: &Verdicts| side.get(key).cloned().unwrap_or_else(|| "MISSING".into());
    let keys: std::collections::BTreeSet<_> = direct.keys().chain(through.keys()).collect();
    let differences: Vec<_> = keys
        .into_iter()
        .map(|key| (key, told(key, &direct), told(key, &through)))
        .filter(|(_, direct, through)| direct.split(':').next() != through.split(':').next())
        .filter(|(key, ..)| !but_for.iter().any(|excused| key.starts_with(excused)))
        .map(|(key, direct, through)| format!("{key}: {direct} directly, {through} through Weir"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

async fn verdicts(url: &str, runs: &[Vec<&str>]) -> Verdicts {
    let out = tempfile::tempdir().expect("a temporary directory can be made");
    for run in runs {
        let folder = out.path().to_str().expect("the path is UTF-8");
        let arguments = [&["server", "--url", url, "-o", folder], &run[..]].concat();
        node_lines(SUITE, &arguments, true).await;
    }
    read(out.path())
}

fn read(folder: &Path) -> Verdicts {
    let mut verdicts = Verdicts::new();
    for entry in std::fs::read_dir(folder).expect("the suite wrote here") {
        let path = entry.expect("a readable folder").path();
        let Ok(text) = std::fs::read_to_string(path.join("checks.json")) else { continue };
        let name = path.file_name().and_then(|name| name.to_str()).expect("the suite names in ASCII");
        let scenario = scenario(name);
        let checks: Vec<Value> = serde_json::from_str(&text).expect("the suite writes JSON");
        let mut seen = BTreeMap::<String, usize>::new();
        for check in checks.iter().filter(|check| check["status"] != "INFO") {
            let text = |key: &str| check[key].as_str().unwrap_or("").to_owned();
            let key = format!("{scenario} / {} / {}", text("id"), text("name"));
            // A check may come several times; the number keeps a second one from hiding the first.
            let nth = seen.entry(key.clone()).and_modify(|count| *count += 1).or_insert(1);
            let why = check["errorMessage"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            verdicts.insert(format!("{key} / {nth}"), format!("{}{why}", text("status")));
        }
        if seen.is_empty() {
            verdicts.insert(format!("{scenario} / no check"), "SUCCESS".into());
        }
    }
    verdicts
}

/// The folder of a scenario is `server-NAME-TIME`.
fn scenario(folder: &str) -> &str {
    let name = folder.strip_prefix("server-").unwrap_or(folder);
    let time = name.match_indices("-20").find(|(at, _)| name[*at..].contains('T')).map_or(name.len(), |(at, _)| at);
    &name[..time]
}
