//! Proxies in front: whose word on the client's address is taken, and what is refused.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, Gateway, Scripted, call, only_through_weir, result, until, within};

const EMPTY: &str = r#"{"resultType":"complete","content":[]}"#;

async fn start(listen: &str, server: &Scripted) -> Gateway {
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:0\"\nhosts = [\"gateway.example\"]\n{listen}\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n",
        server.url()
    );
    Gateway::config(&text).listening_by_file().start().await
}

async fn server() -> Scripted {
    Scripted::answering(|request| result(&request.id(), EMPTY)).await
}

/// A client behind these bytes.
async fn behind(weir: &Gateway, header: &[u8]) -> Client {
    let mut stream = TcpStream::connect(weir.address()).await.expect("it listens");
    stream.write_all(header).await.expect("it is open");
    Client::over(stream, "gateway.example")
}

fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("a short block").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat()
}

#[tokio::test]
async fn a_header_of_the_proxy_protocol_names_the_client() {
    only_through_weir!();
    let server = server().await;
    let block = [203, 0, 113, 7, 198, 51, 100, 1, 0xd6, 0xd8, 0x01, 0xbb];
    for (version, named, own) in [
        ("v1", b"PROXY TCP4 203.0.113.7 198.51.100.1 55000 443\r\n".to_vec(), b"PROXY UNKNOWN\r\n".to_vec()),
        ("v2", v2(0x21, 0x11, &block), v2(0x20, 0, &[])),
    ] {
        let listen = format!("proxy_protocol = {version:?}\ntrusted_proxies = [\"127.0.0.0/8\"]");
        let weir = start(&listen, &server).await;
        for header in [&named, &own] {
            let answer = behind(&weir, header).await.ask(&call("1", "echo", "{}")).await;
            assert_eq!(answer.text(), result("1", EMPTY));
        }
        // The address that the client reached the proxy at is ours as well.
        let at_the_proxy = call("1", "echo", "{}").header("Host", "198.51.100.1");
        assert_eq!(behind(&weir, &named).await.ask(&at_the_proxy).await.status(), 200);
        for wrong in [&b""[..], b"PROXY TCP4 203.0.113.7\r\n", b"\x16\x03\x01\x00\x05hello"] {
            let mut client = behind(&weir, wrong).await;
            client.post(&call("1", "echo", "{}")).await;
            assert!(client.try_head().await.is_none(), "{wrong:?}");
        }
        let log = weir.log().await;
        assert_eq!(log.matches("203.0.113.7:55000").count(), 2, "{log}");
        assert!(log.contains("127.0.0.1:"), "{log}");
    }
}

#[tokio::test]
async fn a_header_from_a_stranger_is_refused() {
    only_through_weir!();
    let server = server().await;
    let weir = start("proxy_protocol = \"v1\"\ntrusted_proxies = [\"10.0.0.0/8\"]", &server).await;
    let mut stream = TcpStream::connect(weir.address()).await.expect("it listens");
    let _ = stream.write_all(b"PROXY TCP4 203.0.113.7 198.51.100.1 55000 443\r\n").await;
    let read = within("the end", stream.read(&mut [0; 64])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    until("it is counted", async || {
        let mut admin = weir.admin().await;
        admin.get("/metrics", &[]).await;
        admin.answer().await.text().contains("weir_connections_turned_away_total{why=\"proxy\"} 1")
    })
    .await;
    weir.stop().await;
}

#[tokio::test]
async fn connections_are_counted_by_the_client_that_the_proxy_names() {
    only_through_weir!();
    let listen = "proxy_protocol = \"v1\"\ntrusted_proxies = [\"127.0.0.1\"]\n[http]\nconnections_per_address = 1";
    let server = server().await;
    let weir = start(listen, &server).await;
    let client = |last: u8| format!("PROXY TCP4 203.0.113.{last} 198.51.100.1 55000 443\r\n");
    let mut first = behind(&weir, client(7).as_bytes()).await;
    assert_eq!(first.ask(&call("1", "echo", "{}")).await.status(), 200);
    let mut again = behind(&weir, client(7).as_bytes()).await;
    again.post(&call("1", "echo", "{}")).await;
    assert!(again.try_head().await.is_none(), "a second of one client");
    assert_eq!(behind(&weir, client(8).as_bytes()).await.ask(&call("1", "echo", "{}")).await.status(), 200);
    drop(first);
    weir.stop().await;
}

#[tokio::test]
async fn forwarded_addresses_count_from_trusted_proxies_alone_and_stay_here() {
    only_through_weir!();
    for (trusted, told) in [("127.0.0.1", "203.0.113.7"), ("10.0.0.0/8", "127.0.0.1")] {
        let server = server().await;
        let weir = start(&format!("trusted_proxies = [{trusted:?}]"), &server).await;
        let post = call("1", "echo", "{}").header("X-Forwarded-For", "6.6.6.6, 203.0.113.7");
        assert_eq!(weir.client().await.ask(&post).await.status(), 200);
        assert_eq!(server.request().await.head.header("x-forwarded-for"), None);
        let log = weir.log().await;
        assert!(log.contains(&format!("peer={told}")) || log.contains(&format!("peer\":\"{told}")), "{log}");
        assert!(!log.contains("6.6.6.6"), "{log}");
    }
}
