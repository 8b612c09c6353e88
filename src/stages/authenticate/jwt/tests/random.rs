//! Random tokens: nothing panics, and nothing but what was signed is taken.

use proptest::prelude::*;

use super::super::{Compact, KeySet};
use super::maker::{ISSUER, NOW, Signer, URL, issuer, verify};
use crate::model::Algorithm;

fn good() -> String {
    let claims = format!(r#"{{"iss":"{ISSUER}","sub":"ann","aud":"{URL}","exp":{}}}"#, NOW + 60);
    Signer::ed().token(r#"{"alg":"EdDSA"}"#, &claims)
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 0..6)) {
        let issuer = issuer(&[Signer::ed().jwk("a")]);
        prop_assert!(verify(&issuer, &text).is_err());
        prop_assert!(verify(&issuer, &parts.join(".")).is_err());
        let _ = KeySet::parse(text.as_bytes(), Algorithm::ALL);
    }

    #[test]
    fn no_other_byte_is_taken(at in 0..200_usize, byte in "[A-Za-z0-9_.=-]") {
        let (issuer, token) = (issuer(&[Signer::ed().jwk("a")]), good());
        let at = at % token.len();
        let changed = format!("{}{byte}{}", &token[..at], &token[at + 1..]);
        prop_assert_eq!(verify(&issuer, &changed).is_ok(), changed == token);
    }

    #[test]
    fn any_header_and_claims_are_read_or_refused(header in "\\{\"alg\":\"EdDSA\"(,\"[a-z]{3}\":(\"[a-z]{0,3}\"|[0-9]{1,3}|null|\\[\\])){0,3}\\}", claims in "\\{(\"(exp|nbf|aud|iss|sub)\":(\"[a-z]{0,3}\"|-?[0-9]{1,12}|null|\\[\\]|\\{\\})){0,1}\\}") {
        let token = Signer::ed().token(&header, &claims);
        let issuer = issuer(&[Signer::ed().jwk("a")]);
        prop_assert!(verify(&issuer, &token).is_err(), "no issuer, no subject");
        let _ = Compact::read(&token);
    }
}

#[test]
fn the_good_one_is_taken() {
    verify(&issuer(&[Signer::ed().jwk("a")]), &good()).unwrap();
}
