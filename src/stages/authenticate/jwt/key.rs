//! One JSON Web Key (RFC 7517, 4; RFC 7518, 6; RFC 8037, 2): what it can verify, or why nothing.

use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents, VerificationAlgorithm};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::model::Algorithm;
use crate::protocol::json::{self, Span, Value};

use super::key_set::Verifier;
use super::roca;

/// Sizes of RSA moduli, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Largest public exponent, which bounds what a verification costs.
const MOST_EXPONENT: u64 = (1 << 33) - 1;
/// Longest `kid`, in bytes.
const MOST_ID: usize = 256;
/// Members that only private or symmetric keys have.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// `kty` is absent or of no kind that is verified with.
    Type,
    /// A symmetric key: whoever verifies with it could sign.
    Symmetric,
    /// The private half is there, so that everybody who reads the set could sign.
    Private,
    /// `use` or `key_ops` says that it is for something else.
    Purpose,
    /// `alg` is not one of those that are configured, or does not fit the kind of key; or none fits it.
    Algorithm,
    /// `kid` is no text, or a long one.
    Id,
    /// A curve that is not verified with, or one that does not fit the kind of key.
    Curve,
    /// A number or a point is absent, malformed, or not where it has to be.
    Numbers,
    /// An RSA modulus of fewer than 2048 bits or more than 8192.
    Size,
    /// An RSA exponent that is even, smaller than 3, or larger than 33 bits.
    Exponent,
    /// An RSA modulus as a broken generator made them (CVE-2017-15361).
    Roca,
    /// Another key has the same `kid`.
    Repeated,
}

/// A JWK of a text that has been checked.
#[derive(Clone, Copy)]
struct Jwk<'a> {
    text: &'a [u8],
    span: Span,
}

/// Reads the key at `span`, for each of the algorithms that it fits.
pub(super) fn read(text: &[u8], span: Span, algorithms: &[Algorithm]) -> Result<Vec<Verifier>, Unusable> {
    let jwk = Jwk { text, span };
    let kind = jwk.text("kty").ok_or(Unusable::Type)?;
    if kind == "oct" {
        return Err(Unusable::Symmetric);
    }
    if PRIVATE.iter().any(|name| jwk.member(name).is_some()) {
        return Err(Unusable::Private);
    }
    jwk.is_for_signatures()?;
    let id = match jwk.member("kid") {
        Some(_) => Some(jwk.text("kid").filter(|id| id.len() <= MOST_ID).ok_or(Unusable::Id)?.into()),
        None => None,
    };
    let fits = jwk.algorithms(&kind, algorithms)?;
    let verifier = |algorithm| Ok(Verifier::new(Option::clone(&id), algorithm, jwk.parse(algorithm)?));
    fits.into_iter().map(verifier).collect()
}

/// What a key is called in messages: its `kid`, or its place in the list, counted from 1.
pub(super) fn name(text: &[u8], span: Span, at: usize) -> String {
    match (Jwk { text, span }).text("kid").filter(|id| id.len() <= MOST_ID) {
        Some(id) => id,
        None => format!("key {}", at + 1),
    }
}

impl Jwk<'_> {
    fn member(&self, name: &str) -> Option<Value> {
        json::member(self.text, self.span, name)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.member(name)?.text(self.text).map(Into::into)
    }

    /// The octets of a Base64url member: no padding, no bits left over.
    fn octets(&self, name: &str) -> Result<Vec<u8>, Unusable> {
        let text = self.text(name).ok_or(Unusable::Numbers)?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable::Numbers)
    }

    /// Whether `use` (RFC 7517, 4.2) and `key_ops` (4.3) let signatures be verified.
    fn is_for_signatures(&self) -> Result<(), Unusable> {
        if self.member("use").is_some_and(|purpose| !purpose.is(self.text, "sig")) {
            return Err(Unusable::Purpose);
        }
        match self.member("key_ops") {
            Some(listed) if !json::elements(self.text, listed.span).any(|one| one.is(self.text, "verify")) => {
                Err(Unusable::Purpose)
            }
            _ => Ok(()),
        }
    }

    /// Those of `allowed` that fit the kind of key, its curve and its `alg` (4.4).
    fn algorithms(&self, kind: &str, allowed: &[Algorithm]) -> Result<Vec<Algorithm>, Unusable> {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let curve = || self.text("crv").ok_or(Unusable::Curve);
        let fitting: &[Algorithm] = match kind {
            "RSA" => &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
            "EC" => match curve()?.as_str() {
                "P-256" => &[Es256],
                "P-384" => &[Es384],
                _ => return Err(Unusable::Curve),
            },
            "OKP" => match curve()?.as_str() {
                "Ed25519" => &[EdDsa],
                _ => return Err(Unusable::Curve),
            },
            _ => return Err(Unusable::Type),
        };
        let said = match self.member("alg") {
            Some(_) => Some(self.text("alg").as_deref().and_then(Algorithm::of).ok_or(Unusable::Algorithm)?),
            None => None,
        };
        let fits = |one: &Algorithm| allowed.contains(one) && said.is_none_or(|said| said == *one);
        let fitting: Vec<_> = fitting.iter().copied().filter(fits).collect();
        if fitting.is_empty() { Err(Unusable::Algorithm) } else { Ok(fitting) }
    }

    fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, Unusable> {
        match algorithm {
            Algorithm::Rs256 => self.rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => self.rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => self.rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => self.rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => self.rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => self.rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::Es256 => self.ec(&signature::ECDSA_P256_SHA256_FIXED, 32),
            Algorithm::Es384 => self.ec(&signature::ECDSA_P384_SHA384_FIXED, 48),
            Algorithm::EdDsa => {
                let point = self.octets("x")?;
                if point.len() == 32 { parsed(&signature::ED25519, &point) } else { Err(Unusable::Numbers) }
            }
        }
    }

    /// RFC 7518, 6.3.1: the numbers without leading zero octets.
    fn rsa(&self, parameters: &'static signature::RsaParameters) -> Result<ParsedPublicKey, Unusable> {
        let (n, e) = (self.octets("n")?, self.octets("e")?);
        let (Some(first), Some(1..), true) = (n.first(), e.first(), n.last().is_some_and(|last| last % 2 == 1)) else {
            return Err(Unusable::Numbers);
        };
        if *first == 0 {
            return Err(Unusable::Numbers);
        }
        if !RSA_BITS.contains(&(n.len() * 8 - first.leading_zeros() as usize)) {
            return Err(Unusable::Size);
        }
        let exponent = if e.len() <= 8 { e.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) } else { 0 };
        if !(3..=MOST_EXPONENT).contains(&exponent) || exponent % 2 == 0 {
            return Err(Unusable::Exponent);
        }
        if roca::is_suspect(&n) {
            return Err(Unusable::Roca);
        }
        let components = RsaPublicKeyComponents { n: &n, e: &e };
        components.to_parsed_public_key(parameters).map_err(|_| Unusable::Numbers)
    }

    /// RFC 7518, 6.2.1: coordinates of the curve's full length; that the point is on it is checked with the key.
    fn ec(&self, curve: &'static dyn VerificationAlgorithm, length: usize) -> Result<ParsedPublicKey, Unusable> {
        let (x, y) = (self.octets("x")?, self.octets("y")?);
        if x.len() != length || y.len() != length {
            return Err(Unusable::Numbers);
        }
        parsed(curve, &[&[4], x.as_slice(), &y].concat())
    }
}

fn parsed(algorithm: &'static dyn VerificationAlgorithm, bytes: &[u8]) -> Result<ParsedPublicKey, Unusable> {
    ParsedPublicKey::new(algorithm, bytes).map_err(|_| Unusable::Numbers)
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "`kty` is none of RSA, EC and OKP",
            Self::Symmetric => "it is a symmetric key: whoever verifies with it could sign",
            Self::Private => "its private half is there: everybody who reads the set could sign",
            Self::Purpose => "`use` or `key_ops` says that it is for something else than signatures",
            Self::Algorithm => "it fits no algorithm that is configured",
            Self::Id => "`kid` is no text of at most 256 bytes",
            Self::Curve => "`crv` is none of P-256, P-384 and Ed25519",
            Self::Numbers => "a number of it is absent, malformed or out of place",
            Self::Size => "its modulus has fewer than 2048 bits or more than 8192",
            Self::Exponent => "its exponent is even, smaller than 3 or larger than 33 bits",
            Self::Roca => "its modulus comes from a generator that is known to be broken (CVE-2017-15361)",
            Self::Repeated => "another key of the set has the same `kid`",
        })
    }
}
