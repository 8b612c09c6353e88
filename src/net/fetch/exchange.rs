//! One request on one connection, to an address that was checked.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::rt;
use hyper_util::rt::TokioIo;
use tokio::net::lookup_host;

use crate::model::clock;
use crate::net::tls;
use crate::net::upstream::{EndpointUrl, connect};

use super::address::is_public;
use super::document::MOST_BYTES;
use super::fault::Why;
use super::fetcher::PATIENCE;

/// Most addresses of a host that are tried.
const MOST_ADDRESSES: usize = 4;
/// Largest head of an answer, in bytes and fields.
const MOST_HEAD: usize = 16 * 1024;
const MOST_FIELDS: usize = 100;

/// What is sent.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) fields: HeaderMap,
    pub(super) body: Bytes,
}

/// What came, the body in its bound.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Asks `url`. Whoever calls bounds the time of all of it.
pub(super) async fn run(
    url: &EndpointUrl,
    may_be_private: bool,
    tls: Option<&tls::Client>,
    request: Request,
) -> Result<Answer, Why> {
    let addresses = resolve(url).await.map_err(Why::Resolve)?;
    // One that is none of the public net is reason enough: its name would not be a public server's.
    if let Some(own) = addresses.iter().find(|address| !may_be_private && !is_public(address.ip())) {
        return Err(Why::Private(own.ip()));
    }
    // Without TLS what is sent stays on this machine, whatever `localhost` is here.
    if tls.is_none() && addresses.iter().any(|address| !address.ip().to_canonical().is_loopback()) {
        return Err(Why::Plain);
    }
    let socket = connect(addresses, clock::now() + PATIENCE).await.map_err(Why::Connect)?;
    match tls {
        Some(tls) => speak(url, tls.connect(&url.host, socket).await.map_err(Why::Tls)?, request).await,
        None => speak(url, socket, request).await,
    }
}

async fn resolve(url: &EndpointUrl) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = url.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, url.port)]);
    }
    let found: Vec<_> = lookup_host((url.host.as_str(), url.port)).await?.take(MOST_ADDRESSES).collect();
    if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
}

async fn speak<S>(url: &EndpointUrl, socket: S, request: Request) -> Result<Answer, Why>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    TokioIo<S>: rt::Read + rt::Write,
{
    let http = |error: hyper::Error| Why::Http(error.to_string());
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MOST_HEAD).max_headers(MOST_FIELDS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(socket)).await.map_err(http)?;
    let message = message(url, request)?;
    let ask = async {
        let (head, body) = sender.send_request(message).await.map_err(http)?.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Why::TooLarge } else { Why::Http(error.to_string()) }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    };
    // The connection has no task of its own: it lives as long as its one exchange.
    let drive = async {
        // What goes wrong there, the exchange is told.
        let _ = connection.await;
        pending().await
    };
    let (ask, drive) = (pin!(ask), pin!(drive));
    tokio::select! {
        answer = ask => answer,
        never = drive => never,
    }
}

fn message(url: &EndpointUrl, request: Request) -> Result<http::Request<Full<Bytes>>, Why> {
    const WE_ARE: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));
    let mut message = http::Request::new(Full::new(request.body));
    *message.method_mut() = request.method;
    *message.uri_mut() = url.path.parse().map_err(|error| Why::Http(format!("{error}")))?;
    *message.headers_mut() = request.fields;
    let host = HeaderValue::try_from(&url.authority).map_err(|error| Why::Http(error.to_string()))?;
    let fields = [
        (header::HOST, host),
        (header::ACCEPT, HeaderValue::from_static("application/json")),
        (header::USER_AGENT, HeaderValue::from_static(WE_ARE)),
        (header::CONNECTION, HeaderValue::from_static("close")),
    ];
    message.headers_mut().extend(fields);
    Ok(message)
}
