//! TLS towards clients: certificates by name and of clients, files that change under load, and sessions that come back.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Client, Gateway, Scripted, call, count, only_through_weir, result, until, within};

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

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// As a certificate manager does: a whole file takes the place of the old one.
    fn write(&self, name: &str, text: &str) {
        let next = self.path("next");
        std::fs::write(&next, text).and_then(|()| std::fs::rename(&next, self.path(name))).expect("it can be written");
    }

    /// `FILE.pem` and `FILE.key`.
    pub(crate) fn issue(&self, file: &str, names: &[&str], serial: u64, year: i32) {
        let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).expect("names");
        params.serial_number = Some(SerialNumber::from(serial));
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2000, 1, 1), rcgen::date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("an authority signs");
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

#[tokio::test]
async fn calls_and_streams_go_over_tls_and_each_name_is_shown_its_certificate() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("first", &["localhost"], 1, LATER);
    authority.issue("wild", &["*.example.com"], 2, LATER);
    let server = Scripted::start(|exchange| async move {
        let id = exchange.request.id();
        if exchange.request.json()["params"]["name"] != "stream" {
            return exchange.json(result(&id, EMPTY)).await;
        }
        let mut stream = exchange.stream().await;
        stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
        stream.event(&result(&id, EMPTY)).await;
        stream.end().await
    })
    .await;
    let listen = format!("tls = {{ certificates = [{}, {}] }}", authority.tls("first"), authority.tls("wild"));
    let weir = start(&listen, &server).await;
    let config = authority.client(None);
    for (name, file) in [("localhost", "first.pem"), ("a.example.com", "wild.pem")] {
        let stream = session(&weir, &config, name).await.expect("trust");
        let shown = stream.get_ref().1.peer_certificates().expect("one was shown")[0].clone().into_owned();
        assert_eq!(shown, certificate(&authority.path(file)));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut client = Client::over(stream, &weir.address().to_string());
        for id in ["1", "2"] {
            client.post(&call(id, "stream", "{}")).await;
            assert_eq!(client.head().await.header("content-type"), Some("text/event-stream"));
            assert!(client.message().await.expect("progress").contains("progress"));
            assert_eq!(client.message().await, Some(result(id, EMPTY)));
            assert_eq!(client.message().await, None);
            let big = format!("{{\"text\":{:?}}}", "x".repeat(300_000));
            assert_eq!(client.ask(&call(id, "echo", &big)).await.text(), result(id, EMPTY));
        }
    }
    assert!(session(&weir, &config, "elsewhere.example").await.is_err(), "the first is not of that name");
    weir.stop().await;
}

#[tokio::test]
async fn who_speaks_plain_http_is_told_and_who_is_silent_is_not_waited_for() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let text = config(&format!("tls = {}\n[http]\nhead_timeout = \"200ms\"", authority.tls("weir")), &server);
    let weir = Gateway::config(&text).listening_by_file().start().await;
    let mut plain = weir.client().await;
    let told = plain.ask(&call("1", "echo", "{}")).await;
    assert_eq!((told.status(), told.text()), (400, "This port speaks TLS: the URL has to begin with https\n"));
    plain.closed().await;
    // Neither the silent one, nor one that stops within its hello, holds up the next.
    let silent = weir.client().await;
    let mut slow = weir.client().await;
    slow.bytes(&[22, 3, 1, 2, 0, 1]).await;
    assert!(answered(&weir, &authority.client(None)).await);
    silent.closed().await;
    slow.closed().await;
    let mut junk = weir.client().await;
    junk.bytes(&[0; 64]).await;
    junk.closed().await;
    until("all of it is counted", async || {
        let page = metrics(&weir).await;
        page.contains("weir_connections_turned_away_total{why=\"tls\"} 4")
            && page.contains("weir_certificate_days{file=")
    })
    .await;
    weir.stop().await;
}

#[tokio::test]
async fn a_close_is_told_before_the_connection_ends() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let weir = start(&format!("tls = {}", authority.tls("weir")), &server).await;
    for ask in [call("1", "echo", "{}").header("Connection", "close"), call("1", "echo", "{}").header("Host", "x y")] {
        let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
        stream.write_all(&ask.bytes(&weir.address().to_string())).await.expect("it is open");
        let mut all = Vec::new();
        // Without close_notify rustls calls the end unexpected.
        within("the end", stream.read_to_end(&mut all)).await.expect("a regular end");
        assert!(all.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&all));
    }
    // A client that says goodbye is gone.
    let mut stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
    stream.shutdown().await.expect("it is open");
    assert_eq!(within("the end", stream.read(&mut [0])).await.expect("a regular end"), 0);
    weir.stop().await;
}

#[tokio::test]
async fn files_change_under_load_and_no_request_fails() {
    only_through_weir!();
    let authority = Arc::new(Authority::new("ours"));
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let weir = Arc::new(start(&format!("tls = {}", authority.tls("weir")), &server).await);
    let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let kept = session(&weir, &authority.client(None), "localhost").await.expect("trust");
    let mut kept = Client::over(kept, &weir.address().to_string());
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (authority, weir) = (Arc::clone(&authority), Arc::clone(&weir));
            let (over, asked) = (Arc::clone(&over), Arc::clone(&asked));
            tokio::spawn(async move {
                let config = authority.client(None);
                while !over.load(Ordering::Relaxed) {
                    assert!(answered(&weir, &config).await, "a request failed");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for serial in 2..2 + count(60) as u64 {
        authority.issue("weir", &["localhost"], serial, LATER);
        let now = certificate(&authority.path("weir.pem"));
        until("the new certificate is shown", async || {
            let stream = session(&weir, &authority.client(None), "localhost").await.expect("trust");
            stream.get_ref().1.peer_certificates().expect("one was shown")[0] == now
        })
        .await;
        assert_eq!(kept.ask(&call("1", "echo", "{}")).await.status(), 200, "the first connection goes on");
    }
    // A pair that does not fit changes nothing.
    authority.write("weir.key", &KeyPair::generate().expect("a key can be made").serialize_pem());
    until("it is refused", async || weir.said().contains("it is not the key of the certificate in")).await;
    let before = asked.load(Ordering::Relaxed);
    until("it goes on", async || asked.load(Ordering::Relaxed) > before + 8).await;
    over.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no request failed");
    }
}

#[tokio::test]
async fn certificates_of_clients_are_checked_and_what_is_revoked_later_is_refused() {
    only_through_weir!();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    ours.issue("weir", &["localhost"], 1, LATER);
    for (file, serial, year) in [("good", 2, LATER), ("revoked", 3, LATER), ("old", 4, 2020)] {
        ours.issue(file, &[file], serial, year);
    }
    theirs.issue("foreign", &["foreign"], 5, LATER);
    for file in ["foreign.pem", "foreign.key"] {
        std::fs::copy(theirs.path(file), ours.path(file)).expect("it can be copied");
    }
    ours.revoke(&[3]);
    let (ca, list) = (ours.path("ca.pem"), ours.path("crl.pem"));
    let listen = format!("tls = {}\nclient_ca = {ca:?}\nclient_crl = [{list:?}]", ours.tls("weir"));
    let server = server().await;
    let weir = start(&listen, &server).await;
    let good = ours.client(Some("good"));
    assert!(answered(&weir, &good).await);
    for refused in [Some("revoked"), Some("old"), Some("foreign"), None] {
        assert!(!answered(&weir, &ours.client(refused)).await, "{refused:?}");
    }
    // Nobody comes back without being asked again.
    let stream = session(&weir, &good, "localhost").await.expect("trust");
    assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    let mut kept = Client::over(stream, &weir.address().to_string());
    ours.revoke(&[2, 3]);
    until("it is revoked", async || !answered(&weir, &good).await).await;
    assert_eq!(kept.ask(&call("1", "echo", "{}")).await.status(), 200, "who is connected stays");
    ours.revoke(&[3]);
    until("it is good again", async || answered(&weir, &good).await).await;
    weir.stop().await;

    let listen = format!("tls = {}\nclient_ca = {ca:?}\nclient_certificate = \"request\"", ours.tls("weir"));
    let weir = start(&listen, &server).await;
    assert!(answered(&weir, &ours.client(None)).await && answered(&weir, &good).await);
    assert!(!answered(&weir, &ours.client(Some("foreign"))).await);
    weir.stop().await;
}

#[tokio::test]
async fn nodes_with_the_same_keys_take_each_others_clients_back() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    authority.write("ring", "9oTgZ4rT4rjzKvJ0rJ1Hkq4PpIaWb0r3o0l5m1b2c3E=\n");
    authority.write("other", "8oTgZ4rT4rjzKvJ0rJ1Hkq4PpIaWb0r3o0l5m1b2c3E=\n");
    let server = server().await;
    let node = async |ring: &str| {
        let keys = format!("tls = {}\n[keys]\nring = {{ file = {:?} }}", authority.tls("weir"), authority.path(ring));
        start(&keys, &server).await
    };
    let (one, two, stranger) = (node("ring").await, node("ring").await, node("other").await);
    let client = authority.client(None);
    for (node, kind) in [
        (&one, HandshakeKind::Full),
        (&one, HandshakeKind::Resumed),
        (&two, HandshakeKind::Resumed),
        (&stranger, HandshakeKind::Full),
    ] {
        let stream = session(node, &client, "localhost").await.expect("trust");
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
        // Tickets come with what follows the handshake.
        let mut client = Client::over(stream, &node.address().to_string());
        assert_eq!(client.ask(&call("1", "echo", "{}")).await.status(), 200);
    }
}

/// What openssl's client makes of it, with these options more: whether it came to a session, and what it says.
async fn openssl(weir: &Gateway, ca: &Path, more: &[&str]) -> Option<(bool, String)> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-brief", "-verify_return_error", "-servername", "localhost", "-CAfile"]).arg(ca);
    command.arg("-connect").arg(weir.address().to_string()).args(more).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().ok()).await.expect("it does not panic")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), said))
}

#[tokio::test]
async fn openssl_sees_two_versions_and_no_older_one() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let weir = start(&format!("tls = {}", authority.tls("weir")), &server).await;
    let ca = authority.path("ca.pem");
    let Some((met, said)) = openssl(&weir, &ca, &["-tls1_3"]).await else {
        eprintln!("there is no openssl here");
        return;
    };
    assert!(met && said.contains("TLSv1.3") && said.contains("Verification: OK"), "{said}");
    let (met, said) = openssl(&weir, &ca, &["-tls1_2"]).await.expect("it is there");
    assert!(met && said.contains("TLSv1.2"), "{said}");
    for old in [
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "AES128-SHA"],
        ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"],
    ] {
        let (met, said) = openssl(&weir, &ca, &old).await.expect("it is there");
        assert!(!met, "{old:?}: {said}");
    }
}
