//! The issuers whose keys are fetched: whether they are there, and what they have.

use crate::config::{Jwks, Jwt, Settings};
use crate::daemon::credentials::{Source, Trouble, warnings};
use crate::daemon::fetching;

use super::finding::{Finding, Verdict};

/// Asks each of them once.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    if !settings.auth.is_fetched() {
        return Vec::new();
    }
    let fetcher = match fetching::fetcher(&settings.fetch) {
        Ok(fetcher) => fetcher,
        Err(error) => return vec![Finding::fail("issuers", format!("{error:#}"), "name a PEM file of authorities")],
    };
    let mut findings = Vec::new();
    for issuer in settings.auth.jwt.iter().filter(|issuer| !matches!(issuer.jwks, Jwks::File(_))) {
        let subject = format!("issuer {}", issuer.issuer);
        findings.push(match Source::of(issuer).fetch(&fetcher).await {
            Ok(fetched) => found(issuer, &subject, fetched.keys.len(), warnings(issuer, &fetched.keys)),
            Err(trouble) => Finding { verdict: verdict(&trouble), ..failed(&subject, &trouble) },
        });
    }
    findings
}

fn found(issuer: &Jwt, subject: &str, keys: usize, warnings: Vec<String>) -> Finding {
    let finding = match keys {
        1 => "1 key for its tokens".to_owned(),
        _ => format!("{keys} keys for its tokens"),
    };
    if keys > 0 {
        return Finding::ok(subject, finding);
    }
    let names: Vec<_> = issuer.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    let advice = format!("compare `algorithms` ({}) with what the issuer signs with", names.join(", "));
    Finding::fail(subject, warnings.join("; "), advice)
}

fn failed(subject: &str, trouble: &Trouble) -> Finding {
    Finding::fail(subject, trouble.to_string(), advice(trouble))
}

fn verdict(trouble: &Trouble) -> Verdict {
    match trouble.word() {
        "unreachable" | "slow" => Verdict::OutOfReach,
        _ => Verdict::Fail,
    }
}

fn advice(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Fetch(_) => "until it can be fetched, tokens of this issuer are answered 503",
        Trouble::Metadata(..) => "write `issuer` as its metadata have it, or say where its keys are: `jwks`",
        Trouble::Keys(..) => "say where its keys are: `jwks`",
    }
}
