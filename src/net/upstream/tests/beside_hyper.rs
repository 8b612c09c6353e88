//! Our client beside hyper's, on real sockets: whatever we take for whole, hyper takes for the same bytes.

use std::pin::Pin;
use std::task::{Context, ready};

use http_body_util::{BodyExt, Full};
use hyper::rt::{Read, ReadBufCursor, Write};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

/// A tokio socket as hyper wants it.
struct ForHyper(TcpStream);

impl Read for ForHyper {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut space: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        let mut bytes = vec![0; space.remaining()];
        let mut read = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut read))?;
        space.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for ForHyper {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Status, fields and body, or that it was refused.
type Read1 = Option<(u16, http::HeaderMap, Bytes)>;

/// Hears the request, then says `portions` and closes.
async fn serve(server: &Server, portions: &[Vec<u8>]) {
    let Peer { mut socket } = server.accept().await;
    let mut heard = Vec::new();
    while !heard.ends_with(b"{}") {
        assert!(socket.read_buf(&mut heard).await.expect("the request comes") > 0);
    }
    for portion in portions {
        // A client that has refused what it read may have closed.
        let _ = socket.write_all(portion).await;
        tokio::task::yield_now().await;
    }
    let _ = socket.shutdown().await;
}

async fn ours(server: &Server, limit: usize) -> Read1 {
    let pool = Pool::new(1, 1);
    let mut connection = pool.connect(0, &server.endpoint).await.expect("the server listens");
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::from_static(b"{}"));
    let head = connection.head(&Method::POST).await.ok()?;
    let mut body = match connection.whole(limit).await.ok()? {
        Collected::Whole(body) => return Some((head.status.as_u16(), head.headers, body)),
        Collected::Longer(body) => body.to_vec(),
    };
    while let Some(piece) = connection.chunk().await.ok()? {
        body.extend_from_slice(&piece);
    }
    assert!(body.len() > limit);
    Some((head.status.as_u16(), head.headers, body.into()))
}

async fn hypers(server: &Server) -> Read1 {
    let address = server.listener.local_addr().expect("it is bound");
    let socket = TcpStream::connect(address).await.expect("the server listens");
    let (mut sender, connection) =
        hyper::client::conn::http1::Builder::new().max_headers(256).handshake(ForHyper(socket)).await.ok()?;
    let request = http::Request::post("/mcp").header("Host", "h").body(Full::new(Bytes::from_static(b"{}")));
    let exchange = async {
        let answer = sender.send_request(request.expect("a sound request")).await.ok()?;
        let (head, body) = answer.into_parts();
        Some((head.status.as_u16(), head.headers, body.collect().await.ok()?.to_bytes()))
    };
    let mut connection = pin!(connection);
    let mut exchange = pin!(exchange);
    tokio::select! {
        biased;
        read = &mut exchange => read,
        _ = &mut connection => exchange.await,
    }
}

fn compare(portions: &[Vec<u8>], limit: usize) -> (Read1, Read1) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = Server::new().await;
        let (ours, ()) = tokio::join!(ours(&server, limit), serve(&server, portions));
        let (hypers, ()) = tokio::join!(hypers(&server), serve(&server, portions));
        (ours, hypers)
    })
}

/// Cuts `text` at the given places.
fn cut(text: &[u8], places: &[usize]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = places.iter().map(|place| place % text.len()).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| text[ends[0]..ends[1]].to_vec()).filter(|portion| !portion.is_empty()).collect()
}

/// A sound answer: its text, and the body in it.
fn sound() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let pieces = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..2000), 0..8);
    let fields = prop::collection::vec("[A-Za-z][A-Za-z0-9-]{0,12}: [ -~]{0,40}\r\n", 0..6);
    let chunk = ("0{0,4}", prop::bool::ANY, "(;[a-z]{1,8}(=[a-z]{1,8})?){0,2}");
    let status = prop::sample::select(vec![200_u16, 201, 202, 400, 404, 500]);
    (status, fields, pieces, 0..3_u8, chunk).prop_map(|(status, fields, pieces, framing, (zeros, upper, extension))| {
        let reserved = ["content-length", "transfer-encoding", "connection", "keep-alive"];
        let fields = fields.iter().filter(|field| !reserved.iter().any(|name| field.to_lowercase().starts_with(name)));
        let mut text = format!("HTTP/1.1 {status} Reason\r\n{}", fields.cloned().collect::<String>()).into_bytes();
        let body = pieces.concat();
        match framing {
            0 => text.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes()),
            1 => text.extend(b"\r\n"),
            _ => {
                text.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for piece in &pieces {
                    let size = if upper { format!("{:X}", piece.len()) } else { format!("{:x}", piece.len()) };
                    text.extend(format!("{zeros}{size}{extension}\r\n").bytes());
                    text.extend(piece);
                    text.extend(b"\r\n");
                }
                text.extend(b"0\r\nTrailer: x\r\n\r\n");
                return (text, body);
            }
        }
        text.extend(&body);
        (text, body)
    })
}

proptest! {
    #[test]
    fn both_read_the_same_of_a_sound_answer(
        (text, body) in sound(),
        places in prop::collection::vec(any::<usize>(), 0..6),
        limit in 0..20_000_usize,
    ) {
        let (ours, hypers) = compare(&cut(&text, &places), limit);
        let ours = ours.expect("we read what is sound");
        prop_assert!(ours.2 == body);
        prop_assert_eq!(Some(ours), hypers);
    }

    #[test]
    fn what_we_take_hyper_takes_for_the_same(
        (mut text, _) in sound(),
        harm in prop::collection::vec((any::<usize>(), prop::sample::select(b"\r\n\0 \t:;,0123456789afxA".to_vec()), 0..3_u8), 1..4),
        places in prop::collection::vec(any::<usize>(), 0..3),
    ) {
        for (place, byte, how) in harm {
            // Most of the harm goes where framing is decided.
            let place = place % text.len().min(200);
            match how {
                0 => text[place] = byte,
                1 => text.insert(place, byte),
                _ => drop(text.remove(place)),
            }
        }
        let (ours, hypers) = compare(&cut(&text, &places), 1 << 20);
        if let Some(ours) = ours {
            prop_assert_eq!(Some(ours), hypers);
        }
    }
}
