//! TLS towards servers: whom to trust, and who we are. With what lies below, the only place that knows rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use ::aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use zeroize::Zeroizing;

use crate::config;

pub mod dates;
mod distinguished;
mod identity;
mod parsed;
pub mod server;
mod shown;
mod tickets;

#[cfg(test)]
pub(super) mod tests;

/// Longer files are refused: all authorities of a system are far less.
const MOST_BYTES: usize = 16 << 20;
/// What is spoken, both ways.
const VERSIONS: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// A TLS session with a server, on a stream of whatever kind.
pub type Stream<S> = tokio_rustls::client::TlsStream<S>;

/// What an operator says about TLS towards one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// A PEM file of the authorities to trust, instead of the operating system's.
    pub ca: Option<PathBuf>,
    /// A PEM file with our certificate and what leads to its root.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the certificate's private key.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must bear, and that we ask for, instead of the URL's host.
    pub server_name: Option<String>,
}

impl ClientTls {
    /// What is in the files, as one digest: while it and the settings stay the same, so does what is built of them.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn digest(&self) -> Result<[u8; 32], TlsError> {
        let mut digest = Context::new(&SHA256);
        for file in [&self.ca, &self.certificate, &self.key] {
            let text = file.as_deref().map_or(Ok(Vec::new()), read)?;
            digest.update(&(text.len() as u64).to_be_bytes());
            digest.update(&text);
        }
        Ok(digest.finish().as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// How TLS is spoken to one server: TLS 1.3 or 1.2, HTTP/2 or HTTP/1.1. Cheap to clone; sessions are resumed across clones.
#[derive(Clone)]
pub struct Client {
    connector: TlsConnector,
    server_name: Option<ServerName<'static>>,
}

/// Why TLS towards a server could not be set up.
#[derive(Debug)]
pub enum TlsError {
    /// The file could not be read.
    Read(PathBuf, io::Error),
    /// The file was read, and this is wrong with what is in it.
    Content(PathBuf, String),
    /// A certificate without a key, or a key without a certificate: the file that has no companion.
    Alone(PathBuf),
    /// `server_name` is neither a DNS name nor an address.
    ServerName(String),
    /// The operating system has no trusted roots for us.
    NoRoots(String),
}

impl Client {
    /// Reads the files and checks that they fit together.
    ///
    /// # Errors
    /// Which file it is and what is wrong with it.
    pub fn build(settings: &ClientTls) -> Result<Self, TlsError> {
        Self::build_for(settings, &["h2", "http/1.1"])
    }

    /// The same, where only HTTP/1.1 is spoken.
    ///
    /// # Errors
    /// As [`Client::build`].
    pub fn build_http1(settings: &ClientTls) -> Result<Self, TlsError> {
        Self::build_for(settings, &["http/1.1"])
    }

    /// The same, where something other than HTTP is spoken.
    ///
    /// # Errors
    /// As [`Client::build`].
    pub fn build_bare(settings: &ClientTls) -> Result<Self, TlsError> {
        Self::build_for(settings, &[])
    }

    fn build_for(settings: &ClientTls, protocols: &[&str]) -> Result<Self, TlsError> {
        let roots = settings.ca.as_deref().map_or_else(system_roots, roots_in)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(VERSIONS)
            .expect("the provider has cipher suites for both versions")
            .with_root_certificates(roots);
        let mut config = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates_in(certificate)?, key_in(key)?)
                .map_err(|error| TlsError::Content(key.clone(), format!("{error} ({})", certificate.display())))?,
            (None, None) => builder.with_no_client_auth(),
            (Some(file), None) | (None, Some(file)) => return Err(TlsError::Alone(file.clone())),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let server_name = settings
            .server_name
            .clone()
            .map(|name| ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name)));
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name: server_name.transpose()? })
    }

    /// Shakes hands with `host` over `stream`.
    ///
    /// # Errors
    /// What rustls says: above all, why the server's certificate is not to be trusted.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(&self, host: &str, stream: S) -> io::Result<Stream<S>> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidInput, "it is no name that a certificate can bear")
            })?,
        };
        self.connector.connect(name, stream).await
    }
}

/// Whether HTTP/2 was agreed on.
pub fn speaks_http2<S>(session: &Stream<S>) -> bool {
    session.get_ref().1.alpn_protocol() == Some(b"h2")
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some systems carry certificates that are no authorities in rustls' eyes; those are passed over.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(TlsError::NoRoots(errors.join("; ")));
    }
    Ok(roots)
}

fn roots_in(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(file)? {
        roots.add(certificate).map_err(|error| content(file, format!("not an authority's certificate: {error}")))?;
    }
    Ok(roots)
}

fn certificates_in(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| content(file, format!("not sound PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(content(file, "no certificate in it (`-----BEGIN CERTIFICATE-----`)"));
    }
    Ok(certificates)
}

fn key_in(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    use rustls::pki_types::pem::Error;
    let text = Zeroizing::new(read(file)?);
    // `BEGIN ENCRYPTED PRIVATE KEY`, or `Proc-Type: 4,ENCRYPTED` in a head of its own.
    if memchr::memmem::find(&text, b"ENCRYPTED").is_some() {
        let shown = file.display();
        return Err(content(
            file,
            format!(
                "the key is encrypted, and nobody is there to type its password: openssl pkey -in {shown} -out ..."
            ),
        ));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        Error::NoItemsFound => content(file, "no private key in it (`-----BEGIN PRIVATE KEY-----`)"),
        error => content(file, format!("not sound PEM: {error}")),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    config::read_file(file, MOST_BYTES).map_err(|error| TlsError::Read(file.to_owned(), error))
}

fn content(file: &Path, what: impl Into<String>) -> TlsError {
    TlsError::Content(file.to_owned(), what.into())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(file, error) => write!(f, "{} cannot be read: {error}", file.display()),
            Self::Content(file, what) => write!(f, "{}: {what}", file.display()),
            Self::Alone(file) => write!(f, "{}: `certificate` and `key` come together or not at all", file.display()),
            Self::ServerName(name) => write!(f, "server_name: `{name}` is neither a DNS name nor an address"),
            Self::NoRoots(errors) if errors.is_empty() => {
                f.write_str("this system has no trusted roots; name a file of authorities as `ca`")
            }
            Self::NoRoots(errors) => {
                write!(f, "this system's trusted roots cannot be read; name a file of authorities as `ca`: {errors}")
            }
        }
    }
}

impl std::error::Error for TlsError {}
