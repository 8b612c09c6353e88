//! What an idle client holds of a TLS session: hardly more than its keys.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Authority, LATER, session, start};
use crate::support::{Scripted, count, only_through_weir, until};

#[tokio::test]
async fn sessions_give_their_buffers_back_once_they_are_idle() {
    only_through_weir!();
    let clients = count(10_000).min(1000);
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = Scripted::start(|exchange| async move {
        match exchange.request.verb() {
            "GET" => exchange.stream().await.gone().await,
            _ => exchange.answer("405 Method Not Allowed", "", "").await,
        }
    })
    .await;
    let listen = format!("tls = {}\n[http]\nidle = \"1h\"\nconnections_per_address = 2000", authority.tls("weir"));
    let config = authority.client(None);
    // KiB of an event stream, and of a connection that waits for a request: what Weir takes without TLS (8 and 17), and
    // the session.
    for (verb, most) in [("GET", 22), ("DELETE", 30)] {
        let weir = start(&listen, &server).await;
        let open = async |wanted| {
            let mut opened = Vec::new();
            for _ in 0..wanted {
                let mut stream = session(&weir, &config, "localhost").await.expect("trust");
                let request = format!(
                    "{verb} /mcp HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\
                     MCP-Protocol-Version: 2025-11-25\r\n\r\n",
                    weir.address()
                );
                stream.write_all(request.as_bytes()).await.expect("it is open");
                let mut begun = [0; 12];
                stream.read_exact(&mut begun).await.expect("an answer");
                opened.push(stream);
            }
            opened
        };
        // A first round, so that what is made once has been made.
        drop(open(20).await);
        let before = weir.resident();
        let opened = open(clients).await;
        // The allocator gives back what a handshake took when it likes.
        until("what was taken for handshakes is given back", async || weir.resident() < before + most * clients + 1024)
            .await;
        eprintln!("{verb}: {} KiB for each of {clients}", weir.resident().saturating_sub(before) / clients);
        drop(opened);
        weir.stop().await;
    }
}
