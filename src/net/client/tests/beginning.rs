//! Requests of every kind, and bodies that are not read.

use super::*;

#[tokio::test]
async fn methods_and_versions() {
    for (request, begins, has, ends) in [
        (
            "HEAD /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200 ",
            "content-length: 12",
            "\r\n\r\n",
        ),
        ("HEAD /now HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "HTTP/1.1 200 ", "x-a: b", "\r\n\r\n"),
        (
            "BREW /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200 ",
            "connection: close",
            "BREW /whole ",
        ),
        ("GET /whole HTTP/1.0\r\nhost: a\r\n\r\n", "HTTP/1.0 200 ", "content-length: 11", "GET /whole "),
        ("GET /now HTTP/1.0\r\nhost: a\r\n\r\n", "HTTP/1.1 200 ", "connection: close", "\r\n\r\nab"),
        (
            "GET /now?2 HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n",
            "HTTP/1.1 200 ",
            "content-length: 2",
            "\r\n\r\nab",
        ),
        (
            "GET /now HTTP/1.1\r\nhost: a\r\nconnection: x, Close\r\n\r\n",
            "HTTP/1.1 200 ",
            "connection: close",
            "0\r\n\r\n",
        ),
        (
            "GET http://a/whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200 ",
            "",
            "GET http://a/whole ",
        ),
    ] {
        tell(patient(), |mut both| async move {
            both.send(request).await;
            let came = both.rest().await;
            assert!(came.starts_with(begins) && came.contains(has) && came.ends_with(ends), "{request:?}: {came:?}");
            assert_eq!(count(&came, "content-length: 7"), 0, "a handler's framing: {came:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_no_plain_request_is_an_empty_answer_and_the_end() {
    let fields = "x: y\r\n".repeat(64);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\nhost: a\n\n".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "400"),
        ("nonsense\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nho st: a\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(9000)), "431"),
        (format!("GET /{} HTTP/1.1\r\n", "y".repeat(9000)), "431"),
    ] {
        tell(patient(), |mut both| async move {
            both.send(&request).await;
            let came = both.rest().await;
            assert!(came.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {came:?}");
            assert!(came.contains("connection: close") && came.ends_with("\r\n\r\n"), "{request:?}: {came:?}");
            assert_eq!(both.turned_away(), [(false, status.parse().unwrap())], "{request:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_head_at_its_bounds_passes_in_any_reads() {
    let mut head = format!("GET /whole HTTP/1.1\r\nhost: a\r\n{}x: ", "x: y\r\n".repeat(62));
    head += &"y".repeat(8 * 1024 - head.len() - 4);
    head += "\r\n\r\n";
    for cut in [1, 8000, head.len() - 1] {
        let head = head.clone();
        tell(patient(), |mut both| async move {
            both.send(&head[..cut]).await;
            tokio::task::yield_now().await;
            both.send(&head[cut..]).await;
            both.until("GET /whole ").await;
        })
        .await;
    }
}

#[tokio::test]
async fn an_unread_body_costs_the_connection_and_the_answer_arrives() {
    tell(patient(), |mut both| async move {
        both.send("POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n").await;
        let came = both.until("early").await;
        assert!(came.starts_with("HTTP/1.1 413 ") && came.contains("connection: close"), "{came}");
        // More than is read away, so that a plain close would reset.
        both.client.write_all(&vec![b'x'; 100_000]).await.unwrap();
        assert_eq!(both.rest().await, "");
    })
    .await;
}

#[tokio::test]
async fn an_unread_body_that_is_there_whole_costs_nothing() {
    tell(patient(), |mut both| async move {
        both.send(&post("/early", "body")).await;
        let came = both.until("early").await;
        assert!(!came.contains("connection: close"), "{came}");
        both.send(&get("/whole")).await;
        both.until("GET /whole ").await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_before_the_end_of_its_body_is_the_last_answer() {
    tell(patient(), |mut both| async move {
        // The rest of this body reads like a request.
        both.send("POST /greedy HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n").await;
        let head = both.until("\r\n\r\n").await;
        assert!(head.contains("connection: close"), "{head}");
        both.send(&get("/whole")).await;
        both.pieces.send(Piece::Last("end")).await.unwrap();
        assert_eq!(both.rest().await, "3\r\nend\r\n0\r\n\r\n");
    })
    .await;
}

#[tokio::test]
async fn expectations() {
    const HEAD: &str = "HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n";
    tell(patient(), |mut both| async move {
        both.send(&format!("POST /whole {HEAD}")).await;
        assert_eq!(both.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        both.send("body").await;
        both.until("POST /whole body").await;
        both.send(&format!("POST /stream {HEAD}body")).await;
        both.until("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n").await;
        both.pieces.send(Piece::Last("")).await.unwrap();
        both.until("0\r\n\r\n").await;
        both.send(&format!("POST /early {HEAD}")).await;
        let came = both.rest().await;
        assert!(came.starts_with("HTTP/1.1 413 ") && came.contains("connection: close"), "{came}");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_drops_its_handler() {
    for request in [get("/wait"), "POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nbo".to_owned()] {
        tell(patient(), |mut both| async move {
            both.send(&request).await;
            both.script.begun.notified().await;
            let Both { client, served, script, .. } = both;
            drop(client);
            served.await.unwrap();
            // A body that ends early is an error for who reads it, and the answer to it reaches nobody.
            assert!(script.dropped.get() <= 1);
        })
        .await;
    }
}

#[tokio::test]
async fn strangers_on_the_doorstep_are_told_and_bounded() {
    LocalSet::new()
        .run_until(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let doorstep = crate::net::client::Doorstep::default();
            let mut clients = Vec::new();
            let mut turned = 0;
            for _ in 0..40 {
                clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
                let (stream, _) = listener.accept().await.unwrap();
                if let Some(task) = doorstep.turn_away(stream.into()) {
                    turned += 1;
                    spawn_local(task);
                }
            }
            assert_eq!(turned, 32);
            for (number, mut client) in clients.into_iter().enumerate() {
                let mut came = String::new();
                client.read_to_string(&mut came).await.unwrap();
                let told = came.starts_with("HTTP/1.1 503 ") && came.contains("retry-after: 1");
                assert_eq!(told, number < 32, "{number}: {came:?}");
            }
            // Those who left make room.
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let task = doorstep.turn_away(stream.into()).expect("room again");
            drop(client);
            task.await;
        })
        .await;
}
