//! The documents say what is: links lead somewhere, options and keys exist, the table of errors is the one that is built.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use weir::config::{Settings, reference};

#[path = "docs/errors.rs"]
mod errors;
#[path = "docs/forwarded.rs"]
mod forwarded;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/metrics.rs"]
mod metrics;
#[path = "docs/rules.rs"]
mod rules;

use markdown::{Block, Document};

const SERVER: &str = "[[servers]]\nname = \"files\"\nendpoints = [\"http://10.0.0.1:3000/mcp\"]\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page that is written for people.
fn pages() -> Vec<Document> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    files.sort();
    files.extend(
        ["README.md", "loadtest/README.md", "loadtest/k6/README.md", "tests/fuzz/README.md"]
            .map(|name| root().join(name)),
    );
    assert!(files.len() > 5, "{files:?}");
    files.iter().map(|file| Document::read(file)).collect()
}

/// What `weir ARGUMENTS --help` prints.
fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_weir")).args(arguments).arg("--help").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The words of `text` that look like options.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|ends: char| !(ends.is_ascii_alphanumeric() || ends == '-'));
    let named = |word: &&str| {
        word.strip_prefix("--").is_some_and(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
    };
    words.filter(named).map(str::to_owned).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        for link in page.links().filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: the link to {link} leads nowhere", page.name());
            if !heading.is_empty() {
                let headings = Document::read(&target).headings();
                assert!(headings.contains(heading), "{}: no heading for {link}", page.name());
            }
            followed += 1;
        }
    }
    assert!(followed > 3, "the links were not found");
}

#[test]
fn every_command_and_option_exists() {
    let commands = help(&[]);
    let with_options = [
        "run",
        "demo",
        "check",
        "explain",
        "doctor",
        "man",
        "token",
        "keys add",
        "keys rotate",
        "rules test",
        "rules add",
        "backup",
    ];
    let known: BTreeSet<_> =
        with_options.iter().flat_map(|command| options(&help(&command.split(' ').collect::<Vec<_>>()))).collect();
    let mut seen = 0;
    for page in pages() {
        for code in page.code_lines() {
            let code = code.split(" #").next().unwrap_or_default();
            let mut words = code.split_whitespace();
            let ours = words.next().is_some_and(|program| program == "weir" || program.ends_with("/weir"));
            if let Some(command) = words.next().filter(|_| ours) {
                let listed = command.starts_with('-') || commands.contains(&format!("\n  {command} "));
                assert!(listed, "{}: there is no `weir {command}`", page.name());
                seen += 1;
            }
            // An option that stands alone is one of ours as well.
            if ours || code.starts_with("--") {
                let unknown: Vec<_> = options(code).difference(&known).cloned().collect();
                assert!(unknown.is_empty(), "{}: {unknown:?} in `{code}`", page.name());
            }
        }
    }
    assert!(seen > 3, "the commands were not found");
}

#[test]
fn every_key_exists() {
    let keys = |title: &str| {
        let titles = [format!("[{title}]"), format!("[[{title}]]")];
        reference::tables().iter().find(|shape| titles.iter().any(|known| known == shape.title)).map(|shape| shape.keys)
    };
    let mut seen = 0;
    for page in pages().iter().filter(|page| page.name() != "docs/CONFIG.md") {
        for code in page.code_spans().iter().filter(|code| code.starts_with('[')) {
            let Some((section, key)) = code.trim_start_matches('[').split_once(']') else { continue };
            let key = key.trim_start_matches(']').split('=').next().unwrap_or_default().trim();
            let keys = keys(section).unwrap_or_else(|| panic!("{}: there is no [{section}]", page.name()));
            let known = key.is_empty() || keys.iter().any(|known| known.name == key);
            assert!(known, "{}: `{code}`: there is no such key", page.name());
            seen += 1;
        }
    }
    assert!(seen > 5, "the keys were not found");
}

#[test]
fn every_piece_of_configuration_is_accepted() {
    let mut read = 0;
    for page in pages() {
        for Block { text, .. } in page.blocks().iter().filter(|block| block.language == "toml") {
            let whole = if text.contains("[[servers]]") { text.clone() } else { format!("{text}\n{SERVER}") };
            Settings::parse(&whole, &page.name()).unwrap();
            read += 1;
        }
    }
    assert!(read > 0, "no piece of configuration was found");
}

#[test]
fn the_readme_begins_with_the_demo() {
    let readme = Document::read(&root().join("README.md"));
    // The first block is a drawing.
    assert_eq!(readme.blocks()[1].text.trim(), "cargo build --release\ntarget/release/weir demo");
}
