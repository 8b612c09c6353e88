//! The listening sockets: bound here, or handed over by the service manager (`LISTEN_FDS`, sd_listen_fds(3)).

use std::env;
use std::net::TcpListener;

use anyhow::{Context, anyhow, bail};
use listenfd::ListenFd;

use crate::config::{Address, Auth, Listen};
use crate::net::listen;

/// The listeners of the data cores.
pub(super) struct Sockets {
    /// Those of each core, at least one a core.
    pub(super) cores: Vec<Vec<TcpListener>>,
    /// Whether they live on when we close them: whoever handed them over keeps their queues for the next process.
    pub(super) handed: bool,
}

/// Binds the address, or takes what was handed over.
pub(super) fn open(settings: &Listen) -> anyhow::Result<Sockets> {
    let (cores, handed) = match &settings.address {
        Address::Tcp(address) => {
            let bound = listen::bind_shared(*address, settings.cores);
            let bound = bound.with_context(|| format!("cannot listen on {address} ([listen] address, --listen)"))?;
            (bound.into_iter().map(|socket| vec![socket]).collect(), false)
        }
        Address::Handed(name) => (deal(handed_over(name)?, settings.cores)?, true),
    };
    Ok(Sockets { cores, handed })
}

impl Sockets {
    /// Whether only this machine reaches them.
    ///
    /// # Errors
    /// Others do as well, and nobody said that they may.
    pub(super) fn are_near(&self, auth: &Auth) -> anyhow::Result<bool> {
        for socket in self.cores.iter().flatten() {
            let address = socket.local_addr().context("a listening socket has no address")?;
            if !address.ip().to_canonical().is_loopback() {
                if !auth.anonymous.really {
                    bail!(
                        "{address}, which was handed over, is not loopback, and no way to authenticate is built into this \
                         version: say [auth.anonymous] with `enabled = true` and `really = true`"
                    );
                }
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The sockets of that name, in the order in which they were handed over.
fn handed_over(name: &str) -> anyhow::Result<Vec<TcpListener>> {
    // Taking the sockets takes the variables away as well.
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut handed = ListenFd::from_env();
    let names = named(&names, handed.len());
    let mut taken = Vec::new();
    for at in (0..handed.len()).filter(|at| names[*at] == name) {
        let socket = handed.take_tcp_listener(at);
        let socket = socket.with_context(|| format!("what was handed over as fd:{name} is no listening TCP socket"))?;
        let socket = socket.ok_or_else(|| anyhow!("what was handed over as fd:{name} was taken before"))?;
        socket.set_nonblocking(true).with_context(|| format!("fd:{name} cannot be read without waiting"))?;
        taken.push(socket);
    }
    if taken.is_empty() {
        bail!(
            "no socket called {name:?} was handed over ({}): start this through its socket unit, with FileDescriptorName={name}",
            if names.is_empty() {
                "LISTEN_FDS names none for this process".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            }
        );
    }
    let others: Vec<_> = names.iter().filter(|other| *other != name).collect();
    if !others.is_empty() {
        tracing::warn!(
            ?others,
            "sockets were handed over that the configuration does not name; nobody is answered there"
        );
    }
    Ok(taken)
}

/// The name of each socket; one without a name is called `unknown`.
fn named(names: &str, count: usize) -> Vec<String> {
    let mut names = names.split(':').map(str::to_owned);
    (0..count).map(|_| names.next().filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())).collect()
}

/// Deals sockets out in turns, so that every core has one and none is left: where there are fewer than cores, several
/// cores accept from the same one.
fn deal(sockets: Vec<TcpListener>, cores: usize) -> anyhow::Result<Vec<Vec<TcpListener>>> {
    let mut dealt: Vec<Vec<TcpListener>> = (0..cores).map(|_| Vec::new()).collect();
    for at in sockets.len()..cores {
        let shared = sockets[at % sockets.len()].try_clone().context("a handed-over socket cannot be shared")?;
        dealt[at].push(shared);
    }
    for (at, socket) in sockets.into_iter().enumerate() {
        dealt[at % cores].push(socket);
    }
    Ok(dealt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_systemd_writes_them() {
        assert_eq!(named("web:web:admin", 3), ["web", "web", "admin"]);
        assert_eq!(named("web", 2), ["web", "unknown"]);
        assert_eq!(named("", 1), ["unknown"]);
        assert_eq!(named("a:b", 1), ["a"]);
    }

    #[test]
    fn every_core_has_a_socket_and_no_socket_is_left() {
        let sockets = |count: usize| (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect::<Vec<_>>();
        for (count, cores, expected) in
            [(1, 3, vec![1, 1, 1]), (3, 3, vec![1, 1, 1]), (5, 2, vec![3, 2]), (2, 3, vec![1, 1, 1])]
        {
            let sockets = sockets(count);
            let all: std::collections::BTreeSet<_> =
                sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
            let dealt = deal(sockets, cores).unwrap();
            assert_eq!(dealt.iter().map(Vec::len).collect::<Vec<_>>(), expected);
            assert_eq!(
                dealt
                    .iter()
                    .flatten()
                    .map(|socket| socket.local_addr().unwrap())
                    .collect::<std::collections::BTreeSet<_>>(),
                all
            );
        }
    }
}
