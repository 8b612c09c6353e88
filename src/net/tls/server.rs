//! TLS towards clients: who we are, by the name that they ask for, and whose certificates they may show.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig, WebPkiClientVerifier,
    danger::ClientCertVerifier,
};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::net::socket::{Metered, Plain};
use crate::seal::KeyRing;

use super::tickets::Tickets;
use super::{TlsError, VERSIONS, content, identity, parsed, read, roots_in};

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
        let builder = match &settings.clients {
            Some(clients) => builder.with_client_cert_verifier(verifier(clients, provider, &mut warnings)?),
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
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), warnings: warnings.into() })
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

fn verifier(
    clients: &Clients,
    provider: Arc<CryptoProvider>,
    warnings: &mut Vec<String>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let roots = roots_in(&clients.ca)?;
    let mut lists = Vec::new();
    for file in &clients.revoked {
        let text = read(file)?;
        let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
        let found = found.map_err(|error| content(file, format!("not sound PEM: {error}")))?;
        if found.is_empty() {
            return Err(content(file, "no revocation list in it (`-----BEGIN X509 CRL-----`)"));
        }
        for list in &found {
            warnings.extend(parsed::revocation_list(list, file)?);
        }
        lists.extend(found);
    }
    if !lists.is_empty() {
        warnings.extend(parsed::without_list(&clients.ca, &lists)?);
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(lists)
        .enforce_revocation_expiration();
    if !clients.required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| content(&clients.ca, format!("cannot check certificates of clients: {error}")))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("warnings", &self.warnings).finish_non_exhaustive()
    }
}
