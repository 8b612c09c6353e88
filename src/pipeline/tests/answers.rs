//! Answers in one piece and long ones: what passes, what is 502, and what becomes of the connection.

use super::*;

const LONG: usize = 100 * 1024;

#[test]
fn a_call_and_its_answer_pass_to_the_byte() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        for era in [Era::Legacy, Era::Modern] {
            let request = Request::of(era, "tools/list").with("traceparent", "00-1").with("authorization", "Bearer x");
            let answer = format!(" {ANSWER}\n");
            let (walked, heard) = tokio::join!(request.clone().walk(&core), async {
                let mut peer = server.accept().await;
                let heard = peer.hear().await;
                peer.say(http("200 OK", "Content-Type: application/json;charset=utf-8\r\nX-Trace: 7\r\n", &answer))
                    .await;
                heard
            });
            let (status, headers, body) = whole(walked).unwrap();
            assert_eq!((status, body), (200, answer));
            assert_eq!((headers.len(), &headers["x-trace"]), (2, &HeaderValue::from_static("7")));
            assert_eq!(heard.1, request.body.as_bytes());
            assert!(heard.0.contains("traceparent: 00-1\r\n") && !heard.0.contains("Bearer"), "{}", heard.0);
            assert_eq!(core.client.pool.idle(), 1);
            core.client.pool.close_idle();
        }
    });
}

#[test]
fn what_is_no_answer_is_a_bad_response_and_ends_the_call_in_either_era() {
    local(async {
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#;
        for era in [Era::Legacy, Era::Modern] {
            for said in [
                // Of a credential of ours: a client would take it for a word on its own.
                http("401 No", "WWW-Authenticate: Bearer\r\n", ""),
                json("401 No", ANSWER),
                http("302 Found", "Location: http://elsewhere/mcp\r\n", "moved"),
                http("307 Temporary Redirect", "Location: /other\r\n", ""),
                "HTTP/1.1 304 Not Modified\r\n\r\n".into(),
                http("200 OK", "Content-Type: application/json\r\nContent-Type: text/plain\r\n", ANSWER),
                http("200 OK", "Content-Type: application/json; charset=utf-16\r\n", ANSWER),
                http("200 OK", "Content-Type: text/html\r\n", ANSWER),
                http("200 OK", "", ANSWER),
                json("200 OK", ""),
                json("200 OK", "{}"),
                json("200 OK", request),
                json("200 OK", NOTE),
                json("200 OK", &ANSWER.replace("\"id\":1", "\"id\":2")),
                json("200 OK", &ANSWER.replace("\"id\":1", "\"id\":\"1\"")),
                "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".into(),
                "HTTP/1.1 204 No Content\r\n\r\n".into(),
                format!("{}{}{END}", EVENTS.replace("text/event-stream", "application/json"), chunk("{\"jsonrpc\":")),
            ] {
                let server = Server::new().await;
                let core = Plan::of(&[&server]).core();
                let (walked, _peer) = Request::of(era, "tools/call2").met(&core, &server, &said).await;
                assert_eq!(whole(walked), Err(Reason::UpstreamBadResponse), "{era:?} {said}");
                assert_eq!(core.client.abandoned.open(), 0, "{era:?} {said}");
            }
            // What was not read to its end is closed.
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let endless = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
            let (walked, mut peer) = Request::of(era, "x").met(&core, &server, endless).await;
            assert_eq!(whole(walked), Err(Reason::UpstreamBadResponse));
            peer.closed().await;
        }
    });
}

#[test]
fn a_servers_own_failure_keeps_its_status_and_its_body() {
    local(async {
        let lost = r#"{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}"#;
        for era in [Era::Legacy, Era::Modern] {
            for (status, said, body) in [
                (404, json("404 Not Found", lost), lost),
                (404, json("404 Not Found", r#"{"detail":"Not Found"}"#), r#"{"detail":"Not Found"}"#),
                (400, http("400 Bad Request", "Content-Type: text/html\r\n", "<p>no"), "<p>no"),
                (400, http("400 Bad Request", "Content-Type: text/event-stream\r\n", "data: x\n\n"), "data: x\n\n"),
                (500, http("500 Oops", "Content-Encoding: gzip\r\n", "\x1f\u{b}"), "\x1f\u{b}"),
                (503, "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), ""),
                (403, http("403 No", "WWW-Authenticate: Bearer\r\n", ""), ""),
                (502, "HTTP/1.0 502 Bad\r\nConnection: close\r\n\r\nuntil the end".into(), "until the end"),
            ] {
                let server = Server::new().await;
                let core = Plan::of(&[&server]).core();
                let (walked, ()) = tokio::join!(Request::of(era, "x").walk(&core), async {
                    let mut peer = server.accept().await;
                    peer.hear().await;
                    peer.say(&said).await;
                });
                let (got, headers, passed) = whole(walked).unwrap();
                assert_eq!((got, passed.as_str()), (status, body), "{era:?}");
                assert_eq!(headers.get("retry-after").is_some(), status == 503);
                assert!(!headers.contains_key("www-authenticate") && !headers.contains_key("connection"));
            }
        }
    });
}

#[test]
fn an_encoded_answer_is_refused_where_it_has_to_be_read() {
    local(async {
        let encoded = http("200 OK", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "\x1f\u{b}");
        for (era, method) in [(Era::Legacy, "prompts/list"), (Era::Modern, "tools/list"), (Era::Legacy, "initialize")] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let (walked, _peer) = Request::of(era, method).met(&core, &server, &encoded).await;
            assert_eq!(whole(walked), Err(Reason::UpstreamBadResponse), "{method}");
        }
    });
}

#[test]
fn a_failure_with_somebody_elses_result_does_not_pass() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let theirs = json("400 Bad Request", &ANSWER.replace("\"id\":1", "\"id\":2"));
        let (walked, _) = Request::modern("x").met(&core, &server, theirs).await;
        assert_eq!(whole(walked), Err(Reason::UpstreamBadResponse));
    });
}

#[test]
fn a_long_failure_passes_as_it_comes() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let body = format!("{{\"detail\":\"{}\"}}", "x".repeat(LONG));
        let said = json("500 Oops", &body);
        let ((walked, mut peer), ()) = tokio::join!(Request::modern("x").met(&core, &server, said), async {});
        let (head, mut relay) = streaming(walked);
        assert_eq!((head.status.as_u16(), relay.length()), (500, Some(body.len() as u64)));
        let (passed, step) = rest(&mut relay, &core).await;
        assert!(passed == body && matches!(step, Step::Last));
        assert_eq!(core.client.pool.idle(), 1);
        drop(relay);
        core.client.pool.close_idle();
        peer.closed().await;
    });
}

#[test]
fn what_a_server_says_to_a_notification_ends_with_its_status() {
    local(async {
        for era in [Era::Legacy, Era::Modern] {
            for (said, status, kept) in [
                ("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned(), 202, 1),
                ("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 202, 1),
                ("HTTP/1.1 204 No Content\r\n\r\n".into(), 204, 1),
                (json("200 OK", ANSWER), 200, 1),
                (http("200 OK", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", "ok"), 200, 1),
                (json("200 OK", &long("1", LONG)), 200, 0),
            ] {
                let server = Server::new().await;
                let core = Plan::of(&[&server]).core();
                let note = Request { body: NOTE.into(), ..Request::of(era, "notifications/progress") };
                let (walked, _peer) = note.met(&core, &server, said).await;
                let (got, headers, body) = whole(walked).unwrap();
                assert_eq!((got, body.as_str(), headers.contains_key("content-type")), (status, "", false));
                assert_eq!((core.client.pool.idle(), core.client.abandoned.open()), (kept, 0));
            }
        }
        // A failure of it passes like any other.
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let nameless = r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"no"}}"#;
        let (walked, _) = Request::post(NOTE).met(&core, &server, json("400 Bad Request", nameless)).await;
        assert_eq!(whole(walked).unwrap().2, nameless);
    });
}

#[test]
fn a_long_answer_is_checked_while_it_passes_and_keeps_its_length() {
    local(async {
        for (said, length) in [
            (json("200 OK", &long("1", LONG)), true),
            (
                format!("{}{}{END}", EVENTS.replace("text/event-stream", "application/json"), chunk(&long("1", LONG))),
                false,
            ),
        ] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let (walked, _peer) = Request::modern("x").met(&core, &server, said).await;
            let (head, mut relay) = streaming(walked);
            assert!(!head.headers.contains_key("content-length") && !relay.is_events() && !relay.is_endless());
            assert_eq!(relay.length(), length.then(|| long("1", LONG).len() as u64));
            let (passed, step) = rest(&mut relay, &core).await;
            assert!(passed == long("1", LONG));
            assert!(matches!(step, Step::Last), "{step:?}");
            assert_eq!(core.client.pool.idle(), 1, "the connection is kept");
        }
    });
}

#[test]
fn a_long_answer_at_fault_is_cut_before_its_end() {
    local(async {
        let broken = format!("{}!", long("1", LONG).trim_end_matches('}'));
        for body in [long("2", LONG), long("1.0", LONG), broken, format!("[{}]", long("1", LONG))] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let (walked, _peer) = Request::legacy("x").met(&core, &server, json("200 OK", &body)).await;
            let (_, mut relay) = streaming(walked);
            let mut passed = 0;
            let step = loop {
                let (piece, step) = next(&mut relay, &core).await;
                match step {
                    Step::More => passed += piece.len(),
                    // What comes with a cut is not written.
                    over => break over,
                }
            };
            assert!(matches!(&step, Step::Cut(refusal) if refusal.reason == Reason::UpstreamBadResponse), "{step:?}");
            assert!(passed < body.len(), "no client takes it for whole");
            drop(relay);
            assert_eq!((core.client.pool.idle(), core.client.abandoned.open()), (0, 0));
        }
    });
}

#[test]
fn a_fault_in_what_is_read_first_is_told_with_the_status() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n";
        let (walked, mut peer) = Request::legacy("x").met(&core, &server, format!("{head}{{]")).await;
        assert_eq!(walked.err().map(|refusal| refusal.reason), Some(Reason::UpstreamBadResponse));
        peer.closed().await;
        assert_eq!(core.client.abandoned.open(), 0);
    });
}

#[test]
fn a_connection_that_breaks_in_a_long_answer_cuts_it() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let said = json("200 OK", &long("1", LONG));
        let (walked, peer) = Request::modern("x").met(&core, &server, &said[..said.len() - 9]).await;
        let (_, mut relay) = streaming(walked);
        drop(peer);
        let (_, step) = rest(&mut relay, &core).await;
        assert!(matches!(step, Step::Cut(refusal) if refusal.reason == Reason::UpstreamReset));
    });
}

#[test]
fn a_list_of_tools_is_read_whole_up_to_its_own_bound() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let (walked, _peer) = Request::modern("tools/list").met(&core, &server, json("200 OK", &long("1", LONG))).await;
        assert!(whole(walked).unwrap().2 == long("1", LONG));
        core.client.pool.close_idle();
        let larger = json("200 OK", &long("1", EVENT));
        let (walked, _peer) = Request::modern("tools/list").met(&core, &server, larger).await;
        let refusal = walked.err().expect("it is refused");
        assert!(refusal.message.contains("[http] event") && refusal.retryable, "{refusal:?}");
    });
}

#[test]
fn batches_pass_whole_or_not_at_all() {
    local(async {
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"n"},{"jsonrpc":"2.0","id":"b","method":"b"}]"#;
        let second = ANSWER.replace("\"id\":1", "\"id\":\"b\"");
        let both = format!("[{second},{ANSWER}]");
        for (said, passes) in [(both.as_str(), true), (&format!("[{ANSWER}]"), false), (ANSWER, false)] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let (walked, _peer) = Request::post(batch).met(&core, &server, json("200 OK", said)).await;
            assert_eq!(whole(walked).map(|answer| answer.2).ok(), passes.then(|| said.to_owned()));
        }
        // Nothing in it asks for an answer.
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let notes = Request::post(format!("[{NOTE},{NOTE}]"));
        let (walked, _peer) = notes.met(&core, &server, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(whole(walked).unwrap().0, 202);
    });
}
