//! What an issuer says of a token, and how long that counts.

use std::cell::Cell;
use std::rc::Rc;

use http::{HeaderMap, HeaderValue, header};

use crate::model::{Means, Reason};
use crate::stages::authenticate::Authenticator;

use super::*;

const ISSUER: &str = "https://id.example.com/";
const URL: &str = "https://gateway.example.com/mcp";
const NOW: u64 = 1_800_000_000;

fn expected() -> Expected {
    Expected {
        issuer: ISSUER.into(),
        audience: None,
        algorithms: Box::default(),
        principal_claim: "sub".into(),
        roles_claim: "roles".into(),
        means: Means::Opaque,
    }
}

/// A core, who is asked by it, and how many questions its callers had counted.
struct Core {
    authenticator: Authenticator,
    asked: mpsc::Receiver<Asked>,
    counted: Rc<Cell<usize>>,
}

impl Core {
    fn new(life: Duration) -> Self {
        let (asks, asked) = mpsc::channel(1);
        let oracle = Arc::new(Oracle::new(expected(), life, asks));
        let counted: Rc<Cell<usize>> = Rc::default();
        let count = Rc::clone(&counted);
        let may_verify = Rc::new(move |_| {
            count.set(count.get() + 1);
            Ok(())
        });
        let authenticator = Authenticator::without_credentials(Box::default());
        let authenticator = authenticator.with_tokens(Vec::new(), Some(oracle), Memory::new(), may_verify);
        Self { authenticator, asked, counted }
    }

    /// What a token comes to at a route; `says` is what the issuer says, if it is asked.
    async fn check(&mut self, token: &str, url: &str, says: Option<&str>) -> Result<String, Refusal> {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        let place = Place { audience: url.into(), ..Place::default() };
        let presented = Presented { headers: &headers, address: None };
        let identified = match self.authenticator.check(&presented, &place) {
            Looked::Done(done) => done,
            Looked::Asking(asking) => {
                let says = says.expect("nobody is to be asked").to_owned();
                let answering = async {
                    let Asked { token: shown, told } = self.asked.recv().await.unwrap();
                    assert_eq!(&*shown, token);
                    if !says.is_empty() {
                        told.send(says.into()).unwrap();
                    }
                };
                tokio::join!(asking, answering).0
            }
        };
        identified.map(|identified| identified.principal().caller().subject.to_string())
    }
}

fn active(more: &str) -> String {
    format!(r#"{{"active":true,"sub":"ann","aud":["{URL}","other"]{more}}}"#)
}

#[tokio::test]
async fn an_answer_counts_for_a_while_and_for_each_route_by_itself() {
    let mut core = Core::new(Duration::from_secs(60));
    assert_eq!(core.check("opaque", URL, Some(&active(""))).await.unwrap(), "ann");
    assert_eq!(core.check("opaque", URL, None).await.unwrap(), "ann");
    let elsewhere = core.check("opaque", "https://gateway.example.com/files/mcp", None).await.unwrap_err();
    assert_eq!((elsewhere.reason, elsewhere.note), (Reason::Unauthenticated, Some(Flaw::Audience.note())));
    assert_eq!(core.counted.get(), 1);
    core.check("another", URL, Some(r#"{"active":false}"#)).await.unwrap_err();
    let again = core.check("another", URL, None).await.unwrap_err();
    assert_eq!((again.reason, again.note), (Reason::Unauthenticated, Some(Flaw::Inactive.note())));
    assert_eq!(core.counted.get(), 2, "what does not count is remembered, too");
}

#[tokio::test]
async fn without_a_life_it_is_asked_each_time() {
    let mut core = Core::new(Duration::ZERO);
    for _ in 0..3 {
        core.check("opaque", URL, Some(&active(""))).await.unwrap();
    }
    assert_eq!(core.counted.get(), 3);
}

#[tokio::test]
async fn no_answer_is_no_verdict() {
    let mut core = Core::new(Duration::from_secs(60));
    let none = core.check("opaque", URL, Some("")).await.unwrap_err();
    assert_eq!((none.reason, none.retryable), (Reason::IdentityUnavailable, true));
    for text in ["{}", "[]", "<html>", r#"{"active":"true"}"#, r#"{"active":true,"active":false}"#, "\u{feff}{}"] {
        let refusal = core.check("opaque", URL, Some(text)).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::IdentityUnavailable, "{text}");
    }
    core.check("opaque", URL, Some(&active(""))).await.unwrap();
    let long = core.check(&"x".repeat(MOST_BYTES + 1), URL, None).await.unwrap_err();
    assert_eq!(long.note, Some(Flaw::TooLong.note()));
}

#[test]
fn what_is_said_is_held_against_what_is_expected() {
    let said = |text: &str| said(text.as_bytes(), &expected(), NOW, 60).unwrap();
    let good = said(&active(r#","iss":"https://id.example.com/","token_type":"bearer","scope":"a b","client_id":"c""#));
    let good = good.unwrap();
    assert_eq!(good.until, NOW + 60);
    let caller = good.principal.caller();
    assert_eq!((&*caller.issuer, caller.means, caller.scopes.len()), (ISSUER, Means::Opaque, 2));
    let brief = said(&active(&format!(r#","exp":{}"#, NOW + 5))).unwrap();
    assert_eq!(brief.until, NOW + 5, "never past its end");
    assert_eq!(said(&active(&format!(r#","exp":{}"#, NOW + 500))).unwrap().until, NOW + 60);
    for (more, flaw) in [
        (r#","iss":"https://evil.example.com/""#, Flaw::Issuer),
        (r#","iss":["https://id.example.com/"]"#, Flaw::Issuer),
        (r#","token_type":"DPoP""#, Flaw::Kind),
        (r#","token_type":"refresh_token""#, Flaw::Kind),
        (r#","cnf":{"jkt":"x"}"#, Flaw::Bound),
        (r#","exp":1"#, Flaw::Expired),
        (r#","exp":"soon""#, Flaw::Time),
        (r#","nbf":1900000000"#, Flaw::NotYet),
        (r#","iat":1900000000"#, Flaw::FromTheFuture),
        (r#","scope":1"#, Flaw::Granted),
    ] {
        assert_eq!(said(&active(more)).unwrap_err(), flaw, "{more}");
    }
    for (text, flaw) in [
        (r#"{"active":false,"sub":"ann","aud":"https://gateway.example.com/mcp"}"#, Flaw::Inactive),
        (r#"{"active":true,"aud":"https://gateway.example.com/mcp","client_id":"c"}"#, Flaw::Subject),
        (r#"{"active":true,"sub":"ann"}"#, Flaw::Audience),
    ] {
        assert_eq!(said(text).unwrap_err(), flaw, "{text}");
    }
}

#[test]
fn denials_are_one_issuers_and_end() {
    let (mut denied, one) = (Denied::new(), Arc::new(Oracle::new(expected(), Duration::ZERO, mpsc::channel(1).0)));
    denied.by(Some(&one));
    denied.put("a", 10);
    assert!(denied.has("a", 9) && !denied.has("a", 10) && !denied.has("b", 9));
    denied.by(Some(&one));
    assert!(denied.has("a", 9));
    denied.by(Some(&Arc::new(Oracle::new(expected(), Duration::ZERO, mpsc::channel(1).0))));
    assert!(!denied.has("a", 9));
}
