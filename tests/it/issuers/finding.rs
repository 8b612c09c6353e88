//! Where an issuer's keys are: at the URL that the configuration says, or where its metadata do.

use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{KEYS, OAUTH, Provider, Said, answering, config, metadata, readyz, set, status, token};
use crate::support::{Gateway, only_through_weir, until};
use crate::tls_clients::Authority;
use crate::tokens::Issuer;

#[tokio::test]
async fn keys_are_found_by_url_and_by_metadata_in_all_their_places() {
    only_through_weir!();
    let (server, key) = (answering().await, Issuer::new(1));
    let openid = "/.well-known/openid-configuration";
    for (path, place) in [
        ("", OAUTH.to_owned()),
        ("/", OAUTH.to_owned()),
        ("", openid.to_owned()),
        ("/realms/a", format!("{OAUTH}/realms/a")),
        ("/realms/a", format!("{openid}/realms/a")),
        ("/realms/a/", format!("/realms/a{openid}")),
    ] {
        let provider = Provider::with(&[]).await;
        let (issuer, keys) = (format!("{}{path}", provider.url()), format!("{}{KEYS}", provider.url()));
        let (at, metadata, set) = (place.clone(), metadata(&issuer, &keys), set(&[(&key, "1")]));
        provider.says(move |request| match request.path() {
            path if path == at => Said::Json(metadata.clone()),
            KEYS => Said::Json(set.clone()),
            _ => Said::Other("404 Not Found", String::new(), String::new()),
        });
        let weir = Gateway::config(&config(&issuer, "", &server.url(), "")).start().await;
        let token = token(&issuer, (&key, "1"), "ann");
        assert_eq!(status(&weir, &token).await, 200, "{issuer} {place}");
        let asked = provider.asked();
        assert_eq!(asked.last().map(String::as_str), Some(KEYS), "{asked:?}");
        assert!(asked.contains(&place) && asked.len() <= 4, "{asked:?}");
        weir.stop().await;
    }
    let provider = Provider::with(&[(&key, "1")]).await;
    let jwks = format!("jwks = \"{}{KEYS}\"", provider.url());
    // What the tokens say need not be where the keys are.
    let issuer = "urn:example:issuer";
    let weir = Gateway::config(&config(issuer, &jwks, &server.url(), "")).start().await;
    assert_eq!(status(&weir, &token(issuer, (&key, "1"), "ann")).await, 200);
    assert_eq!(provider.asked(), [KEYS]);
    until("readyz is content", async || readyz(&weir).await == serde_json::json!({ "ready": true })).await;
    weir.stop().await;
}

/// TLS in front of a provider, as `localhost`: its URL.
pub(crate) async fn behind_tls(authority: &Authority, provider: &Provider) -> String {
    authority.issue("id", &["localhost"], 1, 2100);
    let chain = CertificateDer::from_pem_file(authority.path("id.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(authority.path("id.key")).unwrap();
    let ring = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![chain], key).unwrap();
    let (acceptor, behind) = (TlsAcceptor::from(Arc::new(config)), provider.server.address());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut session) = acceptor.accept(socket).await else { return };
                let mut server = TcpStream::connect(behind).await.unwrap();
                // Whoever ends it first has heard what they wanted.
                let _ = copy_bidirectional(&mut session, &mut server).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn an_issuer_is_one_whose_certificate_is_trusted() {
    only_through_weir!();
    let (server, key, authority) = (answering().await, Issuer::new(1), Authority::new("An authority of the house"));
    let provider = Provider::with(&[]).await;
    let issuer = behind_tls(&authority, &provider).await;
    let (metadata, set) = (metadata(&issuer, &format!("{issuer}{KEYS}")), set(&[(&key, "1")]));
    provider.says(move |request| match request.path() {
        OAUTH => Said::Json(metadata.clone()),
        KEYS => Said::Json(set.clone()),
        _ => Said::Gone,
    });
    let token = token(&issuer, (&key, "1"), "ann");
    for (trusted, wanted) in [(false, 503), (true, 200)] {
        let fetch = format!("[fetch]\nca = {:?}", authority.path("ca.pem"));
        let fetch = if trusted { &*fetch } else { "" };
        let weir = Gateway::config(&config(&issuer, "", &server.url(), fetch)).start().await;
        assert_eq!(status(&weir, &token).await, wanted, "{}", weir.said());
        assert_eq!(provider.asked().is_empty(), !trusted, "who is not trusted is asked nothing");
        weir.stop().await;
    }
}

#[tokio::test]
async fn doctor_asks_issuers_and_check_does_not() {
    only_through_weir!();
    let (server, key) = (answering().await, Issuer::new(1));
    let provider = Provider::with(&[(&key, "1")]).await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("weir.toml");
    std::fs::write(&file, config(&provider.url(), "", &server.url(), "")).unwrap();
    let run = |command: &'static str| {
        let (file, data) = (file.clone(), home.path().join("data"));
        tokio::task::spawn_blocking(move || {
            let weir = std::env::var_os("WEIR_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into());
            let mut weir = Command::new(weir);
            weir.arg(command).arg("--config").arg(file);
            if command == "doctor" {
                weir.arg("--data").arg(data);
            }
            let output = weir.output().unwrap();
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        })
    };
    run("check").await.unwrap();
    assert_eq!(provider.asked(), [""; 0]);
    let said = run("doctor").await.unwrap();
    assert!(said.contains(&format!("issuer {}", provider.url())) && said.contains("1 key for its tokens"), "{said}");
    let other = metadata("https://other.example.com", "https://other.example.com/keys");
    provider.says(move |_| Said::Json(other.clone()));
    let said = run("doctor").await.unwrap();
    assert!(said.contains("its `issuer` is another one") && said.contains("say where its keys are"), "{said}");
    provider.says(|_| Said::Gone);
    let said = run("doctor").await.unwrap();
    assert!(said.contains("no whole HTTP answer"), "{said}");
}

#[tokio::test]
async fn a_start_waits_for_no_issuer_and_readyz_names_it() {
    only_through_weir!();
    let (server, key) = (answering().await, Issuer::new(1));
    let provider = Provider::with(&[]).await;
    provider.says(|_| Said::Silence);
    let weir = Gateway::config(&config(&provider.url(), "", &server.url(), "")).start().await;
    until("readyz names it", async || readyz(&weir).await["issuers_without_keys"][0] == provider.url().as_str()).await;
    assert_eq!(readyz(&weir).await["ready"], true);
    provider.gives(&[(&key, "1")]);
    let token = token(&provider.url(), (&key, "1"), "ann");
    until("it is tried again", async || status(&weir, &token).await == 200).await;
    until("readyz is content", async || readyz(&weir).await == serde_json::json!({ "ready": true })).await;
    weir.stop().await;
}
