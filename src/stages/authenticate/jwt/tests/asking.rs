//! A core that meets tokens before it has their keys, and knows them again afterwards.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use tokio::sync::mpsc;

use crate::model::{Reason, Refusal};
use crate::stages::authenticate::{Authenticator, Identified, Looked, Place, Presented, Wanted};

use super::super::{Issuer, KeySet};
use super::maker::{ISSUER, Signer, URL, issuer};

/// How many signatures a core was let check.
type Checked = Rc<Cell<usize>>;

fn core(issuer: &Arc<Issuer>, keeper: Option<mpsc::Sender<Wanted>>) -> (Authenticator, Checked) {
    let checked = Checked::default();
    let count = Rc::clone(&checked);
    let may_verify = Rc::new(move |_| {
        count.set(count.get() + 1);
        Ok(())
    });
    let authenticator = Authenticator::without_credentials(Box::default());
    (authenticator.with_tokens(vec![Arc::clone(issuer)], may_verify, keeper), checked)
}

fn place(url: &str) -> Place {
    Place { audience: url.into(), ..Place::default() }
}

fn headers() -> HeaderMap {
    let claims = format!(r#"{{"iss":"{ISSUER}","sub":"ann","aud":"{URL}","exp":253402300799}}"#);
    let token = Signer::ed().token(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims);
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}

fn at_once(looked: Looked<'_>) -> Result<Identified, Refusal> {
    match looked {
        Looked::Done(done) => done,
        Looked::Asking(_) => panic!("nobody is to be asked"),
    }
}

fn keys(signer: &Signer, issuer: &Issuer) -> KeySet {
    let set = format!(r#"{{"keys":[{}]}}"#, signer.jwk("ed"));
    KeySet::parse(set.as_bytes(), &issuer.expected().algorithms).unwrap()
}

#[tokio::test]
async fn a_token_waits_for_the_key_that_it_is_signed_with() {
    let (issuer, headers, place) = (Arc::new(issuer(&[])), headers(), place(URL));
    let (asks, mut asked) = mpsc::channel(1);
    let (authenticator, checked) = core(&issuer, Some(asks));
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let Looked::Asking(asking) = authenticator.check(&presented, &place) else { panic!("the key is not there yet") };
    let keeping = async {
        let wanted = asked.recv().await.unwrap();
        assert_eq!(wanted.issuer, 0);
        issuer.keep(Some(keys(&Signer::ed(), &issuer)));
        wanted.told.send(()).unwrap();
    };
    let (identified, ()) = tokio::join!(asking, keeping);
    assert_eq!(&*identified.unwrap().principal().caller().subject, "ann");
    at_once(authenticator.check(&presented, &place)).unwrap();
    assert_eq!(checked.get(), 1, "it is known again");
}

#[tokio::test]
async fn a_keeper_that_has_nothing_new_leaves_it_refused() {
    let (issuer, headers, place) = (Arc::new(issuer(&[])), headers(), place(URL));
    let (asks, mut asked) = mpsc::channel(1);
    let (authenticator, checked) = core(&issuer, Some(asks));
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let Looked::Asking(asking) = authenticator.check(&presented, &place) else { panic!("the key is not there yet") };
    let (identified, ()) = tokio::join!(asking, async { drop(asked.recv().await) });
    assert_eq!(identified.unwrap_err().reason, Reason::Unauthenticated);
    assert_eq!(checked.get(), 0, "no signature was checked for it");
}

#[test]
fn an_issuer_without_keys_is_away() {
    let with_keys = issuer(&[Signer::ed().jwk("ed")]);
    let issuer = Arc::new(Issuer::new(with_keys.expected().clone(), None));
    let (headers, place) = (headers(), place(URL));
    let refusal = at_once(
        core(&issuer, None).0.check(&Presented { headers: &headers, address: None, certificate: None }, &place),
    )
    .unwrap_err();
    assert_eq!((refusal.reason, refusal.retryable), (Reason::IdentityUnavailable, true));
}

#[test]
fn what_is_remembered_is_held_against_each_route_and_the_keys_of_today() {
    let (issuer, headers) = (Arc::new(issuer(&[Signer::ed().jwk("ed")])), headers());
    let (authenticator, checked) = core(&issuer, None);
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let check =
        |url: &str| at_once(authenticator.check(&presented, &place(url))).map(drop).map_err(|refusal| refusal.note);
    check("https://gateway.example.com/other").unwrap_err();
    check(URL).unwrap();
    assert_eq!(checked.get(), 1, "the signature was right for both");
    check("https://gateway.example.com/other").unwrap_err();
    issuer.keep(Some(keys(&Signer::ed(), &issuer)));
    check(URL).unwrap();
    issuer.keep(Some(keys(&Signer::stranger(), &issuer)));
    check(URL).unwrap_err();
    issuer.keep(None);
    check(URL).unwrap_err();
}
