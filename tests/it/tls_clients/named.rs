//! Callers who are named by their certificates, and tokens that are bound to one: with status, code, header and log line.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use h2::client::Builder;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType, SerialNumber};
use rustls::ClientConfig;
use serde_json::{Value, json};

use super::{Authority, LATER, certificate, server, session};
use crate::http2;
use crate::support::{Answer, Client, Gateway, Post, Scripted, call, only_through_weir, until, within};
use crate::tokens::{Issuer, header, now};

/// The issuer of the tokens that are bound.
const ISSUER: &str = "https://a.example/";

impl Authority {
    /// `FILE.pem` and `FILE.key`, with these alternative names, and this subject where there is one.
    fn name(&self, file: &str, serial: u64, names: &[SanType], subject: Option<DnValue>) {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from(serial));
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2000, 1, 1), rcgen::date_time_ymd(LATER, 1, 1));
        params.subject_alt_names = names.to_vec();
        if let Some(subject) = subject {
            params.distinguished_name.push(DnType::CommonName, subject);
        }
        self.sign(&KeyPair::generate().expect("a key can be made"), file, &params);
    }

    fn spiffe(&self, file: &str, serial: u64, id: &str) {
        self.name(file, serial, &[uri(id)], None);
    }

    /// What is bound to the certificate in `FILE.pem` (RFC 8705, 3.1).
    fn thumbprint(&self, file: &str) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate(&self.path(&format!("{file}.pem")))))
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(Ia5String::try_from(text).expect("it is ASCII"))
}

/// A gateway that asks for certificates, in front of `server`. `more` comes behind `[auth.mtls]`.
async fn start(authority: &Authority, server: &Scripted, listen: &str, more: &str) -> Gateway {
    authority.issue("weir", &["localhost"], 1, LATER);
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:0\"\npublic_url = \"https://gateway.test\"\ntls = {}\nclient_ca = {:?}\n\
         client_certificate = \"request\"\n{listen}\n[telemetry]\nlog = {{ format = \"json\" }}\n\
         [[servers]]\nname = \"files\"\nendpoints = [{:?}]\n[auth.mtls]\nenabled = true\n{more}\n",
        authority.tls("weir"),
        authority.path("ca.pem"),
        server.url(),
    );
    Gateway::config(&text).listening_by_file().start().await
}

async fn connect(weir: &Gateway, config: &Arc<ClientConfig>) -> Client {
    let stream = session(weir, config, "localhost").await.expect("trust");
    Client::over(stream, &weir.address().to_string())
}

fn ask() -> Post {
    call("1", "echo", "{}")
}

/// The line that tells of the last answer.
async fn line(weir: &Gateway, lines: usize) -> Value {
    let all = || {
        let said = weir.said();
        let read = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        read.filter(|line| line["route"].is_string() && line["peer"].is_string()).collect::<Vec<_>>()
    };
    until("the line is written", async || all().len() == lines).await;
    all().pop().expect("it is there")
}

fn is_refused(answer: &Answer, advice: &str) {
    let (code, reason, _) = answer.refusal();
    assert_eq!((answer.status(), code, reason.as_str()), (401, 40101, "unauthenticated"), "{answer:?}");
    assert!(
        answer.head.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")),
        "{answer:?}"
    );
    assert!(answer.json()["error"]["message"].as_str().is_some_and(|message| message.contains(advice)), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_names_its_caller_or_nobody() {
    only_through_weir!();
    let (authority, server) = (Authority::new("ours"), server().await);
    let more = "[auth]\ndefault_roles = [\"user\"]";
    let weir = start(&authority, &server, "", more).await;
    let dns = |text: &str| SanType::DnsName(Ia5String::try_from(text).expect("it is ASCII"));
    let mail = SanType::Rfc822Name(Ia5String::try_from("ann@example.org").expect("it is ASCII"));
    let utf8 = |text: &str| Some(DnValue::Utf8String(text.to_owned()));
    let mut lines = 0;
    for (names, subject, caller) in [
        (vec![dns("a.example"), uri("spiffe://td/agents/a")], None, Ok("spiffe://td/agents/a")),
        (vec![mail.clone(), dns("A.example")], None, Ok("dns:a.example")),
        (vec![mail], None, Ok("email:ann@example.org")),
        (vec![uri("urn:x")], None, Ok("uri:urn:x")),
        (vec![], utf8("ann"), Ok("subject:CN=ann")),
        (
            vec![],
            utf8("x\",O=y\n{\"caller\":\"root\"}\u{0}"),
            Ok(r"subject:CN=x\22\2cO\3dy\0a{\22caller\22:\22root\22}\00"),
        ),
        (vec![uri("spiffe://td/a"), uri("spiffe://td/b")], None, Err("has to be alone")),
        (vec![uri("spiffe://td/a\n")], utf8("ann"), Err("no SPIFFE id")),
        (vec![dns("a\u{0}.example")], utf8("ann"), Err("is none")),
        (vec![], utf8(&"a".repeat(9_000)), Err("longer than 2048")),
    ] {
        authority.name("client", 7, &names, subject);
        let answer = connect(&weir, &authority.client(Some("client"))).await.ask(&ask()).await;
        lines += 1;
        let line = line(&weir, lines).await;
        match caller {
            Ok(caller) => {
                assert_eq!(answer.status(), 200, "{caller}: {answer:?}");
                assert_eq!((&line["caller"], &line["issuer"]), (&caller.into(), &"CN=ours".into()), "{line}");
            }
            Err(why) => {
                is_refused(&answer, "connect with another one");
                assert_eq!(answer.head.header("connection"), Some("close"), "its client is to come with another one");
                assert_eq!((&line["caller"], &line["reason"]), (&"".into(), &"unauthenticated".into()), "{line}");
                assert!(line["why"].as_str().is_some_and(|said| said.contains(why)), "{line}");
            }
        }
    }
    is_refused(&connect(&weir, &authority.client(None)).await.ask(&ask()).await, "connect with one of yours");
    weir.stop().await;
}

#[tokio::test]
async fn what_callers_hold_goes_by_their_names_and_by_who_vouches() {
    only_through_weir!();
    let (ours, theirs, server) = (Authority::new("ours"), Authority::new("theirs"), server().await);
    let both = [&ours, &theirs].map(|authority| fs::read_to_string(authority.path("ca.pem")).expect("it is there"));
    ours.write("ca.pem", &both.concat());
    let grants = "grants = [{ names = [\"spiffe://td/agents/*\"], issuers = [\"CN=ours\"], roles = [\"user\"] }, \
                  { names = [\"spiffe://td/agents/a\"], scopes = [\"mcp:tools\"] }]\n\
                  [[routes]]\npath = \"/mcp\"\nservers = [\"files\"]\nscopes = [\"mcp:tools\"]";
    let weir = start(&ours, &server, "", grants).await;
    let mut principals = Vec::new();
    for (authority, id, status, reason) in [
        (&ours, "spiffe://td/agents/a", 200, ""),
        (&ours, "spiffe://td/agents/b", 403, "insufficient_scope"),
        (&theirs, "spiffe://td/agents/a", 200, "unknown_name"),
        (&ours, "spiffe://evil/td/agents/a", 403, "insufficient_scope"),
    ] {
        authority.spiffe("client", 7, id);
        for file in ["client.pem", "client.key"] {
            if !std::ptr::eq(authority, &ours) {
                fs::copy(authority.path(file), ours.path(file)).expect("it can be copied");
            }
        }
        let answer = connect(&weir, &ours.client(Some("client"))).await.ask(&ask()).await;
        assert_eq!(answer.status(), status, "{id}: {answer:?}");
        let line = line(&weir, principals.len() + 1).await;
        assert_eq!(line["reason"].as_str().unwrap_or_default(), reason, "{line}");
        principals.push((line["issuer"].clone(), line["caller"].clone()));
    }
    assert_eq!(principals[0].1, principals[2].1, "equal names");
    assert_ne!(principals[0].0, principals[2].0, "of two authorities");
    weir.stop().await;
}

#[tokio::test]
async fn the_example_lets_workloads_in() {
    only_through_weir!();
    let (authority, server) = (Authority::new("ours"), server().await);
    authority.issue("gateway", &["localhost"], 1, LATER);
    fs::copy(authority.path("ca.pem"), authority.path("clients.pem")).expect("it can be copied");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples/mutual-tls.toml");
    let example = fs::read_to_string(example).expect("it is there");
    let text = example.replace("/etc/weir/tls", authority.path("").to_str().expect("UTF-8").trim_end_matches('/'));
    let text = text.replace("http://127.0.0.1:3000/mcp", &server.url()).replace("127.0.0.1:8443", "127.0.0.1:0");
    let weir = Gateway::config(&text).listening_by_file().start().await;
    for (id, reason) in [
        ("spiffe://example.org/agents/a", None),
        ("spiffe://example.org/agents/installer", None),
        ("spiffe://example.org/other", Some("unknown_name")),
    ] {
        authority.spiffe("client", 7, id);
        let answer = connect(&weir, &authority.client(Some("client"))).await.ask(&ask()).await;
        let told = answer.json()["error"]["data"]["reason"].as_str().map(str::to_owned);
        assert_eq!(told.as_deref(), reason, "{id}: {answer:?}");
    }
    assert!(
        session(&weir, &authority.client(None), "localhost").await.is_err() || {
            let mut nobody = connect(&weir, &authority.client(None)).await;
            nobody.post(&ask()).await;
            nobody.try_head().await.is_none()
        }
    );
    weir.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_revoked_names_nobody_on_an_open_connection_either() {
    only_through_weir!();
    let (authority, server) = (Authority::new("ours"), server().await);
    authority.revoke(&[]);
    let crl = format!("client_crl = [{:?}]", authority.path("crl.pem"));
    let weir = start(&authority, &server, &crl, "[auth]\ndefault_roles = [\"user\"]").await;
    authority.spiffe("a", 2, "spiffe://td/a");
    authority.spiffe("b", 3, "spiffe://td/b");
    let (mut a, mut b) =
        (connect(&weir, &authority.client(Some("a"))).await, connect(&weir, &authority.client(Some("b"))).await);
    assert_eq!((a.ask(&ask()).await.status(), b.ask(&ask()).await.status()), (200, 200));
    authority.revoke(&[2]);
    let mut last = None;
    until("it is revoked", async || {
        let answer = a.ask(&ask()).await;
        let refused = answer.status() == 401;
        last = Some(answer);
        refused
    })
    .await;
    let last = last.expect("it was asked");
    is_refused(&last, "connect with another one");
    assert_eq!(last.head.header("connection"), Some("close"));
    a.closed().await;
    let other = b.ask(&ask()).await;
    assert_eq!((other.status(), other.head.header("connection")), (200, None), "the other one goes on");
    until("the log says why", async || weir.said().contains("does not let it in any more")).await;
    weir.stop().await;
}

#[tokio::test]
async fn a_connection_ends_before_its_certificate_does() {
    only_through_weir!();
    let (authority, server) = (Authority::new("ours"), server().await);
    let weir = start(&authority, &server, "", "[auth]\ndefault_roles = [\"user\"]\n[http]\nidle = \"1h\"").await;
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![uri("spiffe://td/a")];
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now() + 1800);
    authority.sign(&KeyPair::generate().expect("a key"), "client", &params);
    let mut client = connect(&weir, &authority.client(Some("client"))).await;
    let answer = client.ask(&ask()).await;
    assert_eq!((answer.status(), answer.head.header("connection")), (200, Some("close")), "it ends within the hour");
    client.closed().await;
    let mut config = (*authority.client(Some("client"))).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = session(&weir, &Arc::new(config), "localhost").await.expect("trust");
    let mut client = http2::Client::over(stream, &weir, &Builder::new()).await;
    assert_eq!(client.ask(&ask()).await.0, 200);
    within("the end of the connection", client.driven).await.expect("no panic").expect("a proper end");
    weir.stop().await;
}

#[tokio::test]
async fn a_token_that_is_bound_is_taken_from_who_shows_its_certificate_alone() {
    only_through_weir!();
    let (authority, server, issuer) = (Authority::new("ours"), server().await, Issuer::new(1));
    authority.write("keys.json", &issuer.key_set("1"));
    let more = format!(
        "[[auth.jwt]]\nissuer = {ISSUER:?}\njwks = {{ file = {:?} }}\ncertificate_bound = true",
        authority.path("keys.json")
    );
    let weir = start(&authority, &server, "", &more).await;
    for (serial, file) in [(2, "a"), (3, "b")] {
        authority.spiffe(file, serial, &format!("spiffe://td/{file}"));
    }
    let token = |confirmation: Value| {
        let mut claims = json!({ "iss": ISSUER, "sub": "ann", "aud": "https://gateway.test/mcp", "exp": now() + 600, "roles": ["user"] });
        if !confirmation.is_null() {
            claims["cnf"] = confirmation;
        }
        ask().header("Authorization", &format!("Bearer {}", issuer.token(header(), &claims)))
    };
    let of_a = json!({ "x5t#S256": authority.thumbprint("a") });
    let bound = token(of_a.clone());
    let mut lines = 0;
    // The first use has it verified, the others find it remembered.
    for (file, status) in [(Some("a"), 200), (Some("b"), 401), (None, 401), (Some("a"), 200)] {
        let answer = connect(&weir, &authority.client(file)).await.ask(&bound).await;
        assert_eq!(answer.status(), status, "{file:?}: {answer:?}");
        lines += 1;
        let line = line(&weir, lines).await;
        if status == 200 {
            assert_eq!(
                (&line["caller"], &line["issuer"]),
                (&"ann".into(), &ISSUER.into()),
                "the token names the caller: {line}"
            );
        } else {
            is_refused(&answer, "connect with that one");
            assert!(line["why"].as_str().is_some_and(|why| why.contains("bound to another certificate")), "{line}");
        }
    }
    let mut config = (*authority.client(Some("a"))).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = session(&weir, &Arc::new(config), "localhost").await.expect("trust");
    assert_eq!(http2::Client::over(stream, &weir, &Builder::new()).await.ask(&bound).await.0, 200);
    lines += 1;
    line(&weir, lines).await;
    for (confirmation, why) in [
        (Value::Null, "not bound to a certificate"),
        (json!({ "jkt": "x" }), "something else than one certificate"),
        (json!({ "x5t#S256": authority.thumbprint("a"), "jkt": "x" }), "something else than one certificate"),
        (json!({ "x5t#S256": "AAAA" }), "something else than one certificate"),
        (json!({}), "something else than one certificate"),
        (json!(authority.thumbprint("a")), "something else than one certificate"),
    ] {
        let answer = connect(&weir, &authority.client(Some("a"))).await.ask(&token(confirmation.clone())).await;
        lines += 1;
        is_refused(&answer, "");
        let line = line(&weir, lines).await;
        assert!(line["why"].as_str().is_some_and(|said| said.contains(why)), "{confirmation}: {line}");
    }
    // What a proxy would say of a certificate is nobody's proof.
    let said = bound.header("Client-Cert", ":AAAA:").header("X-Forwarded-Client-Cert", &format!("Hash={of_a}"));
    is_refused(&connect(&weir, &authority.client(None)).await.ask(&said).await, "connect with that one");
    weir.stop().await;
}
