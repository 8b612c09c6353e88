//! What is taken of a set, and why the rest is not.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;

const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

fn set(keys: &[String]) -> KeySet {
    KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes(), Algorithm::ALL).unwrap()
}

fn why(key: &str) -> Unusable {
    let set = set(&[key.to_owned()]);
    assert!(set.is_empty(), "{key} was taken");
    *set.left_out().next().expect("it is left out by name").1
}

fn ed25519() -> String {
    let seed = [7; 32];
    let point = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().public_key().as_ref().to_vec();
    format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, URL_SAFE_NO_PAD.encode(point))
}

fn rsa(n: &[u8], e: &[u8]) -> String {
    format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e))
}

#[test]
fn what_is_no_set_is_refused_as_a_whole() {
    let parse = |text: &str| KeySet::parse(text.as_bytes(), Algorithm::ALL).unwrap_err();
    for text in ["[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[1]}"#, r#"{"KEYS":[]}"#, "null"] {
        assert_eq!(parse(text), Fault::NotASet, "{text}");
    }
    for text in ["", "{", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#, "\u{feff}{\"keys\":[]}"]
    {
        assert!(matches!(parse(text), Fault::NotJson(_)), "{text}");
    }
    let deep = format!(r#"{{"keys":[],"a":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    assert!(matches!(parse(&deep), Fault::NotJson(_)));
    assert_eq!(parse(&format!(r#"{{"keys":[{}]}}"#, vec!["{}"; MOST_KEYS + 1].join(","))), Fault::TooMany);
    assert_eq!(parse(&" ".repeat(MOST_BYTES + 1)), Fault::TooLarge);
}

#[test]
fn an_empty_set_is_a_set() {
    let set = KeySet::parse(b" {\"keys\":[]} ", Algorithm::ALL).unwrap();
    assert!(set.is_empty() && set.left_out().next().is_none());
}

#[test]
fn a_key_is_for_the_algorithms_that_fit_it() {
    let set = set(&[format!("{{{P256},\"kid\":\"a\"}}"), format!("{{{}}}", ed25519())]);
    assert_eq!(set.len(), 2);
    assert!(set.knows("a") && !set.knows("b"));
    assert_eq!(set.candidates(Some("a"), Algorithm::Es256).count(), 1);
    assert_eq!(set.candidates(Some("b"), Algorithm::Es256).count(), 0);
    assert_eq!(set.candidates(None, Algorithm::Es256).count(), 1);
    assert_eq!(set.candidates(Some("a"), Algorithm::Rs256).count(), 0);
    assert_eq!(set.candidates(Some("any"), Algorithm::EdDsa).count(), 1, "a key without id fits every id");
    let only_rsa = KeySet::parse(format!("{{\"keys\":[{{{P256}}}]}}").as_bytes(), &[Algorithm::Rs256]).unwrap();
    assert_eq!(only_rsa.left_out().next(), Some(("key 1", &Unusable::Algorithm)));
}

#[test]
fn what_cannot_be_used_is_named_with_its_reason() {
    for (key, reason) in [
        (r#"{"kty":"oct","k":"AAAA"}"#.to_owned(), Unusable::Symmetric),
        (r#"{"kty":"oct"}"#.to_owned(), Unusable::Symmetric),
        (r#"{"kty":"AKP"}"#.to_owned(), Unusable::Type),
        (r#"{"kty":"rsa"}"#.to_owned(), Unusable::Type),
        (r#"{"kty":7}"#.to_owned(), Unusable::Type),
        ("{}".to_owned(), Unusable::Type),
        (format!("{{{P256},\"d\":\"AA\"}}"), Unusable::Private),
        (format!("{{{P256},\"k\":\"AA\"}}"), Unusable::Private),
        (format!("{{{P256},\"use\":\"enc\"}}"), Unusable::Purpose),
        (format!("{{{P256},\"use\":[\"sig\"]}}"), Unusable::Purpose),
        (format!("{{{P256},\"key_ops\":[\"sign\"]}}"), Unusable::Purpose),
        (format!("{{{P256},\"key_ops\":\"verify\"}}"), Unusable::Purpose),
        (format!("{{{P256},\"alg\":\"ES384\"}}"), Unusable::Algorithm),
        (format!("{{{P256},\"alg\":\"HS256\"}}"), Unusable::Algorithm),
        (format!("{{{P256},\"alg\":\"none\"}}"), Unusable::Algorithm),
        (format!("{{{P256},\"alg\":\"es256\"}}"), Unusable::Algorithm),
        (format!("{{{P256},\"kid\":1}}"), Unusable::Id),
        (format!("{{{P256},\"kid\":\"{}\"}}", "k".repeat(257)), Unusable::Id),
        (P256.replace("P-256", "P-521").replacen('"', "{\"", 1) + "}", Unusable::Curve),
        (P256.replace("P-256", "P-384").replacen('"', "{\"", 1) + "}", Unusable::Numbers),
        (P256.replace("f83O", "f83P").replacen('"', "{\"", 1) + "}", Unusable::Numbers),
        (P256.replace("RVEU\"", "RVEU=\"").replacen('"', "{\"", 1) + "}", Unusable::Numbers),
        (r#"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#.to_owned(), Unusable::Curve),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#.to_owned(), Unusable::Numbers),
        (rsa(&[0xff; 255], &[1, 0, 1]), Unusable::Size),
        (rsa(&[[0x7f].as_slice(), &[0xff; 255]].concat(), &[1, 0, 1]), Unusable::Size),
        (rsa(&[0xff; 1025], &[1, 0, 1]), Unusable::Size),
        (rsa(&[[0].as_slice(), &[0xff; 256]].concat(), &[1, 0, 1]), Unusable::Numbers),
        (rsa(&[0xfe; 256], &[1, 0, 1]), Unusable::Numbers),
        (rsa(&[], &[1, 0, 1]), Unusable::Numbers),
        (rsa(&[0xff; 256], &[1]), Unusable::Exponent),
        (rsa(&[0xff; 256], &[4]), Unusable::Exponent),
        (rsa(&[0xff; 256], &[0xff; 5]), Unusable::Exponent),
        (rsa(&[0xff; 256], &[0xff; 9]), Unusable::Exponent),
        (rsa(&[0xff; 256], &[]), Unusable::Numbers),
    ] {
        assert_eq!(why(&key), reason, "{key}");
    }
}

#[test]
fn an_id_names_one_key() {
    let one = |kid: &str| format!("{{{P256},\"kid\":\"{kid}\"}}");
    let same = set(&[one("a"), one("a")]);
    assert_eq!((same.len(), same.left_out().count()), (1, 0));
    let other = format!("{{{},\"kid\":\"a\"}}", ed25519());
    assert_eq!(set(&[one("a"), other]).len(), 2, "of two kinds, they cannot be taken for each other");
    let third =
        P256.replace("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4");
    let third =
        third.replace("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    let clash = set(&[one("a"), format!("{{{third},\"kid\":\"a\"}}")]);
    assert!(clash.is_empty());
    assert_eq!(clash.left_out().collect::<Vec<_>>(), [("a", &Unusable::Repeated)]);
}

#[test]
fn a_set_is_told_from_another_by_its_digest() {
    let (one, other) = (b"{\"keys\":[]}", b"{\"keys\":[] }");
    let digest = |text: &[u8], algorithms: &[Algorithm]| *KeySet::parse(text, algorithms).unwrap().digest();
    assert_eq!(digest(one, Algorithm::ALL), digest(one, Algorithm::ALL));
    assert_ne!(digest(one, Algorithm::ALL), digest(other, Algorithm::ALL));
    assert_ne!(digest(one, Algorithm::ALL), digest(one, &[Algorithm::Es256]));
}
