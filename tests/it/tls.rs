//! A server behind TLS: trusted by the operator's own authority, or not spoken to at all.

use std::sync::Arc;

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{Gateway, call, only_through_weir, result};

const EMPTY: &str = r#"{"resultType":"complete","content":[]}"#;

#[tokio::test]
async fn a_server_is_trusted_by_the_operators_authority_alone() {
    only_through_weir!();
    let authority = Authority::new();
    let port = server(&authority, &["localhost"], result("1", EMPTY)).await;
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let (ours, theirs) = (folder.path().join("ours.pem"), folder.path().join("theirs.pem"));
    std::fs::write(&ours, authority.pem()).expect("a temporary directory can be written");
    std::fs::write(&theirs, Authority::new().pem()).expect("a temporary directory can be written");
    let url = format!("https://localhost:{port}/mcp");

    for (what, url, tls, reached) in [
        ("our authority", url.clone(), format!("tls = {{ ca = {ours:?} }}"), true),
        ("another authority", url.clone(), format!("tls = {{ ca = {theirs:?} }}"), false),
        ("the machine's authorities", url, String::new(), false),
        ("another name", format!("https://127.0.0.1:{port}/mcp"), format!("tls = {{ ca = {ours:?} }}"), false),
        (
            "the name that was told",
            format!("https://127.0.0.1:{port}/mcp"),
            format!("tls = {{ ca = {ours:?}, server_name = \"localhost\" }}"),
            true,
        ),
    ] {
        let config = format!("[[servers]]\nname = \"files\"\nendpoints = [{url:?}]\n{tls}\n");
        let weir = Gateway::config(&config).start().await;
        let mut client = weir.client().await;
        for _ in 0..2 {
            let answer = client.ask(&call("1", "echo", "{}")).await;
            if reached {
                assert_eq!((answer.status(), answer.text()), (200, result("1", EMPTY).as_str()), "{what}");
            } else {
                assert_eq!(answer.status(), 503, "{what}: {answer:?}");
                assert_eq!(answer.refusal(), (50301, "upstream_unavailable".into(), "no".into()), "{what}");
            }
        }
        weir.stop().await;
    }
}

pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { params, key: KeyPair::generate().expect("a key can be made") }
    }

    pub(crate) fn pem(&self) -> String {
        self.params.self_signed(&self.key).expect("an authority signs itself").pem()
    }
}

/// A server that answers one request after another on each connection with `body`; gives its port.
pub(crate) async fn server(authority: &Authority, names: &[&str], body: String) -> u16 {
    let key = KeyPair::generate().expect("a key can be made");
    let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let issuer = Issuer::from_params(&authority.params, &authority.key);
    let certificate = CertificateParams::new(names).and_then(|params| params.signed_by(&key, &issuer)).expect("signed");
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("key and certificate belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, body) = (acceptor.clone(), body.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = vec![0; 4096];
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
                // A request of the test fits into one record.
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}
