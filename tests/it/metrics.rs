//! What `/metrics` tells: exactly what was done, under names from a closed list, bounded whatever clients send.

mod folding;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::watch;
use weir::protocol::method::Method;
use weir::telemetry::METRICS;

use crate::support::{
    Dice, Exposition, Gateway, Scripted, call, count, legacy, only_through_weir, result, until, within,
};

const DONE: &str = r#"{"resultType":"complete","content":[]}"#;

/// The page as it is now.
async fn page(weir: &Gateway) -> Exposition {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    let answer = admin.answer().await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.head.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    Exposition::parse(answer.text())
}

/// The first page on which that holds.
pub(crate) async fn page_where(weir: &Gateway, what: &str, holds: impl Fn(&Exposition) -> bool) -> Exposition {
    let mut found = None;
    until(what, async || {
        found = Some(page(weir).await).filter(&holds);
        found.is_some()
    })
    .await;
    found.expect("it was found")
}

/// A server that does as the name of the tool says, and holds some back until it is told to go on. It breaks under the
/// first ping.
async fn obedient() -> (Scripted, watch::Sender<bool>) {
    let (go, wait) = watch::channel(false);
    let pinged = Arc::new(AtomicBool::new(false));
    let server = Scripted::start(move |exchange| {
        let (mut wait, pinged) = (wait.clone(), Arc::clone(&pinged));
        async move {
            let tool = exchange.request.json()["params"]["name"].as_str().unwrap_or_default().to_owned();
            let text = result(&exchange.request.id(), DONE);
            if exchange.request.method() == "ping" && !pinged.swap(true, Ordering::Relaxed) {
                return exchange.reset();
            }
            match tool.as_str() {
                "fail" => exchange.answer("503 Service Unavailable", "", "").await,
                "reset" => exchange.reset(),
                "junk" => exchange.json("no JSON").await,
                "stream" => {
                    let mut stream = exchange.stream().await;
                    stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#).await;
                    let _ = stream.unless_gone(wait.wait_for(|go| *go)).await;
                    stream.event(&text).await;
                    stream.end().await
                }
                "hold" => {
                    let _ = wait.wait_for(|go| *go).await;
                    exchange.json(text).await
                }
                _ => exchange.json(text).await,
            }
        }
    })
    .await;
    (server, go)
}

fn requests<'a>(method: &'a str, outcome: &'a str, reason: &'a str) -> [(&'a str, &'a str); 3] {
    [("method", method), ("outcome", outcome), ("reason", reason)]
}

#[tokio::test]
async fn the_counters_say_what_was_done() {
    only_through_weir!();
    let (server, go) = obedient().await;
    let weir = Gateway::to(&format!("files={}", server.url())).and_to(&format!("gone={}", Scripted::nobody().await));
    let weir = weir.start().await;
    let mut client = weir.client().await;
    let to = |tool: &str| call("1", tool, "{}").path("/files/mcp");
    for tool in ["look", "look", "look", "fail", "reset", "junk"] {
        client.ask(&to(tool)).await;
    }
    client.ask(&to("look").path("/gone/mcp")).await;
    client.ask(&to("look").path("/nowhere")).await;
    client.ask(&to("look").body("{")).await;
    // One stream is read to its end, one is left.
    let mut stays = weir.client().await;
    stays.post(&to("stream")).await;
    assert_eq!(stays.head().await.status(), 200);
    let mut leaves = weir.client().await;
    leaves.post(&to("stream")).await;
    assert_eq!(leaves.head().await.status(), 200);
    let files = [("route", "/files/mcp"), ("server", "files")];
    let both = |page: &Exposition| {
        let busy = page.sum("weir_server_connections_open", &[("state", "busy")]);
        let (streams, clients) = (page.sum("weir_streams_open", &files), page.sum("weir_connections_open", &[]));
        (streams, busy, clients) == (2.0, 2.0, 3.0)
    };
    let streaming = page_where(&weir, "two open streams", both).await;
    drop(leaves);
    let left = |page: &Exposition| page.sum("weir_requests_total", &[("outcome", "client_left")]) == 1.0;
    page_where(&weir, "the client that left", left).await;
    go.send_replace(true);
    assert_eq!(stays.message().await.as_deref(), Some(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#));
    assert_eq!(stays.message().await, Some(result("1", DONE)));
    assert_eq!(stays.message().await, None);
    let answer = result("1", DONE).len() as f64;
    let all = |page: &Exposition| {
        // A page may fall between two cells that one request is counted in. The server answered neither the call that
        // it reset, nor the one that never reached it; who leaves is not answered by Weir either.
        let timed = ["request", "server", "added"].map(|what| format!("weir_{what}_duration_seconds_count"));
        let passed = page.sum("weir_answer_bytes_total", &files) >= 4.0 * answer;
        passed
            && page.sum("weir_requests_total", &[]) == 11.0
            && timed.map(|name| page.sum(&name, &[])) == [10.0, 7.0, 7.0]
    };
    let page = page_where(&weir, "eleven requests that have ended", all).await;
    page.follows(&streaming);
    for (labels, times) in [
        (requests("tools/call", "answered", ""), 4.0),
        (requests("tools/call", "server_status", ""), 1.0),
        (requests("tools/call", "failed", "upstream_reset"), 1.0),
        (requests("tools/call", "failed", "upstream_bad_response"), 1.0),
        (requests("tools/call", "failed", "upstream_unavailable"), 1.0),
        (requests("tools/call", "client_left", ""), 1.0),
        (requests("unread", "refused", "parse_error"), 1.0),
        (requests("unread", "refused", "route_not_found"), 1.0),
    ] {
        assert_eq!(page.sum("weir_requests_total", &labels), times, "{labels:?}");
    }
    assert_eq!(page.sum("weir_requests_total", &[("route", ""), ("server", "")]), 1.0);
    assert_eq!(page.sum("weir_requests_total", &[("route", "/gone/mcp"), ("server", "gone")]), 1.0);
    assert_eq!(page.sum("weir_request_duration_seconds_count", &files), 9.0);
    assert_eq!(page.sum("weir_server_duration_seconds_count", &files), 7.0);
    assert_eq!(page.sum("weir_streams_total", &files), 2.0);
    assert_eq!(page.sum("weir_streams_open", &[]), 0.0);
    assert_eq!(page.sum("weir_connections_accepted_total", &[]), 3.0);
    let gone = [("server", "gone"), ("kind", "connect")];
    assert_eq!(page.sum("weir_server_attempts_failed_total", &gone), 1.0);
    assert_eq!(page.sum("weir_server_attempts_failed_total", &[("server", "files"), ("kind", "reset")]), 1.0);
    assert_eq!(page.sum("weir_server_attempts_failed_total", &[]), 2.0);
    weir.stop().await;
}

#[tokio::test]
async fn connections_to_a_server_are_counted_by_what_they_do() {
    only_through_weir!();
    let (server, go) = obedient().await;
    let config = format!(
        "[listen]\ncores = 1\n[http]\nconnections_per_address = 3\nabandoned = 1\n[[servers]]\nname = \"files\"\n\
         endpoints = [{:?}]\n",
        server.url()
    );
    let weir = Gateway::config(&config).start().await;
    let mut client = weir.client().await;
    for _ in 0..4 {
        client.ask(&call("1", "look", "{}")).await;
    }
    let state = |page: &Exposition, state: &str| page.sum("weir_server_connections_open", &[("state", state)]);
    let kept = |page: &Exposition, opened: f64, reused: f64| {
        let counted = ["opened", "reused"].map(|what| format!("weir_server_connections_{what}_total"));
        let states = (state(page, "busy"), state(page, "idle"));
        counted.map(|name| page.sum(&name, &[("server", "files")])) == [opened, reused] && states == (0.0, 1.0)
    };
    page_where(&weir, "a connection that is used again", |page| kept(page, 1.0, 3.0)).await;
    // A kept connection that breaks is replaced in silence, for what only reads; it is counted all the same.
    assert_eq!(client.ask(&legacy("1", "ping", "{}")).await.status(), 200);
    let broke = |page: &Exposition| {
        let failed = page.sum("weir_server_attempts_failed_total", &[("kind", "reset")]);
        let answered = page.sum("weir_requests_total", &requests("ping", "answered", ""));
        kept(page, 2.0, 4.0) && (failed, answered) == (1.0, 1.0)
    };
    page_where(&weir, "a broken connection", broke).await;
    // Two clients of the session era leave; there is room for one of their calls.
    for adopted in ["adopted", "cut"] {
        let mut leaves = weir.client().await;
        leaves.post(&legacy("1", "tools/call", r#"{"name":"hold","arguments":{}}"#)).await;
        until("the call is at the server", async || {
            server.waiting().iter().any(|asked| asked.json()["params"]["name"] == "hold")
        })
        .await;
        drop(leaves);
        let left = |page: &Exposition| page.sum("weir_abandoned_calls_total", &[("result", adopted)]) == 1.0;
        page_where(&weir, adopted, left).await;
    }
    let runs_on = |page: &Exposition| (state(page, "abandoned"), state(page, "busy")) == (1.0, 0.0);
    page_where(&weir, "a call that runs on", runs_on).await;
    go.send_replace(true);
    page_where(&weir, "its end", |page| state(page, "abandoned") == 0.0 && state(page, "idle") == 1.0).await;
    // More connections than one address may have.
    let mut more = vec![weir.client().await, weir.client().await, weir.client().await];
    let away = |page: &Exposition| {
        let turned = page.sum("weir_connections_turned_away_total", &[("why", "limit")]);
        (turned, page.sum("weir_connections_open", &[("core", "0")])) == (1.0, 3.0)
    };
    page_where(&weir, "a connection that was turned away", away).await;
    more.clear();
    page_where(&weir, "the end of all but one", |page| page.sum("weir_connections_open", &[]) == 1.0).await;
    weir.stop().await;
}

/// Issuers where nobody listens, of tokens of both kinds.
const AWAY: &str = r#"
[listen]
public_url = "http://gateway.test"
[auth.anonymous]
enabled = true
[[auth.jwt]]
issuer = "http://127.0.0.1:1/"
[[auth.introspection]]
issuer = "http://127.0.0.1:1/"
url = "http://127.0.0.1:1/"
client = { id = "weir", secret = { env = "PATH" } }
"#;

#[tokio::test]
async fn every_metric_of_the_list_is_there_and_no_other() {
    only_through_weir!();
    let (directory, (server, _go)) = (tempfile::tempdir().expect("a temporary directory"), obedient().await);
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, certificate(2090)).expect("a temporary directory can be written");
    let (_database, store) = crate::postgres::section(directory.path()).await;
    let config = format!(
        "{store}[[rules]]\nname = \"a\"\nthen = \"pass\"\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n[[servers]]\nname = \"safe\"\n\
         endpoints = [\"https://127.0.0.1:1/mcp\"]\ntls = {{ ca = {file:?} }}\n[[servers]]\nname = \"m\"\ncommand = [\"sh\"]\n\
         [[limits]]\nname = \"a\"\nkey = \"global\"\nrate = \"9/s\"\nscope = \"cluster\"\n{AWAY}",
        server.url()
    );
    let weir = Gateway::config(&config).start().await;
    let mut client = weir.client().await;
    client.ask(&call("1", "look", "{}").path("/files/mcp")).await;
    client.ask(&call("1", "look", "{}").path("/files/mcp").header("Authorization", "Bearer opaque")).await;
    let known: BTreeSet<_> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    let page = page_where(&weir, "all metrics", |page| page.names() == known).await;
    for metric in METRICS {
        let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(page.shape(metric.name), (metric.kind.to_string(), BTreeSet::from([labels])), "{}", metric.name);
    }
    let days = page.sum("weir_certificate_days", &[("file", file.to_str().expect("UTF-8"))]);
    assert!(days > 365.0 && days < 70.0 * 366.0, "{days}");
    let one = |name: &str| page.sum(name, &[]);
    assert_eq!([one("weir_ready"), one("weir_draining"), one("weir_config_generation")], [1.0, 0.0, 1.0]);
    assert_eq!(page.sum("weir_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    // Connections of scrapes come and go.
    assert!((one("process_open_fds") - weir.descriptors() as f64).abs() < 10.0);
    assert!(one("process_resident_memory_bytes") > 1e6 && one("weir_memory_limit_bytes") > 1e7);
    assert!(one("process_start_time_seconds") <= one("weir_config_last_reload_success_timestamp_seconds"));
    weir.stop().await;
}

#[tokio::test]
async fn labels_are_bounded_whatever_clients_send() {
    only_through_weir!();
    let (server, _go) = obedient().await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    let mut dice = Dice::new();
    let mut word = || {
        let letters = b"abcdefghijklmnopqrstuvwxyz/\\{}=,_-.";
        (0..1 + dice.below(40)).map(|_| char::from(letters[dice.below(letters.len())])).collect::<String>()
    };
    let many = count(20_000);
    for _ in 0..many {
        let (method, tool) = (word().replace('\\', "\\\\"), word().replace('\\', ""));
        client.ask(&legacy("1", &method, &format!(r#"{{"name":{tool:?}}}"#))).await;
        client.without_body("GET", &format!("/{}", word().replace(['\\', '{', '}'], "x")), &[]).await;
        client.answer().await;
    }
    let all = |page: &Exposition| page.sum("weir_requests_total", &[]) == 2.0 * many as f64;
    let page = page_where(&weir, "all of them", all).await;
    assert_eq!(page.sum("weir_requests_total", &[("method", Method::Other.as_str())]), many as f64);
    assert_eq!(page.sum("weir_requests_total", &[("route", "")]), many as f64);
    assert!(page.series() < 400, "{} series", page.series());
    weir.stop().await;
}

#[tokio::test]
async fn a_scrape_is_answered_while_clients_load() {
    only_through_weir!();
    let (server, _go) = obedient().await;
    let weir = Gateway::to(&server.url()).start().await;
    let over = AtomicBool::new(false);
    let load = async {
        let clients = (0..64).map(|_| async {
            let mut client = weir.client().await;
            let mut asked = 0.0;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(client.ask(&call("1", "look", "{}")).await.status(), 200);
                asked += 1.0;
            }
            asked
        });
        join_all(clients.collect()).await.into_iter().sum::<f64>()
    };
    let scrapes = async {
        let mut before = page(&weir).await;
        for _ in 0..3 {
            let seen = before.sum("weir_requests_total", &[]);
            let now = page_where(&weir, "more requests", |page| page.sum("weir_requests_total", &[]) > seen).await;
            now.follows(&before);
            before = now;
        }
        over.store(true, Ordering::Relaxed);
    };
    let (asked, ()) = within("load and scrapes", async { tokio::join!(load, scrapes) }).await;
    let all = |page: &Exposition| page.sum("weir_requests_total", &[("outcome", "answered")]) == asked;
    page_where(&weir, "every request, counted once", all).await;
    weir.stop().await;
}

/// All of them, in turns.
async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if futures.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn draining_is_seen() {
    only_through_weir!();
    let (server, go) = obedient().await;
    let mut weir = Gateway::to(&server.url()).start().await;
    let mut slow = weir.client().await;
    slow.post(&call("1", "hold", "{}")).await;
    server.request().await;
    weir.terminate();
    let page = page_where(&weir, "a drain", |page| page.sum("weir_draining", &[]) == 1.0).await;
    assert_eq!(page.sum("weir_ready", &[]), 0.0);
    go.send_replace(true);
    assert_eq!(slow.answer().await.status(), 200);
    assert!(weir.exit().await.success());
}

fn certificate(year: i32) -> String {
    let mut params = rcgen::CertificateParams::new(vec!["files.internal".to_owned()]).expect("a sound name");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    params.self_signed(&rcgen::KeyPair::generate().expect("a key")).expect("a certificate").pem()
}
