//! JSON Web Tokens (RFC 7519, RFC 9068, RFC 8725): who signed one, for whom, until when.
//!
//! ```text
//! Compact::read   three parts, strictly; the header            compact   flaw
//! `iss`           only to find the issuer                       issuer
//! has_key         a key of its set is for this `alg`            key_set   key   roca
//!   -- here the caller's address is asked whether it may have a signature checked --
//! verify          the signature
//! claims          when, who, for whom                           claims
//! ```
//!
//! By hand and not by `jsonwebtoken`: that reads JSON by serde, which takes the last of two equal members, so that another
//! reader could see another token; and what it does not offer (unknown `crit`, `typ`, bounds, when a signature may be
//! checked) would stand around it in more lines than these.

mod claims;
mod compact;
mod flaw;
mod issuer;
mod key;
mod key_set;
mod roca;

pub(super) use claims::{issuer as issuer_of, said};

pub use claims::Verified;
pub use compact::Compact;
pub use flaw::Flaw;
pub use issuer::{Expected, Issuer, Wanted};
pub use key::Unusable;
pub use key_set::{Fault, Fingerprint, KeySet, MOST_BYTES, MOST_KEYS};

#[cfg(test)]
mod tests;
