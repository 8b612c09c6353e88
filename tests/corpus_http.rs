//! The requests of aws/http-desync-guardian: what is severe or ambiguous never passes, what is compliant is understood.

use std::{fs, path::PathBuf};

use weir::net::guard::{Framing, Head, HeadLimits, Part, Phase, Reader, Refused};

#[path = "../src/net/guard/tests/behind.rs"]
mod behind;
#[path = "fuzz/checks/guard.rs"]
mod check;
#[path = "corpora/http_desync.rs"]
mod http_desync;
#[path = "../src/net/guard/tests/transcript.rs"]
mod transcript;

use http_desync::{Case, corpus};
use transcript::{Request, Transcript};

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
        for connection in case.connections("a", NEXT) {
            holds(case, &connection);
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

/// True if the case's transfer coding is more than one plain `chunked`.
fn has_other_coding(case: &Case) -> bool {
    case.values("Transfer-Encoding").any(|coding| !coding.eq_ignore_ascii_case("chunked"))
}

fn holds(case: &Case, connection: &[u8]) {
    let transcript = Transcript::of([connection], HeadLimits::default());
    let verdict = transcript.refused.map_or(Ok(()), Err);
    let requests = &*transcript.requests;
    let is_exception = EXCEPTIONS.iter().any(|(name, _)| *name == case.name);
    let context = || format!("{}: {} {verdict:?}", case.name, connection[..connection.len().min(900)].escape_ascii());
    match (&*case.tier, verdict) {
        ("Severe" | "Ambiguous", verdict) => assert!(verdict.is_err(), "{}", context()),
        ("Acceptable", Ok(())) => is_one_request(case, connection, requests),
        ("Acceptable", Err(_)) => {}
        (_, verdict) if is_exception => assert!(verdict.is_err(), "{} is no exception any more", context()),
        (_, Err(Refused { why, .. })) => {
            assert!(has_other_coding(case) && why.contains("transfer coding"), "{}", context());
        }
        (_, Ok(())) => is_one_request(case, connection, requests),
    }
    if let Some((status, _)) = transcript.verdict() {
        assert_eq!((status, requests.len()), (400, 0), "{}", context());
    }
}

/// One request, framed as the case says, then the next; and hyper reads just that.
fn is_one_request(case: &Case, connection: &[u8], requests: &[Request]) {
    assert_eq!(
        requests.iter().map(|request| request.framing).collect::<Vec<_>>(),
        [case.framing(), Framing::None],
        "{}",
        case.name
    );
    assert_eq!(requests[0].content(), Some(&*case.content()), "{}", case.name);
    assert_eq!(requests[1].uri, "/next", "{}", case.name);
    let served = behind::serve([connection], HeadLimits::default());
    assert_eq!(served.len(), 2, "{}", case.name);
    for (served, request) in served.iter().zip(requests) {
        assert!(served.agrees(request) && !served.is_last(), "{}", case.name);
    }
}
