//! The requests of aws/http-desync-guardian, as the corpus has them and as bytes. Two test binaries read them.

use std::{fs, path::PathBuf};

use weir::net::guard::Framing;

/// A request of the corpus, and the class it is put in.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) version: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) tier: String,
}

impl Case {
    /// The request on a connection and `next` behind it, in every way that the corpus leaves open: where `Host` stands,
    /// a space before the value, how characters become bytes.
    pub(crate) fn connections(&self, host: &str, next: &[u8]) -> Vec<Vec<u8>> {
        let mut connections = Vec::new();
        for variant in 0..8 {
            let (space, host_last, latin) = (["", " "][variant & 1], variant & 2 != 0, variant & 4 != 0);
            let mut lines = vec![format!("{} {} {}", self.method, self.uri, self.version)];
            lines.extend(self.headers.iter().map(|(name, value)| format!("{name}:{space}{value}")));
            if !self.headers.iter().any(|(name, _)| name == "Host") {
                lines.insert(if host_last { lines.len() } else { 1 }, format!("Host: {host}"));
            }
            let head = format!("{}\r\n\r\n", lines.join("\r\n"));
            let head =
                if latin { head.chars().map(|c| u8::try_from(c).ok()).collect() } else { Some(head.into_bytes()) };
            let Some(head) = head else { continue };
            connections.push([&head, self.body().as_slice(), next].concat());
        }
        connections
    }

    pub(crate) fn values(&self, wanted: &'static str) -> impl Iterator<Item = &str> {
        let matching = self.headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        matching.map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    pub(crate) fn framing(&self) -> Framing {
        if self.values("Transfer-Encoding").next().is_some() {
            return Framing::Chunked;
        }
        let length = self.values("Content-Length").next();
        length.map_or(Framing::None, |value| Framing::Length(value.parse().unwrap_or(0)))
    }

    /// The content that the head announces.
    pub(crate) fn content(&self) -> Vec<u8> {
        match self.framing() {
            Framing::None => Vec::new(),
            Framing::Length(length) => vec![b'x'; length.min(5_000_000) as usize],
            Framing::Chunked => b"hello".to_vec(),
        }
    }

    fn body(&self) -> Vec<u8> {
        match self.framing() {
            Framing::Chunked => b"5\r\nhello\r\n0\r\n\r\n".to_vec(),
            _ => self.content(),
        }
    }
}

/// All cases, or none with one line where the corpora are not on this machine.
pub(crate) fn corpus() -> Option<Vec<Case>> {
    let near = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let folder = std::env::var_os("WEIR_CORPORA").map_or_else(near, PathBuf::from).join("http-desync/tests");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("skipped: no corpus http-desync in {}", folder.display());
        return None;
    };
    let files = entries.map(|entry| entry.expect("an entry of the corpus").path());
    let texts = files.map(|file| fs::read_to_string(file).expect("a file of the corpus"));
    Some(texts.flat_map(|text| parse(&text)).collect())
}

/// Reads the one shape of YAML that the corpus has: a list of cases, indented keys, scalars on one line.
fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    for line in lines {
        if let Some(name) = line.strip_prefix("- name:") {
            cases.push(Case { name: scalar(name), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().expect("a case begins with its name");
        let header = |case: &mut Case, value| case.headers.last_mut().expect("a header begins with its name").1 = value;
        match line.split_once(':').unwrap_or((line, "")) {
            ("  uri", value) => case.uri = scalar(value),
            ("  method", value) => case.method = scalar(value),
            ("  version", value) => case.version = scalar(value),
            ("    - name", value) => case.headers.push((scalar(value), String::new())),
            ("      value", value) => header(case, scalar(value)),
            ("    tier", value) => case.tier = scalar(value),
            ("  headers" | "  expected" | "      tier" | "    reason" | "    required_message_items", _) => {}
            (item, _) => assert!(item.starts_with("      - "), "not understood: {line}"),
        }
    }
    cases
}

/// A plain, single-quoted or double-quoted scalar.
fn scalar(text: &str) -> String {
    let text = text.trim_matches(' ');
    let inside = |quote| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(inside) = inside('\'') {
        return inside.replace("''", "'");
    }
    let Some(inside) = inside('"') else { return text.to_owned() };
    let mut characters = inside.chars();
    let mut value = String::new();
    while let Some(character) = characters.next() {
        value.push(match character {
            '\\' => escaped(&mut characters),
            plain => plain,
        });
    }
    value
}

fn escaped(characters: &mut std::str::Chars<'_>) -> char {
    match characters.next() {
        Some('r') => '\r',
        Some('n') => '\n',
        Some('t') => '\t',
        Some('0') => '\0',
        Some('x') => {
            let digits: String = characters.by_ref().take(2).collect();
            u8::from_str_radix(&digits, 16).map(char::from).expect("two hexadecimal digits")
        }
        Some(literal @ ('\\' | '"')) => literal,
        other => panic!("an escape that is not understood: {other:?}"),
    }
}
