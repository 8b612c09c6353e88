//! What a credential costs a request: seen for the first time, and known again.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, header};
use weir::model::{Algorithm, ApiKey, Means};
use weir::seal::KeySecret;
use weir::stages::authenticate::jwt::{Expected, Issuer, KeySet};
use weir::stages::authenticate::opaque::Oracle;
use weir::stages::authenticate::{Authenticator, KeyTable, Looked, Memory, Place, Presented};
use weir::store::Key;

const ISSUER: &str = "https://id.example.com/";
const URL: &str = "https://gateway.example.com/mcp";

/// A JWK set, and the signature of a text.
type Signer = (String, Box<dyn Fn(&[u8]) -> Vec<u8>>);

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn set(members: &str) -> String {
    format!("{{\"keys\":[{{\"kid\":\"1\",{members}}}]}}")
}

fn rsa(padding: &'static dyn RsaEncoding) -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    // RFC 8017, A.1.1, in DER: both numbers have one length each at this size, and the exponent is 65537.
    let n = &pair.public_key().as_ref()[9..265];
    let members = format!("\"kty\":\"RSA\",\"n\":\"{}\",\"e\":\"AQAB\"", encode(n));
    let sign = move |text: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), text, &mut signature).expect("a signature");
        signature
    };
    (set(&members), Box::new(sign))
}

fn ec(curve: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Signer {
    let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
    let point = pair.public_key().as_ref()[1..].to_vec();
    let (x, y) = point.split_at(point.len() / 2);
    let members = format!("\"kty\":\"EC\",\"crv\":\"{curve}\",\"x\":\"{}\",\"y\":\"{}\"", encode(x), encode(y));
    let sign = move |text: &[u8]| pair.sign(&SystemRandom::new(), text).expect("a signature").as_ref().to_vec();
    (set(&members), Box::new(sign))
}

fn ed() -> Signer {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let members = format!("\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{}\"", encode(pair.public_key()));
    (set(&members), Box::new(move |text: &[u8]| pair.sign(text).as_ref().to_vec()))
}

fn signer(algorithm: Algorithm) -> Signer {
    match algorithm {
        Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => rsa(&RSA_PSS_SHA256),
        Algorithm::Ps384 => rsa(&RSA_PSS_SHA384),
        Algorithm::Ps512 => rsa(&RSA_PSS_SHA512),
        Algorithm::Es256 => ec("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => ec("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::EdDsa => ed(),
    }
}

/// Claims as identity providers write them: about 600 bytes.
fn claims() -> String {
    let filler = "x".repeat(300);
    format!(
        "{{\"iss\":\"{ISSUER}\",\"sub\":\"4b1c1d2e-ann\",\"aud\":[\"{URL}\",\"account\"],\"exp\":4000000000,\"iat\":1700000000,\
         \"jti\":\"{filler}\",\"scope\":\"openid profile mcp:tools\",\"roles\":[\"user\",\"viewer\"]}}"
    )
}

fn tokens(criterion: &mut Criterion) {
    let place = Place { audience: URL.into(), ..Place::default() };
    for algorithm in Algorithm::ALL.iter().copied() {
        let (keys, sign) = signer(algorithm);
        let header = format!("{{\"alg\":\"{}\",\"typ\":\"at+jwt\",\"kid\":\"1\"}}", algorithm.as_str());
        let signed = format!("{}.{}", encode(header), encode(claims()));
        let token = format!("Bearer {signed}.{}", encode(sign(signed.as_bytes())));
        let expected = Expected {
            issuer: ISSUER.into(),
            audience: None,
            algorithms: [algorithm].into(),
            principal_claim: "sub".into(),
            roles_claim: "roles".into(),
            certificate_bound: false,
            means: Means::Jwt,
        };
        let keys = KeySet::parse(keys.as_bytes(), &[algorithm]).expect("a set");
        let issuer = Arc::new(Issuer::new(expected, Some(Arc::new(keys))));
        let fresh = || {
            let may_verify = Rc::new(|_: Option<std::net::IpAddr>| Ok(()));
            Authenticator::without_credentials(Box::default()).with_tokens(
                vec![Arc::clone(&issuer)],
                None,
                Memory::new(),
                may_verify,
            )
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&token).expect("a token is plain text"));
        let presented = Presented { headers: &headers, address: None, certificate: None };
        let check = |authenticator: &Authenticator| match authenticator.check(&presented, &place) {
            Looked::Done(Ok(identified)) => drop(black_box(identified)),
            Looked::Done(Err(refusal)) => panic!("{refusal:?}"),
            Looked::Asking(_) => panic!("nobody is to be asked"),
        };
        criterion.bench_function(&format!("{} first use", algorithm.as_str()), |bencher| {
            bencher.iter_batched_ref(fresh, |authenticator| check(authenticator), BatchSize::SmallInput);
        });
        let known = fresh();
        check(&known);
        criterion.bench_function(&format!("{} second use", algorithm.as_str()), |bencher| {
            bencher.iter(|| check(&known));
        });
    }
}

fn keys(criterion: &mut Criterion) {
    let secrets: Vec<_> = (0..1000).map(|_| KeySecret::generate()).collect();
    let key = |(number, secret): (usize, &KeySecret)| Key {
        facts: ApiKey {
            id: format!("key-{number}").into(),
            owner: format!("owner-{number}").into(),
            roles: ["user".into(), "viewer".into()].into(),
            scopes: Box::default(),
            created: 1,
            expires: Some(4_000_000_000),
            used: None,
            revoked: None,
            rotated: None,
        },
        digest: secret.digest(),
        before: None,
    };
    let table = KeyTable::new(secrets.iter().enumerate().map(key).collect(), &KeyTable::default());
    let shared = Arc::new(ArcSwap::from_pointee(table));
    let place = Place { audience: URL.into(), ..Place::default() };
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_str(secrets[500].text()).expect("a key is plain text"));
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let check = |authenticator: &Authenticator| match authenticator.check(&presented, &place) {
        Looked::Done(Ok(identified)) => drop(black_box(identified)),
        _ => panic!("it is a key"),
    };
    let fresh = || Authenticator::without_credentials(Box::default()).with_keys(Arc::clone(&shared));
    criterion.bench_function("API key first use", |bencher| {
        bencher.iter_batched_ref(fresh, |authenticator| check(authenticator), BatchSize::SmallInput);
    });
    let known = fresh();
    criterion.bench_function("API key second use", |bencher| bencher.iter(|| check(&known)));
}

/// A token that says nothing itself, once its issuer has said whose it is.
fn opaque(criterion: &mut Criterion) {
    let place = Place { audience: URL.into(), ..Place::default() };
    let expected = Expected {
        issuer: ISSUER.into(),
        audience: None,
        algorithms: Box::default(),
        principal_claim: "sub".into(),
        roles_claim: "roles".into(),
        certificate_bound: false,
        means: Means::Opaque,
    };
    let (asks, mut asked) = tokio::sync::mpsc::channel(1);
    let oracle = Arc::new(Oracle::new(expected, Duration::from_secs(3600), asks));
    let may_verify = Rc::new(|_: Option<std::net::IpAddr>| Ok(()));
    let authenticator = Authenticator::without_credentials(Box::default());
    let authenticator = authenticator.with_tokens(Vec::new(), Some(oracle), Memory::new(), may_verify);
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer 8x6Yc0tjQ5Zl3kqk9yqI1n2b7vVd4sWm"));
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let Looked::Asking(asking) = authenticator.check(&presented, &place) else { panic!("it is not known yet") };
        let said = format!("{{\"active\":true,{}", &claims()[1..]);
        let answering = async {
            let asked = asked.recv().await.expect("it is asked");
            asked.told.send(said.into()).expect("it waits");
        };
        tokio::join!(asking, answering).0.expect("it is active");
    });
    criterion.bench_function("opaque second use", |bencher| {
        bencher.iter(|| match authenticator.check(&presented, &place) {
            Looked::Done(Ok(identified)) => drop(black_box(identified)),
            _ => panic!("it is known"),
        });
    });
}

criterion_group!(benches, tokens, keys, opaque);
criterion_main!(benches);
