//! Messages that rules send to another server than that of their route.

use super::*;

/// A server that says who it is, opens sessions, and gives what is to be brought back.
async fn called(name: &'static str) -> Scripted {
    Scripted::start(move |exchange| async move {
        let request = &exchange.request;
        if request.verb() != "POST" {
            return exchange.accepted().await;
        }
        let (id, opens) = (request.id(), request.method() == "initialize");
        let text = match request.method().as_str() {
            "tools/list" => format!(r#"{{"resultType":"complete","tools":[],"nextCursor":"{name}"}}"#),
            _ => format!(r#"{{"resultType":"complete","content":[],"protocolVersion":"2025-11-25","who":"{name}"}}"#),
        };
        let body = result(&id, &text);
        let more = if opens { format!("Mcp-Session-Id: of-{name}\r\n") } else { String::new() };
        exchange.answer("200 OK", &format!("Content-Type: application/json\r\n{more}"), body).await
    })
    .await
}

fn who(answer: &Answer) -> String {
    answer.json()["result"]["who"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

const SECOND: &str =
    "[[rules]]\nname = \"second\"\nheaders = { x-to = \"b\" }\nthen = { route = [{ server = \"b\" }] }\n";

#[tokio::test]
async fn a_call_goes_where_its_rule_says_and_a_session_stays_where_it_began() {
    only_through_weir!();
    let (a, b) = (called("a").await, called("b").await);
    let weir = Gateway::config(&config(SECOND, &[("a", &a), ("b", &b)])).start().await;
    assert_eq!(who(&ask(&weir, call("1", "x", "{}")).await), "a");
    assert_eq!(who(&ask(&weir, call("1", "x", "{}").header("X-To", "b")).await), "b");
    let mut client = weir.client().await;
    for (to, with, expected) in [("a", "b", "a"), ("b", "a", "b")] {
        let opened = client.ask(&legacy("0", "initialize", INITIALIZE).path("/a").header("X-To", to)).await;
        assert_eq!(who(&opened), expected);
        let id = opened.head.header("mcp-session-id").expect("a session").to_owned();
        let answer = client.ask(&old_call("x").path("/a").session(&id).header("X-To", with)).await;
        assert_eq!(who(&answer), expected, "what was begun there goes on there");
        let server = if expected == "a" { &a } else { &b };
        let sessions: Vec<_> =
            server.waiting().iter().filter_map(|request| request.header("mcp-session-id").map(str::to_owned)).collect();
        assert_eq!(sessions, [format!("of-{expected}")]);
    }
    // It is told under the server that it went to.
    until("both are counted", async || {
        let mut admin = weir.admin().await;
        admin.get("/metrics", &[]).await;
        let page = Exposition::parse(admin.answer().await.text());
        ["a", "b"].map(|server| page.sum("weir_requests_total", &[("route", "/a"), ("server", server)])) == [3.0, 3.0]
    })
    .await;
}

#[tokio::test]
async fn the_caller_has_to_be_granted_it_on_the_other_server_as_well() {
    only_through_weir!();
    let (a, b) = (called("a").await, called("b").await);
    let roles = "[auth.anonymous]\nenabled = true\nroles = [\"reader\"]\n\
                 [[roles]]\nname = \"reader\"\ntools = [\"a:*\", \"b:seen\"]\n";
    let weir = Gateway::config(&config(&format!("{SECOND}{roles}"), &[("a", &a), ("b", &b)])).start().await;
    for post in [call("1", "hidden", "{}"), old_call("hidden")] {
        assert_eq!(who(&ask(&weir, post.clone()).await), "a");
        let refused = ask(&weir, post.header("X-To", "b")).await;
        assert_eq!(refused.refusal(), (-32602, "unknown_name".into(), "no".into()));
    }
    assert_eq!(who(&ask(&weir, call("1", "seen", "{}").header("X-To", "b")).await), "b");
}

#[tokio::test]
async fn weights_share_calls_and_a_batch_is_not_parted() {
    only_through_weir!();
    let (a, b) = (called("a").await, called("b").await);
    let rules = "[[rules]]\nname = \"half\"\ntools = [\"x\"]\n\
                 then = { route = [{ server = \"a\", weight = 1 }, { server = \"b\", weight = 1 }] }\n\
                 [[rules]]\nname = \"never\"\ntools = [\"y\"]\n\
                 then = { route = [{ server = \"a\", weight = 1 }, { server = \"b\", weight = 0 }] }\n";
    let weir = Gateway::config(&config(rules, &[("a", &a), ("b", &b)])).start().await;
    let mut client = weir.client().await;
    let mut counts = [0; 2];
    // All on one side by chance: once in 2^199.
    for _ in 0..200 {
        counts[usize::from(who(&client.ask(&call("1", "x", "{}").path("/a")).await) == "b")] += 1;
        assert_eq!(who(&client.ask(&call("1", "y", "{}").path("/a")).await), "a");
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}]"#;
    let refused = client.ask(&Post::new(batch).path("/a")).await;
    assert_eq!(refused.json()[0]["error"]["code"], 40301, "{refused:?}");
}
