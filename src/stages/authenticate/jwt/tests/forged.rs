//! Forged, stale and strange tokens, each with the reason that it is refused for; and what has to pass beside them.

use super::super::Flaw;
use super::maker::{ISSUER, NOW, Signer, URL, encode, issuer, verify};
use crate::model::Principal;

const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;

/// Claims that pass, with `more` behind them, and without the members whose names are in `less`.
fn claims(less: &str, more: &str) -> String {
    let exp = (NOW + 60).to_string();
    let all =
        [("iss", format!("\"{ISSUER}\"")), ("sub", "\"ann\"".to_owned()), ("aud", format!("\"{URL}\"")), ("exp", exp)];
    let kept = all.iter().filter(|(name, _)| !less.split(' ').any(|without| without == *name));
    let mut members: Vec<_> = kept.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    members.extend((!more.is_empty()).then(|| more.to_owned()));
    format!("{{{}}}", members.join(","))
}

/// The last letter of a token with a bit that nothing decodes to.
fn with_bits_left_over(token: &str) -> String {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = letters.find(token.chars().last().unwrap()).unwrap();
    format!("{}{}", &token[..token.len() - 1], letters.as_bytes()[last | 1] as char)
}

#[test]
fn what_is_forged_is_refused_for_its_reason() {
    let (ed, ec, stranger) = (Signer::ed(), Signer::ec(), Signer::stranger());
    let issuer = issuer(&[ed.jwk("ed"), ec.jwk("ec")]);
    let plain = claims("", "");
    let good = ed.token(HEADER, &plain);
    verify(&issuer, &good).expect("the one that all others differ from");
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let by = |header: &str| ed.token(header, &plain);
    let of = |less: &str, more: &str| ed.token(HEADER, &claims(less, more));
    let unsigned = |header: &str, signature: &str| format!("{}.{payload}.{}", encode(header), encode(signature));
    let jwk = stranger.jwk("ed");
    let embedded = format!(r#"{{"alg":"EdDSA","kid":"ed","jwk":{jwk}}}"#);
    let far = |name: &str| format!(r#"{{"alg":"EdDSA","kid":"ed","{name}":"https://evil.example/keys"}}"#);
    let table: Vec<(&str, String, Flaw)> = vec![
        // Shapes.
        ("nothing", String::new(), Flaw::Parts),
        ("one part", payload.to_owned(), Flaw::Parts),
        ("two parts", signed.to_owned(), Flaw::Parts),
        ("two parts and a dot", format!("{signed}."), Flaw::Parts),
        ("no header", format!(".{payload}.{signature}"), Flaw::Parts),
        ("no payload", format!("{header}..{signature}"), Flaw::Json),
        ("four parts", format!("{good}.{signature}"), Flaw::Parts),
        ("five parts, as if encrypted", format!("{header}.{payload}.{payload}.{payload}.{signature}"), Flaw::Parts),
        ("dots alone", "..".to_owned(), Flaw::Parts),
        ("a megabyte", format!("{header}.{}.{signature}", "A".repeat(1 << 20)), Flaw::TooLong),
        ("JSON serialisation", format!(r#"{{"payload":"{payload}","protected":"{header}"}}"#), Flaw::Parts),
        // Base64url.
        ("padding", format!("{good}=="), Flaw::Base64),
        ("bits left over", with_bits_left_over(&good), Flaw::Base64),
        ("the other alphabet", format!("{header}.{payload}.+/{}", &signature[2..]), Flaw::Base64),
        ("a space in it", format!("{header}.{} {}.{signature}", &payload[..4], &payload[4..]), Flaw::Base64),
        ("a line end in it", format!("{header}.{payload}\n.{signature}"), Flaw::Base64),
        ("a length that no bytes have", format!("A.{payload}.{signature}"), Flaw::Base64),
        // JSON.
        ("a header that is a list", by("[]"), Flaw::Json),
        ("a header that is none", by("alg"), Flaw::Json),
        ("a header with a mark", by("\u{feff}{\"alg\":\"EdDSA\"}"), Flaw::Json),
        ("a header with something behind", by(r#"{"alg":"EdDSA"}{}"#), Flaw::Json),
        ("`alg` twice", by(r#"{"alg":"none","alg":"EdDSA"}"#), Flaw::Json),
        ("`alg` twice, once escaped", by(r#"{"alg":"EdDSA","\u0061lg":"none"}"#), Flaw::Json),
        ("claims that are text", ed.token(HEADER, "\"claims\""), Flaw::Json),
        ("no UTF-8", format!("{header}.{}.{signature}", encode(b"{\"iss\":\"\xff\"}")), Flaw::Json),
        ("`exp` twice", of("", "\"exp\":9999999999"), Flaw::Json),
        ("`sub` twice, once escaped", of("", r#""\u0073ub":"root""#), Flaw::Json),
        ("a claim twice, further in", of("", r#""a":{"b":[{"c":1,"c":2}]}"#), Flaw::Json),
        ("half a surrogate", of("", r#""a":"\ud800""#), Flaw::Json),
        ("a thousand levels", of("", &format!("\"a\":{}{}", "[".repeat(1000), "]".repeat(1000))), Flaw::Json),
        // Algorithms.
        ("no `alg`", by("{}"), Flaw::Algorithm),
        ("`alg` that is null", by(r#"{"alg":null}"#), Flaw::Algorithm),
        ("`alg` that is a list", by(r#"{"alg":["EdDSA"]}"#), Flaw::Algorithm),
        ("none", unsigned(r#"{"alg":"none"}"#, "x"), Flaw::Algorithm),
        ("None", unsigned(r#"{"alg":"None"}"#, "x"), Flaw::Algorithm),
        ("NONE", unsigned(r#"{"alg":"NONE"}"#, "x"), Flaw::Algorithm),
        ("nOnE", unsigned(r#"{"alg":"nOnE"}"#, "x"), Flaw::Algorithm),
        ("none with a space", unsigned(r#"{"alg":"none "}"#, "x"), Flaw::Algorithm),
        ("none, escaped", unsigned(r#"{"alg":"\u006eone"}"#, "x"), Flaw::Algorithm),
        ("none without a signature", format!("{}.{payload}.", encode(r#"{"alg":"none"}"#)), Flaw::Parts),
        ("an empty `alg`", by(r#"{"alg":""}"#), Flaw::Algorithm),
        ("eddsa", by(r#"{"alg":"eddsa"}"#), Flaw::Algorithm),
        ("HS256 with the public key", unsigned(r#"{"alg":"HS256","kid":"ed"}"#, &ed.jwk("ed")), Flaw::Algorithm),
        ("HS512", unsigned(r#"{"alg":"HS512"}"#, "x"), Flaw::Algorithm),
        ("an algorithm of encryption", unsigned(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, "x"), Flaw::Algorithm),
        ("one that is not configured", by(r#"{"alg":"RS256","kid":"ed"}"#), Flaw::Algorithm),
        ("ES256 by the key of EdDSA", by(r#"{"alg":"ES256","kid":"ed"}"#), Flaw::NoKey),
        ("EdDSA by the key of ES256", ec.token(r#"{"alg":"EdDSA","kid":"ec"}"#, &plain), Flaw::NoKey),
        ("ES256 of zeros", unsigned(r#"{"alg":"ES256","kid":"ec"}"#, &"\0".repeat(64)), Flaw::Signature),
        (
            "ES256 in DER",
            unsigned(r#"{"alg":"ES256","kid":"ec"}"#, "0\u{6}\u{2}\u{1}\u{1}\u{2}\u{1}\u{1}"),
            Flaw::Signature,
        ),
        // Headers that want to be believed.
        ("an embedded key", stranger.token(&embedded, &plain), Flaw::Signature),
        ("`jku`", stranger.token(&far("jku"), &plain), Flaw::Signature),
        ("`x5u`", stranger.token(&far("x5u"), &plain), Flaw::Signature),
        ("`x5c`", stranger.token(r#"{"alg":"EdDSA","kid":"ed","x5c":["AAAA"]}"#, &plain), Flaw::Signature),
        ("`crit`", by(r#"{"alg":"EdDSA","crit":["exp"],"exp":1}"#), Flaw::Critical),
        ("an empty `crit`", by(r#"{"alg":"EdDSA","crit":[]}"#), Flaw::Critical),
        ("`b64`", by(r#"{"alg":"EdDSA","b64":false}"#), Flaw::Critical),
        ("a proof", by(r#"{"alg":"EdDSA","typ":"dpop+jwt"}"#), Flaw::Kind),
        ("a logout", by(r#"{"alg":"EdDSA","typ":"logout+jwt"}"#), Flaw::Kind),
        ("an event", by(r#"{"alg":"EdDSA","typ":"secevent+jwt"}"#), Flaw::Kind),
        ("`typ` that is a number", by(r#"{"alg":"EdDSA","typ":1}"#), Flaw::Kind),
        ("an unknown `kid`", by(r#"{"alg":"EdDSA","kid":"other"}"#), Flaw::UnknownKey),
        ("a path as `kid`", by(r#"{"alg":"EdDSA","kid":"../../../dev/null"}"#), Flaw::UnknownKey),
        ("a query as `kid`", by(r#"{"alg":"EdDSA","kid":"x' UNION SELECT 'key"}"#), Flaw::UnknownKey),
        ("a `kid` with another case", by(r#"{"alg":"EdDSA","kid":"ED"}"#), Flaw::UnknownKey),
        ("a `kid` that is a number", by(r#"{"alg":"EdDSA","kid":1}"#), Flaw::KeyId),
        ("a `kid` without end", by(&format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, "k".repeat(257))), Flaw::KeyId),
        // Signatures.
        ("a stranger's", stranger.token(HEADER, &plain), Flaw::Signature),
        (
            "of another payload",
            format!("{header}.{}.{signature}", encode(claims("sub", "\"sub\":\"root\""))),
            Flaw::Signature,
        ),
        ("of another header", format!("{}.{payload}.{signature}", encode(r#"{"alg":"EdDSA"}"#)), Flaw::Signature),
        ("a short one", format!("{signed}.{}", &signature[..84]), Flaw::Signature),
        ("a long one", format!("{signed}.{}", encode([&ed.sign(signed)[..], &[0]].concat())), Flaw::Signature),
        // Who.
        ("no `iss`", of("iss", ""), Flaw::Issuer),
        ("another `iss`", of("iss", r#""iss":"https://evil.example/""#), Flaw::Issuer),
        ("`iss` without its slash", of("iss", r#""iss":"https://id.example.com""#), Flaw::Issuer),
        ("`iss` in a list", of("iss", &format!("\"iss\":[\"{ISSUER}\"]")), Flaw::Issuer),
        ("no `sub`", of("sub", ""), Flaw::Subject),
        ("an empty `sub`", of("sub", r#""sub":"""#), Flaw::Subject),
        ("`sub` that is a number", of("sub", r#""sub":1"#), Flaw::Subject),
        ("`sub` with a line end", of("sub", r#""sub":"ann\nroot""#), Flaw::Subject),
        ("`sub` without end", of("sub", &format!("\"sub\":\"{}\"", "s".repeat(513))), Flaw::Subject),
        ("roles that are numbers", of("", r#""realm_access":{"roles":[1]}"#), Flaw::Granted),
        ("roles that are an object", of("", r#""realm_access":{"roles":{"admin":true}}"#), Flaw::Granted),
        ("a scope that is true", of("", r#""scope":true"#), Flaw::Granted),
        ("an ID token", of("", r#""at_hash":"x""#), Flaw::OtherToken),
        ("a logout token", of("", r#""events":{}"#), Flaw::OtherToken),
        ("a bound token", of("", r#""cnf":{"jkt":"x"}"#), Flaw::Bound),
        // For whom.
        ("no `aud`", of("aud", ""), Flaw::Audience),
        ("an empty `aud`", of("aud", "\"aud\":[]"), Flaw::Audience),
        ("another `aud`", of("aud", r#""aud":"https://gateway.example.com""#), Flaw::Audience),
        ("`aud` and more of a path", of("aud", &format!("\"aud\":\"{URL}/\"")), Flaw::Audience),
        ("others' `aud`s", of("aud", r#""aud":["a","b"]"#), Flaw::Audience),
        ("`aud` that is a number", of("aud", "\"aud\":[1]"), Flaw::Audience),
        // Until when.
        ("no `exp`", of("exp", ""), Flaw::Endless),
        ("long past", of("exp", "\"exp\":1"), Flaw::Expired),
        ("just past, and the leeway", of("exp", &format!("\"exp\":{}", NOW - 30)), Flaw::Expired),
        ("`exp` that is text", of("exp", "\"exp\":\"9999999999\""), Flaw::Time),
        ("`exp` that is null", of("exp", "\"exp\":null"), Flaw::Time),
        ("`exp` that is infinite", of("exp", "\"exp\":1e400"), Flaw::Time),
        ("`exp` in milliseconds", of("exp", "\"exp\":1800000060000"), Flaw::Time),
        ("`exp` before 1970", of("exp", "\"exp\":-1"), Flaw::Time),
        ("`exp` of -0", of("exp", "\"exp\":-0"), Flaw::Expired),
        ("`exp` that is next to nothing", of("exp", "\"exp\":1e-400"), Flaw::Expired),
        ("`exp` that wraps round", of("exp", "\"exp\":18446744073709551617"), Flaw::Time),
        ("`nbf` to come", of("", &format!("\"nbf\":{}", NOW + 31)), Flaw::NotYet),
        ("`nbf` that is text", of("", "\"nbf\":\"0\""), Flaw::Time),
        ("`iat` to come", of("", &format!("\"iat\":{}", NOW + 31)), Flaw::FromTheFuture),
        ("`iat` that is a list", of("", "\"iat\":[]"), Flaw::Time),
    ];
    assert!(table.len() >= 60, "{}", table.len());
    for (what, token, flaw) in &table {
        assert_eq!(verify(&issuer, token).map(|_| ()), Err(*flaw), "{what}");
    }
    for flaw in Flaw::ALL {
        assert!(table.iter().any(|(_, _, refused)| refused == flaw), "nothing is refused for {flaw:?}");
        let advice = flaw.advice();
        assert!(!advice.contains(['"', '\\']) && advice.is_ascii(), "{advice}");
    }
}

#[test]
fn what_is_sound_passes() {
    let (ed, ec) = (Signer::ed(), Signer::ec());
    let issuer = issuer(&[ed.jwk("ed"), ec.jwk("ec")]);
    let plain = claims("", "");
    let of = |less: &str, more: &str| ed.token(HEADER, &claims(less, more));
    for (what, token) in [
        ("without a `kid`", ed.token(r#"{"alg":"EdDSA"}"#, &plain)),
        ("by the newer name", ed.token(r#"{"alg":"Ed25519"}"#, &plain)),
        ("by the other key", ec.token(r#"{"alg":"ES256","kid":"ec"}"#, &plain)),
        ("JWT", ed.token(r#"{"alg":"EdDSA","typ":"JWT"}"#, &plain)),
        ("at+jwt", ed.token(r#"{"alg":"EdDSA","typ":"AT+JWT"}"#, &plain)),
        ("application/at+jwt", ed.token(r#"{"alg":"EdDSA","typ":"application/at+jwt"}"#, &plain)),
        ("with a key that nobody looks at", ed.token(r#"{"alg":"EdDSA","jku":"https://evil.example/"}"#, &plain)),
        ("white space", ed.token(" {\"alg\" : \"EdDSA\"}\n", &format!(" {plain}\t"))),
        ("for several", of("aud", &format!("\"aud\":[\"other\",\"{URL}\"]"))),
        ("within the leeway", of("exp", &format!("\"exp\":{}", NOW - 29))),
        ("parts of a second", of("exp", &format!("\"exp\":{}.75", NOW + 1))),
        ("an exponent", of("exp", "\"exp\":1.9e9")),
        ("`nbf` within the leeway", of("", &format!("\"nbf\":{}", NOW + 30))),
    ] {
        let verified = verify(&issuer, &token).unwrap_or_else(|flaw| panic!("{what}: {flaw}"));
        assert_eq!(verified.principal.caller().subject.as_ref(), "ann", "{what}");
    }
}

#[test]
fn a_caller_is_who_the_token_says() {
    let ed = Signer::ed();
    let issuer = issuer(&[ed.jwk("ed")]);
    let caller = |more: &str| verify(&issuer, &ed.token(HEADER, &claims("", more))).unwrap().principal.caller().clone();
    let texts = |list: &[Box<str>]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(texts(&caller(r#""realm_access":{"roles":["user","admin"]}"#).roles), "user admin");
    assert_eq!(texts(&caller(r#""realm_access.roles":"user""#).roles), "user", "a claim of that name goes first");
    assert_eq!(texts(&caller(r#""realm_access":7"#).roles), "");
    assert_eq!(texts(&caller(r#""scope":"a  b","scp":["c"]"#).scopes), "a b c");
    assert_eq!(texts(&caller(r#""scp":"a b""#).scopes), "a b");
    assert_eq!(caller("").expires, Some(NOW + 60));
    let principal = Principal::new(caller(""));
    assert_eq!(principal.key(), format!("{}:{ISSUER}:ann", ISSUER.len()));
}
