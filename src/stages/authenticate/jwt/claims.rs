//! What a token claims (RFC 7519, 4.1; RFC 9068, 2.2), held against what is expected.

use crate::model::{Caller, Principal};
use crate::protocol::json::{self, Kind, Value};

use super::compact::Object;
use super::flaw::Flaw;
use super::issuer::Expected;

/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: u64 = 30;
/// The end of the year 9999: what lies behind it was counted in milliseconds, or made up.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// Longest name of a caller, in bytes.
const MOST_SUBJECT: usize = 512;
/// Claims of ID tokens (OpenID Connect Core, 3.1.3.6) and of events (RFC 8417), which their receivers must not take for
/// access tokens, nor we.
const OF_OTHERS: [&str; 3] = ["at_hash", "c_hash", "events"];

/// A token that is what it says.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whom it names.
    pub principal: Principal,
    /// Whom it is meant for.
    pub audience: Box<[Box<str>]>,
    /// Its `exp`: until then it may be remembered.
    pub until: u64,
}

/// Who says that they have issued it; to be believed by nobody yet.
pub(in crate::stages::authenticate) fn issuer(payload: &[u8]) -> Result<String, Flaw> {
    let claims = Object::read(payload)?;
    let issuer = claims.member("iss").and_then(|issuer| issuer.text(payload).map(Into::into));
    issuer.ok_or(Flaw::Issuer)
}

/// Reads the claims of a token whose signature is right, at `now`, in seconds since 1970. The audience is left to the
/// caller, as it depends on the route.
pub(super) fn read(payload: &[u8], expected: &Expected, now: u64) -> Result<Verified, Flaw> {
    let claims = Object::read(payload)?;
    if OF_OTHERS.iter().any(|name| claims.member(name).is_some()) {
        return Err(Flaw::OtherToken);
    }
    if claims.member("cnf").is_some() {
        return Err(Flaw::Bound);
    }
    granted(claims, expected, times(claims, now)?.ok_or(Flaw::Endless)?)
}

/// Whom it names, and what that one may; it counts until then.
fn granted(claims: Object<'_>, expected: &Expected, until: u64) -> Result<Verified, Flaw> {
    let payload = claims.text();
    let subject =
        claims.walk(&expected.principal_claim).and_then(|subject| subject.text(payload)).ok_or(Flaw::Subject)?;
    if subject.is_empty() || subject.len() > MOST_SUBJECT || subject.contains(char::is_control) {
        return Err(Flaw::Subject);
    }
    let roles = claims.walk(&expected.roles_claim).map_or(Ok(Vec::new()), |roles| listed(payload, roles, false))?;
    let mut scopes = Vec::new();
    for name in ["scope", "scp"] {
        if let Some(value) = claims.member(name) {
            scopes.extend(listed(payload, value, true)?);
        }
    }
    scopes.dedup();
    let audience = claims.member("aud").ok_or(Flaw::Audience)?;
    let audience = listed(payload, audience, false).map_err(|_| Flaw::Audience)?;
    let principal = Principal::new(Caller {
        means: expected.means,
        issuer: expected.issuer.clone(),
        subject: subject.into(),
        roles: roles.into(),
        scopes: scopes.into(),
    });
    Ok(Verified { principal, audience: audience.into(), until })
}

/// Reads what an issuer has said of a token that it was asked about (RFC 7662, 2.2), which counts for `life` at most. The
/// outer error is one of the answer: it says nothing of the token.
pub(in crate::stages::authenticate) fn said(
    text: &[u8],
    expected: &Expected,
    now: u64,
    life: u64,
) -> Result<Result<Verified, Flaw>, Flaw> {
    let claims = Object::read(text)?;
    let active = claims.member("active").ok_or(Flaw::Json)?;
    match active.kind {
        Kind::True => Ok(active_token(claims, expected, now, life)),
        Kind::False => Ok(Err(Flaw::Inactive)),
        _ => Err(Flaw::Json),
    }
}

fn active_token(claims: Object<'_>, expected: &Expected, now: u64, life: u64) -> Result<Verified, Flaw> {
    let text = claims.text();
    if claims.member("iss").is_some_and(|issuer| !issuer.is(text, &expected.issuer)) {
        return Err(Flaw::Issuer);
    }
    // What is bound to a key, or no access token at all, is active as well.
    let is_bearer = |kind: Value| kind.text(text).is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    if claims.member("token_type").is_some_and(|kind| !is_bearer(kind)) {
        return Err(Flaw::Kind);
    }
    if claims.member("cnf").is_some() {
        return Err(Flaw::Bound);
    }
    let end = times(claims, now)?;
    let counts = now.saturating_add(life);
    granted(claims, expected, end.map_or(counts, |end| end.min(counts)))
}

/// Checks when it is valid, and gives its end, where it has one.
fn times(claims: Object<'_>, now: u64) -> Result<Option<u64>, Flaw> {
    let [exp, nbf, iat] = ["exp", "nbf", "iat"].map(|name| claims.member(name).map(|value| time(claims, value)));
    let (nbf, iat) = (nbf.transpose()?, iat.transpose()?);
    let until = exp.transpose()?;
    if until.is_some_and(|until| until.saturating_add(LEEWAY) <= now) {
        return Err(Flaw::Expired);
    }
    if nbf.is_some_and(|from| from > now + LEEWAY) {
        return Err(Flaw::NotYet);
    }
    if iat.is_some_and(|at| at > now + LEEWAY) {
        return Err(Flaw::FromTheFuture);
    }
    Ok(until)
}

/// Seconds since 1970, parts of them left out; those before 1970 are none at all.
fn time(claims: Object<'_>, value: Value) -> Result<u64, Flaw> {
    if value.kind != Kind::Number {
        return Err(Flaw::Time);
    }
    let text = std::str::from_utf8(value.raw(claims.text())).map_err(|_| Flaw::Time)?;
    let seconds: f64 = text.parse().map_err(|_| Flaw::Time)?;
    if (0.0..=LAST_SECOND).contains(&seconds) { Ok(seconds as u64) } else { Err(Flaw::Time) }
}

/// The texts of a list, or the one text, which may hold several with spaces between them.
fn listed(text: &[u8], value: Value, spaced: bool) -> Result<Vec<Box<str>>, Flaw> {
    let one = |value: Value| value.text(text).filter(|text| !text.is_empty()).map(Box::from).ok_or(Flaw::Granted);
    match value.kind {
        Kind::String if spaced => {
            let whole = value.text(text).ok_or(Flaw::Granted)?;
            Ok(whole.split(' ').filter(|word| !word.is_empty()).map(Box::from).collect())
        }
        Kind::String => Ok(vec![one(value)?]),
        Kind::Array => json::elements(text, value.span).map(one).collect(),
        _ => Err(Flaw::Granted),
    }
}
