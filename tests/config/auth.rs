//! Whose credentials are taken, and what a token is meant for.

use std::time::Duration;

use weir::config::{Jwks, Secret};

use super::{mistake, parse};

#[test]
fn callers_show_tokens_where_auth_says_whose() {
    let issuer = "[[auth.jwt]]\nissuer = \"https://id.example.com/\"\njwks = { file = \"keys.json\" }\n";
    let auth = parse(issuer).auth;
    assert!(!auth.anonymous.enabled && !auth.local && auth.knows_credentials());
    let jwt = &auth.jwt[0];
    let algorithms: Vec<_> = jwt.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    assert_eq!(algorithms, ["RS256", "ES256", "EdDSA"]);
    assert_eq!((&*jwt.principal_claim, &*jwt.roles_claim, &jwt.audience), ("sub", "roles", &None));
    assert!(parse(issuer).routes.iter().all(|route| !route.anonymous), "nobody is let in without being said");
    assert!(mistake(&format!("{issuer}[listen]\naddress = \"0.0.0.0:8080\"")).contains("[listen] needs `public_url`"));
    let public = "[listen]\naddress = \"0.0.0.0:8080\"\npublic_url = \"https://gateway.example.com/\"";
    let open = parse(&format!("{issuer}{public}"));
    assert_eq!(open.listen.url().as_deref(), Some("https://gateway.example.com"));
    assert_eq!(parse("").listen.url().as_deref(), Some("http://127.0.0.1:8080"));
    assert_eq!(parse("[listen]\naddress = \"[::1]:80\"").listen.url().as_deref(), Some("http://[::1]"));
    assert_eq!(parse("[listen]\naddress = \"unix:/run/weir.sock\"").listen.url(), None);
}

#[test]
fn keys_are_in_a_file_at_a_url_or_where_the_issuer_says() {
    let jwt =
        |more: &str| parse(&format!("[[auth.jwt]]\nissuer = \"https://id.example.com/\"\n{more}")).auth.jwt.remove(0);
    assert_eq!((jwt("").jwks, jwt("").keep), (Jwks::Discovered, Duration::from_secs(24 * 60 * 60)));
    let url = "https://keys.example.com/a?b=c";
    assert_eq!(jwt(&format!("jwks = \"{url}\"")).jwks, Jwks::Url(url.into()));
    assert_eq!(jwt("jwks = \"http://127.0.0.1:9/k\"").jwks, Jwks::Url("http://127.0.0.1:9/k".into()));
    assert!(parse("[[auth.jwt]]\nissuer = \"urn:a\"\njwks = \"https://keys.example.com/\"").auth.is_fetched());
    let fetch = parse("[fetch]\nprivate_hosts = [\"Id.internal\", \"fd00::1\"]\nca = \"ca.pem\"").fetch;
    assert_eq!(fetch.private_hosts, ["id.internal", "[fd00::1]"]);
    for url in
        ["http://10.0.0.1/k", "http://localhost.example.com/", "https://user:hunter2@id.example.com/", "keys.json"]
    {
        let wrong = mistake(&format!("[[auth.jwt]]\nissuer = \"urn:a\"\njwks = {url:?}"));
        assert!(wrong.contains("`jwks`") && !wrong.contains("hunter2"), "{wrong}");
    }
}

#[test]
fn one_issuer_is_asked_about_opaque_tokens() {
    let text = "[[auth.introspection]]\nissuer = \"https://id.example.com/\"\nurl = \"https://id.example.com/introspect\"\n\
                client = { id = \"weir\", secret = { env = \"SECRET\" } }";
    let auth = parse(text).auth;
    assert!(auth.knows_credentials() && auth.is_fetched() && !auth.anonymous.enabled);
    assert_eq!(auth.authorization_servers().collect::<Vec<_>>(), ["https://id.example.com/"]);
    let asked = auth.introspection.unwrap();
    assert_eq!((&*asked.client.id, &asked.client.secret), ("weir", &Secret::Env("SECRET".into())));
    assert_eq!((&*asked.principal_claim, asked.remember), ("sub", Duration::from_secs(60)));
    let both = format!("{text}\n[[auth.jwt]]\nissuer = \"https://id.example.com/\"");
    assert_eq!(parse(&both).auth.authorization_servers().count(), 1);
    assert!(mistake(&format!("{text}\n[listen]\naddress = \"0.0.0.0:1\"")).contains("[listen] needs `public_url`"));
}

#[test]
fn api_keys_are_credentials_and_need_no_url() {
    let keys = "[auth.api_keys]\nenabled = true\n";
    let auth = parse(keys).auth;
    assert!(auth.api_keys && auth.knows_credentials() && !auth.anonymous.enabled);
    assert_eq!(auth.authorization_servers().count(), 0);
    assert!(parse(&format!("{keys}[listen]\naddress = \"0.0.0.0:8080\"")).auth.api_keys);
    assert!(mistake("[auth.api_keys]\nenabled = false").contains("nobody could call"));
}

#[test]
fn tokens_are_said_to_be_bound_where_all_of_them_are() {
    let issuer = |name: &str, more: &str| format!("[[auth.jwt]]\nissuer = \"https://{name}.example.com/\"\n{more}\n");
    let (bound, loose) = (issuer("a", "certificate_bound = true"), issuer("b", ""));
    let asked = "[[auth.introspection]]\nissuer = \"https://c.example.com/\"\nurl = \"https://c.example.com/i\"\n\
                 client = { id = \"weir\", secret = { env = \"SECRET\" } }\n";
    let of = |text: &str| parse(text).auth.takes_bound_tokens_alone();
    assert!(of(&bound) && of(&format!("{bound}{}", issuer("b", "certificate_bound = true"))));
    for other in [format!("{bound}{loose}"), format!("{bound}{asked}"), format!("{bound}[auth.local]\nenabled = true")]
    {
        assert!(!of(&other), "{other}");
    }
    assert!(!of(asked) && !of(&loose));
}
