//! The addresses to listen on: free, held by a Weir that runs, or by somebody else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::{Address, Settings};
use crate::net::listen;
use crate::net::upstream::{Endpoint, Pool};

use super::finding::Finding;
use super::question::{NoAnswer, PATIENCE, Question, Reply, ask};

/// `[listen]` and `[admin]`.
pub(super) async fn examine(settings: &Settings) -> [Finding; 2] {
    let operators = settings.admin.address;
    let for_operators = listen::could_bind(operators);
    let held = |bound: &io::Result<()>| bound.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    let runs = held(&for_operators) && is_weir(operators).await;
    let weir = runs.then_some("and a Weir runs with this [admin] address");
    let clients = match &settings.listen.address {
        Address::Tcp(clients) => told("[listen]", "--listen", *clients, listen::could_bind(*clients), weir),
        Address::Unix(path) => match listen::could_bind_unix(path) {
            Err(_) if weir.is_some() => {
                Finding::ok("[listen]", format!("unix:{} is held, {}", path.display(), weir.unwrap_or_default()))
            }
            Err(error) => Finding::fail(
                "[listen]",
                format!("unix:{} cannot be bound: {error}", path.display()),
                "see which process holds it (`ss -lxp`), or take another path (--listen)",
            ),
            Ok(()) => Finding::ok("[listen]", format!("unix:{} is free", path.display())),
        },
        Address::Handed(name) => Finding::ok("[listen]", format!("fd:{name} is handed over when the unit starts")),
    };
    [clients, told("[admin]", "--admin", operators, for_operators, runs.then_some("by a Weir that runs"))]
}

fn told(section: &str, option: &str, address: SocketAddr, bound: io::Result<()>, weir: Option<&str>) -> Finding {
    let error = match bound {
        Ok(()) if address.port() == 0 => return Finding::ok(section, format!("{address}: any free port")),
        Ok(()) => return Finding::ok(section, format!("{address} is free")),
        Err(error) => error,
    };
    let finding = format!("{address} cannot be bound: {error}");
    match (error.kind(), weir) {
        (io::ErrorKind::AddrInUse, Some(weir)) => Finding::ok(section, format!("{address} is held, {weir}")),
        (io::ErrorKind::AddrInUse, None) => Finding::fail(
            section,
            format!("{address} is held by another process"),
            format!("see which one (`ss -ltnp sport = :{}`), or take another address ({option})", address.port()),
        ),
        (io::ErrorKind::AddrNotAvailable, _) => {
            Finding::fail(section, finding, format!("take an address of this machine ({option}; `ip address`)"))
        }
        (io::ErrorKind::PermissionDenied, _) => Finding::fail(
            section,
            finding,
            format!("give AmbientCapabilities=CAP_NET_BIND_SERVICE, or take a port from 1024 on ({option})"),
        ),
        _ => Finding::fail(section, finding, format!("take another address ({option})")),
    }
}

/// Whether the operators' side of a Weir answers at `address`.
async fn is_weir(address: SocketAddr) -> bool {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}/healthz", SocketAddr::new(ip, address.port()));
    let endpoint = Endpoint::parse(&url).ok().and_then(|url| {
        let plain = || Err(());
        Endpoint::new(url, plain, PATIENCE).ok()
    });
    let Some(endpoint) = endpoint else { return false };
    let reply = ask(&Pool::new(0, 0), &endpoint, None, &Question::Page).await;
    let alive = |reply: &Reply| matches!(&reply.answer, Err(NoAnswer::Other(page)) if page.contains("alive"));
    reply.is_ok_and(|reply| reply.status == 200 && alive(&reply))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn who_holds_an_address_matters() {
        let address: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let of = |bound: io::Result<()>, weir| told("[listen]", "--listen", address, bound, weir);
        let fails = |kind: io::ErrorKind, weir| of(Err(kind.into()), weir);
        assert_eq!(of(Ok(()), None), Finding::ok("[listen]", "127.0.0.1:8080 is free"));
        assert_eq!(fails(io::ErrorKind::AddrInUse, Some("by a Weir")).verdict, Verdict::Ok);
        let held = fails(io::ErrorKind::AddrInUse, None);
        assert_eq!(held.verdict, Verdict::Fail);
        assert!(held.advice.unwrap().contains("sport = :8080"));
        for kind in [io::ErrorKind::AddrNotAvailable, io::ErrorKind::PermissionDenied, io::ErrorKind::Other] {
            assert_eq!(fails(kind, Some("by a Weir")).verdict, Verdict::Fail);
        }
    }
}
