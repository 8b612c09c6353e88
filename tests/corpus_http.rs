//! The requests of aws/http-desync-guardian: what is severe or ambiguous never passes, what is compliant is understood.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use weir::net::guard::{Framing, Head, HeadGuard, HeadLimits, Refused};

#[path = "../src/net/guard/tests/behind.rs"]
mod behind;
#[path = "fuzz/checks/guard.rs"]
mod check;

/// Compliant for the corpus and refused all the same, each with its reason.
const EXCEPTIONS: [(&str, &str); 1] =
    [("Empty URI", "a target is never empty (RFC 9112, 3.2), and hyper cannot read such a line either")];

/// What comes next on the connection; it must be the second request, or nothing.
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn every_case_is_read_as_its_class_demands() {
    let Some(cases) = corpus() else { return };
    let count = |tier| cases.iter().filter(|case| case.tier == tier).count();
    let counts = ["Compliant", "Acceptable", "Ambiguous", "Severe"].map(count);
    assert_eq!(counts, [28, 15, 58, 58], "the parser below, or the corpus, has lost or won cases");
    assert_eq!(counts.iter().sum::<usize>(), cases.len());
    for (name, _) in EXCEPTIONS {
        assert!(cases.iter().any(|case| case.name == name), "no case is called {name}");
    }
    for case in &cases {
        for connection in case.connections() {
            case.holds(&connection);
            check::check(&[&[7], connection.as_slice()].concat());
        }
    }
}

#[test]
fn the_seeds_of_the_fuzzer_hold() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/guard");
    let seeds: Vec<_> =
        fs::read_dir(folder).expect("the folder of seeds").map(|entry| entry.expect("a seed").path()).collect();
    assert!(seeds.len() >= 16, "{} seeds", seeds.len());
    for seed in seeds {
        check::check(&fs::read(&seed).expect("a seed"));
    }
}

#[derive(Debug, Default)]
struct Case {
    name: String,
    method: String,
    uri: String,
    version: String,
    headers: Vec<(String, String)>,
    tier: String,
}

impl Case {
    /// The request on a connection, in every way that the corpus leaves open: where `Host` stands, a space
    /// before the value, how characters become bytes.
    fn connections(&self) -> Vec<Vec<u8>> {
        let mut connections = Vec::new();
        for variant in 0..8 {
            let (space, host_last, latin) = (["", " "][variant & 1], variant & 2 != 0, variant & 4 != 0);
            let mut lines = vec![format!("{} {} {}", self.method, self.uri, self.version)];
            lines.extend(self.headers.iter().map(|(name, value)| format!("{name}:{space}{value}")));
            if !self.headers.iter().any(|(name, _)| name == "Host") {
                lines.insert(if host_last { lines.len() } else { 1 }, "Host: a".to_owned());
            }
            let head = format!("{}\r\n\r\n", lines.join("\r\n"));
            let head =
                if latin { head.chars().map(|c| u8::try_from(c).ok()).collect() } else { Some(head.into_bytes()) };
            let Some(head) = head else { continue };
            connections.push([&head, self.body().as_slice(), NEXT].concat());
        }
        connections
    }

    fn values(&self, wanted: &'static str) -> impl Iterator<Item = &str> {
        let matching = self.headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        matching.map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    fn framing(&self) -> Framing {
        if self.values("Transfer-Encoding").next().is_some() {
            return Framing::Chunked;
        }
        let length = self.values("Content-Length").next();
        length.map_or(Framing::None, |value| Framing::Length(value.parse().unwrap_or(0)))
    }

    /// True if the case's transfer coding is more than one plain `chunked`.
    fn has_other_coding(&self) -> bool {
        self.values("Transfer-Encoding").any(|coding| !coding.eq_ignore_ascii_case("chunked"))
    }

    /// The content that the head announces.
    fn content(&self) -> Vec<u8> {
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

    fn holds(&self, connection: &[u8]) {
        let mut guard = HeadGuard::new(HeadLimits::default());
        let verdict = guard.inspect(connection);
        let heads: Vec<Head> = std::iter::from_fn(|| guard.take_head()).collect();
        let is_exception = EXCEPTIONS.iter().any(|(name, _)| *name == self.name);
        let context =
            || format!("{}: {} {verdict:?}", self.name, connection[..connection.len().min(900)].escape_ascii());
        match (&*self.tier, verdict) {
            ("Severe" | "Ambiguous", verdict) => assert!(verdict.is_err(), "{}", context()),
            ("Acceptable", Ok(())) => self.is_one_request(connection, &heads),
            ("Acceptable", Err(_)) => {}
            (_, verdict) if is_exception => assert!(verdict.is_err(), "{} is no exception any more", context()),
            (_, Err(Refused { why, .. })) => {
                assert!(self.has_other_coding() && why.contains("transfer coding"), "{}", context());
            }
            (_, Ok(())) => self.is_one_request(connection, &heads),
        }
        if let Err(refused) = verdict {
            assert_eq!((refused.status, refused.good, heads.len()), (400, 0, 0), "{}", context());
        }
    }

    /// One request, framed as the case says, then the next; and hyper reads just that.
    fn is_one_request(&self, connection: &[u8], heads: &[Head]) {
        assert_eq!(
            heads.iter().map(|head| head.framing).collect::<Vec<_>>(),
            [self.framing(), Framing::None],
            "{}",
            self.name
        );
        let outcome = behind::serve([Bytes::copy_from_slice(connection)], HeadLimits::default());
        assert_eq!(outcome.refused, None);
        assert_eq!(outcome.served.len(), 2, "{}", self.name);
        assert!(outcome.served.iter().all(|served| served.agrees() && !served.is_last()), "{}", self.name);
        assert_eq!(outcome.served[0].content.as_deref(), Some(&*self.content()), "{}", self.name);
        assert_eq!(outcome.served[1].parts.uri, "/next", "{}", self.name);
    }
}

/// All cases, or none with one line where the corpora are not on this machine.
fn corpus() -> Option<Vec<Case>> {
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
