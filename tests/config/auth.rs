//! Whose credentials are taken, and what a token is meant for.

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
fn api_keys_are_credentials_and_need_no_url() {
    let keys = "[auth.api_keys]\nenabled = true\n";
    let auth = parse(keys).auth;
    assert!(auth.api_keys && auth.knows_credentials() && !auth.anonymous.enabled);
    assert_eq!(auth.authorization_servers().count(), 0);
    assert!(parse(&format!("{keys}[listen]\naddress = \"0.0.0.0:8080\"")).auth.api_keys);
    assert!(mistake("[auth.api_keys]\nenabled = false").contains("nobody could call"));
}
