//! From an endpoint to an open stream: name, TCP, TLS, all within one time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::failure::Failure;
use super::io::{Socket, Stream};
use crate::model::clock;

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;
/// A server that is gone without a word is noticed after about this long, and three times half of it.
const PROBE_AFTER: Duration = Duration::from_secs(60);

/// Opens a stream to `endpoint`.
pub(super) async fn dial(endpoint: &Endpoint) -> Result<Stream, Failure> {
    let deadline = clock::now() + endpoint.connect_timeout;
    let tcp = within(deadline, connect(endpoint, deadline)).await?;
    // Both are comforts: a socket without them still serves.
    let _ = tcp.set_nodelay(true);
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_AFTER / 2).with_retries(3);
    let _ = SockRef::from(&tcp).set_tcp_keepalive(&probes);
    let Some(tls) = &endpoint.tls else {
        return Ok(Stream::plain(tcp));
    };
    let shake_hands = async {
        let session = tls.connect(&endpoint.host, Socket::new(tcp)).await;
        session.map_err(|error| Failure::Tls(format!("{}: {error}", endpoint.host)))
    };
    Ok(Stream::tls(within(deadline, shake_hands).await?))
}

async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let left = deadline.saturating_duration_since(clock::now());
    timeout(left, work).await.unwrap_or(Err(Failure::ConnectTimeout))
}

/// Tries every address in the resolver's order. Each has an even share of the time that is left, so that one which
/// swallows packets does not use up the others' time.
async fn connect(endpoint: &Endpoint, deadline: Instant) -> Result<TcpStream, Failure> {
    let addresses = resolve(endpoint).await?;
    let mut left_to_try = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut failure = None;
    for address in addresses {
        let share = deadline.saturating_duration_since(clock::now()) / left_to_try.max(1);
        left_to_try -= 1;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => failure = Some(Failure::Connect(annotate(error, address))),
            Err(_) => failure = failure.or(Some(Failure::ConnectTimeout)),
        }
    }
    Err(failure.unwrap_or_else(|| Failure::Resolve(annotate(io::ErrorKind::NotFound.into(), &endpoint.host))))
}

async fn resolve(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, endpoint.port)]);
    }
    match lookup_host((endpoint.host.as_str(), endpoint.port)).await {
        Ok(addresses) => Ok(addresses.take(MAX_ADDRESSES).collect()),
        Err(error) => Err(Failure::Resolve(annotate(error, &endpoint.host))),
    }
}

/// The same error, with where it happened in front.
fn annotate(error: io::Error, place: impl std::fmt::Display) -> io::Error {
    io::Error::new(error.kind(), format!("{place}: {error}"))
}
