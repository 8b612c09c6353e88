//! Forged, stale and strange tokens, each with the reason that it is refused for; and what has to pass beside them.

use super::super::{Expected, Flaw, Issuer};
use super::maker::{ISSUER, NOW, Signer, URL, encode, issuer, verify};
use crate::model::Principal;

/// The SHA-256 of some certificate: 32 zeroes.
const THUMB: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
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

/// The issuer of all of them, and who signs.
struct Cast {
    ed: Signer,
    ec: Signer,
    stranger: Signer,
    plain: String,
    /// What all others differ from, in its parts.
    good: String,
}

/// What is wrong, the token, and the reason that it is refused for.
type Row = (&'static str, String, Flaw);

impl Cast {
    fn new() -> Self {
        let (ed, ec, stranger) = (Signer::ed(), Signer::ec(), Signer::stranger());
        let plain = claims("", "");
        let good = ed.token(HEADER, &plain);
        Self { ed, ec, stranger, plain, good }
    }

    /// Header, payload, both of them as they are signed, and signature.
    fn parts(&self) -> [&str; 4] {
        let (signed, signature) = self.good.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        [header, payload, signed, signature]
    }

    /// Signed, with another header.
    fn by(&self, header: &str) -> String {
        self.ed.token(header, &self.plain)
    }

    /// Signed, with other claims.
    fn of(&self, less: &str, more: &str) -> String {
        self.ed.token(HEADER, &claims(less, more))
    }

    /// With another header, and something else in the place of a signature.
    fn unsigned(&self, header: &str, signature: &str) -> String {
        format!("{}.{}.{}", encode(header), self.parts()[1], encode(signature))
    }

    /// Other forms than that of a token.
    fn forms(&self) -> Vec<Row> {
        let [header, payload, signed, signature] = self.parts();
        let good = &self.good;
        vec![
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
            ("padding", format!("{good}=="), Flaw::Base64),
            ("bits left over", with_bits_left_over(good), Flaw::Base64),
            ("the other alphabet", format!("{header}.{payload}.+/{}", &signature[2..]), Flaw::Base64),
            ("a space in it", format!("{header}.{} {}.{signature}", &payload[..4], &payload[4..]), Flaw::Base64),
            ("a line end in it", format!("{header}.{payload}\n.{signature}"), Flaw::Base64),
            ("a length that no bytes have", format!("A.{payload}.{signature}"), Flaw::Base64),
            ("a header that is a list", self.by("[]"), Flaw::Json),
            ("a header that is none", self.by("alg"), Flaw::Json),
            ("a header with a mark", self.by("\u{feff}{\"alg\":\"EdDSA\"}"), Flaw::Json),
            ("a header with something behind", self.by(r#"{"alg":"EdDSA"}{}"#), Flaw::Json),
            ("`alg` twice", self.by(r#"{"alg":"none","alg":"EdDSA"}"#), Flaw::Json),
            ("`alg` twice, once escaped", self.by(r#"{"alg":"EdDSA","\u0061lg":"none"}"#), Flaw::Json),
            ("claims that are text", self.ed.token(HEADER, "\"claims\""), Flaw::Json),
            ("no UTF-8", format!("{header}.{}.{signature}", encode(b"{\"iss\":\"\xff\"}")), Flaw::Json),
            ("`exp` twice", self.of("", "\"exp\":9999999999"), Flaw::Json),
            ("`sub` twice, once escaped", self.of("", r#""\u0073ub":"root""#), Flaw::Json),
            ("a claim twice, further in", self.of("", r#""a":{"b":[{"c":1,"c":2}]}"#), Flaw::Json),
            ("half a surrogate", self.of("", r#""a":"\ud800""#), Flaw::Json),
            ("a thousand levels", self.of("", &format!("\"a\":{}{}", "[".repeat(1000), "]".repeat(1000))), Flaw::Json),
        ]
    }

    /// Other ways to sign, or none.
    fn algorithms(&self) -> Vec<Row> {
        let [_, payload, _, _] = self.parts();
        vec![
            ("no `alg`", self.by("{}"), Flaw::Algorithm),
            ("`alg` that is null", self.by(r#"{"alg":null}"#), Flaw::Algorithm),
            ("`alg` that is a list", self.by(r#"{"alg":["EdDSA"]}"#), Flaw::Algorithm),
            ("none", self.unsigned(r#"{"alg":"none"}"#, "x"), Flaw::Algorithm),
            ("None", self.unsigned(r#"{"alg":"None"}"#, "x"), Flaw::Algorithm),
            ("NONE", self.unsigned(r#"{"alg":"NONE"}"#, "x"), Flaw::Algorithm),
            ("nOnE", self.unsigned(r#"{"alg":"nOnE"}"#, "x"), Flaw::Algorithm),
            ("none with a space", self.unsigned(r#"{"alg":"none "}"#, "x"), Flaw::Algorithm),
            ("none, escaped", self.unsigned(r#"{"alg":"\u006eone"}"#, "x"), Flaw::Algorithm),
            ("none without a signature", format!("{}.{payload}.", encode(r#"{"alg":"none"}"#)), Flaw::Parts),
            ("an empty `alg`", self.by(r#"{"alg":""}"#), Flaw::Algorithm),
            ("eddsa", self.by(r#"{"alg":"eddsa"}"#), Flaw::Algorithm),
            (
                "HS256 with the public key",
                self.unsigned(r#"{"alg":"HS256","kid":"ed"}"#, &self.ed.jwk("ed")),
                Flaw::Algorithm,
            ),
            ("HS512", self.unsigned(r#"{"alg":"HS512"}"#, "x"), Flaw::Algorithm),
            (
                "an algorithm of encryption",
                self.unsigned(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, "x"),
                Flaw::Algorithm,
            ),
            ("one that is not configured", self.by(r#"{"alg":"RS256","kid":"ed"}"#), Flaw::Algorithm),
            ("ES256 by the key of EdDSA", self.by(r#"{"alg":"ES256","kid":"ed"}"#), Flaw::NoKey),
            ("EdDSA by the key of ES256", self.ec.token(r#"{"alg":"EdDSA","kid":"ec"}"#, &self.plain), Flaw::NoKey),
            ("ES256 of zeros", self.unsigned(r#"{"alg":"ES256","kid":"ec"}"#, &"\0".repeat(64)), Flaw::Signature),
            (
                "ES256 in DER",
                self.unsigned(r#"{"alg":"ES256","kid":"ec"}"#, "0\u{6}\u{2}\u{1}\u{1}\u{2}\u{1}\u{1}"),
                Flaw::Signature,
            ),
        ]
    }

    /// Headers that want to be believed.
    fn headers(&self) -> Vec<Row> {
        let embedded = format!(r#"{{"alg":"EdDSA","kid":"ed","jwk":{}}}"#, self.stranger.jwk("ed"));
        let far = |name: &str| format!(r#"{{"alg":"EdDSA","kid":"ed","{name}":"https://evil.example/keys"}}"#);
        vec![
            ("an embedded key", self.stranger.token(&embedded, &self.plain), Flaw::Signature),
            ("`jku`", self.stranger.token(&far("jku"), &self.plain), Flaw::Signature),
            ("`x5u`", self.stranger.token(&far("x5u"), &self.plain), Flaw::Signature),
            (
                "`x5c`",
                self.stranger.token(r#"{"alg":"EdDSA","kid":"ed","x5c":["AAAA"]}"#, &self.plain),
                Flaw::Signature,
            ),
            ("`crit`", self.by(r#"{"alg":"EdDSA","crit":["exp"],"exp":1}"#), Flaw::Critical),
            ("an empty `crit`", self.by(r#"{"alg":"EdDSA","crit":[]}"#), Flaw::Critical),
            ("`b64`", self.by(r#"{"alg":"EdDSA","b64":false}"#), Flaw::Critical),
            ("a proof", self.by(r#"{"alg":"EdDSA","typ":"dpop+jwt"}"#), Flaw::Kind),
            ("a logout", self.by(r#"{"alg":"EdDSA","typ":"logout+jwt"}"#), Flaw::Kind),
            ("an event", self.by(r#"{"alg":"EdDSA","typ":"secevent+jwt"}"#), Flaw::Kind),
            ("`typ` that is a number", self.by(r#"{"alg":"EdDSA","typ":1}"#), Flaw::Kind),
            ("an unknown `kid`", self.by(r#"{"alg":"EdDSA","kid":"other"}"#), Flaw::UnknownKey),
            ("a path as `kid`", self.by(r#"{"alg":"EdDSA","kid":"../../../dev/null"}"#), Flaw::UnknownKey),
            ("a query as `kid`", self.by(r#"{"alg":"EdDSA","kid":"x' UNION SELECT 'key"}"#), Flaw::UnknownKey),
            ("a `kid` with another case", self.by(r#"{"alg":"EdDSA","kid":"ED"}"#), Flaw::UnknownKey),
            ("a `kid` that is a number", self.by(r#"{"alg":"EdDSA","kid":1}"#), Flaw::KeyId),
            ("a `kid` without end", self.by(&format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, "k".repeat(257))), Flaw::KeyId),
        ]
    }

    /// Others' signatures, names and addressees.
    fn claims(&self) -> Vec<Row> {
        let [header, payload, signed, signature] = self.parts();
        vec![
            ("a stranger's", self.stranger.token(HEADER, &self.plain), Flaw::Signature),
            (
                "of another payload",
                format!("{header}.{}.{signature}", encode(claims("sub", "\"sub\":\"root\""))),
                Flaw::Signature,
            ),
            ("of another header", format!("{}.{payload}.{signature}", encode(r#"{"alg":"EdDSA"}"#)), Flaw::Signature),
            ("a short one", format!("{signed}.{}", &signature[..84]), Flaw::Signature),
            ("a long one", format!("{signed}.{}", encode([&self.ed.sign(signed)[..], &[0]].concat())), Flaw::Signature),
            ("no `iss`", self.of("iss", ""), Flaw::Issuer),
            ("another `iss`", self.of("iss", r#""iss":"https://evil.example/""#), Flaw::Issuer),
            ("`iss` without its slash", self.of("iss", r#""iss":"https://id.example.com""#), Flaw::Issuer),
            ("`iss` in a list", self.of("iss", &format!("\"iss\":[\"{ISSUER}\"]")), Flaw::Issuer),
            ("no `sub`", self.of("sub", ""), Flaw::Subject),
            ("an empty `sub`", self.of("sub", r#""sub":"""#), Flaw::Subject),
            ("`sub` that is a number", self.of("sub", r#""sub":1"#), Flaw::Subject),
            ("`sub` with a line end", self.of("sub", r#""sub":"ann\nroot""#), Flaw::Subject),
            ("`sub` without end", self.of("sub", &format!("\"sub\":\"{}\"", "s".repeat(513))), Flaw::Subject),
            ("roles that are numbers", self.of("", r#""realm_access":{"roles":[1]}"#), Flaw::Granted),
            ("roles that are an object", self.of("", r#""realm_access":{"roles":{"admin":true}}"#), Flaw::Granted),
            ("a scope that is true", self.of("", r#""scope":true"#), Flaw::Granted),
            ("an ID token", self.of("", r#""at_hash":"x""#), Flaw::OtherToken),
            ("a logout token", self.of("", r#""events":{}"#), Flaw::OtherToken),
            ("a bound token", self.of("", r#""cnf":{"jkt":"x"}"#), Flaw::Bound),
            ("a token bound to nothing", self.of("", r#""cnf":{}"#), Flaw::Bound),
            ("a token bound to a text", self.of("", r#""cnf":"x5t#S256""#), Flaw::Bound),
            ("a token bound to half a certificate", self.of("", r#""cnf":{"x5t#S256":"AAAA"}"#), Flaw::Bound),
            ("a token bound twice", self.of("", &format!(r#""cnf":{{"x5t#S256":"{THUMB}","jkt":"x"}}"#)), Flaw::Bound),
            ("no `aud`", self.of("aud", ""), Flaw::Audience),
            ("an empty `aud`", self.of("aud", "\"aud\":[]"), Flaw::Audience),
            ("another `aud`", self.of("aud", r#""aud":"https://gateway.example.com""#), Flaw::Audience),
            ("`aud` and more of a path", self.of("aud", &format!("\"aud\":\"{URL}/\"")), Flaw::Audience),
            ("others' `aud`s", self.of("aud", r#""aud":["a","b"]"#), Flaw::Audience),
            ("`aud` that is a number", self.of("aud", "\"aud\":[1]"), Flaw::Audience),
        ]
    }

    /// Times that are none, or not now.
    fn times(&self) -> Vec<Row> {
        vec![
            ("no `exp`", self.of("exp", ""), Flaw::Endless),
            ("long past", self.of("exp", "\"exp\":1"), Flaw::Expired),
            ("just past, and the leeway", self.of("exp", &format!("\"exp\":{}", NOW - 30)), Flaw::Expired),
            ("`exp` that is text", self.of("exp", "\"exp\":\"9999999999\""), Flaw::Time),
            ("`exp` that is null", self.of("exp", "\"exp\":null"), Flaw::Time),
            ("`exp` that is infinite", self.of("exp", "\"exp\":1e400"), Flaw::Time),
            ("`exp` in milliseconds", self.of("exp", "\"exp\":1800000060000"), Flaw::Time),
            ("`exp` before 1970", self.of("exp", "\"exp\":-1"), Flaw::Time),
            ("`exp` of -0", self.of("exp", "\"exp\":-0"), Flaw::Expired),
            ("`exp` that is next to nothing", self.of("exp", "\"exp\":1e-400"), Flaw::Expired),
            ("`exp` that wraps round", self.of("exp", "\"exp\":18446744073709551617"), Flaw::Time),
            ("`nbf` to come", self.of("", &format!("\"nbf\":{}", NOW + 31)), Flaw::NotYet),
            ("`nbf` that is text", self.of("", "\"nbf\":\"0\""), Flaw::Time),
            ("`iat` to come", self.of("", &format!("\"iat\":{}", NOW + 31)), Flaw::FromTheFuture),
            ("`iat` that is a list", self.of("", "\"iat\":[]"), Flaw::Time),
        ]
    }
}

#[test]
fn what_is_forged_is_refused_for_its_reason() {
    let cast = Cast::new();
    let issuer = issuer(&[cast.ed.jwk("ed"), cast.ec.jwk("ec")]);
    verify(&issuer, &cast.good).expect("the one that all others differ from");
    let table = [cast.forms(), cast.algorithms(), cast.headers(), cast.claims(), cast.times()].concat();
    assert!(table.len() >= 60, "{}", table.len());
    for (what, token, flaw) in &table {
        assert_eq!(verify(&issuer, token).map(|_| ()), Err(*flaw), "{what}");
    }
    // Nobody is asked about a token that is signed; certificates have a test of their own.
    let others = [Flaw::Inactive, Flaw::Unbound, Flaw::OtherCertificate];
    for flaw in Flaw::ALL.iter().filter(|flaw| !others.contains(flaw)) {
        assert!(table.iter().any(|(_, _, refused)| refused == flaw), "nothing is refused for {flaw:?}");
        let advice = flaw.advice();
        assert!(!advice.contains(['"', '\\']) && advice.is_ascii(), "{advice}");
    }
}

#[test]
fn a_token_says_which_certificate_it_is_bound_to() {
    let cast = Cast::new();
    let loose = issuer(&[cast.ed.jwk("ed")]);
    assert_eq!(verify(&loose, &cast.good).unwrap().bound, None);
    let bound = cast.of("", &format!(r#""cnf":{{"x5t#S256":"{THUMB}"}}"#));
    assert_eq!(verify(&loose, &bound).unwrap().bound, Some([0; 32]));
    let strict = Expected { certificate_bound: true, ..loose.expected().clone() };
    let strict = Issuer::new(strict, loose.keys().clone());
    assert_eq!(verify(&strict, &bound).unwrap().bound, Some([0; 32]));
    assert_eq!(verify(&strict, &cast.good).map(|_| ()), Err(Flaw::Unbound));
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
    assert_eq!(verify(&issuer, &ed.token(HEADER, &claims("", ""))).unwrap().until, NOW + 60);
    let principal = Principal::new(caller(""));
    assert_eq!(principal.key(), format!("{}:{ISSUER}:ann", ISSUER.len()));
}
