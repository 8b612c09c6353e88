//! The k6 scripts of `loadtest/k6`: each passes against `weir demo`, and fails where answers are not what they should be.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{Demo, Exchange, Process, Request, Scripted, only_through_weir, result};

/// The exit code of k6 where a threshold does not hold.
const BROKEN: Option<i32> = Some(99);

/// How a run ended.
struct Ran {
    code: Option<i32>,
    /// What it wrote on the screen and as its log, for failure messages.
    said: String,
    report: Value,
    page: String,
}

#[tokio::test]
async fn every_script_passes_against_the_demo() {
    only_through_weir!();
    let demo = Demo::start(&[]).await;
    let url = format!("http://{}/mcp", demo.address());
    let mut runs: Vec<(String, Vec<&str>)> = scripts().into_iter().map(|name| (name, vec![])).collect();
    for name in ["calls", "stream", "list"] {
        runs.push((name.into(), vec!["WEIR_ERA=2025-11-25"]));
    }
    let ran = join_all(runs.iter().map(|(name, settings)| smoke(name, &url, settings))).await;
    for ((name, settings), ran) in runs.iter().zip(&ran) {
        assert_eq!(ran.code, Some(0), "{name} {settings:?}: {}", ran.said);
        ran.all_checks_passed();
        for figure in ["errors", "foreign"] {
            assert_eq!(ran.report[figure]["count"], 0, "{}", ran.said);
        }
        let ops = match (&**name, settings.is_empty()) {
            ("calls" | "connections", true) => vec!["call"],
            ("sessions", _) => vec!["initialize", "initialized", "call", "list", "end"],
            ("mixed", _) => vec!["call"],
            ("calls", false) => vec!["initialize", "initialized", "call"],
            (name, true) => vec![name],
            (name, false) => vec!["initialize", "initialized", name],
        };
        assert!(ops.iter().all(|op| ran.requests(op) > 0), "{name} {settings:?}: {ops:?}: {}", ran.said);
        if name == "stream" {
            assert_eq!(ran.report["events"], 20 * ran.requests("stream"), "{}", ran.said);
        }
        if name == "connections" {
            assert!(ran.report["times"]["connect"]["med"].as_f64() > Some(0.0), "each has a connection: {}", ran.said);
        }
        // The page needs nothing but itself.
        assert!(ran.page.contains(&format!("<h1>Load test: {name}, smoke</h1>")), "{}", ran.page);
        assert!(!["src=", "href=", "@import", "url("].iter().any(|fetched| ran.page.contains(fetched)), "{}", ran.page);
    }
    demo.stop().await;
}

#[tokio::test]
async fn every_profile_runs() {
    only_through_weir!();
    let demo = Demo::start(&[]).await;
    let url = format!("http://{}/mcp", demo.address());
    // No limit of time: whether the machine is fast is not what is tested.
    let patient = ["WEIR_P99_MS=60000", "WEIR_GROWTH=100000"];
    // Users for every iteration at once, so that none has to be dropped.
    let runs: [(&str, &[&str]); 4] = [
        ("rate", &["WEIR_DURATION=2s", "WEIR_RATE=40", "WEIR_USERS=80"]),
        ("users", &["WEIR_DURATION=1s", "WEIR_USERS=3"]),
        ("ramp", &["WEIR_DURATION=1s", "WEIR_FROM=10", "WEIR_TO=40", "WEIR_FACTOR=2", "WEIR_USERS=40"]),
        ("soak", &["WEIR_DURATION=3s", "WEIR_RATE=20", "WEIR_USERS=60"]),
    ];
    let ran = join_all(runs.map(|(profile, settings)| {
        let profile = format!("WEIR_PROFILE={profile}");
        let url = &url;
        async move { k6("calls", url, &[&[&*profile], settings, &patient].concat()).await }
    }))
    .await;
    for ran in &ran {
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        ran.all_checks_passed();
    }
    let [_, _, ramp, soak] = &ran[..] else { panic!("four ran") };
    assert_eq!((&ramp.report["knee"]["held"], &ramp.report["knee"]["broke"]), (&40.into(), &Value::Null));
    let parts = soak.report["parts"].as_array().expect("a soak has parts");
    let requests: u64 = parts.iter().filter_map(|part| part["requests"].as_u64()).sum();
    assert_eq!((parts.len(), &requests.into()), (12, &soak.report["requests"]), "{}", soak.said);
    assert!(soak.page.contains("<svg"), "{}", soak.page);
    demo.stop().await;
}

#[tokio::test]
async fn what_belongs_to_another_request_is_seen() {
    only_through_weir!();
    let strangers = Mutex::new(String::new());
    let another_id = Scripted::answering(|request| answer("4711", &text(request))).await;
    // The id is right, the text is that of the call before.
    let another_text = Scripted::answering(move |request| {
        let mut before = strangers.lock().expect("no panic while the lock is held");
        answer(&request.id(), &std::mem::replace(&mut *before, text(request)))
    })
    .await;
    for (server, check) in [(another_id, "its id is that of the request"), (another_text, "its text is what was sent")]
    {
        let ran = smoke("calls", &server.url(), &[]).await;
        assert_eq!(ran.code, BROKEN, "{}", ran.said);
        assert!(ran.report["foreign"]["count"].as_u64() > Some(0), "{}", ran.said);
        assert_eq!(ran.failed(), [check], "{}", ran.said);
        assert!(ran.page.contains("somebody else"), "{}", ran.page);
    }
}

#[tokio::test]
async fn what_is_missing_is_seen() {
    only_through_weir!();
    let progress = |request: &Request, number: usize| {
        let token = &request.json()["params"]["_meta"]["progressToken"];
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{number}}}}}"#
        )
    };
    // One event of twenty is lost.
    let lost = Scripted::start(move |exchange| async move {
        let request = exchange.request.clone();
        let mut stream = exchange.stream().await;
        for number in (1..=20).filter(|number| *number != 7) {
            stream.event(&progress(&request, number)).await;
        }
        stream.event(&answer(&request.id(), "sent")).await;
        stream.end().await
    })
    .await;
    let empty = Scripted::answering(|request| answer(&request.id(), "")).await;
    let nobody = Scripted::nobody().await;
    let hanging = Scripted::start(Exchange::silence).await;
    for (script, url, check) in [
        ("stream", lost.url(), "every event arrives"),
        ("calls", empty.url(), "its text is what was sent"),
        ("calls", nobody, "the endpoint answers"),
        ("calls", hanging.url(), "the endpoint answers"),
    ] {
        // Only a server that says nothing is not waited for.
        let timeout: &[_] = if url == hanging.url() { &["WEIR_TIMEOUT=1s"] } else { &[] };
        let ran = smoke(script, &url, timeout).await;
        assert_eq!(ran.code, BROKEN, "{check}: {}", ran.said);
        assert_eq!(ran.failed(), [check], "{}", ran.said);
        assert_eq!(ran.report["foreign"]["count"], 0, "{}", ran.said);
    }
}

#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    only_through_weir!();
    let server = Scripted::answering(|request| answer(&request.id(), &text(request))).await;
    let url = server.url().replace("//", "//someone:pass-4711@");
    let settings = ["WEIR_TOKEN=token-4711", r#"WEIR_HEADERS={"X-Team":"load"}"#];
    let ran = smoke("calls", &format!("{url}?key=key-4711"), &settings).await;
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let request = server.request().await;
    assert_eq!(request.header("authorization"), Some("Bearer token-4711"));
    assert_eq!((request.header("x-team"), request.path()), (Some("load"), "/mcp?key=key-4711"));
    for shown in [&ran.said, &ran.page, &ran.report.to_string()] {
        assert!(!shown.contains("4711"), "{shown}");
    }
}

#[tokio::test]
async fn a_ramp_says_which_rate_broke() {
    only_through_weir!();
    // 10, 20 and 40 a second for two seconds each: it breaks within the third, however late some of them come.
    let seen = AtomicUsize::new(0);
    let server = Scripted::start(move |exchange| {
        let breaks = seen.fetch_add(1, Ordering::Relaxed) >= 70;
        async move {
            let answered = answer(&exchange.request.id(), &text(&exchange.request));
            if breaks {
                exchange.answer("503 Service Unavailable", "", "").await
            } else {
                exchange.json(answered).await
            }
        }
    })
    .await;
    let settings = ["WEIR_PROFILE=ramp", "WEIR_DURATION=2s", "WEIR_FROM=10", "WEIR_TO=80", "WEIR_FACTOR=2"];
    let ran = k6("calls", &server.url(), &[&settings[..], &["WEIR_P99_MS=60000", "WEIR_USERS=80"]].concat()).await;
    assert_eq!(ran.code, BROKEN, "{}", ran.said);
    let knee = &ran.report["knee"];
    assert_eq!((&knee["held"], &knee["broke"]), (&20.into(), &40.into()), "{}", ran.said);
    assert!(knee["why"].as_str().is_some_and(|why| why.starts_with("errors: ")), "{}", ran.said);
    assert!(ran.said.contains("KNEE: 20/s held, 40/s broke."), "{}", ran.said);
}

#[tokio::test]
async fn a_soak_sees_that_answers_take_longer() {
    only_through_weir!();
    let seen = AtomicUsize::new(0);
    let server = Scripted::start(move |exchange| {
        let late = seen.fetch_add(1, Ordering::Relaxed) >= 200;
        async move {
            if late {
                // The machine's own hiccups are small beside it.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let answered = answer(&exchange.request.id(), &text(&exchange.request));
            exchange.json(answered).await
        }
    })
    .await;
    let settings = ["WEIR_PROFILE=soak", "WEIR_DURATION=8s", "WEIR_RATE=100", "WEIR_P99_MS=60000"];
    let ran = k6("calls", &server.url(), &[&settings[..], &["WEIR_USERS=1", "WEIR_MOST_USERS=1"]].concat()).await;
    assert_eq!(ran.code, BROKEN, "{}", ran.said);
    let thresholds = ran.report["thresholds"].as_array().expect("thresholds are a list");
    let growth = thresholds.iter().find(|held| held["metric"] == "mcp_growth{part:12}");
    assert_eq!(growth.expect("it has a threshold")["ok"], false, "{}", ran.said);
    assert!(ran.report["growth"].as_f64() > Some(1.5), "{}", ran.said);
}

/// The scripts that are there, so that none is forgotten.
fn scripts() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("the scripts are there").map(|file| file.expect("a file").path());
    let scripts = files.filter(|path| path.extension().is_some_and(|kind| kind == "js"));
    let mut names: Vec<_> = scripts.map(|path| path.file_stem().expect("a name").to_string_lossy().into()).collect();
    names.sort();
    assert_eq!(names, ["calls", "connections", "large", "list", "mixed", "sessions", "stream"]);
    names
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest/k6")
}

async fn smoke(script: &str, url: &str, settings: &[&str]) -> Ran {
    k6(script, url, &[&["WEIR_DURATION=2s"], settings].concat()).await
}

/// Runs a script to its end.
async fn k6(script: &str, url: &str, settings: &[&str]) -> Ran {
    let binary = folder().join("bin/k6");
    assert!(binary.exists(), "{} is missing: run tests/install.sh", binary.display());
    let out = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = Command::new(binary);
    command.args(["run", "--quiet", "--no-color", "--no-usage-report", "--address", ""]).current_dir(out.path());
    command.args(["-e", &format!("WEIR_URL={url}"), "-e", "WEIR_SUMMARY=summary"]);
    settings.iter().for_each(|setting| _ = command.args(["-e", setting]));
    let mut process = Process::start(script, command.arg(folder().join(format!("{script}.js"))));
    let mut said = String::new();
    while let Some(line) = process.line().await {
        said += &line;
        said.push('\n');
    }
    let code = process.exit().await.code();
    said += &process.errors();
    let file = |name: &str| {
        std::fs::read_to_string(out.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}: {said}"))
    };
    let report = serde_json::from_str(&file("summary.json")).expect("the summary is JSON");
    assert!(said.contains(file("summary.txt").trim_end()), "the screen shows the table: {said}");
    Ran { code, report, page: file("summary.html"), said }
}

impl Ran {
    fn checks(&self) -> impl Iterator<Item = &Value> {
        self.report["checks"].as_array().expect("checks are a list").iter()
    }

    /// The names of the checks that failed.
    fn failed(&self) -> Vec<&str> {
        self.checks().filter(|check| check["fails"] != 0).filter_map(|check| check["name"].as_str()).collect()
    }

    #[track_caller]
    fn all_checks_passed(&self) {
        assert!(self.checks().all(|check| check["passes"].as_u64() > Some(0) && check["fails"] == 0), "{}", self.said);
        assert!(self.checks().any(|check| check["name"] == "its id is that of the request"), "{}", self.said);
    }

    /// How many requests of a kind were judged.
    fn requests(&self, op: &str) -> u64 {
        let ops = self.report["ops"].as_array().expect("kinds are a list");
        ops.iter().find(|found| found["name"] == op).and_then(|found| found["requests"].as_u64()).unwrap_or(0)
    }
}

/// What the call sends.
fn text(request: &Request) -> String {
    request.json()["params"]["arguments"]["text"].as_str().unwrap_or_default().to_owned()
}

/// A tool's answer with this text.
fn answer(id: &str, text: &str) -> String {
    result(id, &format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":"{text}"}}]}}"#))
}
