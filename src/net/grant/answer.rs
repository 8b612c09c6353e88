//! What an authorization server answers (RFC 6749, 5; RFC 8693, 2.2), read strictly: it is no more trusted than a server.

use std::borrow::Cow;
use std::fmt;

use crate::net::upstream::Field;
use crate::protocol::json::{self, Kind, Span, Value};

/// Deepest nesting.
const DEPTH: u16 = 64;
/// How long a token is kept that does not say it, and longest that any is, in seconds.
const UNSAID: u64 = 300;
const MOST_LIFE: u64 = 24 * 60 * 60;
/// Longest name of an error that is repeated.
const MOST_ERROR: usize = 40;

/// A token as it was given, and for how many seconds.
pub(super) struct Given {
    pub(super) field: Field,
    pub(super) life: u64,
}

/// Why an answer gives no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// No JSON object that can be read in one way only.
    Json,
    /// No `access_token`, or one that no header field takes.
    Token,
    /// It is shown in another way than as `Bearer`.
    Kind,
    /// It has ended already, or says its life in no number.
    Life,
    /// It is what it was to be exchanged for.
    Same,
}

struct Object<'a> {
    text: &'a [u8],
    span: Span,
}

/// Reads the token of an answer; `subject` is what it was exchanged for.
pub(super) fn token(text: &[u8], subject: Option<&str>) -> Result<Given, Flaw> {
    let object = Object::read(text).ok_or(Flaw::Json)?;
    let token = object.text("access_token").filter(|token| !token.is_empty()).ok_or(Flaw::Token)?;
    if subject.is_some_and(|subject| *subject == *token) {
        return Err(Flaw::Same);
    }
    let kind = object.text("token_type").ok_or(Flaw::Kind)?;
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(Flaw::Kind);
    }
    let life = match object.member("expires_in") {
        None => UNSAID,
        Some(value) => seconds(text, value).filter(|life| *life > 0).ok_or(Flaw::Life)?,
    };
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Flaw::Token);
    }
    let field = Field::bearer(&token).ok_or(Flaw::Token)?;
    Ok(Given { field, life: life.min(MOST_LIFE) })
}

/// The name of an error, as far as it is one.
pub(super) fn error(text: &[u8]) -> Option<String> {
    let name = Object::read(text)?.text("error")?.into_owned();
    let plain = name.len() <= MOST_ERROR && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain.then_some(name)
}

/// The token endpoint in the metadata of this issuer (RFC 8414, 3.3).
pub(super) fn endpoint(text: &[u8], issuer: &str) -> Option<String> {
    let object = Object::read(text)?;
    let same = object.text("issuer").is_some_and(|said| *said == *issuer);
    object.text("token_endpoint").filter(|_| same).map(Cow::into_owned)
}

/// A life as a number, or, as some write it, as one in quotes.
fn seconds(text: &[u8], value: Value) -> Option<u64> {
    let number = match value.kind {
        Kind::Number => str::from_utf8(value.raw(text)).ok()?.into(),
        Kind::String => value.text(text)?,
        _ => return None,
    };
    let seconds: f64 = number.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds as u64)
}

impl<'a> Object<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        json::check(text, DEPTH).ok()?;
        let start = text.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let span = Span { start: start as u32, end: text.len() as u32 };
        (text[start] == b'{').then_some(Self { text, span })
    }

    fn member(&self, name: &str) -> Option<Value> {
        json::member(self.text, self.span, name)
    }

    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.member(name)?.text(self.text)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "its answer is no JSON object that can be read in one way only",
            Self::Token => "its answer has no `access_token` that a header takes",
            Self::Kind => "its answer has another `token_type` than Bearer",
            Self::Life => "its answer's `expires_in` is no time to come",
            Self::Same => "it gives back the caller's own token, which is never passed on",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(text: &str) -> Result<u64, Flaw> {
        token(text.as_bytes(), Some("theirs")).map(|given| {
            assert_eq!(given.field.line(), b"authorization: Bearer abc\r\n");
            given.life
        })
    }

    #[test]
    fn a_token_is_a_bearer_token_for_some_time() {
        let with = |more: &str| format!(r#"{{"access_token":"abc","token_type":"bEARER"{more}}}"#);
        for (more, expected) in [
            ("", Ok(300)),
            (r#","expires_in":60"#, Ok(60)),
            (r#","expires_in":"60","scope":"a""#, Ok(60)),
            (r#","expires_in":59.9"#, Ok(59)),
            (r#","expires_in":1e300"#, Ok(MOST_LIFE)),
            (r#","expires_in":0"#, Err(Flaw::Life)),
            (r#","expires_in":-5"#, Err(Flaw::Life)),
            (r#","expires_in":"soon""#, Err(Flaw::Life)),
            (r#","expires_in":"inf""#, Err(Flaw::Life)),
            (r#","expires_in":null"#, Err(Flaw::Life)),
            (r#","access_token":"def""#, Err(Flaw::Json)),
        ] {
            assert_eq!(life(&with(more)), expected, "{more}");
        }
        for (text, flaw) in [
            ("", Flaw::Json),
            ("[]", Flaw::Json),
            ("null", Flaw::Json),
            (r#"{"token_type":"Bearer"}"#, Flaw::Token),
            (r#"{"access_token":"","token_type":"Bearer"}"#, Flaw::Token),
            (r#"{"access_token":["abc"],"token_type":"Bearer"}"#, Flaw::Token),
            (r#"{"access_token":"a\r\nHost: evil","token_type":"Bearer"}"#, Flaw::Token),
            (r#"{"access_token":"a b","token_type":"Bearer"}"#, Flaw::Token),
            (r#"{"access_token":"abc"}"#, Flaw::Kind),
            (r#"{"access_token":"abc","token_type":"DPoP"}"#, Flaw::Kind),
            (r#"{"access_token":"abc","token_type":"N_A"}"#, Flaw::Kind),
            (r#"{"access_token":"theirs","token_type":"Bearer"}"#, Flaw::Same),
        ] {
            assert_eq!(life(text), Err(flaw), "{text}");
        }
    }

    #[test]
    fn errors_are_names_and_metadata_are_the_issuers_own() {
        assert_eq!(error(br#"{"error":"invalid_grant","error_description":"x"}"#).as_deref(), Some("invalid_grant"));
        for none in [r#"{"error":"<b>\n"}"#, r#"{"error":5}"#, "{}", "no"] {
            assert_eq!(error(none.as_bytes()), None, "{none}");
        }
        let metadata = br#"{"issuer":"https://a","token_endpoint":"https://b/token"}"#;
        assert_eq!(endpoint(metadata, "https://a").as_deref(), Some("https://b/token"));
        assert_eq!(endpoint(metadata, "https://a/"), None);
    }
}
