//! TLS towards clients.
//!
//! ```text
//! certificates  by name and of clients; files that change under load; sessions that come back
//! http2         HTTP/2 by ALPN, and what else a client may offer
//! ends          how sessions begin and end that are no ordinary ones
//! stalls        clients that stop half-way, do not read, or flood
//! idle          what a session holds while nothing happens
//! draining      handshakes and streams while Weir stops
//! scan          what openssl and a scanner make of it
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Client, Gateway, Scripted, call, result, within};

mod certificates;
mod draining;
mod ends;
mod http2;
mod idle;
mod scan;
mod stalls;

const EMPTY: &str = r#"{"resultType":"complete","content":[]}"#;
const LATER: i32 = 2100;

/// An authority, and a directory for what it issues.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let authority = Self { issuer: Issuer::new(params.clone(), KeyPair::generate().expect("a key")), directory };
        let pem = params.self_signed(&key).expect("an authority signs itself").pem();
        let authority = Self { issuer: Issuer::new(params, key), ..authority };
        authority.write("ca.pem", &pem);
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// As a certificate manager does: a whole file takes the place of the old one.
    fn write(&self, name: &str, text: &str) {
        let next = self.path("next");
        std::fs::write(&next, text).and_then(|()| std::fs::rename(&next, self.path(name))).expect("it can be written");
    }

    /// `FILE.pem` and `FILE.key`.
    pub(crate) fn issue(&self, file: &str, names: &[&str], serial: u64, year: i32) {
        self.issue_for(&KeyPair::generate().expect("a key can be made"), file, names, serial, year);
    }

    /// The same, with a key that is RSA's.
    fn issue_rsa(&self, file: &str, names: &[&str], serial: u64, year: i32) {
        let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key can be made");
        self.issue_for(&key, file, names, serial, year);
    }

    fn issue_for(&self, key: &KeyPair, file: &str, names: &[&str], serial: u64, year: i32) {
        let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).expect("names");
        params.serial_number = Some(SerialNumber::from(serial));
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2000, 1, 1), rcgen::date_time_ymd(year, 1, 1));
        let certificate = params.signed_by(key, &self.issuer).expect("an authority signs");
        // The key first: whoever reads in between finds a pair that does not fit, and keeps the one before.
        self.write(&format!("{file}.key"), &key.serialize_pem());
        self.write(&format!("{file}.pem"), &certificate.pem());
    }

    /// `crl.pem`.
    fn revoke(&self, serials: &[u64]) {
        let revoked = |serial: &u64| rcgen::RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: rcgen::date_time_ymd(2001, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2000, 1, 1),
            next_update: rcgen::date_time_ymd(LATER, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).and_then(|list| list.pem()).expect("an authority signs");
        self.write("crl.pem", &list);
    }

    /// A client that trusts this authority, with a certificate of its own where one is named.
    pub(crate) fn client(&self, identity: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.path("ca.pem"))).expect("an authority");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("the provider has them").with_root_certificates(roots);
        let mut config = match identity {
            Some(file) => {
                let chain = vec![certificate(&self.path(&format!("{file}.pem")))];
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{file}.key"))).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("they belong together")
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// One that trusts it and speaks these inside.
    fn offering(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut config = (*self.client(None)).clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    pub(crate) fn tls(&self, file: &str) -> String {
        let (certificate, key) = (self.path(&format!("{file}.pem")), self.path(&format!("{file}.key")));
        format!("{{ certificate = {certificate:?}, key = {key:?} }}")
    }
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).expect("a certificate")
}

async fn server() -> Scripted {
    Scripted::answering(|request| result(&request.id(), EMPTY)).await
}

fn config(listen: &str, server: &Scripted) -> String {
    format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n{listen}\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n",
        server.url()
    )
}

async fn start(listen: &str, server: &Scripted) -> Gateway {
    Gateway::config(&config(listen, server)).listening_by_file().start().await
}

async fn session(weir: &Gateway, client: &Arc<ClientConfig>, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(weir.address()).await?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    within("a handshake", TlsConnector::from(Arc::clone(client)).connect(name, stream)).await
}

async fn metrics(weir: &Gateway) -> String {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    admin.answer().await.text().to_owned()
}

/// Shakes hands and asks once: whether it was answered.
async fn answered(weir: &Gateway, client: &Arc<ClientConfig>) -> bool {
    let Ok(stream) = session(weir, client, "localhost").await else { return false };
    let mut client = Client::over(stream, &weir.address().to_string());
    client.post(&call("1", "echo", "{}")).await;
    // With TLS 1.3 a client hears only then that it was refused.
    client.try_head().await.is_some_and(|head| head.status() == 200)
}

/// What a client says first.
fn hello(config: &Arc<ClientConfig>) -> Vec<u8> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = rustls::ClientConnection::new(Arc::clone(config), name).expect("a sound configuration");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("a Vec takes all");
    bytes
}

/// Waits for the end of a connection, whatever that is like; gives what came before it.
async fn ended(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut came = Vec::new();
    let _ = within("the end of a connection", stream.read_to_end(&mut came)).await;
    came
}
