//! HTTP/2 by ALPN: h2spec, Node, curl and h2's own client; what else a client may offer; new certificates and a stop under
//! open streams.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use h2::client::Builder;
use rustls::ClientConfig;
use tokio::sync::watch;

use super::{Authority, EMPTY, LATER, certificate, session, start};
use crate::http2::{Client, NODE_SAYS, by_name, h2spec, text};
use crate::support::{
    self, Gateway, NodeServer, Process, Scripted, call, modern, node_lines, only_through_weir, result, until, within,
};

async fn connect(weir: &Gateway, config: &Arc<ClientConfig>) -> Client {
    let stream = session(weir, config, "localhost").await.expect("trust");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Client::over(stream, weir, &Builder::new()).await
}

/// An authority, and a gateway with its certificate in front of `server`.
async fn gateway(server: &Scripted) -> (Authority, Gateway) {
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let weir = start(&format!("tls = {}", authority.tls("weir")), server).await;
    (authority, weir)
}

#[tokio::test]
async fn h2spec_passes_over_tls() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = NodeServer::reference(&[]).await;
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:0\"\ntls = {}\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n",
        authority.tls("weir"),
        server.url()
    );
    let weir = Gateway::config(&text).listening_by_file().start().await;
    h2spec(&weir, &["--tls", "--insecure"]).await;
    let mut client = connect(&weir, &authority.offering(&["h2"])).await;
    assert_eq!(client.ask(&modern("1", "tools/list", "")).await.0, 200);
    weir.stop().await;
}

#[tokio::test]
async fn node_speaks_to_it() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let (authority, weir) = gateway(&server).await;
    let (url, ca) = (format!("https://{}/mcp", weir.address()), authority.path("ca.pem"));
    let lines = node_lines("http2.mjs", &[&url, ca.to_str().expect("UTF-8")], false).await;
    assert_eq!(lines, NODE_SAYS);
    weir.stop().await;
}

/// What curl gets, and the version of HTTP that it came by.
async fn curl(weir: &Gateway, ca: &Path, how: &[&str], body: &Path, name: &str) -> (String, String) {
    let mut command = Command::new("curl");
    let port = weir.address().port();
    command.args(["--silent", "--show-error", "--fail", "--no-buffer", "--cacert"]).arg(ca).args(how);
    command.args(["--write-out", "\n%{http_version}\n", "--resolve"]).arg(format!("localhost:{port}:127.0.0.1"));
    command.args(["--header", "Content-Type: application/json", "--header", "Mcp-Method: tools/call"]);
    command.args(["--header", "Accept: application/json, text/event-stream", "--header"]);
    command.args(["MCP-Protocol-Version: 2026-07-28", "--header", &format!("Mcp-Name: {name}"), "--data-binary"]);
    command.arg(format!("@{}", body.display())).arg(format!("https://localhost:{port}/mcp"));
    let mut curl = Process::start("curl", &mut command);
    let mut lines = Vec::new();
    while let Some(line) = curl.line().await {
        lines.push(line);
    }
    let status = curl.exit().await;
    assert!(status.success(), "{how:?}: {status}: {}", curl.errors());
    let version = lines.pop().expect("it was asked for");
    (lines.join("\n"), version)
}

#[tokio::test]
async fn curl_speaks_to_it_by_whatever_it_offers() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let (authority, weir) = gateway(&server).await;
    let ca = authority.path("ca.pem");
    let long = "x".repeat(300_000);
    authority.write("big", std::str::from_utf8(call("1", "big", &format!("{{\"text\":\"{long}\"}}")).text()).unwrap());
    authority.write("stream", std::str::from_utf8(call("2", "stream", "{}").text()).unwrap());
    for (how, version) in [
        (&["--http2"][..], "2"),
        (&["--http2", "--tls-max", "1.2"], "2"),
        (&["--http1.1"], "1.1"),
        (&["--no-alpn"], "1.1"),
    ] {
        let (said, by) = curl(&weir, &ca, how, &authority.path("big"), "big").await;
        assert_eq!(by, version, "{how:?}");
        assert!(said.contains(&long) && said.starts_with("{\"jsonrpc\""), "{how:?}");
        let (said, by) = curl(&weir, &ca, how, &authority.path("stream"), "stream").await;
        assert_eq!((by.as_str(), said.matches("data:").count()), (version, 3), "{how:?}: {said}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn a_client_gets_what_it_offers_or_is_told_that_there_is_nothing() {
    only_through_weir!();
    let server = Scripted::start(by_name).await;
    let (authority, weir) = gateway(&server).await;
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        // Ours is the order that counts.
        (&["http/1.1", "h2"], Some("h2")),
        (&["h2"], Some("h2")),
        (&["acme/7", "http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let stream = session(&weir, &authority.offering(offered), "localhost").await.expect("trust");
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes), "{offered:?}");
        let answer = match agreed {
            Some("h2") => Client::over(stream, &weir, &Builder::new()).await.ask(&call("1", "echo", "{}")).await.1,
            _ => {
                let mut client = support::Client::over(stream, &weir.address().to_string());
                client.ask(&call("1", "echo", "{}")).await.text().to_owned()
            }
        };
        assert_eq!(answer, result("1", EMPTY), "{offered:?}");
    }
    for unknown in [&["acme/7"][..], &["http/1.0", "h2c"], &["http/2"]] {
        let refused = session(&weir, &authority.offering(unknown), "localhost").await.expect_err("nothing in common");
        assert!(refused.to_string().contains("NoApplicationProtocol"), "{unknown:?}: {refused}");
    }
    weir.stop().await;
}

#[tokio::test]
async fn open_streams_outlast_their_certificate_and_a_stop_lets_calls_end() {
    only_through_weir!();
    let (tell, told) = watch::channel(0);
    let server = Scripted::start(move |exchange| {
        let mut told = told.clone();
        async move {
            let (id, message) = (exchange.request.id(), exchange.request.json());
            if message["params"]["name"] == "waits" {
                let _ = told.wait_for(|told| *told == 2).await;
                return exchange.json(result(&id, EMPTY)).await;
            }
            if message["method"] != "subscriptions/listen" {
                return exchange.json(result(&id, EMPTY)).await;
            }
            let mut stream = exchange.stream().await;
            stream.event(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#).await;
            let _ = stream.unless_gone(told.wait_for(|told| *told == 1)).await;
            stream.event(r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#).await;
            stream.gone().await
        }
    })
    .await;
    let (authority, weir) = gateway(&server).await;
    let config = authority.offering(&["h2"]);
    let mut client = connect(&weir, &config).await;
    let waiting = client.post(&call("1", "waits", "{}")).await;
    let mut streams = Vec::new();
    for id in ["2", "3", "4"] {
        let listened = client.post(&modern(id, "subscriptions/listen", r#""notifications":{}"#)).await;
        let mut listened = within("a head", listened).await.expect("a sound stream").into_body();
        assert!(next(&mut listened).await.is_some_and(|event| event.contains("tools/list_changed")));
        streams.push(listened);
    }

    authority.issue("weir", &["localhost"], 2, LATER);
    let now = certificate(&authority.path("weir.pem"));
    until("the new certificate is shown", async || {
        let stream = session(&weir, &config, "localhost").await.expect("trust");
        stream.get_ref().1.peer_certificates().expect("one was shown")[0] == now
    })
    .await;
    tell.send_replace(1);
    for listened in &mut streams {
        assert!(next(listened).await.is_some_and(|event| event.contains("prompts/list_changed")));
    }
    assert_eq!(client.ask(&call("5", "echo", "{}")).await.1, result("5", EMPTY));

    weir.terminate();
    for listened in &mut streams {
        while next(listened).await.is_some() {}
    }
    until("it is told to ask no more", async || client.send.clone().ready().await.is_err()).await;
    tell.send_replace(2);
    let answer = within("the answer", waiting).await.expect("a sound stream");
    assert_eq!(text(answer).await.expect("a whole body"), result("1", EMPTY));
    within("the end of the connection", client.driven).await.expect("no panic").expect("a proper end");
    weir.stop().await;
}

/// The next piece of a stream; none at its proper end.
async fn next(body: &mut h2::RecvStream) -> Option<String> {
    let data = within("more of a stream", body.data()).await?.expect("a sound stream");
    body.flow_control().release_capacity(data.len()).expect("an open stream");
    Some(String::from_utf8(data.to_vec()).expect("UTF-8"))
}
