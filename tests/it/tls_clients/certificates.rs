//! Certificates: by name, of clients, changing under load; and sessions that come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rcgen::KeyPair;
use rustls::HandshakeKind;

use super::{Authority, EMPTY, LATER, answered, certificate, server, session, start};
use crate::support::{Client, Scripted, call, count, only_through_weir, result, until};

#[tokio::test]
async fn calls_and_streams_go_over_tls_and_each_name_is_shown_its_certificate() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("first", &["localhost"], 1, LATER);
    authority.issue("wild", &["*.example.com"], 2, LATER);
    let server = Scripted::start(|exchange| async move {
        let id = exchange.request.id();
        if exchange.request.json()["params"]["name"] != "stream" {
            return exchange.json(result(&id, EMPTY)).await;
        }
        let mut stream = exchange.stream().await;
        stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
        stream.event(&result(&id, EMPTY)).await;
        stream.end().await
    })
    .await;
    let listen = format!("tls = {{ certificates = [{}, {}] }}", authority.tls("first"), authority.tls("wild"));
    let weir = start(&listen, &server).await;
    let config = authority.client(None);
    for (name, file) in [("localhost", "first.pem"), ("a.example.com", "wild.pem")] {
        let stream = session(&weir, &config, name).await.expect("trust");
        let shown = stream.get_ref().1.peer_certificates().expect("one was shown")[0].clone().into_owned();
        assert_eq!(shown, certificate(&authority.path(file)));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut client = Client::over(stream, &weir.address().to_string());
        for id in ["1", "2"] {
            client.post(&call(id, "stream", "{}")).await;
            assert_eq!(client.head().await.header("content-type"), Some("text/event-stream"));
            assert!(client.message().await.expect("progress").contains("progress"));
            assert_eq!(client.message().await, Some(result(id, EMPTY)));
            assert_eq!(client.message().await, None);
            let big = format!("{{\"text\":{:?}}}", "x".repeat(300_000));
            assert_eq!(client.ask(&call(id, "echo", &big)).await.text(), result(id, EMPTY));
        }
    }
    assert!(session(&weir, &config, "elsewhere.example").await.is_err(), "the first is not of that name");
    weir.stop().await;
}

#[tokio::test]
async fn files_change_under_load_and_no_request_fails() {
    only_through_weir!();
    let authority = Arc::new(Authority::new("ours"));
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let weir = Arc::new(start(&format!("tls = {}", authority.tls("weir")), &server).await);
    let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let kept = session(&weir, &authority.client(None), "localhost").await.expect("trust");
    let mut kept = Client::over(kept, &weir.address().to_string());
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (authority, weir) = (Arc::clone(&authority), Arc::clone(&weir));
            let (over, asked) = (Arc::clone(&over), Arc::clone(&asked));
            tokio::spawn(async move {
                let config = authority.client(None);
                while !over.load(Ordering::Relaxed) {
                    assert!(answered(&weir, &config).await, "a request failed");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for serial in 2..2 + count(60) as u64 {
        authority.issue("weir", &["localhost"], serial, LATER);
        let now = certificate(&authority.path("weir.pem"));
        until("the new certificate is shown", async || {
            let stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
            stream.get_ref().1.peer_certificates().expect("one was shown")[0] == now
        })
        .await;
        assert_eq!(kept.ask(&call("1", "echo", "{}")).await.status(), 200, "the first connection goes on");
    }
    // A pair that does not fit changes nothing.
    authority.write("weir.key", &KeyPair::generate().expect("a key can be made").serialize_pem());
    until("it is refused", async || weir.said().contains("it is not the key of the certificate in")).await;
    let before = asked.load(Ordering::Relaxed);
    until("it goes on", async || asked.load(Ordering::Relaxed) > before + 8).await;
    over.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no request failed");
    }
}

#[tokio::test]
async fn certificates_of_clients_are_checked_and_what_is_revoked_later_is_refused() {
    only_through_weir!();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    ours.issue("weir", &["localhost"], 1, LATER);
    for (file, serial, year) in [("good", 2, LATER), ("revoked", 3, LATER), ("old", 4, 2020)] {
        ours.issue(file, &[file], serial, year);
    }
    theirs.issue("foreign", &["foreign"], 5, LATER);
    for file in ["foreign.pem", "foreign.key"] {
        std::fs::copy(theirs.path(file), ours.path(file)).expect("it can be copied");
    }
    ours.revoke(&[3]);
    let (ca, list) = (ours.path("ca.pem"), ours.path("crl.pem"));
    let listen = format!("tls = {}\nclient_ca = {ca:?}\nclient_crl = [{list:?}]", ours.tls("weir"));
    let server = server().await;
    let weir = start(&listen, &server).await;
    let good = ours.client(Some("good"));
    assert!(answered(&weir, &good).await);
    for refused in [Some("revoked"), Some("old"), Some("foreign"), None] {
        assert!(!answered(&weir, &ours.client(refused)).await, "{refused:?}");
    }
    // Nobody comes back without being asked again.
    let stream = session(&weir, &good, "localhost").await.expect("trust");
    assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    let mut kept = Client::over(stream, &weir.address().to_string());
    ours.revoke(&[2, 3]);
    until("it is revoked", async || !answered(&weir, &good).await).await;
    assert_eq!(kept.ask(&call("1", "echo", "{}")).await.status(), 200, "who is connected stays");
    ours.revoke(&[3]);
    until("it is good again", async || answered(&weir, &good).await).await;
    weir.stop().await;

    let listen = format!("tls = {}\nclient_ca = {ca:?}\nclient_certificate = \"request\"", ours.tls("weir"));
    let weir = start(&listen, &server).await;
    assert!(answered(&weir, &ours.client(None)).await && answered(&weir, &good).await);
    assert!(!answered(&weir, &ours.client(Some("foreign"))).await);
    weir.stop().await;
}

#[tokio::test]
async fn nodes_with_the_same_keys_take_each_others_clients_back() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    authority.write("ring", "9oTgZ4rT4rjzKvJ0rJ1Hkq4PpIaWb0r3o0l5m1b2c3E=\n");
    authority.write("other", "8oTgZ4rT4rjzKvJ0rJ1Hkq4PpIaWb0r3o0l5m1b2c3E=\n");
    let server = server().await;
    let node = async |ring: &str| {
        let keys = format!("tls = {}\n[keys]\nring = {{ file = {:?} }}", authority.tls("weir"), authority.path(ring));
        start(&keys, &server).await
    };
    let (one, two, stranger) = (node("ring").await, node("ring").await, node("other").await);
    let client = authority.client(None);
    for (node, kind) in [
        (&one, HandshakeKind::Full),
        (&one, HandshakeKind::Resumed),
        (&two, HandshakeKind::Resumed),
        (&stranger, HandshakeKind::Full),
    ] {
        let stream = session(node, &client, "localhost").await.expect("trust");
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
        // Tickets come with what follows the handshake.
        let mut client = Client::over(stream, &node.address().to_string());
        assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 200);
    }
}
