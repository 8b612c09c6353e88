//! Callers whose roles grant part of a server, or nothing of it: what reaches it, and what they see of its answers.

use super::super::pair;
use super::*;
use crate::model::{Addressee, Culprit};

fn reader(server: &Server) -> Plan {
    Plan { roles: vec!["reader"], ..Plan::of(&[server]) }
}

fn call(id: &str, name: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0",{id}"method":"tools/call","params":{{"name":"{name}"}}}}"#)
}

/// A list of so many entries, every second of which may be seen, and what of it may.
fn list(key: &str, entries: usize, name: impl Fn(usize, &str) -> String) -> (String, String) {
    let text = |all: &[usize]| {
        let entry = |at: &usize| name(*at, if at.is_multiple_of(2) { "hidden" } else { "shown" });
        let all: Vec<_> = all.iter().map(entry).collect();
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"{key}":[{}]}}}}"#, all.join(","))
    };
    let all: Vec<_> = (0..entries).collect();
    let shown: Vec<_> = all.iter().copied().filter(|at| at % 2 == 1).collect();
    (text(&all), text(&shown))
}

fn prompts(entries: usize) -> (String, String) {
    list("prompts", entries, |_, seen| {
        let name = if seen == "shown" { "hello" } else { "bye" };
        format!(r#"{{"name":"{name}","description":"{}"}}"#, "x".repeat(100))
    })
}

#[test]
fn what_is_not_granted_never_reaches_the_server() {
    local(async {
        let server = Server::new().await;
        let core = reader(&server).core();
        let modern = |name: &str| {
            let request = Request::modern("tools/call").with("mcp-name", name);
            Request { body: request.body.replace("\"_meta\"", &format!("\"name\":\"{name}\",\"_meta\"")), ..request }
        };
        for refused in [
            Request::post(call("\"id\":1,", "rm")),
            Request::post(call("", "rm")),
            Request::post(call("\"id\":1,", "read_secret")),
            modern("rm"),
            Request::post(format!("[{},{}]", call("\"id\":1,", "search"), call("", "rm"))),
        ] {
            assert_eq!(whole(refused.walk(&core).await), Err(Reason::UnknownName));
        }
        assert!(server.is_alone().await);
        let (walked, _peer) = modern("search").met(&core, &server, json("200 OK", ANSWER)).await;
        assert_eq!(whole(walked).unwrap().2, ANSWER);
    });
}

#[test]
fn who_is_granted_nothing_is_refused_whatever_they_ask() {
    local(async {
        let server = Server::new().await;
        let core = Plan { roles: vec!["viewer", "nobody"], ..Plan::of(&[&server]) }.core();
        for refused in [
            Request::new(Verb::Get),
            Request::new(Verb::Delete),
            Request::legacy("initialize"),
            Request::legacy("x/y"),
            Request::modern("tools/list"),
            Request::modern("server/discover"),
            Request::post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            Request::post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
        ] {
            assert_eq!(whole(refused.walk(&core).await), Err(Reason::PolicyDenied));
        }
        let finish = Finish::begin(&core, 0, PEER.into());
        let refused = pair::listen(&core, 0, &HeaderMap::new(), &finish).await.expect_err("it is refused");
        assert_eq!(refused.reason, Reason::PolicyDenied, "the stream of the pair of 2024-11-05");
        assert!(server.is_alone().await);
    });
}

#[test]
fn a_refused_batch_says_which_of_its_requests_it_was() {
    local(async {
        let server = Server::new().await;
        let core = reader(&server).core();
        let body = format!("[{},{},{}]", call("", "search"), call("\"id\":1,", "search"), call("\"id\":2,", "rm"));
        let finish = Finish::begin(&core, 0, PEER.into());
        let body = Full::new(Bytes::from(body));
        let arrival = Arrival { route: 0, verb: Verb::Post, headers: HeaderMap::new(), body };
        let refused = flow::run(&core, arrival, &finish, &Drain::default()).await.err().expect("it is refused");
        let Addressee::Batch { ids, culprit } = &refused.1 else { panic!("{:?}", refused.1) };
        assert_eq!((ids.len(), *culprit), (2, Culprit::Request(Some(1))));
    });
}

#[test]
fn a_list_is_read_whole_before_any_of_it_is_shown() {
    local(async {
        let server = Server::new().await;
        let (core, all) = (reader(&server).core(), Plan::of(&[&server]).core());
        let (text, less) = prompts(1000);
        assert!(text.len() > 100_000);
        for era in [Era::Legacy, Era::Modern] {
            let list = || Request::of(era, "prompts/list");
            let (walked, _peer) = list().met(&core, &server, json("200 OK", &text)).await;
            assert_eq!(whole(walked).unwrap().2, less);
            core.client.pool.close_idle();
            // Who may see everything need not wait for it.
            let (walked, _peer) = list().met(&all, &server, json("200 OK", &text)).await;
            assert!(matches!(rest(&mut streaming(walked).1, &all).await, (passed, Step::Last) if passed == text));
            all.client.pool.close_idle();
            let (walked, _peer) = list().met(&core, &server, format!("{EVENTS}{}{END}", chunk(&event(&text)))).await;
            assert_eq!(rest(&mut streaming(walked).1, &core).await.0, event(&less));
            core.client.pool.close_idle();
        }
        let (text, less) = list("tools", 9, |at, seen| {
            format!(r#"{{"name":"{}{at}"}}"#, if seen == "shown" { "read_" } else { "write_" })
        });
        // The second time the list is known, and not read again.
        for _ in 0..3 {
            let (walked, _peer) = Request::legacy("tools/list").met(&core, &server, json("200 OK", &text)).await;
            assert_eq!(whole(walked).unwrap().2, less);
            core.client.pool.close_idle();
        }
    });
}

#[test]
fn a_list_that_cannot_be_read_does_not_pass() {
    local(async {
        let server = Server::new().await;
        let core = reader(&server).core();
        let (huge, _) = prompts(EVENT / 100);
        assert!(huge.len() > EVENT);
        let encoded = http("200 OK", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "x");
        let none = r#"{"jsonrpc":"2.0","id":1,"result":{"prompts":{"name":"bye"}}}"#;
        for said in [
            json("200 OK", &huge),
            json("500 Internal Server Error", &huge),
            encoded,
            json("200 OK", none),
            json("404 Not Found", none),
            http("200 OK", "Content-Type: text/plain\r\n", &prompts(2).0),
        ] {
            let (walked, _peer) = Request::legacy("prompts/list").met(&core, &server, said).await;
            assert_eq!(whole(walked), Err(Reason::UpstreamBadResponse));
            core.client.pool.close_idle();
        }
        let batch = format!("[{}]", r#"{"jsonrpc":"2.0","id":1,"method":"prompts/list"}"#);
        let (walked, _peer) = Request::post(batch).met(&core, &server, json("200 OK", &format!("[{huge}]"))).await;
        assert_eq!(whole(walked), Err(Reason::UpstreamBadResponse));
        // Of events, the stream ends with the refusal.
        let said = format!("{EVENTS}{}{END}", chunk(&event(none)));
        let (walked, _peer) = Request::legacy("prompts/list").met(&core, &server, said).await;
        let (passed, step) = rest(&mut streaming(walked).1, &core).await;
        assert!(passed.is_empty() && matches!(step, Step::Refused(..)), "{passed} {step:?}");
    });
}

#[test]
fn a_batch_and_a_replay_are_cut_like_the_answer_alone() {
    local(async {
        let server = Server::new().await;
        let core = reader(&server).core();
        let (text, less) = prompts(1000);
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"prompts/list"}]"#;
        let (walked, _peer) = Request::post(batch).met(&core, &server, json("200 OK", &format!("[{text}]"))).await;
        assert_eq!(whole(walked).unwrap().2, format!("[{less}]"));
        core.client.pool.close_idle();
        let hidden = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"notes://eve/1"}}"#;
        let said = format!("{EVENTS}{}{}{END}", chunk(&event(hidden)), chunk(&event(&text)));
        let request = Request::new(Verb::Get).with("last-event-id", "7");
        let (walked, _peer) = request.met(&core, &server, said).await;
        assert_eq!(rest(&mut streaming(walked).1, &core).await.0, event(&less));
    });
}
