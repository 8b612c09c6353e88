//! The official test suite of JSON Schema 2020-12, through the entry point that arguments are checked by.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use weir::catalog::{Checked, Schema, Unusable};

/// Files of which every schema refers to others that would have to be fetched.
const FETCHES: &[&str] = &["refRemote.json"];

/// Schemas that are not used, each with its reason: `file: description`.
const UNUSED: &[(&str, &str)] = &[
    ("defs.json: validate definition against metaschema", "the drafts' own schemas have no meter"),
    ("ref.json: remote ref, containing refs itself", "the drafts' own schemas have no meter"),
    ("dynamicRef.json: strict-tree schema, guards against misspelled properties", "it fetches tree.json"),
    ("dynamicRef.json: tests for implementation dynamic anchor and reference link", "it fetches another schema"),
    ("dynamicRef.json: $ref and $dynamicAnchor are independent of order - $defs first", "it fetches another schema"),
    ("dynamicRef.json: $ref and $dynamicAnchor are independent of order - $ref first", "it fetches another schema"),
    ("dynamicRef.json: $ref to $dynamicRef finds detached $dynamicAnchor", "it fetches another schema"),
    ("vocabulary.json: schema that uses custom metaschema with with no validation vocabulary", "a metaschema to fetch"),
    ("vocabulary.json: ignore unrecognized optional vocabulary", "a metaschema to fetch"),
];

#[test]
fn every_mandatory_test_is_decided_as_the_suite_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/json-schema/draft2020-12");
    let files = fs::read_dir(folder).expect("the suite is there").map(|entry| entry.expect("a file").path());
    let (mut decided, mut unused) = (0, BTreeSet::new());
    for file in files {
        let groups: Value = serde_json::from_slice(&fs::read(&file).expect("it can be read")).expect("it is JSON");
        let file = file.file_name().expect("it has a name").to_str().expect("UTF-8");
        for group in groups.as_array().expect("a list of groups") {
            let name = format!("{file}: {}", group["description"].as_str().expect("a text"));
            let schema = match Schema::compile(group["schema"].to_string().as_bytes()) {
                Ok(schema) => schema,
                Err(why) => {
                    let fetches = matches!(&why, Unusable::Reference(_)) || why.to_string().contains("meta-schema");
                    assert!(fetches, "{name}: {why}");
                    unused.insert(name);
                    continue;
                }
            };
            for test in group["tests"].as_array().expect("a list of tests") {
                let checked = schema.check(test["data"].to_string().as_bytes());
                let expected = test["valid"].as_bool().expect("a verdict");
                let right = matches!((&checked, expected), (Checked::Fits, true) | (Checked::Faulty(_), false));
                assert!(right, "{name}: {}: {checked:?}", test["description"]);
                decided += 1;
            }
        }
    }
    unused.retain(|name| !FETCHES.iter().any(|file| name.starts_with(file)));
    let known: BTreeSet<_> = UNUSED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(unused, known, "what is not used");
    assert_eq!(decided, 1246, "tests of the suite were lost or won");
}
