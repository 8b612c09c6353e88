//! Clients that do what h2's own does not.

use super::*;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `GET http://a PATH`, as a header block without state.
fn head(method: &str, path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)] {
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    block
}

struct Raw(TcpStream);

impl Raw {
    /// Says what a client says first; its settings come with it.
    async fn begin(socket: TcpStream, settings: &[u8]) -> Self {
        let mut raw = Self(socket);
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        raw.send(&frame(SETTINGS, 0, 0, settings)).await;
        raw
    }

    /// The connection may have ended by now; what it said is read afterwards.
    async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// The next frame: kind, stream, payload.
    async fn next(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// The reason that the connection ends for, as it is told.
    async fn reason(&mut self) -> Option<u32> {
        let mut reason = None;
        while let Some((kind, _, payload)) = self.next().await {
            if kind == GOAWAY {
                reason = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
        }
        reason
    }
}

#[tokio::test]
async fn floods_end_the_connection_with_a_word() {
    let floods = [
        ("pings", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("priorities", frame(2, 0, 3, &[0, 0, 0, 0, 1])),
        ("unknown", frame(99, 0, 0, &[])),
        ("empty data", frame(0, 0, 1, &[])),
    ];
    for (name, one) in floods {
        tell_raw(patient(), |client, told| async move {
            let mut raw = Raw::begin(client, &[]).await;
            raw.send(&frame(HEADERS, END_HEADERS, 1, &head("POST", "/wait"))).await;
            raw.send(&one.repeat(20_000)).await;
            assert_eq!(raw.reason().await, Some(CALM), "{name}");
            assert!(!told.served.await.unwrap());
            assert_eq!(told.drain.open(), 0);
        })
        .await;
    }
}

#[tokio::test]
async fn a_head_in_endless_pieces_ends_the_connection() {
    tell_raw(patient(), |client, told| async move {
        let mut raw = Raw::begin(client, &[]).await;
        raw.send(&frame(HEADERS, END_STREAM, 1, &head("GET", "/whole"))).await;
        raw.send(&frame(CONTINUATION, 0, 1, b"\0\x01x\x01y").repeat(10_000)).await;
        assert!(raw.reason().await.is_some());
        assert!(!told.served.await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn streams_that_are_reset_as_fast_as_they_open_end_the_connection() {
    // In one go, and one by one so that each has begun to be answered.
    for paced in [false, true] {
        tell_raw(patient(), |client, told| async move {
            let mut raw = Raw::begin(client, &[]).await;
            for number in 0..1000u32 {
                let stream = 1 + 2 * number;
                raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", "/wait"))).await;
                if paced && !told.served.is_finished() {
                    let dropped = told.script.dropped.get();
                    until(|| told.drain.open() == 2 || told.served.is_finished()).await;
                    raw.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])).await;
                    until(|| told.script.dropped.get() > dropped || told.served.is_finished()).await;
                } else {
                    raw.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])).await;
                }
            }
            assert_eq!(raw.reason().await, Some(CALM), "paced: {paced}");
            assert!(told.script.dropped.get() < 300, "{}", told.script.dropped.get());
            assert!(!told.served.await.unwrap());
        })
        .await;
    }
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_and_may_be_asked_again() {
    tell_raw(Limits { streams: 3, ..patient() }, |client, told| async move {
        let mut raw = Raw::begin(client, &[]).await;
        for stream in [1, 3, 5, 7] {
            raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", "/wait"))).await;
        }
        loop {
            let (kind, stream, payload) = raw.next().await.unwrap();
            if kind == RST_STREAM {
                assert_eq!((stream, payload), (7, vec![0, 0, 0, 7]));
                break;
            }
        }
        assert_eq!(told.drain.open(), 4, "three streams and their connection");
    })
    .await;
}

#[tokio::test]
async fn whoever_does_not_begin_or_end_a_head_is_not_waited_for() {
    let limits = Limits { head_timeout: Duration::from_millis(50), ..patient() };
    for begun in [&b"PRI * HTTP"[..], b"", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
        tell_raw(limits, |mut client, told| async move {
            client.write_all(begun).await.unwrap();
            let mut came = Vec::new();
            let _ = client.read_to_end(&mut came).await;
            assert!(!told.served.await.unwrap());
        })
        .await;
    }
    tell_raw(limits, |client, told| async move {
        let mut raw = Raw::begin(client, &[]).await;
        raw.send(&frame(HEADERS, END_STREAM, 1, &head("GET", "/whole"))).await;
        assert_eq!(raw.reason().await, Some(CALM));
        assert!(!told.served.await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_takes_nothing_is_cut_and_holds_little_meanwhile() {
    let limits = Limits { write_stall: Duration::from_millis(200), ..patient() };
    tell_raw(limits, |client, told| async move {
        // A window for everything, of every stream and of the connection.
        let mut raw = Raw::begin(client, &[0, 4, 0x7f, 0xff, 0xff, 0xff]).await;
        raw.send(&frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0])).await;
        for number in 0..100 {
            raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * number, &head("GET", "/huge"))).await;
        }
        assert!(told.served.await.unwrap(), "it is to be cut");
        assert_eq!(told.drain.open(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_malformed_is_refused() {
    let with = |name: &str, value: &str| {
        let mut block = head("POST", "/whole");
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
        block
    };
    for (name, value) in [
        ("Upper", "x"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "x"),
        ("proxy-connection", "x"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        (":path", "/other"),
        ("content-length", "x"),
        ("", "x"),
    ] {
        tell_raw(patient(), |client, told| async move {
            let mut raw = Raw::begin(client, &[]).await;
            raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &with(name, value))).await;
            loop {
                match raw.next().await {
                    Some((RST_STREAM, 1, payload)) => break assert_eq!(payload, [0, 0, 0, 1], "{name}"),
                    Some((GOAWAY, ..)) | None => break,
                    Some((HEADERS, ..)) => panic!("{name}: {value} was answered"),
                    Some(_) => {}
                }
            }
            assert_eq!(told.script.dropped.get(), 0);
        })
        .await;
    }
}
