//! Clients of rustls with certificates made here, over a Unix socket pair.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use super::super::roots_in;
use super::*;

const NOW: i32 = 2100;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        std::fs::write(directory.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A certificate and its key, as files, valid until the year.
    fn issue(&self, names: &[&str], serial: u64, year: i32) -> (PathBuf, PathBuf) {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2000, 1, 1), rcgen::date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().unwrap();
        let files = (self.path(&format!("{serial}.pem")), self.path(&format!("{serial}-key.pem")));
        std::fs::write(&files.0, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }

    /// A list of what is revoked, good until the year.
    fn revokes(&self, serials: &[u64], year: i32) -> PathBuf {
        let revoked = |serial: &u64| rcgen::RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: rcgen::date_time_ymd(2001, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2000, 1, 1),
            next_update: rcgen::date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let file = self.path(&format!("revoked-{year}.pem"));
        std::fs::write(&file, params.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        file
    }

    /// A client that trusts this authority, perhaps with a certificate of its own.
    fn client(&self, identity: Option<&(PathBuf, PathBuf)>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(VERSIONS)
            .unwrap()
            .with_root_certificates(roots_in(&self.path("ca.pem")).unwrap());
        let mut config = match identity {
            Some((certificate, key)) => {
                let chain = super::super::certificates_in(certificate).unwrap();
                builder.with_client_auth_cert(chain, super::super::key_in(key).unwrap()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }
}

fn ring() -> Option<KeyRing> {
    KeyRing::parse(&KeyRing::generate_text()).ok()
}

fn showing(certificates: &[&(PathBuf, PathBuf)]) -> ServerTls {
    ServerTls { certificates: certificates.iter().map(|pair| (*pair).clone()).collect(), clients: None }
}

fn server(settings: &ServerTls) -> Server {
    Server::build(settings, ring()).unwrap()
}

struct Met {
    kind: HandshakeKind,
    version: ProtocolVersion,
    spoken: Option<Vec<u8>>,
    /// The certificate that the client was shown.
    shown: Vec<u8>,
    /// Tickets that it was given.
    tickets: u32,
}

/// Lets both shake hands and pass a byte each way, which is when TLS 1.3 tells a client that it was refused.
async fn meet(client: &Arc<ClientConfig>, name: &str, server: &Server) -> io::Result<Met> {
    let (near, far) = UnixStream::pair()?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let asking = async {
        let mut stream = TlsConnector::from(Arc::clone(client)).connect(name, near).await?;
        stream.write_all(b"?").await?;
        stream.read_exact(&mut [0]).await?;
        let session = stream.get_ref().1;
        Ok::<_, io::Error>(Met {
            kind: session.handshake_kind().unwrap(),
            version: session.protocol_version().unwrap(),
            spoken: session.alpn_protocol().map(<[u8]>::to_vec),
            shown: session.peer_certificates().unwrap()[0].to_vec(),
            tickets: session.tls13_tickets_received(),
        })
    };
    let answering = async {
        let mut stream = server.accept(Plain::Unix(far)).await.map_err(|(error, _)| error)?;
        stream.read_exact(&mut [0]).await?;
        stream.write_all(b"!").await?;
        Ok::<_, io::Error>(())
    };
    let (met, answered) = tokio::join!(asking, answering);
    answered.and(met)
}

fn leaf(file: &Path) -> Vec<u8> {
    super::super::certificates_in(file).unwrap()[0].to_vec()
}

#[tokio::test]
async fn each_name_is_shown_its_certificate_and_everybody_else_the_first() {
    let authority = Authority::new("ca");
    let (first, exact, wild) = (
        authority.issue(&["first.example", "10.0.0.1"], 1, NOW),
        authority.issue(&["a.wild.example", "Upper.example"], 2, NOW),
        authority.issue(&["*.wild.example"], 3, NOW),
    );
    let server = server(&showing(&[&first, &exact, &wild]));
    assert!(server.warnings().is_empty(), "{:?}", server.warnings());
    let client = Arc::new(authority.client(None));
    for (name, file) in [
        ("first.example", &first.0),
        ("a.wild.example", &exact.0),
        ("UPPER.example", &exact.0),
        ("b.wild.example", &wild.0),
        ("10.0.0.1", &first.0),
    ] {
        let met = meet(&client, name, &server).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(met.shown == leaf(file), "{name}");
        assert_eq!(met.spoken.as_deref(), Some(&b"http/1.1"[..]));
    }
    for stranger in ["c.b.wild.example", "wild.example", "elsewhere.example"] {
        let refused = meet(&client, stranger, &server).await.err().expect(stranger).to_string();
        assert!(refused.contains("BadCertificate"), "{refused}");
    }
}

#[tokio::test]
async fn a_client_comes_back_to_any_node_that_has_the_ring() {
    let authority = Authority::new("ca");
    let ours = authority.issue(&["weir.example"], 1, NOW);
    let text = KeyRing::generate_text();
    let node = || Server::build(&showing(&[&ours]), KeyRing::parse(&text).ok()).unwrap();
    let (one, other, stranger) = (node(), node(), server(&showing(&[&ours])));
    for (versions, version) in [(VERSIONS, ProtocolVersion::TLSv1_3), (&VERSIONS[1..], ProtocolVersion::TLSv1_2)] {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap();
        let roots = roots_in(&authority.path("ca.pem")).unwrap();
        let client = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        for (node, kind) in [
            (&one, HandshakeKind::Full),
            (&one, HandshakeKind::Resumed),
            (&other, HandshakeKind::Resumed),
            (&stranger, HandshakeKind::Full),
        ] {
            let met = meet(&client, "weir.example", node).await.unwrap();
            assert_eq!((met.kind, met.version), (kind, version));
        }
    }
}

#[tokio::test]
async fn who_shows_certificates_is_checked_each_time() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let identity = ours.issue(&["weir.example"], 1, NOW);
    let (good, revoked, old) =
        (ours.issue(&["good"], 2, NOW), ours.issue(&["revoked"], 3, NOW), ours.issue(&["old"], 4, 2020));
    let foreign = theirs.issue(&["foreign"], 5, NOW);
    for required in [true, false] {
        let list = ours.revokes(&[3], NOW);
        let clients = Clients { ca: ours.path("ca.pem"), required, revoked: vec![list] };
        let server = server(&ServerTls { clients: Some(clients), ..showing(&[&identity]) });
        assert!(server.warnings().is_empty(), "{:?}", server.warnings());
        let client = Arc::new(ours.client(Some(&good)));
        for _ in 0..2 {
            let met = meet(&client, "weir.example", &server).await.unwrap();
            assert_eq!((met.kind, met.tickets), (HandshakeKind::Full, 0), "nothing is resumed");
        }
        let refused = async |identity: Option<&(PathBuf, PathBuf)>| {
            meet(&Arc::new(ours.client(identity)), "weir.example", &server).await.err().map(|error| error.to_string())
        };
        for (identity, why) in [(&revoked, "Revoked"), (&foreign, "UnknownIssuer"), (&old, "expired")] {
            let refused = refused(Some(identity)).await.expect(why);
            assert!(refused.contains(why), "{refused}");
        }
        assert_eq!(refused(None).await.is_some(), required);
    }
}

#[tokio::test]
async fn where_a_list_is_missing_or_out_of_date_nobody_is_let_in() {
    let (ours, more) = (Authority::new("ours"), Authority::new("more"));
    let identity = ours.issue(&["weir.example"], 1, NOW);
    let both =
        std::fs::read_to_string(ours.path("ca.pem")).unwrap() + &std::fs::read_to_string(more.path("ca.pem")).unwrap();
    std::fs::write(ours.path("both.pem"), both).unwrap();
    let of = |ca: PathBuf, list: PathBuf| {
        let clients = Clients { ca, required: true, revoked: vec![list] };
        server(&ServerTls { clients: Some(clients), ..showing(&[&identity]) })
    };
    let stale = of(ours.path("ca.pem"), ours.revokes(&[], 2020));
    assert!(stale.warnings()[0].contains("out of date"), "{:?}", stale.warnings());
    let client = Arc::new(ours.client(Some(&ours.issue(&["good"], 2, NOW))));
    assert!(meet(&client, "weir.example", &stale).await.is_err());
    let missing = of(ours.path("both.pem"), ours.revokes(&[], NOW));
    assert!(missing.warnings()[0].contains("no revocation list of CN=more"), "{:?}", missing.warnings());
    assert!(meet(&client, "weir.example", &missing).await.is_ok());
    let mut other = ours.client(Some(&more.issue(&["other"], 3, NOW)));
    other.resumption = rustls::client::Resumption::disabled();
    assert!(meet(&Arc::new(other), "weir.example", &missing).await.is_err());
}

#[tokio::test]
async fn a_version_that_is_too_old_is_told_so() {
    let authority = Authority::new("ca");
    let server = server(&showing(&[&authority.issue(&["weir.example"], 1, NOW)]));
    // A ClientHello of TLS 1.1 with one cipher suite of its time.
    let body = [&[3, 2][..], &[7; 32], &[0], &[0, 2, 0xc0, 0x14], &[1, 0]].concat();
    let hello = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    let record = [&[22, 3, 1, 0, hello.len() as u8][..], &hello].concat();
    let (mut near, far) = UnixStream::pair().unwrap();
    near.write_all(&record).await.unwrap();
    drop(server.accept(Plain::Unix(far)).await.unwrap_err());
    let mut alert = Vec::new();
    near.read_to_end(&mut alert).await.unwrap();
    assert_eq!((alert[0], alert[5]), (21, 2), "a fatal alert: {alert:?}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let authority = Authority::new("ca");
    let (one, other) = (authority.issue(&["one"], 1, NOW), authority.issue(&["other"], 2, NOW));
    let file = |name: &str, text: &str| {
        std::fs::write(authority.path(name), text).unwrap();
        authority.path(name)
    };
    let text = |file: &Path| std::fs::read_to_string(file).unwrap();
    let said = |certificate: &Path, key: &Path| {
        let settings = showing(&[&(certificate.to_owned(), key.to_owned())]);
        Server::build(&settings, ring()).unwrap_err().to_string()
    };
    let expect = |said: String, file: &Path, what: &str| {
        assert!(said.contains(&file.display().to_string()) && said.contains(what), "{said}");
    };
    let gone = authority.path("gone.pem");
    expect(said(&gone, &one.1), &gone, "cannot be read");
    expect(said(&one.0, &gone), &gone, "cannot be read");
    expect(said(&one.1, &one.1), &one.1, "no certificate in it");
    expect(said(&one.0, &one.0), &one.0, "no private key in it");
    expect(said(&one.0, &other.1), &other.1, "it is not the key of the certificate in");
    let turned = file("turned.pem", &(text(&authority.path("ca.pem")) + &text(&one.0)));
    expect(said(&turned, &one.1), &turned, "its order is wrong: the key is that of certificate 2");
    for locked in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    ] {
        let locked = file("locked.pem", locked);
        expect(said(&one.0, &locked), &locked, "the key is encrypted");
    }
    let clients = |ca: &Path, revoked: &Path| {
        let clients = Clients { ca: ca.to_owned(), required: true, revoked: vec![revoked.to_owned()] };
        Server::build(&ServerTls { clients: Some(clients), ..showing(&[&one]) }, ring()).unwrap_err().to_string()
    };
    expect(clients(&one.1, &gone), &one.1, "no certificate in it");
    expect(clients(&authority.path("ca.pem"), &gone), &gone, "cannot be read");
    expect(clients(&authority.path("ca.pem"), &one.0), &one.0, "no revocation list in it");
}

#[test]
fn what_clients_will_stumble_over_is_warned_of() {
    let authority = Authority::new("ca");
    let (sound, old, nameless) =
        (authority.issue(&["one"], 1, NOW), authority.issue(&["old"], 2, 2020), authority.issue(&["10.0.0.1"], 3, NOW));
    let chain = std::fs::read_to_string(&sound.0).unwrap() + &std::fs::read_to_string(&old.0).unwrap();
    let stray = (authority.path("stray.pem"), sound.1.clone());
    std::fs::write(&stray.0, chain).unwrap();
    let warned = |pairs: &[&(PathBuf, PathBuf)]| server(&showing(pairs)).warnings().join("\n");
    assert_eq!(warned(&[&nameless, &sound]), "", "the first needs no name");
    assert!(warned(&[&old]).contains("2.pem: the certificate has expired (Jan  1"), "{}", warned(&[&old]));
    assert!(warned(&[&stray]).contains("certificate 2 in it did not sign the one before it"));
    assert!(warned(&[&sound, &nameless]).contains("3.pem: it bears no DNS name"));
}
