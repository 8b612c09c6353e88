//! Stopping while hands are shaken: who has begun is let in and answered, and who stalls holds up nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Authority, LATER, config, ended, hello, server, start};
use crate::support::{Client, Gateway, call, count, only_through_weir, until, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shakes_hands_while_it_stops_is_answered() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    for _ in 0..count(100) {
        let weir = start(&format!("tls = {}", authority.tls("weir")), &server).await;
        let (address, answered) = (weir.address(), Arc::new(AtomicUsize::new(0)));
        let task = || {
            let (connector, answered) = (TlsConnector::from(authority.client(None)), Arc::clone(&answered));
            tokio::spawn(async move {
                let name = ServerName::try_from("localhost").expect("a name");
                while let Ok(stream) = TcpStream::connect(address).await {
                    let shaken = within("a handshake", connector.connect(name.clone(), stream)).await;
                    let mut client = Client::over(shaken.expect("who is connected is let in"), &address.to_string());
                    client.post(&call("1", "echo", "{}").header("Connection", "close")).await;
                    let head = client.try_head().await.expect("who is let in is answered");
                    assert_eq!(head.status(), 200, "{head:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks: Vec<_> = (0..6).map(|_| task()).collect();
        until("clients are answered", async || answered.load(Ordering::Relaxed) >= 20).await;
        weir.stop().await;
        for task in tasks {
            task.await.expect("nobody was cut");
        }
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_holds_up_no_stop() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    // Longer than any test waits: were it this that ends them, the test would.
    let listen = format!("tls = {}\n[http]\nhead_timeout = \"10m\"\n[drain]\ntimeout = \"10m\"", authority.tls("weir"));
    let weir = Gateway::config(&config(&listen, &server().await)).listening_by_file().start().await;
    let hello = hello(&authority.client(None));
    let mut stalled = Vec::new();
    for sent in [0, 3, hello.len() / 2, hello.len()] {
        let mut stream = TcpStream::connect(weir.address()).await.expect("the gateway listens");
        stream.write_all(&hello[..sent]).await.expect("it takes all");
        stalled.push(stream);
    }
    // The last gets an answer: by then all of them are known.
    within("its answer", stalled[3].readable()).await.expect("it is open");
    weir.terminate();
    for stream in &mut stalled {
        ended(stream).await;
    }
    weir.stop().await;
}
