//! The issuers whose keys are fetched, and the one that is asked about tokens: whether they are there, and what they have.

use std::sync::Arc;

use crate::config::{Introspection, Jwks, Jwt, Settings};
use crate::daemon::credentials::introspection::{Question, Trouble};
use crate::daemon::credentials::source::{self, Source};
use crate::daemon::credentials::warnings;
use crate::daemon::fetching;
use crate::net::fetch::Fetcher;

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
            Err(trouble) => Finding { verdict: verdict(trouble.word()), ..failed(&subject, &trouble) },
        });
    }
    if let Some(asked) = &settings.auth.introspection {
        findings.push(introspection(asked, Arc::new(fetcher)).await);
    }
    findings
}

/// Asks about a token that nobody has given out.
async fn introspection(settings: &Introspection, fetcher: Arc<Fetcher>) -> Finding {
    let subject = format!("introspection {}", settings.issuer);
    let question = match Question::build(settings, &fetcher) {
        Ok(question) => question,
        Err(error) => return Finding::fail(subject, format!("{error:#}"), "put our secret there"),
    };
    match question.ask("weir-doctor").await {
        Ok(_) => Finding::ok(subject, "it answers, and takes `client`"),
        Err(Trouble { why, word }) => {
            let advice = "until it answers, opaque tokens are answered 503";
            Finding { verdict: verdict(word), ..Finding::fail(subject, why, advice) }
        }
    }
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

fn failed(subject: &str, trouble: &source::Trouble) -> Finding {
    Finding::fail(subject, trouble.to_string(), advice(trouble))
}

fn verdict(word: &str) -> Verdict {
    match word {
        "unreachable" | "slow" => Verdict::OutOfReach,
        _ => Verdict::Fail,
    }
}

fn advice(trouble: &source::Trouble) -> &'static str {
    use source::Trouble;
    match trouble {
        Trouble::Fetch(_) => "until it can be fetched, tokens of this issuer are answered 503",
        Trouble::Metadata(..) => "write `issuer` as its metadata have it, or say where its keys are: `jwks`",
        Trouble::Keys(..) => "say where its keys are: `jwks`",
    }
}
