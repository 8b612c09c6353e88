//! What a connection goes through before HTTP: the PROXY header of whoever stands in front, then the TLS handshake.
//! Both within a time, and beside the accept loop.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use crate::model::{Remote, Trusted, clock};
use crate::net::client::{Peer, awaits_tls, dismiss};
use crate::net::drain::{Drain, Phase};
use crate::net::proxy::Version;
use crate::net::socket::{Plain, Socket};
use crate::net::tls::server::Server;

/// What a handshake may still take once draining has begun: as long as a new connection's first request.
const WHILE_DRAINING: Duration = Duration::from_secs(1);

/// How connections of a listener begin.
#[derive(Clone, Debug, Default)]
pub struct Welcome {
    /// The header that each begins with.
    pub proxy: Option<Version>,
    /// Whose word on a client's address is taken.
    pub trusted: Trusted,
    /// TLS, where it is spoken.
    pub tls: Option<Server>,
}

/// Why a connection came to nothing.
#[derive(Debug)]
pub enum Unwelcome {
    /// It comes from nobody who may say who connected.
    Stranger,
    /// What came is no PROXY header, or the connection broke in it.
    Proxy(io::Error),
    /// The client that the proxy speaks for has too many connections.
    Crowded,
    /// Plain HTTP where TLS is spoken.
    Plain,
    /// The TLS handshake failed.
    Tls(io::Error),
    /// It took too long.
    Slow,
    /// Weir is stopping.
    Stopping,
}

impl Welcome {
    /// Whether HTTP begins with the first byte.
    pub fn is_plain(&self) -> bool {
        self.proxy.is_none() && self.tls.is_none()
    }

    /// Makes a client's connection ready for HTTP, within `bound`. `admits` is asked once a proxy has named the client.
    ///
    /// # Errors
    /// Why it came to nothing; the client has been told what there was to tell.
    pub async fn meet(
        &self,
        plain: Plain,
        peer: Peer,
        bound: Duration,
        drain: &Drain,
        admits: impl FnOnce(IpAddr) -> bool,
    ) -> Result<(Socket, Peer), Unwelcome> {
        let met = self.met(plain, peer, admits);
        within(bound, drain, met).await
    }

    async fn met(
        &self,
        mut plain: Plain,
        mut peer: Peer,
        admits: impl FnOnce(IpAddr) -> bool,
    ) -> Result<(Socket, Peer), Unwelcome> {
        if let Some(version) = self.proxy {
            if !self.trusted.has(peer.remote) {
                return Err(Unwelcome::Stranger);
            }
            if let Some(ends) = version.read(&mut plain).await.map_err(Unwelcome::Proxy)? {
                // A Unix socket asks for no name, whoever stands in front of it.
                peer = Peer::new(Remote::Tcp(ends.source), peer.local.map(|_| ends.destination));
                if !admits(ends.source.ip()) {
                    return Err(Unwelcome::Crowded);
                }
            }
        }
        let Some(tls) = &self.tls else { return Ok((plain.into(), peer)) };
        let mut first = [0];
        match plain.peek(&mut first).await {
            // No record of TLS begins with a letter, and every request does.
            Ok(1) if first[0].is_ascii_alphabetic() => {
                awaits_tls(plain.into()).await;
                Err(Unwelcome::Plain)
            }
            Ok(_) => match tls.accept(plain).await {
                Ok(session) => {
                    peer.certificate = tls.certificate(&session).map(Arc::new);
                    Ok((Socket::Tls(Box::new(session)), peer))
                }
                Err((error, plain)) => {
                    dismiss(plain.into()).await;
                    Err(Unwelcome::Tls(error))
                }
            },
            Err(error) => Err(Unwelcome::Tls(error)),
        }
    }
}

/// Waits no longer than `bound`, and less once draining has begun.
async fn within<T>(
    bound: Duration,
    drain: &Drain,
    met: impl Future<Output = Result<T, Unwelcome>>,
) -> Result<T, Unwelcome> {
    let (mut met, mut bound) = (pin!(met), pin!(sleep(bound)));
    let (member, mut hurried) = (drain.enter(), false);
    poll_fn(|cx| {
        if let Poll::Ready(met) = met.as_mut().poll(cx) {
            return Poll::Ready(met);
        }
        match member.poll_phase(cx) {
            Phase::Cutting => return Poll::Ready(Err(Unwelcome::Stopping)),
            Phase::Draining if !hurried => {
                let latest = bound.deadline().min(clock::timer_now() + WHILE_DRAINING);
                bound.as_mut().reset(latest);
                hurried = true;
            }
            _ => {}
        }
        bound.as_mut().poll(cx).map(|()| Err(if hurried { Unwelcome::Stopping } else { Unwelcome::Slow }))
    })
    .await
}

impl fmt::Display for Unwelcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => f.write_str("[listen] proxy_protocol is set, and its address is not in trusted_proxies"),
            Self::Proxy(error) => write!(f, "it sent no PROXY header: {error}"),
            Self::Crowded => f.write_str("[http] connections_per_address is reached"),
            Self::Plain => f.write_str("it speaks plain HTTP where TLS is awaited"),
            Self::Tls(error) => write!(f, "the TLS handshake failed: {error}"),
            Self::Slow => f.write_str("it took longer than [http] head_timeout to begin"),
            Self::Stopping => f.write_str("the gateway stops"),
        }
    }
}
