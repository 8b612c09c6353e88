//! A signed token in its compact form (RFC 7515, 7.1): read strictly, and nothing of it believed before its signature.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::model::Algorithm;
use crate::protocol::json::{self, Kind, Span, Value};

use super::flaw::Flaw;
use super::key_set::{Fingerprint, KeySet};

/// Longest token, in bytes.
const MOST_BYTES: usize = 16 * 1024;
/// Longest `kid`, in bytes.
const MOST_ID: usize = 256;
/// Deepest nesting of header and claims.
const DEPTH: u16 = 64;
/// What an access token's `typ` may say, without case (RFC 9068, 2.1; RFC 7519, 5.1); one without `typ` is a plain one.
const KINDS: [&str; 4] = ["jwt", "at+jwt", "application/at+jwt", "application/jwt"];

/// A token in its parts.
#[derive(Debug)]
pub struct Compact<'a> {
    /// What is signed: header and claims as they were sent.
    signed: &'a [u8],
    signature: Vec<u8>,
    payload: Vec<u8>,
    algorithm: Algorithm,
    id: Option<String>,
}

/// An object of a text that has been checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    text: &'a [u8],
    span: Span,
}

impl<'a> Compact<'a> {
    /// Reads the parts and the header. Where that holds keys, or says where some are, nobody looks (RFC 8725, 3.10).
    ///
    /// # Errors
    /// What is wrong with it, of what shows before its issuer is known.
    pub fn read(token: &'a str) -> Result<Self, Flaw> {
        if token.len() > MOST_BYTES {
            return Err(Flaw::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Flaw::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(Flaw::Parts)?;
        if payload.contains('.') || header.is_empty() || signature.is_empty() {
            return Err(Flaw::Parts);
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw::Base64);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let (algorithm, id) = read_header(Object::read(&header)?)?;
        Ok(Self { signed: signed.as_bytes(), signature, payload, algorithm, id })
    }

    /// Whether the token has the form of one: three parts.
    pub fn is_like(token: &str) -> bool {
        // Searched in strides: it is long, and asked of each request.
        memchr::memchr_iter(b'.', token.as_bytes()).count() == 2
    }

    /// What it carries. Believe it once [`Compact::verify`] has passed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// How it says that it is signed: to be held against what is allowed, never to be followed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks that a key of the set is for it; cheap.
    ///
    /// # Errors
    /// `UnknownKey` where the set may be older than the token.
    pub fn has_key(&self, keys: &KeySet) -> Result<(), Flaw> {
        match keys.candidates(self.id.as_deref(), self.algorithm).next() {
            Some(_) => Ok(()),
            None if self.id.as_deref().is_some_and(|id| !keys.knows(id)) => Err(Flaw::UnknownKey),
            None => Err(Flaw::NoKey),
        }
    }

    /// Whether newer keys than these may do where these did not: where there is none of its `kid`, or it names none.
    pub(in crate::stages::authenticate) fn may_be_newer(&self, flaw: Flaw) -> bool {
        match flaw {
            Flaw::UnknownKey => true,
            Flaw::NoKey | Flaw::Signature => self.id.is_none(),
            _ => false,
        }
    }

    /// Checks the signature with the keys that it may be from, and gives the one that it is from.
    ///
    /// # Errors
    /// As [`Compact::has_key`], or that none of them has signed it.
    pub fn verify<'k>(&self, keys: &'k KeySet) -> Result<&'k Fingerprint, Flaw> {
        self.has_key(keys)?;
        let mut candidates = keys.candidates(self.id.as_deref(), self.algorithm);
        let signer = candidates.find(|one| one.key.verify_sig(self.signed, &self.signature).is_ok());
        signer.map(|signer| &signer.fingerprint).ok_or(Flaw::Signature)
    }
}

fn read_header(header: Object<'_>) -> Result<(Algorithm, Option<String>), Flaw> {
    let named = header.member("alg").and_then(|alg| alg.text(header.text));
    let algorithm = named.and_then(|name| Algorithm::of(&name)).ok_or(Flaw::Algorithm)?;
    if header.member("crit").is_some() || header.member("b64").is_some() {
        return Err(Flaw::Critical);
    }
    if let Some(kind) = header.member("typ") {
        let kind = kind.text(header.text).ok_or(Flaw::Kind)?;
        if !KINDS.iter().any(|known| known.eq_ignore_ascii_case(&kind)) {
            return Err(Flaw::Kind);
        }
    }
    let id = match header.member("kid") {
        Some(id) => Some(id.text(header.text).filter(|id| id.len() <= MOST_ID).ok_or(Flaw::KeyId)?.into_owned()),
        None => None,
    };
    Ok((algorithm, id))
}

impl<'a> Object<'a> {
    /// Checks that a text is one object, with no key twice at any depth.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, Flaw> {
        json::check(text, DEPTH).map_err(|_| Flaw::Json)?;
        let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        let span = Span { start: start as u32, end: text.len() as u32 };
        if text.get(start) == Some(&b'{') { Ok(Self { text, span }) } else { Err(Flaw::Json) }
    }

    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }

    pub(super) fn member(&self, name: &str) -> Option<Value> {
        json::member(self.text, self.span, name)
    }

    /// The member of that name; where there is none, dots walk into objects.
    pub(super) fn walk(&self, path: &str) -> Option<Value> {
        if let Some(value) = self.member(path) {
            return Some(value);
        }
        let (first, rest) = path.split_once('.')?;
        let inner = self.member(first).filter(|inner| inner.kind == Kind::Object)?;
        Object { text: self.text, span: inner.span }.walk(rest)
    }
}
