//! HTTP/1.1 on a socket, as far as both sides of the tests need it: heads and bodies with their exact bytes.
//!
//! It is strict where the sender is Weir: a head that httparse refuses, a chunk without its CRLF or a body with two
//! framings ends the test.

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

/// A body that ended before its framing said so; what had arrived of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Cut(pub(crate) Bytes);

/// A socket and what has been read from it ahead of need.
pub(crate) struct Wire<S = TcpStream> {
    pub(super) stream: S,
    buffer: BytesMut,
}

/// Whatever carries it: TCP, a Unix socket, TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The head of a request or an answer: its first line in three parts, its headers in order, its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) line: [String; 3],
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) raw: Bytes,
}

/// How far a body is still to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
    Ended,
}

impl Head {
    /// The value of the only header of that name (any case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = values.next();
        assert!(values.next().is_none(), "{name} stands there twice: {self:?}");
        value.map(String::as_str)
    }

    /// The status, if this is an answer's head.
    pub(crate) fn status(&self) -> u16 {
        self.line[1].parse().unwrap_or_else(|_| panic!("no status in {:?}", self.line))
    }

    fn framing(&self) -> Option<Framing> {
        match (self.header("transfer-encoding"), self.header("content-length")) {
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Some(Framing::Chunked),
            (None, Some(length)) => Some(Framing::Length(length.parse().expect("a length is a number"))),
            (None, None) => None,
            other => panic!("two framings, or an unknown one: {other:?}"),
        }
    }

    pub(super) fn request_framing(&self) -> Framing {
        self.framing().unwrap_or(Framing::Ended)
    }

    pub(super) fn answer_framing(&self) -> Framing {
        match self.status() {
            204 | 304 | 100..=199 => Framing::Ended,
            _ => self.framing().unwrap_or(Framing::UntilClose),
        }
    }
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a connected socket takes TCP_NODELAY");
        Self::over(stream)
    }
}

impl<S: Stream> Wire<S> {
    pub(super) fn over(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// Writes all of it. A peer that has gone is no failure of the writer: the reader will notice.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> bool {
        // TLS may hold some of it.
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// The next head; `None` if the peer closed (or reset) before its end.
    pub(super) async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                return Some(parse(self.buffer.split_to(end + 4).freeze()));
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next bytes of a body, `None` at its end.
    pub(super) async fn piece(&mut self, framing: &mut Framing) -> Result<Option<Bytes>, Cut> {
        match *framing {
            Framing::Ended | Framing::Length(0) => {
                *framing = Framing::Ended;
                Ok(None)
            }
            Framing::Length(left) => {
                self.filled(1).await?;
                let piece = self.buffer.split_to(left.min(self.buffer.len())).freeze();
                *framing = Framing::Length(left - piece.len());
                Ok(Some(piece))
            }
            Framing::UntilClose if self.buffer.is_empty() && !self.fill().await => {
                *framing = Framing::Ended;
                Ok(None)
            }
            Framing::UntilClose => Ok(Some(self.buffer.split().freeze())),
            Framing::Chunked => {
                let piece = self.chunk().await?;
                *framing = if piece.is_empty() { Framing::Ended } else { Framing::Chunked };
                Ok(Some(piece).filter(|piece| !piece.is_empty()))
            }
        }
    }

    /// The whole rest of a body.
    pub(super) async fn body(&mut self, mut framing: Framing) -> Result<Bytes, Cut> {
        let mut body = BytesMut::new();
        loop {
            match self.piece(&mut framing).await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => return Ok(body.freeze()),
                Err(Cut(rest)) => {
                    body.extend_from_slice(&rest);
                    return Err(Cut(body.freeze()));
                }
            }
        }
    }

    /// Waits until the peer has closed or reset; what it still sent is thrown away.
    pub(super) async fn gone(&mut self) {
        while self.fill().await {
            self.buffer.clear();
        }
    }

    /// One chunk without its frame; the last one is empty. No trailers: nobody of ours sends any.
    async fn chunk(&mut self) -> Result<Bytes, Cut> {
        let end = loop {
            match memchr::memmem::find(&self.buffer, b"\r\n") {
                Some(end) => break end,
                None => self.filled(self.buffer.len() + 1).await?,
            }
        };
        let size = std::str::from_utf8(&self.buffer[..end]).expect("a chunk size is ASCII");
        let size = size.split(';').next().unwrap_or(size);
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_else(|_| panic!("not a chunk size: {size:?}"));
        self.buffer.advance(end + 2);
        self.filled(size + 2).await?;
        let chunk = self.buffer.split_to(size).freeze();
        assert_eq!(&self.buffer[..2], b"\r\n", "a chunk ends with CRLF");
        self.buffer.advance(2);
        Ok(chunk)
    }

    /// Reads until `least` bytes are there.
    async fn filled(&mut self, least: usize) -> Result<(), Cut> {
        while self.buffer.len() < least {
            if !self.fill().await {
                return Err(Cut(self.buffer.split().freeze()));
            }
        }
        Ok(())
    }

    async fn fill(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(read) if read > 0)
    }
}

fn parse(raw: Bytes) -> Head {
    let mut space = [httparse::EMPTY_HEADER; 128];
    let own = |header: &httparse::Header<'_>| (header.name.into(), String::from_utf8_lossy(header.value).into_owned());
    if raw.starts_with(b"HTTP/") {
        let mut answer = httparse::Response::new(&mut space);
        answer.parse(&raw).unwrap_or_else(|error| panic!("no HTTP ({error}): {raw:?}"));
        let line = [version(answer.version), answer.code.unwrap_or(0).to_string(), answer.reason.unwrap_or("").into()];
        let headers = answer.headers.iter().map(own).collect();
        return Head { line, headers, raw };
    }
    let mut request = httparse::Request::new(&mut space);
    request.parse(&raw).unwrap_or_else(|error| panic!("no HTTP ({error}): {raw:?}"));
    let line = [request.method.unwrap_or("").into(), request.path.unwrap_or("").into(), version(request.version)];
    let headers = request.headers.iter().map(own).collect();
    Head { line, headers, raw }
}

fn version(minor: Option<u8>) -> String {
    format!("HTTP/1.{}", minor.unwrap_or(9))
}
