//! The addresses to listen on: free, held by a Weir that runs, or by somebody else.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::time::timeout;

use crate::config::{self, Address, AdminAddress, Settings};
use crate::daemon::admin_client::{AdminClient, Fault};
use crate::net::listen;

use super::finding::Finding;
use super::question::PATIENCE;

/// `[listen]` and `[admin]`. `data` is where the key of operators is kept.
pub(super) async fn examine(settings: &Settings, data: &Path) -> [Finding; 2] {
    let (operators, runs) = for_operators(&settings.admin, data).await;
    let weir = runs.then_some("and a Weir runs with this [admin] address");
    let clients = match &settings.listen.address {
        Address::Tcp(clients) => told("[listen]", "--listen", *clients, listen::could_bind(*clients), weir),
        Address::Unix(path) => socket("[listen]", "--listen", path, weir),
        Address::Handed(name) => Finding::ok("[listen]", format!("fd:{name} is handed over when the unit starts")),
    };
    [clients, operators]
}

/// `[admin]`, and whether a Weir runs with it.
async fn for_operators(admin: &config::Admin, data: &Path) -> (Finding, bool) {
    let held = match &admin.address {
        AdminAddress::Tcp(address) => is_held(&listen::could_bind(*address)),
        AdminAddress::Unix(path) => listen::could_bind_unix(path).is_err(),
    };
    let weir = if held { asked(admin, data).await } else { None };
    let runs = weir.is_some();
    let finding = match (&admin.address, weir) {
        (_, Some(Err(refused))) => {
            let finding = format!("{} is held, by a Weir that runs: {refused}", admin.address);
            Finding::warn(
                "[admin]",
                finding,
                "name the data directory of that one (--data), as the user that it runs as",
            )
        }
        (AdminAddress::Tcp(address), weir) => {
            let weir = weir.and_then(Result::ok);
            told("[admin]", "--admin", *address, listen::could_bind(*address), weir.as_deref())
        }
        (AdminAddress::Unix(path), weir) => socket("[admin]", "--admin", path, weir.and_then(Result::ok).as_deref()),
    };
    (finding, runs)
}

fn is_held(bound: &io::Result<()>) -> bool {
    bound.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// How the Weir that holds the address is, or that it does not tell us; `None` where it is none.
async fn asked(admin: &config::Admin, data: &Path) -> Option<Result<String, Fault>> {
    let client = AdminClient::new(admin, data).unwrap_or_else(|_| AdminClient::without_key(admin, data));
    match timeout(PATIENCE, client.call("GET", "/api/v1/status", None)).await.ok()? {
        Ok(status) => {
            let generation = &status["generation"]["number"];
            let (version, missing) = (status["version"].as_str()?, status["missing"][0].as_str());
            let ready = missing.map_or_else(String::new, |missing| format!(", not ready: {missing}"));
            Some(Ok(format!("by a Weir that runs: {version}, generation {generation} of its configuration{ready}")))
        }
        Err(refused @ Fault::Refused { .. }) => Some(Err(refused)),
        Err(Fault::NoDaemon(_) | Fault::Broken(_)) => None,
    }
}

/// A socket in the file system.
fn socket(section: &str, option: &str, path: &Path, weir: Option<&str>) -> Finding {
    match (listen::could_bind_unix(path), weir) {
        (Ok(()), _) => Finding::ok(section, format!("unix:{} is free", path.display())),
        (Err(_), Some(weir)) => Finding::ok(section, format!("unix:{} is held, {weir}", path.display())),
        (Err(error), None) => Finding::fail(
            section,
            format!("unix:{} cannot be bound: {error}", path.display()),
            format!("see which process holds it (`ss -lxp`), or take another path ({option})"),
        ),
    }
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
