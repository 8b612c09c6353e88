//! TLS towards clients: who we are, by the name that they ask for, and whose certificates they may show.

#[cfg(test)]
mod tests;
mod trust;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::model::Certificate;
use crate::net::socket::{Metered, Plain};
use crate::seal::KeyRing;

use super::tickets::Tickets;
use super::{TlsError, VERSIONS, identity, parsed};

pub use trust::Trust;

/// What a session holds at most of what its client does not take; the rest waits where it comes from. While nothing is
/// under way it holds its keys, and the 4 KiB that rustls reads into, which it gives nobody.
const HELD: usize = 32 * 1024;
/// What is spoken inside, by the client's choice.
const ALPN: &[&[u8]] = &[HTTP2, b"http/1.1"];
/// The name of HTTP/2 over TLS (RFC 9113, 3.2).
pub(in crate::net) const HTTP2: &[u8] = b"h2";

/// A TLS session with a client.
pub type Session = tokio_rustls::server::TlsStream<Metered>;

/// What an operator says about TLS towards clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerTls {
    /// PEM files of certificates with what leads to their roots, and of their keys. The first is shown to whoever asks
    /// for no name, or for one that none of them bears.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// Whether clients show certificates.
    pub clients: Option<Clients>,
}

/// Whose certificates clients show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// A PEM file of the authorities that have to have signed them.
    pub ca: PathBuf,
    /// Whether one without a certificate is turned away.
    pub required: bool,
    /// PEM files of what the authorities have revoked. Where there is one, each authority's has to be there.
    pub revoked: Vec<PathBuf>,
}

/// How TLS is spoken with clients: TLS 1.3 or 1.2. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    acceptor: TlsAcceptor,
    warnings: Arc<[String]>,
    clients: Option<Trust>,
}

impl Server {
    /// Reads the files and checks that they fit together. `ring` seals the tickets with which clients come back; without
    /// it none does.
    ///
    /// # Errors
    /// Which file it is and what is wrong with it.
    pub fn build(settings: &ServerTls, ring: Option<KeyRing>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut warnings = Vec::new();
        let named = Named::load(settings, &provider, &mut warnings)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(VERSIONS)
            .expect("the provider has cipher suites for both versions");
        let clients = settings.clients.as_ref().map(|clients| Trust::build(clients, provider, &mut warnings));
        let clients = clients.transpose()?;
        let builder = match &clients {
            Some(trust) => builder.with_client_cert_verifier(trust.verifier()),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(named));
        config.alpn_protocols = ALPN.iter().map(|protocol| protocol.to_vec()).collect();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // A client that came back by a ticket would not be asked again, whatever was revoked since.
        match ring.filter(|_| settings.clients.is_none()) {
            Some(ring) => config.ticketer = Arc::new(Tickets::new(ring)),
            None => config.send_tls13_tickets = 0,
        }
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), warnings: warnings.into(), clients })
    }

    /// Whose certificates clients show; `None` where they are not asked.
    pub fn clients(&self) -> Option<&Trust> {
        self.clients.as_ref()
    }

    /// What the client has shown in its handshake.
    pub fn certificate(&self, session: &Session) -> Option<Certificate> {
        let chain = session.get_ref().1.peer_certificates()?;
        self.clients.as_ref().and_then(|trust| trust.read(chain))
    }

    /// What is allowed and unwise, a sentence each with its file.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// What rustls says: above all, why the client's certificate is not to be trusted. The client has been told so; the
    /// connection comes back, for an end that does not destroy what it was told.
    pub async fn accept(&self, plain: Plain) -> Result<Session, (io::Error, Plain)> {
        let met = self.acceptor.accept_with(Metered::new(plain), |session| session.set_buffer_limit(Some(HELD)));
        met.into_fallible().await.map_err(|(error, metered)| (error, metered.into_inner()))
    }
}

/// Our certificates, by name.
struct Named {
    keys: Vec<Arc<CertifiedKey>>,
    /// Those that bear a name, in lower case, perhaps with `*.` in front.
    by_name: HashMap<String, Vec<usize>>,
}

impl Named {
    fn load(settings: &ServerTls, provider: &CryptoProvider, warnings: &mut Vec<String>) -> Result<Self, TlsError> {
        let (mut keys, mut by_name) = (Vec::new(), HashMap::<_, Vec<_>>::new());
        for (at, (certificate, key)) in settings.certificates.iter().enumerate() {
            let ours = identity::load(certificate, key, provider)?;
            let parsed = parsed::leaf(&ours.cert, certificate)?;
            warnings.extend(parsed.warnings(certificate));
            if at > 0 && parsed.names.is_empty() {
                let shown = certificate.display();
                warnings.push(format!(
                    "{shown}: it bears no DNS name, and so is never shown: put it first, or leave it out"
                ));
            }
            for name in parsed.names {
                by_name.entry(name).or_default().push(at);
            }
            keys.push(Arc::new(ours));
        }
        Ok(Self { keys, by_name })
    }

    /// Those that bear the name, itself before a wildcard of it.
    fn bearing(&self, name: &str) -> Option<&[usize]> {
        let name = name.to_ascii_lowercase();
        let wild = || {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        };
        self.by_name.get(&name).or_else(wild).map(Vec::as_slice)
    }
}

impl ResolvesServerCert for Named {
    /// Of several that fit the first whose key the client can check, as with a pair of RSA and ECDSA.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let named = hello.server_name().and_then(|name| self.bearing(name)).unwrap_or_default();
        let named = named.iter().map(|at| &self.keys[*at]).find(usable);
        named.or_else(|| self.keys.iter().find(usable)).or(self.keys.first()).cloned()
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named").field("names", &self.by_name.keys()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("warnings", &self.warnings).finish_non_exhaustive()
    }
}
