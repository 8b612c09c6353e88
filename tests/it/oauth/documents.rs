//! Who gives out tokens for a route, for whoever has none yet.

use serde_json::json;
use tempfile::TempDir;

use super::{ISSUER, PUBLIC, answering, config, route};
use crate::support::{Answer, Client, Gateway, call, only_through_weir};
use crate::tokens::Issuer;

const ROOT: &str = "/.well-known/oauth-protected-resource";

fn keys() -> TempDir {
    let keys = tempfile::tempdir().unwrap();
    std::fs::write(keys.path().join("keys.json"), Issuer::new(1).key_set("1")).unwrap();
    keys
}

async fn get(client: &mut Client, path: &str, fields: &[&str]) -> Answer {
    client.get(path, fields).await;
    client.answer().await
}

#[tokio::test]
async fn each_route_of_an_issuer_has_a_document_and_the_challenge_leads_there() {
    only_through_weir!();
    let (server, keys) = (answering().await, keys());
    let routes = [route("/mcp", "scopes = [\"mcp:tools\", \"mcp:read\"]"), route("/other/mcp", "")].concat();
    let weir = Gateway::config(&config(keys.path(), &server.url(), &routes)).start().await;
    let mut client = weir.client().await;
    for (path, scopes) in [("/mcp", "mcp:tools mcp:read"), ("/other/mcp", "")] {
        let refused = client.ask(&call("1", "echo", "{}").path(path)).await;
        assert_eq!(refused.status(), 401, "{refused:?}");
        let challenge = refused.head.header("www-authenticate").expect("a challenge");
        let scope = if scopes.is_empty() { String::new() } else { format!("scope=\"{scopes}\",") };
        assert_eq!(challenge, format!("Bearer {scope}resource_metadata=\"{PUBLIC}{ROOT}{path}\""));
        let answer = get(&mut client, &format!("{ROOT}{path}"), &[]).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        assert_eq!(answer.head.header("content-type"), Some("application/json"));
        assert_eq!(answer.head.header("cache-control"), Some("private, max-age=300"));
        let mut expected = json!({
            "resource": format!("{PUBLIC}{path}"),
            "authorization_servers": [ISSUER],
            "bearer_methods_supported": ["header"],
        });
        if !scopes.is_empty() {
            expected["scopes_supported"] = scopes.split(' ').collect();
        }
        assert_eq!(answer.json(), expected);
    }
    for nowhere in [ROOT.to_owned(), format!("{ROOT}/"), format!("{ROOT}/third"), format!("{ROOT}/mcp/")] {
        let answer = get(&mut client, &nowhere, &[]).await;
        assert_eq!((answer.status(), answer.refusal().0), (404, 40401), "{nowhere}: two routes are protected");
    }
    assert!(server.waiting().is_empty(), "nothing of it reached the server");
    weir.stop().await;
}

#[tokio::test]
async fn the_root_speaks_of_the_only_protected_route() {
    only_through_weir!();
    let (server, keys) = (answering().await, keys());
    let open = "[auth.anonymous]\nenabled = true\n";
    let routes = [open.to_owned(), route("/mcp", "anonymous = false"), route("/open/mcp", "")].concat();
    let weir = Gateway::config(&config(keys.path(), &server.url(), &routes)).start().await;
    let mut client = weir.client().await;
    for (path, resource) in [("", "/mcp"), ("/mcp", "/mcp"), ("/open/mcp", "/open/mcp")] {
        let answer = get(&mut client, &format!("{ROOT}{path}"), &[]).await;
        assert_eq!(answer.json()["resource"], format!("{PUBLIC}{resource}"), "{path}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn documents_are_read_by_whoever_may_ask_and_by_no_other_method() {
    only_through_weir!();
    let (server, keys) = (answering().await, keys());
    let weir = Gateway::config(&config(keys.path(), &server.url(), &route("/mcp", ""))).start().await;
    let (mut client, path) = (weir.client().await, format!("{ROOT}/mcp"));
    let whole = get(&mut client, &path, &[]).await;
    assert_eq!((whole.status(), whole.head.header("access-control-allow-origin")), (200, None));

    let page = get(&mut client, &path, &["Origin: http://localhost:5173", "Authorization: Bearer nonsense"]).await;
    assert_eq!((page.status(), &page.body), (200, &whole.body), "no credential is looked at");
    assert_eq!(page.head.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(page.head.header("vary"), Some("Origin"));
    let foreign = get(&mut client, &path, &["Origin: https://evil.example"]).await;
    assert_eq!((foreign.status(), foreign.refusal().1.as_str()), (403, "origin_not_allowed"));

    client.without_body("HEAD", &path, &[]).await;
    let head = client.head().await;
    assert_eq!((head.status(), head.header("content-length")), (200, Some(&*whole.body.len().to_string())));

    client.without_body("OPTIONS", &path, &["Origin: http://localhost:5173"]).await;
    let options = client.answer().await;
    assert_eq!((options.status(), options.head.header("allow")), (204, Some("GET, HEAD, OPTIONS")), "{options:?}");
    assert_eq!(options.head.header("access-control-allow-methods"), Some("GET, HEAD, OPTIONS"));
    let headers = options.head.header("access-control-allow-headers").expect("what may be sent");
    assert!(headers.contains("MCP-Protocol-Version"), "the SDKs send it here, too: {headers}");

    let post = client.ask(&call("1", "echo", "{}").path(&path)).await;
    assert_eq!((post.status(), post.head.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    let rebound = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    client.bytes(rebound.as_bytes()).await;
    let rebound = client.answer().await;
    assert_eq!((rebound.status(), rebound.refusal().1.as_str()), (403, "host_not_allowed"));
    weir.stop().await;
}

#[tokio::test]
async fn where_nobody_could_get_a_token_by_oneself_there_is_no_document() {
    only_through_weir!();
    let (server, keys) = (answering().await, keys());
    let local = format!(
        "[auth.local]\nenabled = true\n[listen]\npublic_url = {PUBLIC:?}\n[[servers]]\nname = \"files\"\n\
         endpoints = [{:?}]\n{}",
        server.url(),
        route("/mcp", "")
    );
    let no_url = config(keys.path(), &server.url(), &route("/mcp", "")).replace(ISSUER, "the accounts department");
    for text in [local, no_url] {
        let weir = Gateway::config(&text).start().await;
        let mut client = weir.client().await;
        let refused = client.ask(&call("1", "echo", "{}")).await;
        assert_eq!((refused.status(), refused.head.header("www-authenticate")), (401, Some("Bearer")));
        for path in [ROOT.to_owned(), format!("{ROOT}/mcp")] {
            assert_eq!(get(&mut client, &path, &[]).await.status(), 404, "{path}");
        }
        weir.stop().await;
    }
}
