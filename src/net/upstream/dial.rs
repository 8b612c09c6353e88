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
    let tcp = within(deadline, async { connect(resolve(endpoint).await?, deadline).await }).await?;
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
pub(in crate::net) async fn connect(addresses: Vec<SocketAddr>, deadline: Instant) -> Result<TcpStream, Failure> {
    let mut failure = Failure::ConnectTimeout;
    for (left_to_try, address) in (1..=addresses.len() as u32).rev().zip(addresses) {
        let share = deadline.saturating_duration_since(clock::now()) / left_to_try;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => failure = Failure::Connect(annotate(error, address)),
            Err(_) => {}
        }
    }
    Err(failure)
}

/// The addresses of the endpoint's host, at least one and at most [`MAX_ADDRESSES`].
async fn resolve(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, endpoint.port)]);
    }
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let addresses: io::Result<Vec<_>> = found.map(|addresses| addresses.take(MAX_ADDRESSES).collect());
    match addresses {
        Ok(addresses) if addresses.is_empty() => {
            Err(Failure::Resolve(annotate(io::ErrorKind::NotFound.into(), &endpoint.host)))
        }
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(Failure::Resolve(annotate(error, &endpoint.host))),
    }
}

/// The same error, with where it happened in front.
fn annotate(error: io::Error, place: impl std::fmt::Display) -> io::Error {
    io::Error::new(error.kind(), format!("{place}: {error}"))
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;

    /// A listener that takes no more connections: what is sent to it is dropped in silence.
    fn swallowing() -> (Socket, SocketAddr, std::net::TcpStream) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port on loopback");
        socket.listen(0).expect("it is bound");
        let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound");
        let first = std::net::TcpStream::connect(address).expect("there is room for one");
        (socket, address, first)
    }

    #[tokio::test]
    async fn an_address_that_swallows_packets_leaves_time_for_the_next() {
        let (_swallowing, silent, _first) = swallowing();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let good = listener.local_addr().expect("it is bound");
        let deadline = || clock::now() + Duration::from_millis(400);
        let tcp = within(deadline(), connect(vec![silent, good], deadline())).await.expect("the second listens");
        assert_eq!(tcp.peer_addr().expect("it is connected"), good);

        let alone = within(deadline(), connect(vec![silent], deadline())).await;
        assert!(matches!(alone, Err(Failure::ConnectTimeout)), "{alone:?}");
    }
}
