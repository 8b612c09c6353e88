//! Answers that two readers could read differently: nothing that a server sends to one caller ever reaches another.

use tokio::sync::watch;

use crate::support::{Client, Gateway, Scripted, call, only_through_weir, result};

/// What a server sends to its first caller: `{own}` is the caller's answer, `{planted}` one with its head that nobody
/// asked for, and `CLOSE` stands before what has no end but the connection's. All calls have one id, so only the
/// connections keep them apart.
const ANSWERS: &[&str] = &[
    // An answer, and one that nobody asked for.
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}{planted}{planted}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\nConnection: close\r\n\r\n{own}{planted}",
    "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\nConnection: keep-alive\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\n{own}\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\n{own}\r\n0\r\n{planted}",
    "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n{planted}",
    "HTTP/1.1 204 No Content\r\n\r\n{planted}",
    "HTTP/1.1 204 No Content\r\nContent-Length: 500\r\n\r\n{planted}",
    "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n{planted}",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n{planted}",
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n{planted}",
    "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n{planted}",
    // Two framings, or one that is none.
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\nHEX\r\n{own}\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN, OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: +OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length : OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:\r\n OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\nHEX\r\n{own}\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: xchunked\r\n\r\nHEX\r\n{own}\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\n{own}\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: identity\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding:\x0bchunked\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\nHEX\r\n{own}\r\n0\r\n\r\n{planted}",
    // Chunks that end where two readers do not agree.
    "CLOSE HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1HEX0000000000000\r\n{own}\r\n0\r\n\r\n{planted}",
    "CLOSE HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000HEX\r\n{own}\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nHEX;x\n{own}\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nHEX\n{own}\n0\n\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\n{own}0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0xHEX\r\n{own}\r\n0\r\n\r\n{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\n{own}\r\n0\r\nContent-Length: 5\r\n\r\n{planted}",
    // Heads that begin or end where two readers do not agree.
    "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: OWN\n\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: y\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: y\rContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: y\0\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: y\r\n Content-Length: OWN\r\n\r\n{own}{planted}",
    "\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.2 200 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/2 200\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 20 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "HTTP/1.1 999 OK\r\nContent-Type: application/json\r\nContent-Length: OWN\r\n\r\n{own}{planted}",
    "{own}{planted}",
    "{planted}{planted}",
    // Interim answers.
    "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{}{planted}",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n{planted}",
    "INTERIM{planted}",
    "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n{planted}",
];

/// What a healthy server answers to the caller who sent `nonce`.
fn own(nonce: &str) -> String {
    result("1", &format!(r#"{{"resultType":"complete","content":[],"nonce":"{nonce}"}}"#))
}

/// The answer that must reach nobody but, at most, the caller on whose connection it came first.
fn planted() -> String {
    let body = own("planted");
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn filled(answer: &str) -> String {
    let body = own("first");
    answer
        .replace("{planted}", &planted())
        .replace("{own}", &body)
        .replace("OWN", &body.len().to_string())
        .replace("HEX", &format!("{:x}", body.len()))
        .replace("INTERIM", &"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40))
}

async fn gets_its_own(client: &mut Client, nonce: &str, after: &str) {
    let answer = client.ask(&call("1", "echo", &format!(r#"{{"nonce":"{nonce}"}}"#))).await;
    assert_eq!((answer.status(), answer.text()), (200, &*own(nonce)), "after {}", after.escape_debug());
}

/// A server that sends these bytes to its first caller, and does what is asked afterwards.
async fn server(first: String, later: Option<(watch::Receiver<bool>, watch::Sender<bool>)>) -> Scripted {
    let later = later.map(|(go, done)| (go, std::sync::Arc::new(done)));
    Scripted::start(move |mut exchange| {
        let (first, later) = (first.clone(), later.clone());
        async move {
            let nonce = exchange.request.json()["params"]["arguments"]["nonce"].as_str().unwrap_or_default().to_owned();
            if nonce != "first" {
                return exchange.json(own(&nonce)).await;
            }
            if let Some(first) = first.strip_prefix("CLOSE ") {
                exchange.some(first).await;
                return exchange.close();
            }
            exchange.some(first).await;
            if let Some((mut go, done)) = later {
                let _ = go.wait_for(|go| *go).await;
                exchange.some(planted()).await;
                done.send_replace(true);
            }
            exchange.bytes("").await
        }
    })
    .await
}

/// On one core: whoever comes next would take the same connection to the server again.
async fn in_front(server: &Scripted) -> Gateway {
    let section = format!("[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    Gateway::config(&format!("[listen]\ncores = 1\n{section}")).start().await
}

#[tokio::test]
async fn what_is_sent_beside_an_answer_reaches_nobody_else() {
    only_through_weir!();
    for answer in ANSWERS {
        let server = server(filled(answer), None).await;
        let weir = in_front(&server).await;
        let mut client = weir.client().await;
        client.post(&call("1", "echo", r#"{"nonce":"first"}"#)).await;
        // The caller himself may see it only where there was nothing of his before it.
        let text = match client.try_head().await {
            Some(_) => String::from_utf8_lossy(&client.body().await.unwrap_or_else(|cut| cut.0)).into_owned(),
            None => String::new(),
        };
        let is_first = text == own("planted") && answer.replace("INTERIM", "").starts_with("{planted}");
        assert!(is_first || !text.contains("planted"), "{} came through as {text}", answer.escape_debug());
        let mut next = weir.client().await;
        for round in 0..3 {
            gets_its_own(&mut next, &format!("next-{round}"), answer).await;
        }
    }
}

#[tokio::test]
async fn an_answer_into_the_silence_between_two_calls_reaches_nobody() {
    only_through_weir!();
    let own = own("first");
    for first in [
        format!("Content-Length: {}\r\n\r\n{own}", own.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{own}\r\n0\r\n\r\n", own.len()),
        format!("Content-Length: {}\r\nKeep-Alive: timeout=60\r\n\r\n{own}", own.len()),
    ] {
        let ((go, wait), (done, mut is_done)) = (watch::channel(false), watch::channel(false));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        let server = server(format!("{head}{first}"), Some((wait, done))).await;
        let weir = in_front(&server).await;
        gets_its_own(&mut weir.client().await, "first", &first).await;
        go.send_replace(true);
        is_done.wait_for(|done| *done).await.expect("the server runs");
        let mut next = weir.client().await;
        for round in 0..3 {
            gets_its_own(&mut next, &format!("next-{round}"), &first).await;
        }
    }
}
