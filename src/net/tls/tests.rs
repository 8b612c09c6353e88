//! Whom we trust and who we are, against a server of rustls with certificates made here.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{ProtocolVersion, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority of our own, with a directory for what it issues.
pub(in crate::net) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key, as files.
pub(in crate::net) struct Identity {
    pub(in crate::net) certificate: PathBuf,
    pub(in crate::net) key: PathBuf,
}

impl Authority {
    pub(in crate::net) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "An authority for tests");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).expect("a file");
        Self { issuer: Issuer::new(params, key), directory }
    }

    pub(in crate::net) fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate that bears `name`.
    pub(in crate::net) fn issue(&self, name: &str) -> Identity {
        self.issue_until(name, 2100)
    }

    fn issue_until(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a sound name");
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let identity = Identity {
            certificate: self.directory.path().join(format!("{name}-{year}.pem")),
            key: self.directory.path().join(format!("{name}-{year}-key.pem")),
        };
        std::fs::write(&identity.certificate, certificate.pem()).expect("a file");
        std::fs::write(&identity.key, key.serialize_pem()).expect("a file");
        identity
    }

    /// A client that trusts this authority alone.
    pub(in crate::net) fn client(&self) -> Client {
        Client::build(&self.settings()).expect("sound files")
    }

    fn settings(&self) -> ClientTls {
        ClientTls { ca: Some(self.file()), ..ClientTls::default() }
    }

    /// A server that is `identity`, and asks for certificates of this authority if `mutual`.
    pub(in crate::net) fn server(
        &self,
        identity: &Identity,
        mutual: bool,
        versions: &[&'static SupportedProtocolVersion],
    ) -> TlsAcceptor {
        self.server_speaking(identity, mutual, versions, &["http/1.1"])
    }

    /// The same, of these protocols, the dearest first.
    pub(in crate::net) fn server_speaking(
        &self,
        identity: &Identity,
        mutual: bool,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> TlsAcceptor {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(roots_in(&self.file()).expect("a sound file"));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions that the provider has");
        let builder = if mutual {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let chain = certificates_in(&identity.certificate).expect("a sound file");
        let mut config = builder
            .with_single_cert(chain, key_in(&identity.key).expect("a sound file"))
            .expect("they belong together");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

pub(in crate::net) const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
const ONLY_12: &[&SupportedProtocolVersion] = &[&version::TLS12];

type Meeting = io::Result<(Stream<DuplexStream>, tokio_rustls::server::TlsStream<DuplexStream>)>;

/// Lets both shake hands and pass a byte each way, which is when TLS 1.3 tells a client that it was refused.
async fn meet(client: &Client, host: &str, server: &TlsAcceptor) -> Meeting {
    let (near, far) = tokio::io::duplex(1 << 16);
    let client = async {
        let mut stream = client.connect(host, near).await?;
        stream.write_all(b"?").await?;
        stream.read_exact(&mut [0]).await?;
        Ok::<_, io::Error>(stream)
    };
    let server = async {
        let mut stream = server.accept(far).await?;
        stream.read_exact(&mut [0]).await?;
        stream.write_all(b"!").await?;
        Ok::<_, io::Error>(stream)
    };
    let (client, server) = tokio::join!(client, server);
    Ok((client?, server?))
}

#[tokio::test]
async fn a_server_of_the_named_authority_is_trusted_in_both_versions() {
    let authority = Authority::new();
    let identity = authority.issue("files.internal");
    for (versions, expected) in [(BOTH, ProtocolVersion::TLSv1_3), (ONLY_12, ProtocolVersion::TLSv1_2)] {
        let server = authority.server(&identity, false, versions);
        let (client, server) = meet(&authority.client(), "files.internal", &server).await.expect("trust");
        assert_eq!(client.get_ref().1.protocol_version(), Some(expected));
        assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(server.get_ref().1.server_name(), Some("files.internal"));
    }
}

#[tokio::test]
async fn an_address_can_be_what_the_certificate_bears() {
    let authority = Authority::new();
    let server = authority.server(&authority.issue("127.0.0.1"), false, BOTH);
    assert!(meet(&authority.client(), "127.0.0.1", &server).await.is_ok());
    assert!(meet(&authority.client(), "127.0.0.2", &server).await.is_err());
}

#[tokio::test]
async fn a_wrong_name_a_strange_authority_and_an_expired_certificate_are_refused() {
    let authority = Authority::new();
    let refusal = async |client: &Client, identity: &Identity| {
        let server = authority.server(identity, false, BOTH);
        meet(client, "files.internal", &server).await.expect_err("no trust").to_string()
    };
    let wrong = refusal(&authority.client(), &authority.issue("other.internal")).await;
    assert!(wrong.contains("not valid for name") && wrong.contains("other.internal"), "{wrong}");
    let strange = refusal(&Authority::new().client(), &authority.issue("files.internal")).await;
    assert!(strange.contains("UnknownIssuer") || strange.contains("BadSignature"), "{strange}");
    let expired = refusal(&authority.client(), &authority.issue_until("files.internal", 2020)).await;
    assert!(expired.contains("expired"), "{expired}");
}

#[tokio::test]
async fn server_name_overrides_the_host() {
    let authority = Authority::new();
    let server = authority.server(&authority.issue("files.internal"), false, BOTH);
    let settings = ClientTls { server_name: Some("files.internal".to_owned()), ..authority.settings() };
    let client = Client::build(&settings).expect("sound files");
    let (_client, server) = meet(&client, "10.0.0.1", &server).await.expect("trust");
    assert_eq!(server.get_ref().1.server_name(), Some("files.internal"));
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let authority = Authority::new();
    for versions in [BOTH, ONLY_12] {
        let server = authority.server(&authority.issue("files.internal"), true, versions);
        assert!(meet(&authority.client(), "files.internal", &server).await.is_err(), "without one");
        let identity = authority.issue("weir.internal");
        let settings =
            ClientTls { certificate: Some(identity.certificate), key: Some(identity.key), ..authority.settings() };
        let client = Client::build(&settings).expect("sound files");
        let (_client, server) = meet(&client, "files.internal", &server).await.expect("trust");
        assert_eq!(server.get_ref().1.peer_certificates().map(<[_]>::len), Some(1));
    }
}

#[test]
fn an_error_names_the_file_and_what_is_wrong_with_it() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one"), authority.issue("other"));
    let junk = authority.directory.path().join("junk.pem");
    let torn = authority.directory.path().join("torn.pem");
    let hollow = authority.directory.path().join("hollow.pem");
    std::fs::write(&junk, "no PEM at all").expect("a file");
    std::fs::write(&torn, "-----BEGIN CERTIFICATE-----\nMIIB\n").expect("a file");
    std::fs::write(&hollow, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("a file");
    let error = |settings: ClientTls| Client::build(&settings).expect_err("it is wrong").to_string();
    let ca = |file: &Path| error(ClientTls { ca: Some(file.to_owned()), ..ClientTls::default() });
    let pair = |certificate: Option<&Path>, key: Option<&Path>| {
        let (certificate, key) = (certificate.map(Path::to_owned), key.map(Path::to_owned));
        error(ClientTls { certificate, key, ..authority.settings() })
    };
    let expect = |error: String, file: &Path, what: &str| {
        assert!(error.contains(&file.display().to_string()) && error.contains(what), "{error}");
    };
    let absent = authority.directory.path().join("absent.pem");
    expect(ca(&absent), &absent, "cannot be read");
    expect(ca(&junk), &junk, "no certificate in it");
    expect(ca(&torn), &torn, "not sound PEM");
    expect(ca(&hollow), &hollow, "not an authority's certificate");
    expect(ca(&one.key), &one.key, "no certificate in it");
    expect(pair(Some(&one.certificate), None), &one.certificate, "come together");
    expect(pair(None, Some(&one.key)), &one.key, "come together");
    expect(pair(Some(&junk), Some(&one.key)), &junk, "no certificate in it");
    expect(pair(Some(&one.certificate), Some(&one.certificate)), &one.certificate, "no private key in it");
    expect(pair(Some(&one.certificate), Some(&other.key)), &other.key, &one.certificate.display().to_string());
    let name = error(ClientTls { server_name: Some("not a name".to_owned()), ..authority.settings() });
    assert!(name.contains("`not a name`"), "{name}");
}
