//! Servers that offer HTTP/2: many exchanges on one connection, and what each way to break means.

use std::rc::Rc;
use std::time::Instant;

use h2::Reason;
use h2::server::SendResponse;
use http::{Request, Response};
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;
use crate::net::tls::tests::{Authority, BOTH};

/// A request as the server has it, with its body, and where it is answered.
type Asked = (Request<String>, SendResponse<Bytes>);

struct Http2 {
    server: Server,
    acceptor: TlsAcceptor,
    pool: Rc<Pool>,
}

/// One connection of the server's: what is asked over it, and an end to it.
struct Served {
    asked: mpsc::Receiver<Asked>,
    /// GOAWAY: with a word for what runs, or at once with nothing for anybody.
    away: mpsc::Sender<bool>,
}

impl Http2 {
    async fn new() -> Self {
        let authority = Authority::new();
        let acceptor = authority.server_speaking(&authority.issue("127.0.0.1"), false, BOTH, &["h2", "http/1.1"]);
        let mut server = Server::new().await;
        server.endpoint.tls = Some(authority.client());
        Self { server, acceptor, pool: Rc::new(Pool::new(1, 4)) }
    }

    /// Opens a connection.
    async fn meet(&self) -> (Box<Connection>, Served) {
        let accept = async {
            let Peer { socket } = self.server.accept().await;
            self.acceptor.accept(socket).await.expect("a handshake")
        };
        let (connection, socket) = tokio::join!(self.pool.connect(0, &self.server.endpoint), accept);
        let (tell, asked) = mpsc::channel(256);
        let (away, hear) = mpsc::channel(1);
        spawn_local(serve(socket, tell, hear));
        (connection.expect("trust"), Served { asked, away })
    }

    /// A place on the connection that there is.
    fn take(&self) -> Box<Connection> {
        let connection = self.pool.take(0).expect("a connection that others use");
        assert!(connection.reused());
        connection
    }
}

async fn serve(socket: TlsStream<TcpStream>, tell: mpsc::Sender<Asked>, mut away: mpsc::Receiver<bool>) {
    let mut connection =
        h2::server::Builder::new().max_concurrent_streams(200).handshake(socket).await.expect("HTTP/2");
    loop {
        tokio::select! {
            Some(gracefully) = away.recv() => match gracefully {
                true => connection.graceful_shutdown(),
                false => return,
            },
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                let tell = tell.clone();
                spawn_local(async move {
                    let (head, mut body) = request.into_parts();
                    let mut text = String::new();
                    while let Some(Ok(data)) = body.data().await {
                        let _ = body.flow_control().release_capacity(data.len());
                        text.push_str(std::str::from_utf8(&data).expect("UTF-8"));
                    }
                    // A test may have seen enough.
                    let _ = tell.send((Request::from_parts(head, text), respond)).await;
                });
            }
        }
    }
}

fn ask(connection: &mut Connection, body: &str) {
    let head = format!("POST /mcp HTTP/1.1\r\nhost: h:1\r\nx-a: b\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.queue(|out| out.extend_from_slice(head.as_bytes()), Bytes::copy_from_slice(body.as_bytes()));
}

fn say(mut respond: SendResponse<Bytes>, text: &str) {
    let head = Response::builder().header("x-b", "c").body(()).expect("a head");
    let mut body = respond.send_response(head, false).expect("an open stream");
    body.send_data(Bytes::copy_from_slice(text.as_bytes()), true).expect("an open stream");
}

async fn tell<F: Future<Output = ()>>(story: impl FnOnce(Http2) -> F) {
    LocalSet::new().run_until(async { story(Http2::new().await).await }).await;
}

#[tokio::test]
async fn exchanges_share_a_connection_and_each_has_its_answer() {
    tell(|http2| async move {
        let (mut first, mut served) = http2.meet().await;
        assert!(!first.reused() && first.certificate_runs_out().is_some());
        ask(&mut first, "0");
        first.flush().await.expect("it is sent");
        let mut others: Vec<_> = (1..50).map(|_| http2.take()).collect();
        for (number, connection) in (1..).zip(&mut others) {
            ask(connection, &number.to_string());
            connection.flush().await.expect("it is sent");
        }
        let mut asked = Vec::new();
        while asked.len() < 50 {
            asked.push(soon(served.asked.recv()).await.expect("a request"));
        }
        let request = &asked[0].0;
        assert_eq!(
            (request.uri().to_string().as_str(), &request.headers()["x-a"]),
            ("https://h:1/mcp", &"b".parse().unwrap())
        );
        assert!(!request.headers().contains_key("host"));
        for (request, respond) in asked.into_iter().rev() {
            say(respond, &format!("answer {}", request.body()));
        }
        others.insert(0, first);
        for (number, mut connection) in others.into_iter().enumerate() {
            let head = soon(connection.head(&Method::POST)).await.expect("a head");
            assert_eq!((head.status.as_u16(), head.length, &head.headers["x-b"]), (200, None, &"c".parse().unwrap()));
            let whole = soon(connection.whole(100)).await.expect("a body");
            assert_eq!(whole, Collected::Whole(format!("answer {number}").into()));
            assert!(connection.is_done());
            http2.pool.give_back(connection);
        }
        http2.take();
    })
    .await;
}

#[tokio::test]
async fn large_bodies_and_streams_pass_and_one_that_is_not_read_holds_up_none() {
    tell(|http2| async move {
        let (mut slow, mut served) = http2.meet().await;
        ask(&mut slow, &"x".repeat(500_000));
        soon(slow.flush()).await.expect("it is sent");
        let (request, mut respond) = soon(served.asked.recv()).await.expect("a request");
        assert_eq!(request.body().len(), 500_000);
        let mut flood = respond.send_response(Response::new(()), false).expect("an open stream");
        flood.send_data(Bytes::from(vec![b'y'; 1 << 20]), true).expect("an open stream");
        soon(slow.head(&Method::POST)).await.expect("a head");
        for _ in 0..100 {
            let mut other = http2.take();
            ask(&mut other, "");
            let mut answered = Box::pin(other.head(&Method::POST));
            let asked = soon(async {
                tokio::select! { asked = served.asked.recv() => asked, _ = &mut answered => panic!("too soon") }
            });
            say(asked.await.expect("a request").1, "ok");
            soon(answered).await.expect("a head");
            assert_eq!(soon(other.chunk()).await.expect("a body").as_deref(), Some(&b"ok"[..]));
            assert_eq!(soon(other.chunk()).await.expect("a body"), None);
        }
        let Collected::Longer(begun) = soon(slow.whole(1000)).await.expect("a body") else { panic!("it is longer") };
        let mut came = begun.len();
        while let Some(piece) = soon(slow.chunk()).await.expect("a body") {
            came += piece.len();
        }
        assert_eq!(came, 1 << 20);
    })
    .await;
}

#[tokio::test]
async fn what_was_not_processed_was_not_sent_and_what_may_have_been_was() {
    // Refused.
    tell(|http2| async move {
        let (mut connection, mut served) = http2.meet().await;
        ask(&mut connection, "x");
        connection.flush().await.expect("it is sent");
        let (_, mut respond) = soon(served.asked.recv()).await.expect("a request");
        respond.send_reset(Reason::REFUSED_STREAM);
        let failure = soon(connection.head(&Method::POST)).await.expect_err("it was refused");
        assert!(failure.nothing_sent(), "{failure}");
    })
    .await;
    // Reset for another reason, cut, and ended in the middle.
    for way in ["reset", "cut", "middle"] {
        tell(|http2| async move {
            let (mut connection, mut served) = http2.meet().await;
            ask(&mut connection, "x");
            connection.flush().await.expect("it is sent");
            let (_, mut respond) = soon(served.asked.recv()).await.expect("a request");
            match way {
                "reset" => respond.send_reset(Reason::INTERNAL_ERROR),
                "cut" => served.away.send(false).await.expect("it serves"),
                _ => {
                    let mut body = respond.send_response(Response::new(()), false).expect("an open stream");
                    soon(connection.head(&Method::POST)).await.expect("a head");
                    body.send_reset(Reason::REFUSED_STREAM);
                    let failure = soon(connection.chunk()).await.expect_err("it was reset");
                    assert!(!failure.nothing_sent(), "{failure}");
                    return;
                }
            }
            let failure = soon(connection.head(&Method::POST)).await.expect_err("it broke");
            assert!(!failure.nothing_sent(), "{way}: {failure}");
            assert!(matches!(failure, Failure::Reset { stage: Stage::Waiting, .. }), "{failure:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_connection_that_goes_away_is_used_to_its_end_and_no_more() {
    tell(|http2| async move {
        let (mut running, mut served) = http2.meet().await;
        ask(&mut running, "x");
        running.flush().await.expect("it is sent");
        let (_, respond) = soon(served.asked.recv()).await.expect("a request");
        served.away.send(true).await.expect("it serves");
        soon(async {
            while http2.pool.take(0).is_some() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        say(respond, "ok");
        soon(running.head(&Method::POST)).await.expect("a head");
        assert_eq!(soon(running.whole(10)).await.expect("a body"), Collected::Whole("ok".into()));
        drop(running);
        let (_again, _) = http2.meet().await;
        http2.take();
    })
    .await;
}

/// A server that says nothing but GOAWAY, once it has read the request: whether the stream is among those that it has
/// processed decides.
#[tokio::test]
async fn what_goaway_leaves_out_was_not_processed() {
    for (last, processed) in [(0u32, false), (1, true)] {
        tell(|http2| async move {
            let accept = async {
                let Peer { socket } = http2.server.accept().await;
                http2.acceptor.accept(socket).await.expect("a handshake")
            };
            let (connection, mut socket) = tokio::join!(http2.pool.connect(0, &http2.server.endpoint), accept);
            let mut connection = connection.expect("trust");
            ask(&mut connection, "the body");
            connection.flush().await.expect("it is sent");
            let mut came = Vec::new();
            soon(async {
                while !came.ends_with(b"the body") {
                    came.push(socket.read_u8().await.expect("more"));
                }
            })
            .await;
            let mut said = vec![0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0];
            said.extend(last.to_be_bytes());
            said.extend([0; 4]);
            socket.write_all(&said).await.expect("the client listens");
            socket.shutdown().await.expect("the client listens");
            let failure = soon(connection.head(&Method::POST)).await.expect_err("nothing came");
            assert_eq!(failure.nothing_sent(), !processed, "{failure}");
        })
        .await;
    }
}

#[tokio::test]
async fn one_that_is_dropped_is_called_off_and_the_others_go_on() {
    tell(|http2| async move {
        let (mut one, mut served) = http2.meet().await;
        let mut other = http2.take();
        ask(&mut one, "1");
        ask(&mut other, "2");
        one.flush().await.expect("it is sent");
        let (_, mut first) = soon(served.asked.recv()).await.expect("a request");
        other.flush().await.expect("it is sent");
        let (_, second) = soon(served.asked.recv()).await.expect("a request");
        drop(one);
        let reset = soon(std::future::poll_fn(|cx| first.poll_reset(cx))).await.expect("a reason");
        assert_eq!(reset, Reason::CANCEL);
        say(second, "ok");
        assert_eq!(soon(other.head(&Method::POST)).await.expect("a head").status.as_u16(), 200);
    })
    .await;
}

#[tokio::test]
async fn idle_ones_are_closed() {
    tell(|http2| async move {
        let (connection, mut served) = http2.meet().await;
        http2.pool.sweep_at(Instant::now() + Duration::from_secs(1000));
        http2.take();
        drop(connection);
        http2.pool.sweep_at(Instant::now() + Duration::from_secs(1000));
        assert!(http2.pool.take(0).is_none());
        assert!(soon(served.asked.recv()).await.is_none(), "the server sees its end");
        let (connection, mut served) = http2.meet().await;
        drop(connection);
        http2.pool.close_idle();
        assert!(soon(served.asked.recv()).await.is_none(), "the server sees its end");
    })
    .await;
}
