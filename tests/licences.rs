//! What we depend on may be shipped: every licence is on the list, and no crate is there twice without a reason.
//!
//! `deny.toml` says the same to `cargo deny`, which also knows advisories but has to be fetched; this runs everywhere.
//! Only what is built for this machine's platform is looked at, which is what is in the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than to be named, which the list of dependencies in a release does.
const ALLOWED: [&str; 7] = ["Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "Unicode-3.0", "Zlib"];

/// Crates that what we ship contains in more than one version, with the reason.
const TWICE: [(&str, &str); 10] = [
    ("base64", "tonic and the metrics exporter keep to 0.22"),
    ("bit-set", "the patterns of schemas keep to 0.8, the parser of CEL has moved to 0.11; a page"),
    ("bit-vec", "as bit-set"),
    (
        "fallible-iterator",
        "rusqlite has moved from 0.2 to 0.3, the client of PostgreSQL has not; a trait and its adaptors",
    ),
    ("getrandom", "the metrics exporter and OpenTelemetry draw random numbers by two generations of it"),
    ("hashbrown", "metrics-util keeps to 0.16"),
    ("rand", "the client of PostgreSQL has moved from 0.9 to 0.10, OpenTelemetry and the metrics exporter have not"),
    ("rand_core", "as rand"),
    ("syn", "runs at build time only; derives move from 2 to 3 one after the other"),
    ("untrusted", "aws-lc-rs keeps to 0.7, rustls-webpki to 0.9; a reader of a few lines"),
];

/// `cargo metadata` of this crate, without a network.
fn metadata() -> Value {
    let cargo = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let output = output.expect("cargo runs, it has just built this");
        assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
    };
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo -vV names its host");
    let text = cargo(&["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host]);
    serde_json::from_str(&text).expect("cargo metadata is JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The ids of all packages that are reached from this one without a `[dev-dependencies]` line.
fn shipped(metadata: &Value) -> BTreeSet<&str> {
    let resolve = &metadata["resolve"];
    let nodes: BTreeMap<&str, &Value> = list(resolve, "nodes").iter().map(|node| (text(node, "id"), node)).collect();
    let mut reached = BTreeSet::new();
    let mut pending = vec![text(resolve, "root")];
    while let Some(id) = pending.pop() {
        if !reached.insert(id) {
            continue;
        }
        let needed = |dependency: &&Value| list(dependency, "dep_kinds").iter().any(|kind| kind["kind"] != "dev");
        pending.extend(list(nodes[id], "deps").iter().filter(needed).map(|dependency| text(dependency, "pkg")));
    }
    reached
}

#[test]
fn every_licence_is_on_the_list() {
    let metadata = metadata();
    let resolved: BTreeSet<&str> = list(&metadata["resolve"], "nodes").iter().map(|node| text(node, "id")).collect();
    let packages = list(&metadata, "packages").iter().filter(|package| resolved.contains(text(package, "id")));
    let mut seen = 0;
    let mut refused = Vec::new();
    for package in packages {
        seen += 1;
        let (name, licence) = (text(package, "name"), text(package, "license"));
        if !allows(licence) {
            refused.push(format!("{name} {}: `{licence}`", text(package, "version")));
        }
    }
    assert!(seen > 1, "no dependency was seen");
    assert!(refused.is_empty(), "licences that are not on the list (ALLOWED, and deny.toml): {refused:#?}");
}

#[test]
fn what_we_ship_contains_no_crate_twice() {
    let metadata = metadata();
    let shipped = shipped(&metadata);
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in list(&metadata, "packages").iter().filter(|package| shipped.contains(text(package, "id"))) {
        versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
    }
    assert!(versions.contains_key("tokio") && !versions.contains_key("proptest"), "{:?}", versions.keys());
    versions.retain(|_, versions| versions.len() > 1);
    let twice: BTreeSet<&str> = versions.keys().copied().collect();
    let known: BTreeSet<&str> = TWICE.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        twice, known,
        "two versions of one crate are shipped (left), with a reason in TWICE (right): {versions:?}"
    );
}

/// Whether an SPDX expression can be met with the licences on the list. `/` is an old way to write `OR`.
fn allows(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) == Some(true) && rest.is_empty()
}

/// `AND` binds tighter than `OR`. Both sides are always read, whatever the first one says; `None` is no expression.
fn either(rest: &mut &[&str]) -> Option<bool> {
    let mut allowed = both(rest)?;
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        allowed |= both(rest)?;
    }
    Some(allowed)
}

fn both(rest: &mut &[&str]) -> Option<bool> {
    let mut allowed = one(rest)?;
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        allowed &= one(rest)?;
    }
    Some(allowed)
}

/// A licence or a group. One with an exception (`WITH`) is a licence of its own, and none such is on the list.
fn one(rest: &mut &[&str]) -> Option<bool> {
    let (allowed, tail) = match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let allowed = either(rest)?;
            let [")", tail @ ..] = *rest else { return None };
            (allowed, tail)
        }
        [_, "WITH", _, tail @ ..] => (false, tail),
        [licence, tail @ ..] => (ALLOWED.contains(licence), tail),
        [] => return None,
    };
    *rest = tail;
    Some(allowed)
}

#[test]
fn deny_toml_says_the_same() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    let deny: toml::Table = std::fs::read_to_string(path).expect("deny.toml").parse().expect("deny.toml is TOML");
    let licences: Vec<_> =
        deny["licenses"]["allow"].as_array().expect("a list").iter().filter_map(|it| it.as_str()).collect();
    assert_eq!(licences, ALLOWED);
    let skipped = deny["bans"]["skip"].as_array().expect("a list").iter();
    let skipped: Vec<_> = skipped.filter_map(|it| Some((it["crate"].as_str()?, it["reason"].as_str()?))).collect();
    assert_eq!(skipped, TWICE);
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    for allowed in
        ["MIT", "GPL-3.0 OR MIT", "Unlicense/MIT", "MIT AND (GPL-3.0 OR ISC)", "GPL-3.0 AND X OR MIT", "((MIT))"]
    {
        assert!(allows(allowed), "{allowed}");
    }
    for refused in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "GPL-3.0 AND (MIT OR ISC)",
        "MIT OR",
        "(MIT",
        "MIT)",
        "MIT ISC",
        "Apache-2.0 WITH Commons-Clause",
        "MIT AND X OR X AND ISC",
    ] {
        assert!(!allows(refused), "{refused}");
    }
}
