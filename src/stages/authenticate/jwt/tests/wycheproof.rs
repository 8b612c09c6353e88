//! The vectors of Wycheproof for signatures and keys in JOSE, to the last one.

use serde_json::Value;

use crate::model::Algorithm;

use super::super::{Compact, KeySet};

macro_rules! vectors {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora/wycheproof/json_web_", $name, "_test.json"))
    };
}

/// What is valid there and refused here, each with its reason.
const REFUSED: &[(&str, u64, &str)] = &[
    ("signature", 346, "the key says `alg` PS256 and the token PS384 (RFC 7517, 4.4)"),
    ("signature", 350, "the same"),
    ("signature", 347, "P-521 is not configured anywhere: RS, PS, ES256, ES384 and EdDSA are what issuers use"),
    ("signature", 351, "the same"),
];

/// The vectors; see the README beside them.
const VECTORS: &[(&str, &str)] =
    &[("signature", vectors!("signature")), ("key", vectors!("key")), ("crypto", vectors!("crypto"))];

#[test]
fn every_vector_is_taken_or_refused_as_it_says() {
    let mut counts = [(0, 0); 3];
    for (count, (name, text)) in counts.iter_mut().zip(VECTORS) {
        let document: Value = serde_json::from_str(text).unwrap();
        for group in document["testGroups"].as_array().unwrap() {
            let asymmetric = group["public"].is_object();
            let keys = if asymmetric { &group["public"] } else { &group["private"] };
            // A key alone is a set of one.
            let set = if keys["keys"].is_array() { keys.clone() } else { serde_json::json!({ "keys": [keys] }) };
            let keys = KeySet::parse(set.to_string().as_bytes(), Algorithm::ALL).unwrap();
            for test in group["tests"].as_array().unwrap() {
                let token = test.get("jws").or(test.get("jwe")).unwrap();
                let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
                let id = test["tcId"].as_u64().unwrap();
                let is_taken = Compact::read(&token).and_then(|token| token.verify(&keys)).is_ok();
                let excused = REFUSED.iter().any(|(file, number, _)| (*file, *number) == (*name, id));
                // No symmetric key is ever taken, nor is anything encrypted: that is refused by construction.
                let valid = test["result"] == "valid" && asymmetric && !excused;
                assert_eq!(is_taken, valid, "{name} {id}: {}", test["comment"]);
                count.0 += 1;
                count.1 += usize::from(is_taken);
            }
        }
    }
    assert_eq!(counts.map(|(all, _)| all), [401, 26, 83], "vectors have been lost or won");
    assert_eq!(counts.map(|(_, taken)| taken), [32, 1, 2]);
}
