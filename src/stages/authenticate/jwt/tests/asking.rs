//! A core that meets tokens before it has their keys, and knows them again afterwards.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use tokio::sync::mpsc;

use crate::model::{Reason, Refusal};
use crate::stages::authenticate::{Authenticator, Identified, Looked, Memory, Place, Presented};

use super::super::{Issuer, KeySet, Wanted};
use super::maker::{ISSUER, Signer, URL, issuer};

/// How many signatures a core was let check.
type Checked = Rc<Cell<usize>>;

fn core(issuer: &Arc<Issuer>, memory: &Memory) -> (Authenticator, Checked) {
    let checked = Checked::default();
    let count = Rc::clone(&checked);
    let may_verify = Rc::new(move |_| {
        count.set(count.get() + 1);
        Ok(())
    });
    let authenticator = Authenticator::without_credentials(Box::default());
    (authenticator.with_tokens(vec![Arc::clone(issuer)], None, memory.clone(), may_verify), checked)
}

fn place(url: &str) -> Place {
    Place { audience: url.into(), ..Place::default() }
}

fn headers() -> HeaderMap {
    bearer(r#"{"alg":"EdDSA","kid":"ed"}"#)
}

fn bearer(header: &str) -> HeaderMap {
    let claims = format!(r#"{{"iss":"{ISSUER}","sub":"ann","aud":"{URL}","exp":253402300799}}"#);
    let token = Signer::ed().token(header, &claims);
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}

fn at_once(looked: Looked<'_>) -> Result<Identified, Refusal> {
    match looked {
        Looked::Done(done) => done,
        Looked::Asking(_) => panic!("nobody is to be asked"),
    }
}

fn keys(signers: &[Signer], issuer: &Issuer) -> Option<Arc<KeySet>> {
    let listed: Vec<_> = signers.iter().enumerate().map(|(at, signer)| signer.jwk(["ed", "other"][at])).collect();
    let set = format!(r#"{{"keys":[{}]}}"#, listed.join(","));
    Some(Arc::new(KeySet::parse(set.as_bytes(), &issuer.expected().algorithms).unwrap()))
}

/// An issuer with no key for these tokens, and its keeper's end.
fn kept() -> (Arc<Issuer>, mpsc::Receiver<Wanted>) {
    let (asks, asked) = mpsc::channel(1);
    (Arc::new(issuer(&[]).kept_by(asks)), asked)
}

#[tokio::test]
async fn a_token_waits_for_the_key_that_it_is_signed_with() {
    let ((issuer, mut asked), headers, place) = (kept(), headers(), place(URL));
    let (authenticator, checked) = core(&issuer, &Memory::new());
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let Looked::Asking(asking) = authenticator.check(&presented, &place) else { panic!("the key is not there yet") };
    let keeping = async {
        let wanted = asked.recv().await.unwrap();
        issuer.keep(keys(&[Signer::ed()], &issuer));
        drop(wanted);
    };
    let (identified, ()) = tokio::join!(asking, keeping);
    assert_eq!(&*identified.unwrap().principal().caller().subject, "ann");
    at_once(authenticator.check(&presented, &place)).unwrap();
    assert_eq!(checked.get(), 1, "it is counted once, and known again");
}

#[tokio::test]
async fn whoever_asks_says_what_they_have_looked_at() {
    let ((issuer, mut asked), headers, place) = (kept(), headers(), place(URL));
    let (authenticator, _) = core(&issuer, &Memory::new());
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let Looked::Asking(asking) = authenticator.check(&presented, &place) else { panic!("the key is not there yet") };
    let keeping = async {
        let wanted = asked.recv().await.unwrap();
        assert!(!wanted.is_behind(issuer.keys().as_deref()));
        issuer.keep(keys(&[Signer::stranger()], &issuer));
        assert!(wanted.is_behind(issuer.keys().as_deref()), "there is another set by now");
        issuer.keep(None);
        assert!(wanted.is_behind(issuer.keys().as_deref()), "or none");
    };
    let (identified, ()) = tokio::join!(asking, keeping);
    identified.unwrap_err();
}

#[tokio::test]
async fn a_keeper_that_has_nothing_new_leaves_it_refused() {
    let ((issuer, mut asked), headers, place) = (kept(), headers(), place(URL));
    let (authenticator, checked) = core(&issuer, &Memory::new());
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let Looked::Asking(asking) = authenticator.check(&presented, &place) else { panic!("the key is not there yet") };
    let (identified, ()) = tokio::join!(asking, async { drop(asked.recv().await) });
    assert_eq!(identified.unwrap_err().reason, Reason::Unauthenticated);
    assert_eq!(checked.get(), 1, "who waits is counted");
}

#[tokio::test]
async fn whoever_has_used_up_their_bound_keeps_no_keeper_busy() {
    let ((issuer, mut asked), headers, place) = (kept(), headers(), place(URL));
    let may_verify = Rc::new(|_| Err(Refusal::new(Reason::RateLimited, "too many")));
    let authenticator = Authenticator::without_credentials(Box::default());
    let authenticator = authenticator.with_tokens(vec![Arc::clone(&issuer)], None, Memory::new(), may_verify);
    let refusal =
        at_once(authenticator.check(&Presented { headers: &headers, address: None, certificate: None }, &place))
            .unwrap_err();
    assert_eq!(refusal.reason, Reason::RateLimited);
    assert!(asked.try_recv().is_err(), "nobody is asked");
}

#[tokio::test]
async fn a_token_that_names_no_key_may_be_signed_with_a_newer_one() {
    let ((issuer, mut asked), place) = (kept(), place(URL));
    let headers = bearer(r#"{"alg":"EdDSA"}"#);
    let (authenticator, checked) = core(&issuer, &Memory::new());
    let presented = Presented { headers: &headers, address: None, certificate: None };
    for (before, after) in [(vec![], vec![Signer::stranger()]), (vec![Signer::stranger()], vec![Signer::ed()])] {
        issuer.keep(keys(&before, &issuer));
        let Looked::Asking(asking) = authenticator.check(&presented, &place) else { panic!("it may be newer") };
        let keeping = async {
            let wanted = asked.recv().await.unwrap();
            issuer.keep(keys(&after, &issuer));
            drop(wanted);
        };
        let (identified, ()) = tokio::join!(asking, keeping);
        let is_signer = after.iter().any(|signer| signer.jwk("") == Signer::ed().jwk(""));
        assert_eq!(identified.is_ok(), is_signer);
    }
    assert_eq!(checked.get(), 2, "each time it was counted once");
    let named = bearer(r#"{"alg":"EdDSA","kid":"ed"}"#);
    issuer.keep(keys(&[Signer::stranger()], &issuer));
    at_once(authenticator.check(&Presented { headers: &named, address: None, certificate: None }, &place)).unwrap_err();
}

#[test]
fn an_issuer_without_keys_is_away() {
    let with_keys = issuer(&[Signer::ed().jwk("ed")]);
    let issuer = Arc::new(Issuer::new(with_keys.expected().clone(), None));
    let (headers, place) = (headers(), place(URL));
    let (authenticator, _) = core(&issuer, &Memory::new());
    let refusal =
        at_once(authenticator.check(&Presented { headers: &headers, address: None, certificate: None }, &place))
            .unwrap_err();
    assert_eq!((refusal.reason, refusal.retryable), (Reason::IdentityUnavailable, true));
}

#[test]
fn what_is_remembered_is_held_against_each_route_and_the_keys_of_today() {
    let (issuer, headers) = (Arc::new(issuer(&[Signer::ed().jwk("ed")])), headers());
    let (authenticator, checked) = core(&issuer, &Memory::new());
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let check =
        |url: &str| at_once(authenticator.check(&presented, &place(url))).map(drop).map_err(|refusal| refusal.note);
    check("https://gateway.example.com/other").unwrap_err();
    check(URL).unwrap();
    assert_eq!(checked.get(), 1, "the signature was right for both");
    check("https://gateway.example.com/other").unwrap_err();
    for with_others in [&[Signer::ed(), Signer::stranger()][..], &[Signer::ed()]] {
        issuer.keep(keys(with_others, &issuer));
        check(URL).unwrap();
        assert_eq!(checked.get(), 1, "its own key is still there");
    }
    issuer.keep(keys(&[Signer::stranger()], &issuer));
    check(URL).unwrap_err();
    issuer.keep(keys(&[Signer::ed()], &issuer));
    check(URL).unwrap();
    issuer.keep(None);
    check(URL).unwrap_err();
}

#[test]
fn a_reload_leaves_what_stands_on_an_issuer_that_it_leaves() {
    let (issuer, headers, place) = (Arc::new(issuer(&[Signer::ed().jwk("ed")])), headers(), place(URL));
    let (presented, memory) = (Presented { headers: &headers, address: None, certificate: None }, Memory::new());
    at_once(core(&issuer, &memory).0.check(&presented, &place)).unwrap();
    let (again, checked) = core(&issuer, &memory);
    at_once(again.check(&presented, &place)).unwrap();
    assert_eq!(checked.get(), 0, "it is known from before");
    let anew = Arc::new(Issuer::new(issuer.expected().clone(), issuer.keys().clone()));
    let (other, checked) = core(&anew, &memory);
    at_once(other.check(&presented, &place)).unwrap();
    assert_eq!(checked.get(), 1, "another issuer is another one");
}
