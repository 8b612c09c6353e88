//! The endpoints of all servers, each with its number in the pools. One that a reload leaves as it was keeps its number,
//! and with it the connections that are kept for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::config::{self, ServerTls};
use crate::net::tls::{self, ClientTls};
use crate::net::upstream::Endpoint;
use crate::stages::balance::{self, Listed};

/// What shapes a connection to an endpoint: where all of it is equal, nothing starts anew.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    server: String,
    url: String,
    connect_timeout: Duration,
    tls: ServerTls,
    /// Of what is in the files that `tls` names.
    files: [u8; 32],
}

/// The endpoints of all servers, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Endpoints {
    servers: Vec<Vec<Placed>>,
    /// The number of the next new one. None is given twice in the life of the process.
    next: usize,
}

#[derive(Debug)]
struct Placed {
    identity: Identity,
    listed: Listed<Arc<Endpoint>>,
}

impl Endpoints {
    /// Reads what the configuration names, and takes over from `before` what is the same.
    pub(super) fn build(servers: &[config::Server], before: Option<&Self>) -> anyhow::Result<Self> {
        let mut built =
            Self { servers: Vec::with_capacity(servers.len()), next: before.map_or(0, |before| before.next) };
        for server in servers {
            let placed = server.endpoints.iter().map(|endpoint| {
                let placed = built.place(server, &endpoint.url, before);
                placed.with_context(|| format!("[[servers]] {:?}: endpoint {}", server.name.as_str(), endpoint.url))
            });
            let placed = placed.collect::<anyhow::Result<_>>()?;
            built.servers.push(placed);
        }
        Ok(built)
    }

    fn place(&mut self, server: &config::Server, url: &str, before: Option<&Self>) -> anyhow::Result<Placed> {
        let client = client_tls(&server.tls);
        let identity = Identity {
            server: server.name.as_str().to_owned(),
            url: url.to_owned(),
            connect_timeout: server.connect_timeout,
            tls: server.tls.clone(),
            files: client.digest()?,
        };
        let known =
            before.and_then(|before| before.servers.iter().flatten().find(|placed| placed.identity == identity));
        if let Some(known) = known {
            return Ok(Placed { identity, listed: known.listed.clone() });
        }
        let endpoint = open(server, url)?;
        let fingerprint = balance::fingerprint(server.name.as_str(), url);
        self.next += 1;
        Ok(Placed { identity, listed: Listed { index: self.next - 1, endpoint: Arc::new(endpoint), fingerprint } })
    }

    /// The endpoints of each server.
    pub(super) fn by_server(&self) -> impl Iterator<Item = Vec<Listed<Arc<Endpoint>>>> {
        self.servers.iter().map(|server| server.iter().map(|placed| placed.listed.clone()).collect())
    }

    /// The numbers of all of them.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.servers.iter().flatten().map(|placed| placed.listed.index)
    }
}

/// What it takes to connect to an endpoint of a server.
pub(super) fn open(server: &config::Server, url: &str) -> anyhow::Result<Endpoint> {
    let client = || tls::Client::build(&client_tls(&server.tls));
    Ok(Endpoint::new(Endpoint::parse(url)?, client, server.connect_timeout)?)
}

fn client_tls(tls: &ServerTls) -> ClientTls {
    let identity = tls.identity.as_ref();
    ClientTls {
        ca: tls.ca.clone(),
        certificate: identity.map(|identity| identity.certificate.clone()),
        key: identity.map(|identity| identity.key.clone()),
        server_name: tls.server_name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(text: &str) -> Vec<config::Server> {
        config::Settings::parse(text, "test").unwrap_or_else(|report| panic!("{report}")).servers
    }

    fn server(name: &str, endpoints: &[&str], more: &str) -> String {
        format!("[[servers]]\nname = {name:?}\nendpoints = {endpoints:?}\n{more}\n")
    }

    #[test]
    fn what_stays_the_same_keeps_its_number_and_no_number_is_given_twice() {
        let (a, b, c) = ("http://127.0.0.1:1/mcp", "http://127.0.0.1:2/mcp", "http://127.0.0.1:3/mcp");
        let numbers = |built: &Endpoints| built.numbers().collect::<Vec<_>>();
        let first = Endpoints::build(&servers(&server("one", &[a, b], "")), None).unwrap();
        assert_eq!(numbers(&first), [0, 1]);
        let text = server("two", &[a], "") + &server("one", &[b, c], "deadline = \"5s\"");
        let second = Endpoints::build(&servers(&text), Some(&first)).unwrap();
        assert_eq!(numbers(&second), [2, 1, 3], "another server's endpoint is another one; a deadline shapes none");
        let third =
            Endpoints::build(&servers(&server("one", &[b, a], "connect_timeout = \"1s\"")), Some(&second)).unwrap();
        assert_eq!(numbers(&third), [4, 5]);
    }

    #[test]
    fn a_changed_file_makes_another_endpoint_and_one_that_is_gone_is_said() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let ca = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap().cert.pem();
        std::fs::write(file.path(), ca("one")).unwrap();
        let text = server("one", &["https://127.0.0.1:1/mcp"], &format!("tls = {{ ca = {:?} }}", file.path()));
        let first = Endpoints::build(&servers(&text), None).unwrap();
        let same = Endpoints::build(&servers(&text), Some(&first)).unwrap();
        assert!(first.numbers().eq(same.numbers()));
        std::fs::write(file.path(), ca("two")).unwrap();
        let other = Endpoints::build(&servers(&text), Some(&first)).unwrap();
        assert!(!first.numbers().eq(other.numbers()));
        let gone = file.path().to_owned();
        drop(file);
        let why = format!("{:#}", Endpoints::build(&servers(&text), Some(&first)).unwrap_err());
        assert!(why.contains("\"one\"") && why.contains(gone.to_str().unwrap()), "{why}");
    }
}
