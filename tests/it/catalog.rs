//! What passes teaches: a tool's mirrored parameters are checked once its definition has been seen, and what a server
//! says it speaks is cut to what can be read here.

use crate::support::{Gateway, Post, Request, Scripted, call, modern, only_through_weir, result};

const TOOLS: &str = r#"{"resultType":"complete","tools":[{"name":"sql","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"limits":{"type":"object","properties":{"rows":{"type":"integer","x-mcp-header":"Rows"}}}}}}],"ttlMs":0,"cacheScope":"private"}"#;

/// A server that checks nothing: what is refused is refused by Weir.
fn trusting(request: &Request) -> String {
    let answer = match request.method().as_str() {
        "tools/list" => TOOLS,
        "server/discover" => {
            r#"{"resultType":"complete","supportedVersions" : [ "2025-11-25" , "2026-07-28", "2031-01-01" ],"x":1e400}"#
        }
        _ => r#"{"resultType":"complete","content":[]}"#,
    };
    result(&request.id(), answer)
}

fn query(headers: &[(&str, &str)]) -> Post {
    let post = call("1", "sql", r#"{"region":"zürich","limits":{"rows":42}}"#);
    headers.iter().fold(post, |post, (name, value)| post.header(name, value))
}

const RIGHT: [(&str, &str); 2] = [("Mcp-Param-Region", "=?base64?esO8cmljaA==?="), ("mcp-param-ROWS", "42.0")];

#[tokio::test]
async fn mirrored_parameters_are_checked_once_the_definition_has_passed() {
    only_through_weir!();
    let server = Scripted::answering(trusting).await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    let wrong = [("Mcp-Param-Region", "basel"), ("Mcp-Param-Rows", "42")];
    assert_eq!(client.ask(&query(&wrong)).await.status(), 200, "an unknown tool is its server's matter");

    // The list is learnt beside the traffic. A list asked for after the first one was answered finds it published or
    // not; each round is a whole exchange, so that this ends by what happens and not by a clock.
    let learnt = loop {
        assert_eq!(client.ask(&modern("2", "tools/list", "")).await.status(), 200);
        let answer = client.ask(&query(&wrong)).await;
        if answer.status() != 200 {
            break answer;
        }
    };
    assert_eq!((learnt.status(), learnt.json()["error"]["code"].as_i64()), (400, Some(-32020)), "{learnt:?}");
    drop(server.waiting());

    for headers in [&wrong[..], &[], &RIGHT[..1], &[("Mcp-Param-Region", "=?base64?bad?="), RIGHT[1]]] {
        let answer = client.ask(&query(headers)).await;
        assert_eq!(answer.json()["error"]["data"]["reason"], "header_mismatch", "{headers:?}: {answer:?}");
    }
    assert!(server.waiting().is_empty(), "nothing of it reached the server");
    assert_eq!(client.ask(&query(&RIGHT)).await.status(), 200);
    let reached = server.request().await;
    assert_eq!(reached.header("mcp-param-region"), Some(RIGHT[0].1), "forwarded as it came");
}

#[tokio::test]
async fn what_a_server_speaks_is_cut_to_what_can_be_read_here() {
    only_through_weir!();
    let server = Scripted::answering(trusting).await;
    let weir = Gateway::to(&server.url()).start().await;
    let answer = weir.client().await.ask(&modern("\"d\"", "server/discover", "")).await;
    let cut = r#"{"resultType":"complete","supportedVersions" : [ "2025-11-25" , "2026-07-28"],"x":1e400}"#;
    assert_eq!(answer.text(), result("\"d\"", cut));
}
