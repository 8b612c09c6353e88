//! The vectors of Wycheproof for signatures and keys in JOSE, to the last one.

use std::{env, fs, path::PathBuf};

use serde_json::Value;

use crate::model::Algorithm;

use super::super::{Compact, KeySet};

/// What is valid there and refused here, each with its reason.
const REFUSED: &[(&str, u64, &str)] = &[
    ("signature", 346, "the key says `alg` PS256 and the token PS384 (RFC 7517, 4.4)"),
    ("signature", 350, "the same"),
    ("signature", 347, "P-521 is not configured anywhere: RS, PS, ES256, ES384 and EdDSA are what issuers use"),
    ("signature", 351, "the same"),
];

#[test]
fn every_vector_is_taken_or_refused_as_it_says() {
    let near = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let folder = env::var_os("WEIR_CORPORA").map_or_else(near, PathBuf::from).join("wycheproof/testvectors_v1");
    let mut counts = [(0, 0); 3];
    for (count, name) in counts.iter_mut().zip(["signature", "key", "crypto"]) {
        let Ok(text) = fs::read_to_string(folder.join(format!("json_web_{name}_test.json"))) else {
            eprintln!("skipped: no corpus wycheproof in {}", folder.display());
            return;
        };
        let document: Value = serde_json::from_str(&text).unwrap();
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
                let excused = REFUSED.iter().any(|(file, number, _)| (*file, *number) == (name, id));
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
