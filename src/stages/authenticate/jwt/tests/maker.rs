//! An issuer of the tests: its keys, and whatever tokens they are wanted to sign.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::model::{Algorithm, Means};

use super::super::{Compact, Expected, Flaw, Issuer, KeySet, Verified, issuer_of};

/// Now, for all of these tokens.
pub(super) const NOW: u64 = 1_800_000_000;
pub(super) const ISSUER: &str = "https://id.example.com/";
pub(super) const URL: &str = "https://gateway.example.com/mcp";

/// What is signed with.
pub(super) enum Signer {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
}

impl Signer {
    pub(super) fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap())
    }

    pub(super) fn stranger() -> Self {
        Self::Ed(Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap())
    }

    pub(super) fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn jwk(&self, id: &str) -> String {
        match self {
            Self::Ed(pair) => {
                let x = encode(pair.public_key());
                format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"{x}"}}"#)
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                format!(r#"{{"kty":"EC","crv":"P-256","kid":"{id}","x":"{x}","y":"{y}"}}"#)
            }
        }
    }

    pub(super) fn sign(&self, text: &str) -> Vec<u8> {
        match self {
            Self::Ed(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec(),
        }
    }

    /// A token of this header and these claims, as they are.
    pub(super) fn token(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        format!("{signed}.{}", encode(self.sign(&signed)))
    }
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The issuer that the tokens are held against: EdDSA and ES256, with a key each.
pub(super) fn issuer(keys: &[String]) -> Issuer {
    let algorithms = [Algorithm::EdDsa, Algorithm::Es256];
    let set = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let expected = Expected {
        issuer: ISSUER.into(),
        audience: None,
        algorithms: algorithms.into(),
        principal_claim: "sub".into(),
        roles_claim: "realm_access.roles".into(),
        means: Means::Jwt,
    };
    Issuer::new(expected, Some(KeySet::parse(set.as_bytes(), &algorithms).unwrap().into()))
}

/// The way of a token, as a core goes it, without its cache and bounds.
pub(super) fn verify(issuer: &Issuer, token: &str) -> Result<Verified, Flaw> {
    let compact = Compact::read(token)?;
    if issuer_of(compact.payload())? != ISSUER {
        return Err(Flaw::Issuer);
    }
    let keys = issuer.keys();
    let (verified, _) = issuer.verify(&compact, keys.as_deref().expect("it has keys"), NOW)?;
    if issuer.expected().is_meant_for(&verified.audience, URL) { Ok(verified) } else { Err(Flaw::Audience) }
}
